"""What upsets a ledger of limits: somebody else on the address, limits that change, an outage, the edge of a window, a
clock that is set. None of it may cost a 429.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from tests.limits.bots import Habit
from tests.limits.clock_cases import ms_of
from tests.limits.house import CANCELS, FOREIGN, MARKET, OURS, OWN, Served
from tests.limits.lines import HOSTS, Credential, head_of
from tests.limits.report import by_minute, figures_of
from tests.limits.scenario import Run, Size, run
from tests.limits.test_one_address import assert_nothing_twice, assert_within

from counterseal.gateway import refresh

DEPTH = "symbol=ETHUSDT&limit=1000"
NOBODY = Credential("N" * 64, b"")
MINUTE_MS = 60_000


def minute_of(run_: Run, number: int) -> int:
    """The number since the epoch of a run's minute; the first whole one is 1."""
    return run_.size.start_ms // MINUTE_MS + number


def ours(run_: Run) -> list[Served]:
    """What came from the gateway."""
    return [one for one in run_.house.served if one.lane != FOREIGN]


def highest(served: list[Served], side: str, *minutes: int) -> int:
    """The most weight that a side counted in one of these minutes."""
    counted = by_minute(served)[side]
    return max(counted[minute] for minute in minutes)


# -- somebody else on the address


async def somebody_else(column: Run) -> None:
    """From the middle of the second minute half of spot's weight is used by a program that the gateway never sees."""
    await asyncio.sleep(70)
    request = head_of(NOBODY, "GET", "/api/v3/depth", DEPTH, HOSTS["api"], None)
    for _ in range(150):
        await column.network.carry(request, FOREIGN)
        await asyncio.sleep(1)


def test_somebody_else_spends_it() -> None:
    """3,000 of 6,000 by somebody else: still no 429 of ours, room for exits, and an event that shows the numbers."""
    column = run(Size(minutes=4.2, seed=5), through=True, disturb=somebody_else)
    figures = figures_of(column)
    assert (figures.too_many, figures.banned, figures.cancels_refused) == (0, 0, 0)
    # Before and after, the bots have their part again.
    assert highest(ours(column), "spot", minute_of(column, 1)) > highest(ours(column), "spot", minute_of(column, 3))
    assert column.gateway is not None
    events = [one for one in column.gateway.journal.records if one.get("what") == "foreign_spend"]
    assert {one["pool"] for one in events} == {"spot_weight"}
    told = Counter(one["window_start_ms"] for one in events)
    # From 120, the noise, to 3,000 it doubles less than five times.
    assert len(told) >= 3
    assert max(told.values()) <= 5
    assert all(theirs(one) > 120 for one in events)


@pytest.mark.slow
def test_exits_pass_beside_somebody_else() -> None:
    """Orders that have rested for a while are cancelled late in a minute of which somebody else has used half. What is
    set aside for the guard is lent to them, and the exchange has room for 1,000 more.
    """
    figures = figures_of(run(Size(minutes=4.2, seed=5, trade_every_s=45), through=True, disturb=somebody_else))
    assert figures.too_many == 0
    assert (figures.cancels_refused, figures.slowest_cancel_s < 1) == (0, True)


def theirs(event: Mapping[str, Any]) -> int:
    """What somebody else has used, by an event's evidence."""
    return int(event["header"]) - int(event["ours"])


@pytest.mark.slow
def test_alone_nobody_is_accused() -> None:
    """What the gateway spends itself, also right after its start in the middle of a minute, is nobody else's."""
    column = run(Size(minutes=3, seed=6), through=True)
    assert column.gateway is not None
    assert [one for one in column.gateway.journal.records if one.get("what") == "foreign_spend"] == []


# -- limits that change


def changing(limit: int) -> Callable[[Run], "asyncio.Future[None]"]:
    """The exchange sets another limit of spot weight in the middle of the second minute."""

    async def change(column: Run) -> None:
        await asyncio.sleep(70)
        column.house.exchange.windows.set_limit("spot_weight", limit)

    return change  # type: ignore[return-value]  # a coroutine function


@pytest.mark.slow
@pytest.mark.parametrize("limit", [4_200, 5_000, 12_000])
def test_limits_change_while_running(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateway reads them with exchangeInfo, here once a minute, and keeps to them from then on, up or down."""
    monkeypatch.setattr(refresh, "RULES_S", 60.0)
    column = run(Size(minutes=5, seed=7), through=True, disturb=changing(limit))
    figures = figures_of(column)
    assert (figures.too_many, figures.banned) == (0, 0)
    tries = [one for bot in column.bots for one in bot.tally.cancel_tries if not one.done]
    # When a limit falls below what is spent already, the rest of that one minute is lost.
    assert {one.at_ms // MINUTE_MS for one in tries} <= {minute_of(column, 2)}
    after = [minute_of(column, n) for n in (3, 4)]
    assert highest(ours(column), "spot", *after) <= limit * 80 // 100
    if limit > 6_000:
        assert highest(ours(column), "spot", *after) > 4_800, "what was raised is used"


# -- an outage


async def outage(column: Run) -> None:
    """The exchange is gone for a minute, from the second minute on."""
    await asyncio.sleep(60)
    column.network.is_down = True
    await asyncio.sleep(60)
    column.network.is_down = False


def arrivals(column: Run, *, exits: bool) -> list[int]:
    """How many exits, or how many other requests of bots, arrived in each second after the outage."""
    back_ms = column.size.start_ms + 120_000
    seen = (one for one in column.house.served if one.lane != OWN and (one.lane == CANCELS) == exits)
    counts = Counter((one.at_ms - back_ms) // 1000 for one in seen if one.at_ms >= back_ms)
    return [counts[second] for second in range(20)]


@pytest.mark.slow
def test_a_hundred_bots_come_back_without_a_burst() -> None:
    """Without the gateway all of them are there in the first second. With it exits come at once, of everything else a
    few in the first second, and twice as many in each that follows.
    """
    size = Size(bots=100, minutes=2.4, seed=8, accounts=10)
    unbounded = replace(size, options={"limits": {"spot_weight": 10**6, "futures_weight": 10**6}})
    straight = arrivals(run(unbounded, through=False, disturb=outage), exits=False)
    column = run(size, through=True, disturb=outage)
    back = arrivals(column, exits=False)
    print(f"\nrequests that are no exits, second by second after the outage: straight {straight}, through {back}")
    for second, count in enumerate(back[:8]):
        # Ten a second for each work of each family: orders, account, market data; spot and futures.
        assert count <= 6 * 10 * 2**second
    assert sum(back[:3]) * 5 <= sum(straight[:3])
    assert sum(back) > 500, "they do come back"
    assert arrivals(column, exits=True)[0] <= 2 * size.bots, "one for each open order"
    figures = figures_of(column)
    assert (figures.too_many, figures.banned) == (0, 0)
    assert_nothing_twice(column)


# -- the edge of a window


CROWD = (
    Habit("depth", MARKET, 0.5, 50, "/api/v3/depth", "symbol=BTCUSDT&limit=1000"),
    Habit("more depth", MARKET, 0.5, 50, "/api/v3/depth", "symbol=ETHUSDT&limit=1000"),
    Habit("account", "account", 0.5, 20, "/api/v3/account"),
    Habit("futures depth", MARKET, 0.5, 20, "/fapi/v1/depth", "symbol=BTCUSDT&limit=1000"),
    Habit("futures account", "account", 0.5, 5, "/fapi/v3/account"),
)


# Every fourth has each value of both once.
EDGES = [(offset_ms, asymmetry) for offset_ms in (-700, 0, 450) for asymmetry in (0.05, 0.5, 0.95)]


@pytest.mark.slow
@pytest.mark.parametrize(("offset_ms", "asymmetry"), EDGES[:: int(os.environ.get("EDGES_EVERY", "1"))])
def test_the_edge_of_a_window_under_load(asymmetry: float, offset_ms: int) -> None:
    """Everybody waits for the minute to turn, the way there takes most or least of a round trip, so that the measured
    time is up to 38 ms wrong, and the exchange's minute is not the host's: no window gets more than its part.
    """
    size = Size(bots=30, minutes=2.2, habits=CROWD, patient=False, asymmetry=asymmetry, seed=9, accounts=2,
                options={"clock_offset_ms": offset_ms})  # fmt: skip
    column = run(size, through=True)
    assert_within(column, figures_of(column))


# -- several addresses


@pytest.mark.slow
def test_each_address_has_limits_of_its_own() -> None:
    """Two addresses: twice the room, and each within its own limit."""
    addresses = (OURS, "203.0.113.8")
    one = run(Size(bots=30, minutes=2.2, seed=10), through=True)
    two = run(Size(bots=30, minutes=2.2, seed=10, egress=addresses), through=True)
    assert_within(one, figures_of(one))
    for address in addresses:
        there = [served for served in two.house.served if served.peer == address]
        assert max(by_minute(there)["spot"].values()) <= 4_800
        assert max(by_minute(there)["futures"].values()) <= 1_920
    figures = figures_of(two)
    assert (figures.too_many, figures.banned, figures.cancels_refused) == (0, 0, 0)
    assert figures.answered > figures_of(one).answered
    assert_nothing_twice(two)


# -- the host's clock


def stepping(ms: int) -> Callable[[Run], "asyncio.Future[None]"]:
    """The host's clock is set in the middle of the second minute, and set right again a minute later."""

    async def step(column: Run) -> None:
        await asyncio.sleep(70)
        column.host_clock.step_wall(ms)
        await asyncio.sleep(60)
        column.host_clock.step_wall(-ms)

    return step  # type: ignore[return-value]  # a coroutine function


@pytest.mark.slow
@pytest.mark.threat(57)
@pytest.mark.parametrize("ms", [-4_500, -1_000, 1_000, 4_500])
def test_a_clock_that_is_set_moves_no_window(ms: int) -> None:
    """CLK-1: minute by minute the same is spent as with a clock that nobody touches."""
    size = Size(minutes=3.6, seed=11)
    column, quiet = run(size, through=True, disturb=stepping(ms)), run(size, through=True)
    assert_within(column, figures_of(column))
    for side in ("spot", "futures"):
        spent, usual = by_minute(column.house.served)[side], by_minute(quiet.house.served)[side]
        for minute in (minute_of(column, n) for n in (1, 2, 3)):
            assert abs(spent[minute] - usual[minute]) <= usual[minute] // 10


@pytest.mark.slow
@pytest.mark.threat(57)
@pytest.mark.parametrize("date", ["2026-10-25T01:00", "2027-01-01T00:00", "2027-03-28T01:00"])
def test_no_date_is_special(date: str) -> None:
    """Over a change of the hour and over the end of a year, where the day's count begins anew."""
    column = run(Size(minutes=2.5, seed=12, start_ms=ms_of(date) - 70_000), through=True)
    assert_within(column, figures_of(column))
