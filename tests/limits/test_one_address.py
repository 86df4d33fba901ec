"""Issue 5's claim: many bots on one address, each behaving as if it had it alone. Without the gateway they are banned;
with it there is no 429 and no 418, cancels do not queue, and reads that all make cost what one bot's do.

`RATE1_MINUTES` sets the length of RATE-1 (30 in all; CI runs the beginning), `LEDGER_MINUTES` that of the table with
three columns.
"""

import os
from collections import Counter
from dataclasses import replace

import pytest
from tests.limits.bots import Habit
from tests.limits.house import MARKET
from tests.limits.report import Figures, figures_of, public_weight, table
from tests.limits.scenario import Run, Size, alone, run

QUEUE_MS = 250
ALL_MINUTES = 30.0
LEDGER_MINUTES = float(os.environ.get("LEDGER_MINUTES", "30"))
RATE1_MINUTES = float(os.environ.get("RATE1_MINUTES", "3"))
# 3 times as eager, and deaf: a second after each refusal they ask again, whatever it said.
OVER_EAGER = Size(bots=50, eagerness=3, patient=False, accounts=2, seed=3)
# A fifth of each limit is the guard's, never a bot's.
OURS_PERCENT = 80


def assert_one_fits(figures: Figures) -> None:
    """A bot that really is alone meets no limit: these bots are reasonable."""
    assert (figures.too_many, figures.banned, figures.surprises) == (0, 0, {})


def assert_banned(figures: Figures) -> None:
    """What happens to all of them without a gateway."""
    assert figures.too_many > 0
    assert figures.banned > 0
    assert figures.banned_s >= 60
    assert figures.slowest_cancel_s >= 30


def assert_within(column: Run, figures: Figures) -> None:
    """What the gateway promises."""
    assert (figures.too_many, figures.banned) == (0, 0)
    assert (figures.cancels_refused, figures.surprises) == (0, {})
    assert figures.queue_ms <= QUEUE_MS
    assert figures.highest["spot"] <= 6_000 * OURS_PERCENT // 100
    assert figures.highest["futures"] <= 2_400 * OURS_PERCENT // 100
    assert figures.fairness >= 0.5
    assert_nothing_twice(column)


def assert_nothing_twice(column: Run) -> None:
    """No change left the gateway twice, and none arrived twice."""
    assert sum(bot.tally.sent_twice for bot in column.bots) == 0
    orders = Counter((one.path, own_id(one.query)) for one in column.house.served if one.method == "POST")
    assert max(orders.values()) == 1


def own_id(query: str) -> str:
    """The client order id of an order."""
    return query.partition("newClientOrderId=")[2].partition("&")[0]


def all_columns(size: Size) -> tuple[Run, Run, Run]:
    """One bot alone, all of them straight, all of them through the gateway; the table is printed."""
    runs = run(alone(size), through=False), run(size, through=False), run(size, through=True)
    titles = ("one bot alone", "without", "with the gateway")
    print(
        f"\n{size.bots} bots, {size.minutes:g} minutes\n{table(list(zip(titles, map(figures_of, runs), strict=True)))}"
    )
    return runs


def test_bots_are_reasonable_alone_and_banned_together() -> None:
    """The problem: seven good citizens out of twenty are enough."""
    assert_one_fits(figures_of(run(alone(Size(minutes=2)), through=False)))
    assert_banned(figures_of(run(Size(minutes=3), through=False)))


def test_twenty_bots_for_two_minutes() -> None:
    """The short form of the half hour below."""
    column = run(Size(minutes=1.7), through=True)
    assert_within(column, figures_of(column))


@pytest.mark.slow
def test_twenty_bots_for_half_an_hour() -> None:
    """All three columns; CI takes a part of it."""
    single, without, through = all_columns(Size(minutes=LEDGER_MINUTES))
    assert_one_fits(figures_of(single))
    assert_banned(figures_of(without))
    assert_within(through, figures_of(through))


@pytest.mark.slow
@pytest.mark.threat(40)
def test_rate_1() -> None:
    """50 bots, each three times as eager as it should be, and none of them listens."""
    print(f"\nRATE-1: {RATE1_MINUTES:g} of {ALL_MINUTES:g} minutes")
    column = run(replace(OVER_EAGER, minutes=RATE1_MINUTES), through=True)
    figures = figures_of(column)
    print(table([("with the gateway", figures)]))
    assert_within(column, figures)


SAME = (
    Habit("candles", MARKET, 10, 2, "/api/v3/klines", "symbol=BTCUSDT&interval=1m&limit=20", aligned=True),
    Habit("depth", MARKET, 5, 50, "/api/v3/depth", "symbol=BTCUSDT&limit=1000", aligned=True),
    Habit("prices", MARKET, 2, 4, "/api/v3/ticker/price", aligned=True),
    Habit("futures prices", MARKET, 2, 2, "/fapi/v2/ticker/price", aligned=True),
    Habit("futures candles", MARKET, 10, 1, "/fapi/v1/klines", "symbol=BTCUSDT&interval=1m&limit=20", aligned=True),
)


def test_what_all_read_costs_what_one_reads() -> None:
    """Twenty bots that read the same at the same beat of the clock, as bots do at a candle's end."""
    size = Size(minutes=2, habits=SAME, trade_every_s=0)
    one, all_of_them = run(alone(size), through=True), run(size, through=True)
    assert figures_of(all_of_them).answered >= 19 * figures_of(one).answered
    assert public_weight(all_of_them) <= public_weight(one) * 105 // 100
    unbounded = replace(size, options={"limits": {"spot_weight": 10**6, "futures_weight": 10**6}})
    assert public_weight(run(unbounded, through=False)) >= 19 * public_weight(one)
