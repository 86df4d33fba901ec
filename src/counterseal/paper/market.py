"""The price of a symbol as a pure function of time, in whole ticks: seeded walk or recording, then scenarios.

Random access instead of a running state: history (klines) exists from the start, and the same seed gives the same
market at the same instant.  The seeded walk stays within some per cent of the start price, so a symbol stays where its
filters expect it; recordings and scenarios go where they go.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2b
from typing import Protocol

from counterseal.paper.prices_factors import PPB, UNIT, asset, noise
from counterseal.paper.symbols import Symbol


@dataclass(frozen=True, slots=True)
class Flow:
    """What was traded in some time: quantity (on COIN-M contracts), quantity times price, number of trades, and the
    quantity that takers bought.
    """

    volume: Decimal
    quote: Decimal
    trades: Decimal
    taker: Decimal

    def plus(self, other: Flow) -> Flow:
        return Flow(self.volume + other.volume, self.quote + other.quote, self.trades + other.trades,
                    self.taker + other.taker)  # fmt: skip

    def minus(self, other: Flow) -> Flow:
        return self.plus(other.times(Decimal(-1)))

    def times(self, part: Decimal) -> Flow:
        return Flow(self.volume * part, self.quote * part, self.trades * part, self.taker * part)


class Recorded(Protocol):
    """A recorded market on the paper clock."""

    def __call__(self, step: int) -> int:
        """The price at a step, in ticks."""

    def flow(self, first: int, last: int) -> Flow:
        """What was traded in these steps, both included."""


class Script(Protocol):
    """What happens to a market on top of its own movement: a scenario."""

    def ppb(self, market: str, symbol: Symbol, step: int, *, is_index: bool) -> int:
        """How far the pair is pushed at a step, in parts per billion; an index does not see a wick."""

    def depth(self, market: str, symbol: Symbol, step: int) -> int:
        """Per mille of the usual house liquidity."""


class Walk:
    """One symbol's price and house liquidity over time."""

    def __init__(self, seed: int, market: str, symbol: Symbol, volatility: int = 100, jumps: int = 100) -> None:
        name = f"{seed}:{market}:{symbol.name}".encode()
        self.seed = blake2b(name, digest_size=16).digest()
        self.market = market
        self.symbol = symbol
        self.volatility = volatility
        self.base_ticks = int(symbol.start / symbol.tick)
        self._base = asset(seed, symbol.base, volatility, jumps)
        self._quote = asset(seed, symbol.quote, volatility, jumps)
        self._recording: Recorded | None = None
        self._scripts: list[Script] = []
        self._nudge = 0
        self._last: tuple[int, int] = (-1, 0)

    def follow(self, recording: Recorded) -> None:
        """Take price and volume from a recording instead of the seeded walk."""
        self._recording = recording
        self.forget()

    def add_script(self, script: Script) -> None:
        self._scripts.append(script)
        self.forget()

    def forget(self) -> None:
        """Drop what was computed, after a change."""
        self._last = (-1, 0)

    def ticks_at(self, step: int) -> int:
        """The middle price at a step, in ticks, at least 10."""
        if self._last[0] == step:
            return self._last[1]
        ticks = self._pushed(self._own_ticks(step), step, is_index=False)
        self._last = (step, ticks)
        return ticks

    def index_ticks_at(self, step: int) -> int:
        """The same without the wicks that one venue's thin book alone has: what an index price is made of."""
        if not self._scripts:
            return self.ticks_at(step)
        return self._pushed(self._own_ticks(step), step, is_index=True)

    def _own_ticks(self, step: int) -> int:
        if self._recording is not None:
            return self._recording(step) + self._nudge
        base, quote = self._base.moved(step), self._quote.moved(step)
        return self.base_ticks * (PPB + base) // (PPB + quote) + self._nudge

    def _pushed(self, ticks: int, step: int, *, is_index: bool) -> int:
        for script in self._scripts:
            ticks = ticks * (PPB + script.ppb(self.market, self.symbol, step, is_index=is_index)) // PPB
        return max(10, ticks)

    def price_at(self, step: int) -> Decimal:
        return self.ticks_at(step) * self.symbol.tick

    def index_at(self, step: int) -> Decimal:
        """The index price at a step: `price_at` without wicks."""
        return self.index_ticks_at(step) * self.symbol.tick

    def shift_to(self, price: Decimal, step: int) -> None:
        """Move the whole walk so that its price at `step` is `price`."""
        wanted = int(price / self.symbol.tick)
        self.base_ticks += wanted - self.ticks_at(step)
        for _ in range(3):  # scripts scale the correction, so it is approached
            self.forget()
            self._nudge += wanted - self.ticks_at(step)
        self.forget()

    def flow(self, first: int, last: int) -> Flow | None:
        """What was traded in these steps by the recording; None where none is played."""
        return self._recording.flow(first, last) if self._recording is not None else None

    def quantity_at(self, step: int, salt: int) -> Decimal:
        """A quantity around the symbol's depth: between one tenth and twice as much, at least a step."""
        part = noise(self.seed, 100 + salt, step) + UNIT
        steps = int(self.symbol.depth / self.symbol.step)
        steps = steps // 10 + steps * part // UNIT
        for script in self._scripts:
            steps = steps * script.depth(self.market, self.symbol, step) // 1000
        return max(1, steps) * self.symbol.step
