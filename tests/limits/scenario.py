"""Many bots on one address, for half an hour of virtual time: straight to the exchange, and through the gateway."""

from __future__ import annotations

import asyncio
import random  # noqa: TID251 - seeded
import tempfile
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.limits.bots import Bot, Habit, habits_of
from tests.limits.gateway_side import GatewaySide
from tests.limits.house import House, Network
from tests.limits.lines import Line, Straight
from tests.limits.virtual_loop import LoopClock, VirtualLoop, run_virtually

MONDAY_MS = 1_795_392_000_000
SYMBOLS = ("BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT", "XRPUSDT")
Disturb = Callable[["Run"], Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class Size:
    """How many bots, how eager, for how long."""

    bots: int = 20
    minutes: float = 30.0
    eagerness: int = 1
    patient: bool = True
    accounts: int = 4
    seed: int = 1
    trade_every_s: float = 5.0
    habits: tuple[Habit, ...] | None = None  # every bot's, instead of its own symbol's
    asymmetry: float = 0.5
    start_ms: int = MONDAY_MS + 20_000  # 20 s into a minute: the first window is a part of one, as in life
    egress: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)  # the exchange's


@dataclass
class Run:
    """One column while it runs and after."""

    size: Size
    clock: LoopClock
    host_clock: LoopClock
    house: House
    network: Network
    gateway: GatewaySide | None = None
    bots: list[Bot] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """How long the bots live."""
        return self.size.minutes * 60


def run(size: Size, *, through: bool, disturb: Disturb | None = None) -> Run:
    """Let the bots live on one of the two lines. `disturb` runs beside them, from the moment at which they begin."""
    with tempfile.TemporaryDirectory() as home:
        return run_virtually(lambda loop: _run(size, through, disturb, loop, Path(home)))


async def _run(size: Size, through: bool, disturb: Disturb | None, loop: VirtualLoop, home: Path) -> Run:
    # The gateway's host has a clock of its own, which a test may set; the exchange and the bots keep to another.
    clock, host_clock = LoopClock(loop, size.start_ms), LoopClock(loop, size.start_ms)
    accounts_of = {f"bot{n:02}": f"acct{n % size.accounts + 1}" for n in range(size.bots)}
    house = House(home, clock, sorted(set(accounts_of.values())), **size.options)
    network = Network(house, clock, random.Random(f"network {size.seed}"), size.asymmetry)
    column = Run(size, clock, host_clock, house, network)
    line: Line = Straight(network, clock)
    if through:
        column.gateway = GatewaySide(network, host_clock, accounts_of, size.egress)
        column.gateway.line.stamp_ms = lambda: clock.wall_ns() // 1_000_000
        await column.gateway.start()
        line = column.gateway.line
    column.bots = [_bot(size, n, name, account, line, clock) for n, (name, account) in enumerate(accounts_of.items())]
    beside = loop.create_task(disturb(column)) if disturb else None
    await asyncio.gather(*(bot.live(column.seconds) for bot in column.bots))
    if beside is not None:
        await beside
    if column.gateway is not None:
        await column.gateway.end()
    return column


def _bot(size: Size, number: int, name: str, account: str, line: Line, clock: LoopClock) -> Bot:
    return Bot(
        name,
        account,
        line,
        clock,
        random.Random(f"{name} {size.seed}"),
        size.habits or habits_of(SYMBOLS[number % len(SYMBOLS)]),
        eagerness=size.eagerness,
        patient=size.patient,
        trade_every_s=size.trade_every_s,
    )


def alone(size: Size) -> Size:
    """The same with one bot."""
    return replace(size, bots=1)
