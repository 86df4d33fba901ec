"""A price decides only when another reading confirms it, and of the two the one that is kinder to the position."""

from decimal import Decimal

import pytest
from tests.core.positions.shapes import D

from counterseal.core.positions.lot import Lot
from counterseal.core.positions.marks import AHEAD_MS, MOST_AGE_MS, PAIR_MS, SAME_MS, Heard, Mark, Marks, Pair


def taken(*readings: tuple[str, str, int, int]) -> Marks:
    """Give marks after readings: price, source, exchange time, when seen."""
    marks = Marks()
    for price, source, at_ms, seen_ms in readings:
        marks.take("X", Mark(D(price), source, at_ms, seen_ms))
    return marks


def test_one_reading_confirms_nothing_and_two_do() -> None:
    assert taken(("10", "a", 1, 0)).pair("X", 0) is None
    assert Marks().pair("X", 0) is None
    assert taken(("10", "a", 1, 0), ("11", "b", 1, 5)).pair("X", 5) == Pair(D(11), D(10))
    assert taken(("10", "a", 1, 0), ("11", "a", 1 + SAME_MS, 5)).pair("X", 5) == Pair(D(11), D(10))


@pytest.mark.parametrize(
    "again", [("10", "a", 1, 5), ("9", "a", 0, 5), ("9", "a", SAME_MS, 5), ("0", "b", 9, 5), ("-1", "b", 9, 5)]
)
def test_what_tells_nothing_new(again: tuple[str, str, int, int]) -> None:
    marks = taken(("10", "a", 1, 0))
    price, source, at_ms, seen_ms = again
    assert not marks.take("X", Mark(D(price), source, at_ms, seen_ms))
    assert marks.newest("X") == Mark(D(10), "a", 1, 0)


def test_ages() -> None:
    marks = taken(("10", "a", 1, 0), ("11", "b", 2, 100))
    assert marks.pair("X", 100 + MOST_AGE_MS) is not None
    assert marks.pair("X", 101 + MOST_AGE_MS) is None
    assert taken(("10", "a", 1, 0), ("11", "b", 2, PAIR_MS)).pair("X", PAIR_MS) is not None
    assert taken(("10", "a", 1, 0), ("11", "b", 2, PAIR_MS + 1)).pair("X", PAIR_MS + 1) is None
    assert (marks.age_ms("X", 150), marks.age_ms("Y", 150)) == (50, None)


def test_the_kinder_price_counts() -> None:
    pair = Pair(Decimal(90), Decimal(100))
    long, short = Lot(D(1), D(100)), Lot(D(-1), D(-100))
    assert (pair.profit(long), pair.profit(short)) == (0, 10)
    assert (pair.worth(long), pair.worth(short)) == (90, 90)


def test_a_message_with_many_readings() -> None:
    marks = taken(("10", "a", 1_000, 0))
    rows = [("X", "11", 1_100), ("X", "12", 1_000 + SAME_MS), ("Y", "5", 900), ("Z", "0", 1), ("", "1", 1)]
    rows += [("V", "x", 1), ("W", "1", 1_201 + AHEAD_MS)]
    assert marks.hear(rows, "a", 1_200, 50_000, {"X"}) == Heard(["X", "Y"], 50_000), "Y is heard of first"
    assert marks.newest("X") == Mark(D(12), "a", 1_000 + SAME_MS, 50_000)
    assert marks.newest("Y") == Mark(D(5), "a", 900, 49_700), "as old as the exchange says"
    assert marks.hear([("X", "13", 1_000)], "b", 1_200, 50_001, {"X"}) == Heard(["X"], 50_001 - 200)
    assert marks.pair("X", 50_001) == Pair(D(13), D(12))


def test_what_is_not_wanted_is_read_when_it_is_asked_for() -> None:
    marks = taken(("10", "a", 1_000, 0))
    for price, at_ms in (("11", 2_000), ("x", 3_000), ("12", 4_000), ("12", 4_001), ("13", 5_000)):
        found = marks.hear([("X", price, at_ms)], "a", at_ms, at_ms, ())
        assert found == Heard([], None if at_ms == 4_001 else at_ms)
    assert marks.pair("X", 5_000) == Pair(D(13), D(12))
    assert marks.hear([("X", "14", 6_000)], "a", 6_000, 6_000, {"X"}).news == ["X"]
    marks.hear([("X", "15", 7_000)], "a", 7_000, 7_000, ())
    assert marks.age_ms("X", 7_001) == 1
    assert not marks.take("X", Mark(D(16), "a", 7_100, 7_100)), "it has been told"
    assert marks.hear([("X", "17", 7_100), ("Q", "-", 1)], "a", 7_100, 7_100, ()) == Heard([], None)


def test_an_answer_that_is_behind_does_not_stand_between_two_readings() -> None:
    marks = taken(("10", "a", 1_000, 0), ("5", "a", 2_000, 1_000))
    assert marks.take("X", Mark(D(9), "b", 1_900, 1_010))
    assert marks.pair("X", 1_010) == Pair(D(5), D(9))
    assert not marks.take("X", Mark(D(8), "b", 1_800, 1_020))
    assert marks.take("X", Mark(D(5), "a", 3_000, 2_000))
    assert marks.pair("X", 2_000) == Pair(D(5), D(5)), "the fall is confirmed"
    one = taken(("10", "a", 1_000, 0))
    assert one.take("X", Mark(D(9), "b", 900, 10))
    assert one.pair("X", 10) == Pair(D(10), D(9))
