"""The prices of all markets, as confirmed as they are at a moment."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import lru_cache

from counterseal.core.guardrails.pricing import Name
from counterseal.core.positions.marks import MOST_AGE_MS, Mark, Marks, Pair, Told
from counterseal.core.positions.statements import Statement
from counterseal.guard.watch.followed import GRACE_MS
from counterseal.guard.watch.plan import LATE_MS
from counterseal.ports.clock import Clock

# Under which names an asset has a price in dollars, the best first.
_NAMES = (("usdm", "{}USDT"), ("spot", "{}USDT"), ("usdm", "{}USDC"), ("spot", "{}USDC"), ("spot", "{}FDUSD"),
          ("coinm", "{}USD_PERP"))  # fmt: skip
_ENDS = {of: tuple(form.removeprefix("{}") for family, form in _NAMES if family == of) for of, _ in _NAMES}
_NOTHING = Pair(Decimal(0), Decimal(0))
# Only after so many reads of all prices it is known what has none.
_READS = 1
# A symbol whose price was asked for so long ago rests on nothing any more.
WANTED_MS = 5_000
# What the exchange itself tells, by an answer or by its stream.
MARKET = "market"
_FOR_EVER = 1 << 62


@lru_cache(maxsize=8192)
def _names(family: str, symbol: str) -> tuple[Name, ...]:
    """Give what a symbol's price is the price of: the symbol, and perhaps an asset."""
    assets = [symbol.removesuffix(end) for end in _ENDS.get(family, ()) if symbol.endswith(end)]
    return ((family, symbol), *(("", asset) for asset in assets))


class MarketPrices:
    """A `Prices`. What no market lists is worth nothing; what is listed and not confirmed now has no price."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._marks: dict[str, Marks] = {}
        self._reads: dict[str, int] = {}
        self._read_ms: dict[str, int] = {}
        self._all_ms: dict[str, int] = {}
        self._asked: dict[str, dict[str, int]] = {}
        # When the stream told of each symbol last, and of any ("").
        self._heard: dict[str, dict[str, int]] = {}
        self._changed: set[Name] = set()
        self._is_all_new = True
        # Until when everything that was given as a price since `begin` is young enough to be one.
        self.lasts_ms = _FOR_EVER

    def follow(self, families: set[str]) -> None:
        """Say whose prices are to be read."""
        for family in families - self._marks.keys():
            self._marks[family] = Marks()
            self._reads[family], self._read_ms[family] = 0, self._now_ms()
            self._asked[family], self._heard[family] = {}, {}
        for family in self._marks.keys() - families:
            del self._marks[family]
        self._is_all_new = True

    def take(self, family: str, found: Mapping[str, Mark], *, is_all: bool = True) -> bool:
        """Take the answer with all prices, or with one; False when it says nothing new of any symbol."""
        marks = self._marks.get(family)
        if marks is None:
            return False
        # What the stream tells is not told by an answer too: it would be another reading, or keep one from being.
        heard, since_ms = self._heard[family], self._now_ms() - LATE_MS
        told = {symbol: mark for symbol, mark in found.items() if heard.get(symbol, since_ms) <= since_ms}
        new = [symbol for symbol, mark in told.items() if self._take(family, marks, symbol, mark)]
        if new:
            self._read_ms[family] = max(self._read_ms[family], *[found[symbol].seen_ms for symbol in new])
        if (new or len(told) < len(found)) and is_all:
            self._is_all_new = self._is_all_new or self._reads[family] < _READS
            self._reads[family] += 1
            self._all_ms[family] = self._now_ms()
        return bool(new) or len(told) < len(found)

    def hear(self, family: str, rows: Iterable[Told], exchange_ms: int) -> bool:
        """Take a message of the exchange's stream; False when it says nothing new of what something rests on."""
        marks, now_ms = self._marks.get(family), self._now_ms()
        if marks is None:
            return False
        news, seen_ms = marks.hear(rows, MARKET, exchange_ms, now_ms, self._asked[family])
        if seen_ms is not None:
            self._read_ms[family] = max(self._read_ms[family], seen_ms)
            self._heard[family].update(dict.fromkeys(["", *news], seen_ms))
        for symbol in news:
            self._changed.update(_names(family, symbol))
        return bool(news)

    def wanted(self, family: str) -> set[str]:
        """Give the symbols whose prices were asked for of late: something rests on them."""
        asked, now_ms = self._asked[family], self._now_ms()
        for symbol in [symbol for symbol, at_ms in asked.items() if now_ms - at_ms > WANTED_MS]:
            del asked[symbol]
        return set(asked)

    def is_heard(self, family: str, symbols: Iterable[str], most_ms: int) -> bool:
        """Tell whether the stream has told of all these symbols within this time, or of any where there are none."""
        heard, since_ms = self._heard[family], self._now_ms() - most_ms
        return all(heard.get(symbol, since_ms - 1) >= since_ms for symbol in (list(symbols) or [""]))

    def all_age_ms(self, family: str) -> int:
        """Give how long ago all prices were read."""
        return self._now_ms() - self._all_ms.get(family, -(1 << 40))

    def tick(self, family: str, symbol: str, mark: Mark) -> bool:
        """Take one price."""
        marks = self._marks.get(family)
        return marks is not None and self._take(family, marks, symbol, mark)

    def _take(self, family: str, marks: Marks, symbol: str, mark: Mark) -> bool:
        """Take a reading, and note what it is the price of."""
        is_new = marks.take(symbol, mark)
        if is_new:
            self._changed.update(_names(family, symbol))
        return is_new

    def changed(self) -> set[Name] | None:
        """Give whose prices there are new readings of since this was asked last; None is everybody's."""
        changed, self._changed = self._changed, set()
        is_all_new, self._is_all_new = self._is_all_new, False
        return None if is_all_new else changed

    def begin(self) -> None:
        """Take note of how long what is given from now on may count."""
        self.lasts_ms = _FOR_EVER

    def stated(self, family: str, statement: Statement, asked_ms: int, exchange_ms: int) -> None:
        """Take the prices at which an account's own positions are valued: a second source."""
        for place, held in statement.positions.items():
            if held.mark is not None:
                self.tick(family, place.symbol, Mark(held.mark, "account", exchange_ms, asked_ms))

    # -- what there is

    def symbol(self, family: str, symbol: str) -> Pair | None:
        """Give a confirmed price of a symbol."""
        marks = self._marks.get(family)
        if marks is None:
            return None
        now_ms = self._asked[family][symbol] = self._now_ms()
        found, newest = marks.pair(symbol, now_ms), marks.newest(symbol)
        if found is not None and newest is not None:
            self.lasts_ms = min(self.lasts_ms, newest.seen_ms + MOST_AGE_MS)
        return found

    def last(self, family: str, symbol: str) -> Decimal | None:
        """Give the last reading of a symbol, which nothing need confirm, as long as it is young enough."""
        newest = self._marks[family].newest(symbol) if family in self._marks else None
        return None if newest is None or self._now_ms() - newest.seen_ms > MOST_AGE_MS else newest.price

    def asset(self, asset: str) -> Pair | None:
        """Give a confirmed price of an asset in US dollars."""
        if any(self._reads[family] < _READS for family in self._marks):
            return None
        for family, form in _NAMES:
            marks, symbol = self._marks.get(family), form.format(asset)
            if marks is not None and marks.newest(symbol) is not None:
                return self.symbol(family, symbol)
        return _NOTHING

    def about(self, asset: str) -> Decimal:
        """Give an asset's last price in US dollars, however old; zero where there was none."""
        for family, form in _NAMES:
            marks = self._marks.get(family)
            mark = None if marks is None else marks.newest(form.format(asset))
            if mark is not None:
                return mark.price
        return _NOTHING.one

    def age_ms(self, family: str) -> int:
        """Give how long ago the last new prices of a market came."""
        return self._now_ms() - self._read_ms[family]

    def failing(self, family: str) -> tuple[int, str] | None:
        """Give since when and why a market's prices cannot be gone by, None when they can."""
        age_ms = self.age_ms(family)
        if age_ms <= MOST_AGE_MS + GRACE_MS:
            return None
        return self._read_ms[family] + MOST_AGE_MS, f"prices of {family} are {age_ms / 1000:.1f} s old"

    def _now_ms(self) -> int:
        return self._clock.monotonic_ns() // 1_000_000
