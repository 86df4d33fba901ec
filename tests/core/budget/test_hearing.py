"""core.budget.hearing: what a header's number does to what is counted, and what it never does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.budget.exchange import MIDNIGHT, moment

from counterseal.core.budget.hearing import Foreign, doubt, foreign, hear
from counterseal.core.budget.pools import POOLS
from counterseal.core.budget.share import Shares
from counterseal.core.budget.window import Mark, Window


def window(pool: str = "spot_weight") -> Window:
    """A window that is not the first."""
    counted = Window(POOLS[pool], "ip", "", POOLS[pool].limit, Shares(), moment(MIDNIGHT - 1))
    counted.turn(moment(MIDNIGHT))
    return counted


def settle(counted: Window, stays: int, text: str | None, mark: Mark | None = None, *, is_inside: bool = True) -> int:
    """Settle as the ledger does."""
    mark = counted.mark if mark is None else mark
    counted.spent += stays
    return hear(counted, text, stays, mark, is_inside)


def test_a_number_above_ours_raises() -> None:
    """And the next one does not lower: others stay counted."""
    counted = window()
    assert settle(counted, 10, "110") == 110
    assert (counted.level, counted.foreign) == (110, 100)
    settle(counted, 10, "120")
    assert (counted.level, counted.foreign) == (120, 100)


def test_a_number_below_ours_lowers_nothing() -> None:
    """Our own count stands."""
    counted = window()
    settle(counted, 500, "500")
    settle(counted, 100, "7")
    assert (counted.level, counted.unheard) == (600, {"falling": 1})


def test_a_burst_is_not_counted_twice() -> None:
    """Twenty in flight at once, answered out of order: after the last answer only what was used is counted."""
    counted = window()
    marks = [counted.mark for _ in range(20)]
    numbers = [250 * (number + 1) for number in range(20)]
    for mark, number in zip(marks, reversed(numbers), strict=True):
        settle(counted, 250, str(number), mark)
        assert counted.level == 5_000
    assert counted.foreign == 0


@pytest.mark.parametrize("text", [None, "", "-5", "+5", "5.0", " 5", "1_0", "٣٤", "²", "0x5", "9" * 10, "60001", "abc"])
def test_what_is_no_number_is_ignored_and_counted(text: str | None) -> None:
    """What was settled counts, and is in doubt until a fitting number comes of a later request."""
    counted = window()
    settle(counted, 5, "105")
    assert settle(counted, 10, text) == -1
    assert counted.level == 115
    assert sum(counted.unheard.values()) == 1
    settle(counted, 1, "116")
    assert (counted.level, counted.spent) == (116, 16)


@pytest.mark.parametrize(
    ("text", "is_inside", "fault"),
    [(None, True, "missing"), ("5", False, "boundary"), ("x", False, "boundary"), ("x", True, "malformed"),
     ("9999999999", True, "absurd"), ("60001", True, "absurd"), ("٣", True, "malformed")],
)  # fmt: skip
def test_faults_have_names(text: str | None, is_inside: bool, fault: str) -> None:
    """Why a header was of no use."""
    counted = window()
    settle(counted, 0, text, is_inside=is_inside)
    assert counted.unheard == {fault: 1}


def test_a_number_of_any_length_is_only_a_fault() -> None:
    counted = window()
    assert settle(counted, 1, "9" * 5_000) == -1
    assert (counted.level, counted.unheard) == (1, {"absurd": 1})


def test_a_number_that_did_not_grow_clears_what_was_in_doubt_before() -> None:
    """The exchange did not count it: a later request has the same number."""
    counted = window()
    settle(counted, 5, "105")
    settle(counted, 10, None)
    assert counted.level == 115
    settle(counted, 0, "105")
    assert counted.level == 105


def test_new_doubt_stands_on_top_of_what_was_cleared() -> None:
    counted = window()
    settle(counted, 10, None)
    settle(counted, 1, "100")
    assert counted.level == 100
    settle(counted, 5, None)
    assert counted.level == 105


def test_the_largest_number_that_is_believed() -> None:
    """Ten times the limit; nine digits are read where the limit allows it."""
    counted = window()
    assert settle(counted, 0, "60000") == 60_000
    counted.set_limit(10**8)
    assert settle(counted, 0, "999999999") == 999_999_999


def test_a_number_from_another_window_says_nothing() -> None:
    """Neither raising nor lowering: it may be the full count of a window that is over."""
    counted = window()
    settle(counted, 5, "4800", is_inside=False)
    assert counted.level == 5


def test_numbers_that_stand_still_hide_nobody() -> None:
    """A header that is stuck: what we spend meanwhile comes on top of it."""
    counted = window()
    settle(counted, 0, "3000")
    for _ in range(20):
        settle(counted, 100, "3000")
    assert (counted.spent, counted.level, counted.unheard) == (2_000, 5_000, {"falling": 20})
    settle(counted, 0, "5000")
    assert counted.level == 5_000


def test_only_what_was_settled_before_it_was_sent_leaves_doubt() -> None:
    """A number says nothing of what was settled while its request was under way."""
    counted = window()
    early = counted.mark
    settle(counted, 50, None)
    settle(counted, 1, "200", early)
    assert counted.level == 250
    settle(counted, 1, "252")
    assert counted.level == 252


def test_an_older_clearing_does_not_undo_a_newer() -> None:
    """Answers out of order: what has left doubt does not come back."""
    counted = window()
    settle(counted, 5, None)
    first = counted.mark
    settle(counted, 5, None)
    second = counted.mark
    settle(counted, 1, "100", second)
    settle(counted, 1, "101", first)
    assert counted.level == 101


def test_a_mark_of_the_window_before_proves_nothing() -> None:
    """Its counters are another window's."""
    counted = window()
    settle(counted, 500, "900")
    old = counted.mark
    counted.turn(moment(MIDNIGHT + 60_000))
    settle(counted, 30, None)
    settle(counted, 1, "40", old)
    assert counted.level == 70
    settle(counted, 0, "41")
    assert counted.level == 41


def test_what_is_carried_over_is_in_doubt() -> None:
    """It may be counted in this window or in the one before: first on top of the number, then within it."""
    counted = window()
    counted.seat("a", 1).spent = counted.spent = 30
    counted.count_ahead("a", 30, MIDNIGHT + 60_000)
    counted.turn(moment(MIDNIGHT + 60_000))
    old = (0, 0, 0)
    settle(counted, 1, "100", old)
    assert counted.level == 130
    settle(counted, 1, "101")
    assert counted.level == 101


class TestTheDay:
    """The count of orders of a day sinks with fills."""

    def test_the_number_of_a_later_request_replaces_the_count(self) -> None:
        """Upwards and downwards."""
        counted = window("spot_orders_1d")
        settle(counted, 1_000, "1000")
        assert counted.level == 1_000
        settle(counted, 1, "400")
        assert (counted.level, counted.spent) == (400, 1_001)
        settle(counted, 1, "700")
        assert counted.level == 700

    def test_what_was_settled_meanwhile_stands_on_top(self) -> None:
        """Three in flight: each number is short of the two others at most."""
        counted = window("spot_orders_1d")
        marks = [counted.mark] * 3
        settle(counted, 1, "1", marks[0])
        assert counted.level == 1
        settle(counted, 1, "3", marks[1])
        assert counted.level == 4
        settle(counted, 1, "2", marks[2])
        assert counted.level == 5
        settle(counted, 1, "4")
        assert counted.level == 4

    def test_an_older_request_lowers_nothing(self) -> None:
        """Its number is from before the one that was adopted."""
        counted = window("spot_orders_1d")
        old = counted.mark
        settle(counted, 5, "500")
        settle(counted, 1, "1", old)
        assert counted.level == 501

    @pytest.mark.parametrize("text", [None, "", "x"])
    def test_without_a_number_it_grows(self, text: str | None) -> None:
        """By what was settled."""
        counted = window("spot_orders_1d")
        settle(counted, 5, "500")
        settle(counted, 2, text)
        assert counted.level == 502
        counted.spent += 3
        doubt(counted, 3)
        assert counted.level == 505

    def test_a_number_contains_what_was_settled_before_without_one(self) -> None:
        counted = window("spot_orders_1d")
        settle(counted, 5, "500")
        settle(counted, 2, None)
        settle(counted, 1, "503")
        assert counted.level == 503

    def test_only_the_newest_number_lowers(self) -> None:
        """Two were adopted since this request was sent, or one."""
        counted = window("spot_orders_1d")
        settle(counted, 5, "500")
        old = counted.mark
        settle(counted, 1, "600")
        settle(counted, 1, "400", old)
        assert counted.level == 601
        settle(counted, 1, "300")
        assert counted.level == 300

    def test_a_low_number_of_yesterday_lowers_nothing(self) -> None:
        counted = window("spot_orders_1d")
        old = counted.mark
        counted.turn(moment(MIDNIGHT + 86_400_000))
        settle(counted, 4, "500")
        settle(counted, 1, "2", old)
        assert counted.level == 501

    def test_a_mark_of_yesterday_lowers_nothing(self) -> None:
        """And what was settled today stands on top of its number."""
        counted = window("spot_orders_1d")
        old = counted.mark
        counted.turn(moment(MIDNIGHT + 86_400_000))
        settle(counted, 4, "4")
        settle(counted, 1, "2", old)
        assert counted.level == 6


_TEXTS = st.one_of(st.none(), st.text(max_size=3), st.integers(0, 70_000).map(str))


@given(st.lists(st.tuples(st.integers(0, 300), _TEXTS, st.booleans()), max_size=30))
def test_no_header_lowers_what_we_count(answers: list[tuple[int, str | None, bool]]) -> None:
    """Whatever comes, and in whatever order: never below ours, nor below the highest number that fitted."""
    counted = window()
    first, spent, highest = counted.mark, 0, 0
    for stays, text, is_old in answers:
        spent += stays
        settle(counted, stays, text, first if is_old else None)
        assert counted.top >= highest
        highest = counted.top
        assert counted.spent == spent
        assert counted.level >= max(spent, highest)


class TestForeign:
    """Others' spending is told once, and again when it has doubled."""

    def test_it_is_told_above_noise(self) -> None:
        """120 of 6,000: two per cent."""
        counted = window()
        counted.spent, counted.in_flight = 300, 50
        assert foreign(counted, 470) == []
        assert foreign(counted, 471) == [Foreign("spot_weight", "ip", "", MIDNIGHT, 471, 300, 50)]

    def test_it_is_told_again_when_it_doubled(self) -> None:
        """Not before."""
        counted = window()
        assert len(foreign(counted, 200)) == 1
        assert foreign(counted, 399) == []
        assert len(foreign(counted, 400)) == 1
        assert foreign(counted, 799) == []
        counted.turn(moment(MIDNIGHT + 60_000))
        assert len(foreign(counted, 200)) == 1

    @pytest.mark.parametrize(
        ("pool", "limit", "noise"),
        [("spot_weight", 6_000, 120), ("eapi_weight", 400, 20), ("spot_orders_10s", 100, 2), ("spot_orders_10s", 50, 2),
         ("spot_orders_1d", 200_000, 4_000)],
    )  # fmt: skip
    def test_noise(self, pool: str, limit: int, noise: int) -> None:
        """Two per cent, at least 20 of weight and 2 orders."""
        counted = window(pool)
        counted.set_limit(limit)
        assert foreign(counted, noise) == []
        assert len(foreign(counted, noise + 1)) == 1

    def test_a_window_that_began_before_us_is_taken_as_it_is(self) -> None:
        """What a life before this one spent is nobody else's."""
        counted = Window(POOLS["spot_weight"], "ip", "", 6_000, Shares(), moment(MIDNIGHT))
        assert foreign(counted, 4_000) == []
