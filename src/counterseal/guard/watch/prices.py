"""The prices of all markets, as confirmed as they are at a moment."""

from collections.abc import Mapping
from decimal import Decimal

from counterseal.core.positions.marks import MOST_AGE_MS, Mark, Marks, Pair
from counterseal.core.positions.statements import Statement
from counterseal.guard.watch.followed import GRACE_MS
from counterseal.ports.clock import Clock

# Under which names an asset has a price in dollars, the best first.
_NAMES = (("usdm", "{}USDT"), ("spot", "{}USDT"), ("usdm", "{}USDC"), ("spot", "{}USDC"), ("spot", "{}FDUSD"),
          ("coinm", "{}USD_PERP"))  # fmt: skip
_NOTHING = Pair(Decimal(0), Decimal(0))
# Only after so many reads of all prices it is known what has none.
_READS = 1


class MarketPrices:
    """A `Prices`. What no market lists is worth nothing; what is listed and not confirmed now has no price."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._marks: dict[str, Marks] = {}
        self._reads: dict[str, int] = {}
        self._read_ms: dict[str, int] = {}
        self._all_ms: dict[str, int] = {}
        self._asked: dict[str, set[str]] = {}

    def follow(self, families: set[str]) -> None:
        """Say whose prices are to be read."""
        for family in families - self._marks.keys():
            self._marks[family] = Marks()
            self._reads[family], self._read_ms[family] = 0, self._now_ms()
            self._asked[family] = set()
        for family in self._marks.keys() - families:
            del self._marks[family]

    def take(self, family: str, found: Mapping[str, Mark], *, is_all: bool = True) -> bool:
        """Take the answer with all prices, or with one; False when it says nothing new of any symbol."""
        marks = self._marks.get(family)
        if marks is None:
            return False
        new = [symbol for symbol, mark in found.items() if marks.take(symbol, mark)]
        if new:
            self._read_ms[family] = max(self._read_ms[family], *[found[symbol].seen_ms for symbol in new])
        if new and is_all:
            self._reads[family] += 1
            self._all_ms[family] = self._now_ms()
        return bool(new)

    def wanted(self, family: str) -> set[str]:
        """Give the symbols whose prices were asked for since this was asked last: something rests on them."""
        asked, self._asked[family] = self._asked[family], set()
        return asked

    def all_age_ms(self, family: str) -> int:
        """Give how long ago all prices were read."""
        return self._now_ms() - self._all_ms.get(family, -(1 << 40))

    def tick(self, family: str, symbol: str, mark: Mark) -> bool:
        """Take one price."""
        marks = self._marks.get(family)
        return marks is not None and marks.take(symbol, mark)

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
        self._asked[family].add(symbol)
        return marks.pair(symbol, self._now_ms())

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
