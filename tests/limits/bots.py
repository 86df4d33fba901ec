"""Bots as people run them: each polls and trades as if it had the address alone, and keeps to the limits alone."""

from __future__ import annotations

import asyncio
import json
import random  # noqa: TID251 - seeded
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.limits.house import ACCOUNT, MARKET
from tests.limits.lines import Answer, Line

from counterseal.ports.clock import Clock

REFUSED = frozenset({418, 429})
GONE = -2011  # a cancel of what is no longer there
RETRY_S = 1.0


class CancelTry(NamedTuple):
    """One try to cancel: when (ms since the epoch), on which side, and whether that was the end of the order."""

    at_ms: int
    side: str
    done: bool


class Habit(NamedTuple):
    """Something that a bot asks every `period_s` seconds, `aligned` to the clock like a candle's end or not.

    `weight` is the documented one.
    """

    name: str
    lane: str
    period_s: float
    weight: int
    path: str
    query: str = ""
    aligned: bool = False


def habits_of(symbol: str) -> tuple[Habit, ...]:
    """What a bot that trades one symbol on spot and USD-M asks for: about a fifth of each minute's weight."""
    return (
        Habit("spot candles", MARKET, 10, 2, "/api/v3/klines", "symbol=BTCUSDT&interval=1m&limit=20", aligned=True),
        Habit("spot prices", MARKET, 2, 4, "/api/v3/ticker/price"),
        Habit("spot book top", MARKET, 2, 2, "/api/v3/ticker/bookTicker", f"symbol={symbol}"),
        Habit("spot depth", MARKET, 5, 50, "/api/v3/depth", f"symbol={symbol}&limit=1000"),
        Habit("spot account", ACCOUNT, 10, 20, "/api/v3/account"),
        Habit("spot orders", ACCOUNT, 5, 6, "/api/v3/openOrders", "symbol=BTCUSDT"),
        Habit("futures candles", MARKET, 10, 1, "/fapi/v1/klines", "symbol=BTCUSDT&interval=1m&limit=20", aligned=True),
        Habit("futures book top", MARKET, 2, 2, "/fapi/v1/ticker/bookTicker", f"symbol={symbol}"),
        Habit("futures depth", MARKET, 5, 20, "/fapi/v1/depth", f"symbol={symbol}&limit=1000"),
        Habit("futures account", ACCOUNT, 5, 5, "/fapi/v3/account"),
        Habit("positions", ACCOUNT, 5, 5, "/fapi/v3/positionRisk"),
        Habit("futures orders", ACCOUNT, 5, 1, "/fapi/v1/openOrders", "symbol=BTCUSDT"),
    )


@dataclass
class Tally:
    """What one bot asked and got."""

    asked: int = 0
    answered: int = 0
    refused: dict[int, int] = field(default_factory=dict)
    failed: int = 0
    weight_asked: int = 0
    weight_answered: int = 0
    placed: int = 0
    orders_refused: int = 0
    cancels: int = 0
    cancels_refused: int = 0
    slowest_cancel_s: float = 0.0
    longest_queue_ns: int = 0
    sent_twice: int = 0
    cancel_tries: list[CancelTry] = field(default_factory=list)
    surprises: dict[str, int] = field(default_factory=dict)


@dataclass
class Bot:
    """One bot. `eagerness` divides its periods; a `patient` one waits as long as it is told to after a refusal."""

    name: str
    account: str
    line: Line
    clock: Clock
    entropy: random.Random
    habits: Sequence[Habit]
    eagerness: int = 1
    patient: bool = True
    trade_every_s: float = 5.0
    tally: Tally = field(default_factory=Tally)
    _count: int = 0
    _until_ns: int = 0

    def __post_init__(self) -> None:
        self._credential = self.line.credential(self.name, self.account)

    async def live(self, seconds: float) -> None:
        """Poll and trade for so long."""
        self._until_ns = self.clock.monotonic_ns() + int(seconds * 1e9)
        trades = [self._trade(path) for path in ("/api/v3/order", "/fapi/v1/order")] if self.trade_every_s else []
        await asyncio.gather(*(self._poll(habit) for habit in self.habits), *trades)

    def _lives(self) -> bool:
        return self.clock.monotonic_ns() < self._until_ns

    # -- polling

    async def _poll(self, habit: Habit) -> None:
        period_s = habit.period_s / self.eagerness
        await self.clock.sleep(self.entropy.uniform(0, period_s))
        while self._lives():
            if habit.aligned:
                await self.clock.sleep(self._to_next(period_s) + self.entropy.uniform(0, 0.010))
            began_ns = self.clock.monotonic_ns()
            self.tally.weight_asked += habit.weight
            answer = await self._ask("GET", habit.path, habit.query, signed=habit.lane == ACCOUNT)
            if answer.status == 200:
                self.tally.weight_answered += habit.weight
            spent_s = (self.clock.monotonic_ns() - began_ns) / 1e9
            wait_s = self._wait_s(answer) if answer.status != 200 else 0.0
            if not habit.aligned or wait_s:
                await self.clock.sleep(max(wait_s, period_s - spent_s, 0.001))

    def _to_next(self, period_s: float) -> float:
        """Seconds to the next whole period of the clock."""
        period_ns = int(period_s * 1e9)
        return (period_ns - self.clock.wall_ns() % period_ns) / 1e9

    def _wait_s(self, answer: Answer) -> float:
        """How long this bot waits after a refusal: as told, or a second whatever it was told."""
        told = answer.headers.get("retry-after", "")
        return float(told) if self.patient and told.isdigit() else RETRY_S

    async def _ask(self, method: str, path: str, query: str, *, signed: bool) -> Answer:
        answer = await self.line.ask(self._credential, method, path, query, signed=signed)
        tally = self.tally
        tally.asked += 1
        if method != "GET" and answer.trip is not None and len(answer.trip.left_ns) > 1:
            tally.sent_twice += 1
        if answer.status == 200:
            tally.answered += 1
        elif answer.status in REFUSED:
            tally.refused[answer.status] = tally.refused.get(answer.status, 0) + 1
        elif answer.status == 0 or answer.status >= 500:
            tally.failed += 1
        else:
            told = f"{path} {answer.status} {answer.body[:120].decode()}"
            tally.surprises[told] = tally.surprises.get(told, 0) + 1
        return answer

    # -- trading

    async def _trade(self, path: str) -> None:
        """Place an order far from the price, look at it, take it back; over and over."""
        period_s = self.trade_every_s / self.eagerness
        await self.clock.sleep(self.entropy.uniform(0, period_s))
        while self._lives():
            self._count += 1
            own_id = f"{self.name}-{path[1]}{self._count}"
            placed = await self._ask("POST", path, _order(own_id), signed=True)
            if placed.status != 200:
                self.tally.orders_refused += 1
                await self.clock.sleep(self._wait_s(placed))
                continue
            self.tally.placed += 1
            await self.clock.sleep(period_s / 3)
            await self._ask("GET", path, f"symbol=BTCUSDT&origClientOrderId={own_id}", signed=True)
            await self.clock.sleep(period_s / 3)
            await self._cancel(path, own_id)
            await self.clock.sleep(period_s / 3)

    async def _cancel(self, path: str, own_id: str) -> None:
        """Until it is done, or the bot ends."""
        wished_ns = self.clock.monotonic_ns()
        self.tally.cancels += 1
        while self._lives():
            answer = await self._ask("DELETE", path, f"symbol=BTCUSDT&origClientOrderId={own_id}", signed=True)
            if answer.trip is not None and answer.trip.left_ns:
                queued_ns = answer.trip.left_ns[0] - answer.trip.begun_ns
                self.tally.longest_queue_ns = max(self.tally.longest_queue_ns, queued_ns)
            done = answer.status == 200 or _code(answer) == GONE
            side = "futures" if path.startswith("/fapi") else "spot"
            self.tally.cancel_tries.append(CancelTry(self.clock.wall_ns() // 1_000_000, side, done))
            if done:
                break
            self.tally.cancels_refused += 1
            await self.clock.sleep(self._wait_s(answer))
        took_s = (self.clock.monotonic_ns() - wished_ns) / 1e9
        self.tally.slowest_cancel_s = max(self.tally.slowest_cancel_s, took_s)


def _order(own_id: str) -> str:
    return f"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.002&price=80000.00&newClientOrderId={own_id}"


def _code(answer: Answer) -> int | None:
    try:
        return int(json.loads(answer.body)["code"])
    except (ValueError, KeyError, TypeError):
        return None
