"""core.budget.reporting: tallies of bots and endpoints, bounded."""

from counterseal.core.budget.reporting import MAX_ENDPOINTS, OTHER, BotReport, Tallies


def test_tallies_are_sorted_by_bot_and_weight() -> None:
    """Only what was called."""
    tallies = Tallies()
    for bot, endpoint, calls, weight in (("b", "x", 1, 5), ("a", "y", 2, 1), ("a", "z", 1, 9), ("a", "never", 0, 0)):
        tally = tallies.of(bot, endpoint)
        tally.calls += calls
        tally.weight += weight
    assert tallies.report() == [BotReport("a", "z", 1, 9), BotReport("a", "y", 2, 1), BotReport("b", "x", 1, 5)]
    assert tallies.of("a", "y") is tallies.of("a", "y")


def test_of_the_same_weight_what_was_called_most_comes_first() -> None:
    tallies = Tallies()
    for endpoint, calls in (("x", 1), ("y", 3), ("w", 1)):
        tallies.of("a", endpoint).calls = calls
    assert [(row.endpoint, row.calls) for row in tallies.report()] == [("y", 3), ("w", 1), ("x", 1)]


def test_a_bot_with_too_many_endpoints_has_the_rest_in_one_row() -> None:
    """The known ones go on."""
    tallies = Tallies()
    for number in range(MAX_ENDPOINTS + 10):
        tallies.of("a", f"endpoint {number}").calls += 1
    tallies.of("a", "endpoint 0").calls += 1
    tallies.of("b", "endpoint 300").calls += 1
    rows = {(row.bot, row.endpoint): row.calls for row in tallies.report()}
    assert rows[("a", OTHER)] == 10
    assert rows[("a", "endpoint 0")] == 2
    assert rows[("b", "endpoint 300")] == 1
    assert len(rows) == MAX_ENDPOINTS + 2


def test_256_endpoints_of_a_bot_have_a_row_of_their_own() -> None:
    tallies = Tallies()
    for number in range(258):
        tallies.of("a", f"endpoint {number}").calls += 1
    rows = {row.endpoint: row.calls for row in tallies.report()}
    assert (len(rows), rows[OTHER]) == (257, 2)
