"""RATE-2: the exchange is back after ten minutes, and a hundred bots want everything at once.

Bots behave as SDKs do: some wait for what they have, some connect anew when nothing comes, some do that in a tight
loop. Every (re)connection reads the book by REST first. `RATE2_ROUNDS` sets how many rounds, each by its own seed.
"""

from __future__ import annotations

import asyncio
import os
import random  # noqa: TID251 - seeded
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.gateway.streams.rig import Bot, Rig, _a_few_turns, with_rig
from tests.gateway.streams.straight import ATTEMPTS, WEIGHTS, Books, spent

WHOLE = 10
ROUNDS = int(os.environ.get("RATE2_ROUNDS", "3"))
BOTS, OUTAGE_S, SHORT_S, WINDOW_S = 100, 600, 60, 300
AFTER_S, WEIGHT = 20, 6_000
SYMBOLS = ("BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT")
PATHS = (
    "/stream?streams={0}@depth@100ms/{0}@trade", "/ws/{0}@bookTicker", "/public/ws/{0}@bookTicker",
    "/market/stream?streams={0}@markPrice@1s/{0}@aggTrade",
)  # fmt: skip


@dataclass
class Client:
    """A bot's SDK with one connection. `patience_s` is how long nothing may come before it connects anew."""

    rig: Rig
    books: Books
    symbol: str
    path: str
    patience_s: float
    bot: Bot | None = None
    heard_s: float = 0.0
    has_data: bool = False
    handshakes: int = 0

    def turn(self, now_s: float) -> None:
        """Read what came; come back at once when the connection is over, or after `patience_s` without a message."""
        if self.bot is not None and self.bot.take():
            self.heard_s, self.has_data = now_s, True
        over = self.bot is None or self.bot.wire.is_over or self.bot.wire.is_closing_
        if over or now_s - self.heard_s >= self.patience_s:
            if self.bot is not None and not over:
                self.bot.wire.abort()
            self.heard_s = now_s
            self.handshakes += 1
            self.books.read(self.symbol)
            self.bot = Bot(self.rig, self.path.format(self.symbol.lower())).connect()


@dataclass
class Figures:
    """What the exchange saw. `attempts` is the most in any five minutes, `back_s` when all bots had data again."""

    attempts: int = 0
    counted: int = 0
    weight: int = 0
    refused: int = 0
    reads: int = 0
    handshakes: int = 0
    back_s: float | None = None


class Round:
    """One outage, by a seed."""

    def __init__(self, rig: Rig, seed: int) -> None:
        self.draw = random.Random(seed)
        self.rig, self.books, self.figures = rig, Books(rig), Figures()
        self._dialled: deque[tuple[float, int]] = deque()
        self.clients = [self._client() for _ in range(BOTS)]
        rig.hub._common = replace(rig.hub._common, draw=self.draw.randrange)
        rig.clock._settle = _a_few_turns  # type: ignore[method-assign]  # this clock's alone

    def _client(self) -> Client:
        draw = self.draw
        patience_s = draw.choices((1e9, draw.uniform(20, 90), 10.0, 1.0), (40, 45, 10, 5))[0]
        return Client(self.rig, self.books, draw.choice(SYMBOLS), draw.choice(PATHS), patience_s)

    async def run(self, outage_s: int) -> Figures:
        """Everybody listens; then nobody hears anything for a while; then the exchange is there again."""
        await self._pass(3)
        self._down()
        await self._pass(outage_s - 30, step_s=3)
        await self._pass(30)
        self._up()
        for _ in range(self.draw.randrange(3)):
            # As exchanges do: back, and gone again, before it stays.
            await self._pass(self.draw.randrange(2, 15))
            self._down()
            await self._pass(self.draw.randrange(1, 5))
            self._up()
        begun_s = self._now_s()
        while self._now_s() - begun_s < (AFTER_S if self.figures.back_s else WINDOW_S):
            await self._pass(1)
            if self.figures.back_s is None and all(client.has_data for client in self.clients):
                self.figures.back_s = self._now_s() - begun_s
        return self.figures

    def _now_s(self) -> float:
        return self.rig.clock.monotonic_ns() / 1e9

    def _down(self) -> None:
        self.rig.exchange.is_down = True
        for socket in list(self.rig.exchange.exchange.realtime._sessions.values()):
            socket.abort()

    def _up(self) -> None:
        self.rig.exchange.is_down = False
        for client in self.clients:
            # The least patient of all: everybody comes back in this very second.
            client.has_data, client.heard_s = False, -1e9

    async def _pass(self, seconds: int, step_s: int = 1) -> None:
        """Let seconds pass for everybody; bots look about them once a step."""
        exchange = self.rig.exchange
        for _ in range(seconds // step_s):
            await self.rig.clock.advance(step_s)
            if not exchange.is_down:
                exchange.exchange.tick()
                await self.rig.clock.advance(0)
            for client in self.clients:
                client.turn(self._now_s())
            await self.rig.clock.advance(0)
            self._count()

    def _count(self) -> None:
        figures, exchange, now_s = self.figures, self.rig.exchange, self._now_s()
        self._dialled.append((now_s, exchange.dialled))
        while self._dialled[0][0] < now_s - WINDOW_S:
            self._dialled.popleft()
        figures.attempts = max(figures.attempts, exchange.dialled - self._dialled[0][1])
        figures.counted = max(figures.counted, *spent(exchange, ATTEMPTS).values())
        figures.weight = max(figures.weight, *spent(exchange, WEIGHTS).values())
        figures.handshakes = sum(client.handshakes for client in self.clients)
        figures.reads = sum(self.books.given.values())
        figures.refused = sum(status in (418, 429) for status in self.books.statuses)


def outage(home: Path, seed: int, outage_s: int) -> None:
    """Of 300 attempts in five minutes at most 100 are made, of weight not more than the bots' part, and all bots have
    their data again within the longest pause.
    """

    async def whole() -> Figures:
        rig = Rig(home)
        figures = await Round(rig, seed).run(outage_s)
        await rig.end()
        return figures

    figures = asyncio.run(whole())
    print(f"\nRATE-2, {outage_s} s, round {seed + 1} of {WHOLE}: {figures}")
    assert figures.attempts <= 100
    assert figures.counted <= 10
    assert figures.weight <= WEIGHT * 80 // 100
    assert figures.refused == 0
    assert figures.back_s is not None and figures.back_s <= 35


def test_a_minute_without_the_exchange(tmp_path: Path) -> None:
    """The short form."""
    outage(tmp_path, 0, SHORT_S)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(ROUNDS))
def test_rate_2(tmp_path: Path, seed: int) -> None:
    """Ten minutes."""
    outage(tmp_path, seed, OUTAGE_S)


@with_rig
async def test_an_exchange_that_hangs_up_at_once_is_asked_seldom(rig: Rig) -> None:
    """A connection that was answered and lost within the second is a failure like any other: the pauses double."""
    rig.bot("/ws/btcusdt@trade")
    for second in range(180):
        await rig.idle(1, 0.5)
        for wire in rig.exchange.live if second < 120 else ():
            wire.abort()
        if rig.bots[0].code is not None:
            rig.bots[:] = [Bot(rig, "/ws/btcusdt@trade").connect()]
        assert rig.exchange.dialled < 20
    before = rig.exchange.dialled
    assert len(rig.exchange.live) == 1
    rig.exchange.live[0].abort()
    await rig.wait(1, 0.25)
    assert rig.exchange.dialled == before + 1, "one that stood is made again at once"
