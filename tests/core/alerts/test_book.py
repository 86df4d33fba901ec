"""Equal alerts are one, critical ones stay until somebody answers, and nothing grows without bound."""

from tests.core.alerts.makers import WALL, alert

from counterseal.core.alerts.book import KEEP_WALL_MS, MAX_ENTRIES, MAX_OF_CODE, PAUSE_MS, Book
from counterseal.core.alerts.model import Severity

DEDUPE_MS = 1_000


def book() -> Book:
    return Book(DEDUPE_MS)


def test_an_equal_alert_within_the_window_is_only_counted() -> None:
    one = book()
    first = one.take(alert(), 0, WALL)
    assert first is not None and first.number == 1
    first.sent["sms"] = WALL
    assert one.take(alert(text="another"), 999, WALL + 5) is None
    assert (first.count, first.last_wall_ms, first.alert.text) == (2, WALL + 5, "another")
    assert len(one) == 1 and first.sent


def test_after_the_window_it_is_told_again_with_its_count() -> None:
    one = book()
    first = one.take(alert(), 0, WALL)
    assert first is not None
    first.sent["sms"], first.is_spread = WALL, True
    again = one.take(alert(text="newer"), 1_000, WALL)
    assert again is first and first.count == 2 and first.alert.text == "newer"
    assert not first.sent and not first.is_spread and first.due_ms == 1_000
    assert one.take(alert(), 1_500, WALL) is None


def test_one_that_gets_louder_is_told_at_once_and_needs_another_answer() -> None:
    one = book()
    quiet = one.take(alert(severity=Severity.MEDIUM), 0, WALL)
    assert quiet is not None and one.acknowledge(1, "alice", WALL) is quiet
    loud = one.take(alert(severity=Severity.CRITICAL), 10, WALL)
    assert loud is quiet and loud.is_open and loud.step_ms == 10
    # It does not get quieter by itself.
    one.take(alert(severity=Severity.INFO), 2_000, WALL)
    assert loud.severity is Severity.CRITICAL


def test_what_was_answered_is_counted_within_the_window_and_new_after_it() -> None:
    one = book()
    one.take(alert(), 0, WALL)
    assert one.acknowledge(1, "alice", WALL + 1) is not None
    assert one.take(alert(), 500, WALL) is None
    new = one.take(alert(), 1_000, WALL)
    assert new is not None and new.number == 2 and new.is_open


def test_what_was_answered_and_happens_again_after_a_pause_is_new() -> None:
    """A second halt is told, however soon after the first one was answered; what just goes on is not."""
    one = Book(300_000)
    one.take(alert(), 0, WALL)
    one.acknowledge(1, "alice", WALL)
    for now_ms in (5_000, 15_000, 29_999):
        assert one.take(alert(), now_ms, WALL) is None
    new = one.take(alert(), 29_999 + PAUSE_MS, WALL)
    assert new is not None and new.number == 2 and new.is_open


def test_the_first_answer_counts_and_nobody_answers_for_what_is_not_there() -> None:
    one = book()
    found = one.take(alert(), 0, WALL)
    assert found is not None
    found.waiting.add("sms")
    one.acknowledge(1, "alice", WALL)
    assert one.acknowledge(1, "bob", WALL + 9) is found
    assert (found.acked_by, found.acked_wall_ms, found.waiting) == ("alice", WALL, set())
    assert one.acknowledge(2, "alice", WALL) is None and one.get(2) is None and one.get(1) is found


def test_what_is_too_much_of_one_code_is_counted_in_one() -> None:
    one = book()
    for number in range(1_000):
        one.take(alert(f"k{number}"), 0, WALL)
    assert len(one) == MAX_OF_CODE
    rest = [entry for entry in one if entry.more]
    assert [entry.count for entry in rest] == [1_000 - MAX_OF_CODE + 1]
    # Another code is not affected, and an equal one is found.
    assert one.take(alert("other", "intruder_order"), 0, WALL) is not None
    assert one.take(alert("k5"), 0, WALL) is None
    assert sum(entry.count for entry in one) == 1_002


def full(one: Book, severity: Severity) -> None:
    for number in range(MAX_ENTRIES):
        one.take(alert(f"k{number}", f"code {number % 10}", severity), 0, WALL)
    assert len(one) == MAX_ENTRIES


def test_a_full_book_gives_up_what_matters_least() -> None:
    one = book()
    full(one, Severity.CRITICAL)
    assert one.take(alert("new", "x"), 0, WALL) is None
    assert one.lost == 1 and len(one) == MAX_ENTRIES
    one.acknowledge(3, "alice", WALL)
    assert one.take(alert("new", "x"), 0, WALL) is not None
    assert one.get(3) is None and len(one) == MAX_ENTRIES


def test_a_louder_one_takes_the_place_of_a_quieter_one() -> None:
    one = book()
    full(one, Severity.MEDIUM)
    for entry in one:
        entry.waiting.add("chat")
    assert one.take(alert("quiet", "x", Severity.MEDIUM), 0, WALL) is None
    assert one.take(alert("loud", "x"), 0, WALL) is not None
    assert one.get(1) is None


def test_what_has_been_settled_for_a_day_is_forgotten_first() -> None:
    one = book()
    full(one, Severity.MEDIUM)
    assert one.take(alert("new", "x", Severity.INFO), 0, WALL + KEEP_WALL_MS) is not None
    assert len(one) == 1
    # Its key is free again.
    assert one.take(alert("k1", "code 1", Severity.MEDIUM), 0, WALL) is not None


def test_open_ones_are_never_forgotten() -> None:
    one = book()
    one.take(alert(), 0, WALL)
    one.forget(WALL + 10 * KEEP_WALL_MS)
    assert len(one) == 1


def test_a_newer_one_keeps_its_key_when_the_older_one_goes() -> None:
    one = book()
    one.take(alert(severity=Severity.MEDIUM), 0, WALL)
    one.acknowledge(1, "alice", WALL)
    second = one.take(alert(severity=Severity.MEDIUM), 5_000, WALL + KEEP_WALL_MS)
    assert second is not None
    one.forget(WALL + KEEP_WALL_MS)
    assert one.get(1) is None and one.take(alert(severity=Severity.MEDIUM), 5_001, WALL) is None
    assert second.count == 2


def test_changes_are_given_once_and_restored_entries_keep_their_numbers() -> None:
    one = book()
    one.take(alert(), 0, WALL)
    assert list(one.take_changed()) == [1] and one.take_changed() == {}
    kept = one.get(1)
    assert kept is not None
    other = book()
    other.restore([kept])
    assert other.take_changed() == {}
    new = other.take(alert("next"), 0, WALL)
    assert new is not None and new.number == 2
    full_of_medium = book()
    full_of_medium.take(alert(severity=Severity.MEDIUM), 0, WALL)
    full_of_medium.forget(WALL + KEEP_WALL_MS)
    assert full_of_medium.take_changed() == {1: None}
