"""Mark prices, each with the one before it: a price that only one reading shows decides nothing.

Two readings are two when they come from different sources, or from one at different times of the exchange. What is
worked out from them takes the one that is kinder to the position, so that one bad tick changes nothing, and a true fall
is seen with the second reading.
"""

from collections.abc import Container, Iterable
from decimal import Decimal
from typing import NamedTuple

from counterseal.core.exposure.money import ZERO
from counterseal.core.positions.lot import Lot
from counterseal.core.positions.reading import figure

# An older price decides nothing.
MOST_AGE_MS = 5_000
# A reading so much older than the newest confirms nothing.
PAIR_MS = 15_000
# What a source tells again within this time is the same reading: its answers and its stream tell of one price twice.
SAME_MS = 250
# A reading from so far ahead would keep all later ones from counting.
AHEAD_MS = 2_000
# A price in a message of a stream: of which symbol, as text, and the exchange's time.
Told = tuple[str, str, int]


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


class Heard(NamedTuple):
    """What a message with many readings came to: the symbols with new prices, and when the newest reading of all was
    seen, None where all were old ones.
    """

    news: list[str]
    seen_ms: int | None


class Marks:
    """The newest two readings of each symbol of one market."""

    def __init__(self) -> None:
        self._newest: dict[str, Mark] = {}
        self._before: dict[str, Mark] = {}
        # Readings of what nobody wants, as they came: the newest two of a symbol, by text, time and when seen.
        self._unread: dict[str, list[tuple[str, int, int]]] = {}
        self._source = ""

    def take(self, symbol: str, mark: Mark) -> bool:
        """Take a reading; False for one that tells nothing new: an older one, or the same again."""
        known = self.newest(symbol)
        if mark.price <= ZERO:
            return False
        if known is not None and known.source == mark.source and mark.at_ms < known.at_ms + SAME_MS:
            return False
        if known is not None and mark.at_ms < known.at_ms:
            return self._put_before(symbol, mark)
        self._put(symbol, mark)
        return True

    def _put_before(self, symbol: str, mark: Mark) -> bool:
        """Take another source's reading that is older than the newest: it may confirm it, and stands before it."""
        before = self._before.get(symbol)
        if before is not None and before.at_ms > mark.at_ms:
            return False
        self._before[symbol] = mark
        return True

    def hear(self, rows: Iterable[Told], source: str, exchange_ms: int, now_ms: int, wanted: Container[str]) -> Heard:
        """Take a message with many readings of a source that sends such: nearly all rows tell nothing new.

        Of what is not wanted a price is read when somebody asks for it, and not before.
        """
        news, seen_ms, self._source = list[str](), None, source
        for symbol, told, at_ms in rows:
            known, unread = self._newest.get(symbol), self._unread.get(symbol)
            last_ms = unread[-1][1] if unread else known.at_ms if known and known.source == source else -SAME_MS
            if at_ms < last_ms + SAME_MS or at_ms > exchange_ms + AHEAD_MS:
                continue
            came_ms = now_ms - max(0, exchange_ms - at_ms)
            if known is not None and symbol not in wanted:
                self._unread[symbol] = [*(unread or ())[-1:], (told, at_ms, came_ms)]
            elif self._read(symbol, told, at_ms, came_ms):
                news.append(symbol)
            else:
                continue
            seen_ms = came_ms if seen_ms is None else max(seen_ms, came_ms)
        return Heard(news, seen_ms)

    def _read(self, symbol: str, told: str, at_ms: int, came_ms: int) -> bool:
        self._settle(symbol)
        price = figure(told)
        if price is None or price <= ZERO or not symbol:
            return False
        self._put(symbol, Mark(price, self._source, at_ms, came_ms))
        return True

    def _settle(self, symbol: str) -> None:
        for reading in self._unread.pop(symbol, ()):
            self._read(symbol, *reading)

    def _put(self, symbol: str, mark: Mark) -> None:
        known = self._newest.get(symbol)
        if known is not None:
            self._before[symbol] = known
        self._newest[symbol] = mark

    def pair(self, symbol: str, now_ms: int) -> Pair | None:
        """Give what may decide at this moment: None when the newest is too old, or nothing confirms it."""
        newest, before = self.newest(symbol), self._before.get(symbol)
        if newest is None or before is None or now_ms - newest.seen_ms > MOST_AGE_MS:
            return None
        return Pair(newest.price, before.price) if newest.seen_ms - before.seen_ms <= PAIR_MS else None

    def newest(self, symbol: str) -> Mark | None:
        """Give the last reading, however old."""
        if symbol in self._unread:
            self._settle(symbol)
        return self._newest.get(symbol)

    def age_ms(self, symbol: str, now_ms: int) -> int | None:
        """Give how long ago the last new reading came; None where there was none."""
        newest = self.newest(symbol)
        return None if newest is None else now_ms - newest.seen_ms
