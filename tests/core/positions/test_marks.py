"""A price decides only when another reading confirms it, and of the two the one that is kinder to the position."""

from decimal import Decimal

import pytest
from tests.core.positions.shapes import D

from counterseal.core.positions.lot import Lot
from counterseal.core.positions.marks import MOST_AGE_MS, PAIR_MS, Mark, Marks, Pair


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
    assert taken(("10", "a", 1, 0), ("11", "a", 2, 5)).pair("X", 5) == Pair(D(11), D(10))


@pytest.mark.parametrize("again", [("10", "a", 1, 5), ("9", "a", 0, 5), ("0", "b", 9, 5), ("-1", "b", 9, 5)])
def test_what_tells_nothing_new(again: tuple[str, str, int, int]) -> None:
    marks = taken(("10", "a", 1, 0))
    price, source, at_ms, seen_ms = again
    assert not marks.take("X", Mark(D(price), source, at_ms, seen_ms))
    assert marks.newest("X") == Mark(D(10), "a", 1, 0)


def test_ages() -> None:
    marks = taken(("10", "a", 1, 0), ("11", "a", 2, 100))
    assert marks.pair("X", 100 + MOST_AGE_MS) is not None
    assert marks.pair("X", 101 + MOST_AGE_MS) is None
    assert taken(("10", "a", 1, 0), ("11", "a", 2, PAIR_MS)).pair("X", PAIR_MS) is not None
    assert taken(("10", "a", 1, 0), ("11", "a", 2, PAIR_MS + 1)).pair("X", PAIR_MS + 1) is None
    assert (marks.age_ms("X", 150), marks.age_ms("Y", 150)) == (50, None)


def test_the_kinder_price_counts() -> None:
    pair = Pair(Decimal(90), Decimal(100))
    long, short = Lot(D(1), D(100)), Lot(D(-1), D(-100))
    assert (pair.profit(long), pair.profit(short)) == (0, 10)
    assert (pair.worth(long), pair.worth(short)) == (90, 90)
