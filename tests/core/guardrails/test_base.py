"""Where losses are counted from: the start of the UTC day and the peak; never made by a tick, a step or a transfer."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from tests.core.positions.shapes import D

from counterseal.core.guardrails.base import DAY_MS, Base, base_data, base_of, first
from counterseal.core.guardrails.money import Range, exactly

MIDNIGHT_MS = 20_000 * DAY_MS
WORTHS = st.integers(-1_000, 1_000).map(Decimal)


def after(*worths: tuple[int, int]) -> Base:
    """Give the base after somebody was worth so much at moments after midnight."""
    at_ms, worth = worths[0]
    base = first(exactly(D(worth)), MIDNIGHT_MS + at_ms)
    for at_ms, worth in worths:
        base = base.advanced(exactly(D(worth)), MIDNIGHT_MS + at_ms)
    return base


def test_losses_are_counted_from_the_day_s_start_and_the_peak() -> None:
    base = after((0, 1_000), (10, 1_200), (20, 900))
    now = exactly(D(900))
    assert (base.loss(now), base.drawdown(now)) == (100, 300)
    assert (base.loss(exactly(D(5_000))), base.drawdown(exactly(D(5_000)))) == (0, 0)


def test_a_new_day_begins_with_what_was_known_last() -> None:
    base = after((0, 1_000), (DAY_MS - 1, 900), (DAY_MS, 700))
    assert base.day == MIDNIGHT_MS // DAY_MS + 1
    assert base.loss(exactly(D(700))) == 200
    assert base.drawdown(exactly(D(700))) == 300


def test_who_was_away_for_more_than_a_day_begins_anew_and_keeps_the_peak() -> None:
    base = after((0, 1_000), (2 * DAY_MS, 700))
    assert base.loss(exactly(D(700))) == 0
    assert base.drawdown(exactly(D(700))) == 300


def test_time_that_goes_backwards_changes_no_day() -> None:
    base = after((0, 1_000), (DAY_MS, 900), (DAY_MS - 10, 800))
    assert base.day == MIDNIGHT_MS // DAY_MS + 1
    assert base.at_ms == MIDNIGHT_MS + DAY_MS
    assert base.loss(exactly(D(800))) == 200


@given(worths=st.lists(WORTHS, min_size=1, max_size=10), tick=WORTHS)
def test_one_wild_reading_makes_no_loss(worths: list[Decimal], tick: Decimal) -> None:
    """A range holds the truth and the tick: neither loss nor drawdown is larger than without it."""
    base = first(exactly(worths[0]), MIDNIGHT_MS)
    for worth in worths:
        base = base.advanced(exactly(worth), MIDNIGHT_MS)
    wild = Range(min(worths[-1], tick), max(worths[-1], tick))
    assert base.loss(wild) <= base.loss(exactly(worths[-1]))
    assert base.drawdown(wild) <= base.drawdown(exactly(worths[-1]))
    again = base.advanced(wild, MIDNIGHT_MS + 1)
    assert again.peak == base.peak


@given(worths=st.lists(WORTHS, min_size=1, max_size=10), by=WORTHS)
def test_a_transfer_is_no_loss_and_no_gain(worths: list[Decimal], by: Decimal) -> None:
    base = first(exactly(worths[0]), MIDNIGHT_MS)
    for worth in worths:
        base = base.advanced(exactly(worth), MIDNIGHT_MS)
    now, moved = exactly(worths[-1]), exactly(worths[-1] + by)
    assert base.moved(by).loss(moved) == base.loss(now)
    assert base.moved(by).drawdown(moved) == base.drawdown(now)


def test_a_base_is_written_and_read() -> None:
    base = after((0, 1_000), (5, 1_100))
    assert base_of(base_data(base)) == base
    for change in ({"day": None}, {"at_ms": "1"}, {"start": 5.5}, {"peak": "NaN"}, {"last": ""}):
        assert base_of(base_data(base) | change) is None
