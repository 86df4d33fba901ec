"""From where losses are counted: the start of the UTC day, and the peak. Money that comes or goes moves both along."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from counterseal.core.exposure.money import ZERO, add, subtract
from counterseal.core.guardrails.money import Range
from counterseal.core.positions.reading import figure

DAY_MS = 86_400_000


class Base(NamedTuple):
    """What somebody was worth at the day's start, at most, and last, in US dollars; `at_ms` is exchange time.

    Of a range the side counts here that makes a later loss the smaller one: a bad tick must make no loss.
    """

    day: int
    start: Decimal
    peak: Decimal
    last: Decimal
    at_ms: int

    def advanced(self, worth: Range, now_ms: int) -> "Base":
        """Give the base after somebody was seen to be worth so much.

        A new day begins with what was known last, also when that was seen before a restart, up to a day ago. Time
        that goes backwards changes no day.
        """
        day, start = self.day, self.start
        if now_ms // DAY_MS > day:
            is_near = now_ms - self.at_ms <= DAY_MS
            day, start = now_ms // DAY_MS, self.last if is_near else worth.low
        return Base(day, start, max(self.peak, worth.low), worth.low, max(now_ms, self.at_ms))

    def moved(self, by: Decimal) -> "Base":
        """Give the base after money came (or, negative, went) that nobody earned or lost."""
        return Base(self.day, add(self.start, by), add(self.peak, by), add(self.last, by), self.at_ms)

    def loss(self, worth: Range) -> Decimal:
        """Give what was lost at least since the start of the day, zero for a gain."""
        return max(ZERO, subtract(self.start, worth.high))

    def drawdown(self, worth: Range) -> Decimal:
        """Give how far it is at least below the peak."""
        return max(ZERO, subtract(self.peak, worth.high))


def first(worth: Range, now_ms: int) -> Base:
    """Give the base of somebody who has none."""
    return Base(now_ms // DAY_MS, worth.low, worth.low, worth.low, now_ms)


def base_data(base: Base) -> dict[str, Any]:
    """Give a base as the journal holds it."""
    return {"day": base.day, "start": str(base.start), "peak": str(base.peak), "last": str(base.last),
            "at_ms": base.at_ms}  # fmt: skip


def base_of(data: Mapping[str, Any]) -> Base | None:
    """Read a base; None for what is none."""
    day, at_ms = data.get("day"), data.get("at_ms")
    start, peak, last = (figure(data.get(name)) for name in ("start", "peak", "last"))
    if type(day) is not int or type(at_ms) is not int or start is None or peak is None or last is None:
        return None
    return Base(day, start, peak, last, at_ms)
