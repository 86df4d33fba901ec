"""MON-1: when the watch cannot see, what raises risk is closed 2 s after the bound at the latest, people know in 5 s.

A hundred cases on virtual time: the user stream falls silent, has a gap or is 10 s late, prices freeze or are not
answered, snapshots are not answered, cannot be read or disagree; in each market, at some moment. When the fault ends
it opens again by itself, and while nothing fails nothing is said.
"""

import os
import random  # noqa: TID251 - seeded
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.guard.watch.house import House, on_virtual_time, toml

from counterseal.guard.watch.plan import BOUND_MS, READS

WHOLE = 100
CASES = range(int(os.environ.get("MON1_CASES", str(WHOLE // 4))))
PRICES_MS, LAG_MS = 5_000, 10_000
CLOSED_MS, ALERT_MS = 2_000, 5_000


class Fault(NamedTuple):
    """What breaks; `bound_ms` after it begins what is known is too old."""

    name: str
    bound_ms: int
    begin: Callable[[House, str], None]


def silent(which: str) -> Callable[[House, str], None]:
    """Let a read bring no answer."""

    def begin(house: House, family: str) -> None:
        house.asker.silent.add(getattr(READS[family], which))

    return begin


def unreadable(house: House, family: str) -> None:
    """Let the account's answer be something else."""
    path = READS[family].account_path
    house.asker.change = lambda asked, body: {"positions": [{}], "balances": [{}]} if asked == path else body


def frozen(house: House, family: str) -> None:
    """Let the prices stay as they are."""
    path = READS[family].marks_path
    kept = house.rig.public(path).body
    house.asker.change = lambda asked, body: kept if asked == path else body
    # The account's own marks freeze with them.
    silent("account_path")(house, family)


def disagrees(house: House, family: str) -> None:
    """Let the account's answer state more than events have told."""
    path = READS[family].account_path

    def change(asked: str, body: Any) -> Any:
        if asked == path:
            for row in body.get("assets", body.get("balances", ())):
                name = "walletBalance" if "walletBalance" in row else "free"
                row[name] = str(float(row[name]) + 1 + house.now_ms // 1_000)
        return body

    house.asker.change = change


def gap(house: House, family: str) -> None:
    """Lose events, and let no snapshot make up for them."""
    house.watch.on_event({"type": "event", "what": "stream_lost", "account": "main", "family": family})
    silent("account_path")(house, family)


def late(house: House, family: str) -> None:
    """Let every event come eleven seconds late."""
    house.late_ms = LAG_MS + 1_000


FAULTS = (
    Fault("snapshots are not answered", BOUND_MS, silent("account_path")),
    Fault("snapshots cannot be read", BOUND_MS, unreadable),
    Fault("prices are not answered", PRICES_MS, silent("marks_path")),
    Fault("prices are frozen", PRICES_MS, frozen),
    Fault("a snapshot disagrees", 3_000, disagrees),
    Fault("the stream has a gap", 0, gap),
    Fault("the stream is late", LAG_MS + 1_000, late),
)


async def watched(house: House, bot: str, family: str, seconds: float, *, trades: bool) -> int | None:
    """Let time pass; give after how many ms it was closed first, None if it was not."""
    begun_ms = house.now_ms
    for turn in range(round(seconds * 10)):
        if trades and turn % 10 == 0:
            house.order(bot, family)
        await house.run(0.1)
        if house.is_closed():
            return house.now_ms - begun_ms
    return None


@pytest.mark.threat(45)
@pytest.mark.parametrize("case", CASES)
@on_virtual_time
async def test_mon_1(case: int, tmp_path: Path) -> None:
    rng = random.Random(case)
    fault, family = FAULTS[case % len(FAULTS)], ("usdm", "coinm", "spot")[case // len(FAULTS) % 3]
    if family == "spot" and fault.name == "prices are frozen":
        family = "usdm"  # last prices on spot carry no time: a frozen one cannot be told from a quiet one
    house = House(tmp_path, toml((family,)), seed=case)
    await house.begin(12)
    trades = fault.name == "the stream is late" or rng.random() < 0.5
    assert await watched(house, "alpha", family, rng.uniform(1, 4), trades=trades) is None
    assert not house.alerts, house.alerts
    begun_ms = house.now_ms
    fault.begin(house, family)
    closed_ms = await watched(house, "beta", family, 25, trades=trades)
    assert closed_ms is not None, fault.name
    assert closed_ms <= fault.bound_ms + CLOSED_MS, (fault.name, closed_ms)
    await house.run(3)
    told = [at_ms for code in ("positions_stale", "recon_differs") for at_ms, _ in house.said(code)]
    assert told, fault.name
    assert min(told) - begun_ms <= fault.bound_ms + ALERT_MS, (fault.name, min(told) - begun_ms)
    house.asker.silent.clear()
    house.asker.change, house.late_ms = lambda _path, body: body, 0
    house.watch.on_event({"type": "event", "what": "stream_stands", "account": "main", "family": family})
    await house.run(25)
    if trades:
        house.order("alpha", family)
    await house.run(5)
    assert not house.is_closed(), house.states[-1]
    await house.end()


@on_virtual_time
async def test_a_start_is_closed_until_everything_has_been_read_and_no_alarm(tmp_path: Path) -> None:
    house = House(tmp_path, toml())
    house.watch.start()
    await house.run(0.1)
    assert house.is_closed()
    await house.run(3)
    assert not house.is_closed()
    assert not house.alerts
    await house.end()
