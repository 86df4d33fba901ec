"""The price of a symbol as a pure function of time: seeded value noise, in whole ticks.

Random access instead of a running state: the same seed gives the same market at the same instant,
whatever was asked before, and history (klines) exists from the start.  The walk is bounded to about
one per cent around the start price, so a symbol stays where its filters expect it.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b

from counterseal.paper.symbols import Symbol

# (period in steps, amplitude in parts per million): small steps, slow swings
OCTAVES = ((1, 8), (8, 40), (64, 150), (512, 600), (4096, 2000), (32768, 5000))
UNIT = 1 << 16


@lru_cache(maxsize=1 << 18)
def noise(seed: bytes, octave: int, index: int) -> int:
    """A number in [-UNIT, UNIT), fixed by its arguments."""
    text = b"%d:%d" % (octave, index)
    return int.from_bytes(blake2b(text, digest_size=4, key=seed).digest(), "big") % (2 * UNIT) - UNIT


class Walk:
    """One symbol's price and house liquidity over time."""

    def __init__(self, seed: int, market: str, symbol: Symbol, volatility: int = 100) -> None:
        name = f"{seed}:{market}:{symbol.name}".encode()
        self.seed = blake2b(name, digest_size=16).digest()
        self.symbol = symbol
        self.volatility = volatility
        self.base_ticks = int(symbol.start / symbol.tick)
        self._last: tuple[int, int] = (-1, 0)

    def ticks_at(self, step: int) -> int:
        """The middle price at a step, in ticks, at least 10."""
        if self._last[0] == step:
            return self._last[1]
        ppm = 0
        for octave, (period, amplitude) in enumerate(OCTAVES):
            left, offset = divmod(step, period)
            here = noise(self.seed, octave, left)
            if offset:
                there = noise(self.seed, octave, left + 1)
                here = (here * (period - offset) + there * offset) // period
            ppm += here * amplitude
        moved = self.base_ticks * ppm * self.volatility // (UNIT * 100 * 1_000_000)
        ticks = max(10, self.base_ticks + moved)
        self._last = (step, ticks)
        return ticks

    def price_at(self, step: int) -> Decimal:
        return self.ticks_at(step) * self.symbol.tick

    def shift_to(self, price: Decimal, step: int) -> None:
        """Move the whole walk so that its price at `step` is `price` (tests only)."""
        now = self.ticks_at(step)
        self.base_ticks += int(price / self.symbol.tick) - now
        self._last = (-1, 0)

    def quantity_at(self, step: int, salt: int) -> Decimal:
        """A quantity around the symbol's depth: between one tenth and twice as much, at least a step."""
        part = noise(self.seed, 100 + salt, step) + UNIT
        steps = int(self.symbol.depth / self.symbol.step)
        return max(1, steps // 10 + steps * part // UNIT) * self.symbol.step
