"""Funding rates: a function of time, made from the premium of the last price over the index."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from counterseal.paper.market import Walk
from counterseal.paper.money import ZERO, round8
from counterseal.paper.steps import Steps

INTEREST = Decimal("0.0001")
DAMPER = Decimal("0.0005")
CAP = Decimal("0.02")
SAMPLES = 8
MINUTE_MS = 60_000


class Funding:
    """The rate of each symbol and the instants at which it is paid."""

    def __init__(self, walks: dict[str, Walk], steps: Steps, interval_ms: int, fixed: Decimal | None) -> None:
        self._walks = walks
        self._steps = steps
        self.interval_ms = interval_ms
        self._fixed = fixed
        self._known: dict[str, tuple[int, Decimal]] = {}

    def next_ms(self, now_ms: int) -> int:
        """When funding is paid next."""
        return (now_ms // self.interval_ms + 1) * self.interval_ms

    def left(self, now_ms: int) -> Decimal:
        """The part of the present interval that is still to come."""
        return Decimal(self.next_ms(now_ms) - now_ms) / self.interval_ms

    def due(self, after_ms: int, until_ms: int) -> Iterator[int]:
        """The funding instants in (after, until]."""
        first = (after_ms // self.interval_ms + 1) * self.interval_ms
        return iter(range(first, until_ms + 1, self.interval_ms))

    def rate(self, name: str, now_ms: int) -> Decimal:
        """The rate as the present interval shapes it so far; looked at anew every minute."""
        if self._fixed is not None:
            return self._fixed
        minute = now_ms // MINUTE_MS
        known = self._known.get(name)
        if known is None or known[0] != minute:
            start = now_ms // self.interval_ms * self.interval_ms
            known = self._known[name] = (minute, self._made(name, start, minute * MINUTE_MS))
        return known[1]

    def settled(self, name: str, at_ms: int) -> Decimal:
        """The rate that is paid at a funding instant."""
        if self._fixed is not None:
            return self._fixed
        return self._made(name, at_ms - self.interval_ms, at_ms)

    def _made(self, name: str, start_ms: int, end_ms: int) -> Decimal:
        walk = self._walks[name]
        span = max(0, end_ms - start_ms)
        steps = [self._steps.at(start_ms + span * number // SAMPLES) for number in range(1, SAMPLES + 1)]
        premiums = (walk.price_at(step) / walk.index_at(step) - 1 for step in steps)
        premium = sum(premiums, ZERO) / SAMPLES
        rate = premium + max(-DAMPER, min(DAMPER, INTEREST - premium))
        return round8(max(-CAP, min(CAP, rate)))
