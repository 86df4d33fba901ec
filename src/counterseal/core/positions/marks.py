"""Mark prices, each with the one before it: a price that only one reading shows decides nothing.

Two readings are two when they come from different sources, or from one at different times of the exchange. What is
worked out from them takes the one that is kinder to the position, so that one bad tick changes nothing, and a true fall
is seen with the second reading.
"""

from decimal import Decimal
from typing import NamedTuple

from counterseal.core.exposure.money import ZERO
from counterseal.core.positions.lot import Lot

# An older price decides nothing.
MOST_AGE_MS = 5_000
# A reading so much older than the newest confirms nothing.
PAIR_MS = 15_000


class Mark(NamedTuple):
    """One reading: the price, who told it, the exchange's time (0 where not told) and when it came (monotonic ms)."""

    price: Decimal
    source: str
    at_ms: int
    seen_ms: int


class Pair(NamedTuple):
    """The two prices that are confirmed by one another, in any order."""

    one: Decimal
    other: Decimal

    def worth(self, lot: Lot) -> Decimal:
        """Give what a lot is worth at least, in its quote asset."""
        return min(lot.worth(self.one), lot.worth(self.other))

    def profit(self, lot: Lot) -> Decimal:
        """Give what a lot has earned at best."""
        return max(lot.profit(self.one), lot.profit(self.other))


class Marks:
    """The newest two readings of each symbol of one market."""

    def __init__(self) -> None:
        self._newest: dict[str, Mark] = {}
        self._before: dict[str, Mark] = {}

    def take(self, symbol: str, mark: Mark) -> bool:
        """Take a reading; False for one that tells nothing new: an older one, or the same again."""
        known = self._newest.get(symbol)
        if mark.price <= ZERO:
            return False
        if known is not None and known.source == mark.source and mark.at_ms <= known.at_ms:
            return False
        if known is not None:
            self._before[symbol] = known
        self._newest[symbol] = mark
        return True

    def pair(self, symbol: str, now_ms: int) -> Pair | None:
        """Give what may decide at this moment: None when the newest is too old, or nothing confirms it."""
        newest, before = self._newest.get(symbol), self._before.get(symbol)
        if newest is None or before is None or now_ms - newest.seen_ms > MOST_AGE_MS:
            return None
        return Pair(newest.price, before.price) if newest.seen_ms - before.seen_ms <= PAIR_MS else None

    def newest(self, symbol: str) -> Mark | None:
        """Give the last reading, however old."""
        return self._newest.get(symbol)

    def age_ms(self, symbol: str, now_ms: int) -> int | None:
        """Give how long ago the last new reading came; None where there was none."""
        newest = self._newest.get(symbol)
        return None if newest is None else now_ms - newest.seen_ms
