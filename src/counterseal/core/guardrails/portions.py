"""What one owner has in one market of an account, valued, with the sums of it."""

from collections.abc import Collection, Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple

from counterseal.core.exposure.money import ZERO, add
from counterseal.core.guardrails.breach import Cut
from counterseal.core.guardrails.money import NOTHING, Range, total
from counterseal.core.positions.books import FOREIGN
from counterseal.core.positions.lot import Lot
from counterseal.core.positions.orders import OpenOrders
from counterseal.core.positions.reading import Place
from counterseal.core.positions.truth import Truth

FUTURES = frozenset({"usdm", "coinm"})
# No owner has these names: under them an account's own positions are, as they were booked and as they are stated.
NET, STATED = "*net", ""


class Market(NamedTuple):
    """One market of an account, as it is known."""

    account: str
    family: str
    truth: Truth
    orders: OpenOrders


class Position(NamedTuple):
    """One position of an owner; `size` and `profit` are None where there is no price for them."""

    market: Market
    place: Place
    lot: Lot
    size: Range | None
    profit: Range | None
    owner: str

    @property
    def whole(self) -> Cut:
        """The cut that would close it."""
        amount = self.lot.amount
        return Cut(self.market.account, self.market.family, self.place, amount.copy_abs(), self.owner, amount)


class Portion:
    """Positions by place and owner. Sums are kept until something of them changes.

    `still` is what the owner has, or has made, besides what its positions would earn. What is stated is asked for its
    size alone, and what was booked for what it has earned.
    """

    __slots__ = ("_changed", "_who", "by_symbol", "positions", "profit", "size", "still")

    def __init__(self, who: str) -> None:
        self._who = who
        self.positions: dict[tuple[Place, str], Position] = {}
        self.by_symbol: dict[str, Range | None] = {}
        self.size: Range | None = NOTHING
        self.profit: Range | None = NOTHING
        self.still: Range | None = NOTHING
        self._changed: dict[str, None] = {}

    def put(self, place: Place, owner: str, position: Position) -> None:
        """Take a position."""
        self.positions[place, owner] = position
        self._changed[place.symbol] = None

    def keep(self, names: Collection[tuple[Place, str]]) -> None:
        """Forget all positions but these."""
        for name in [name for name in self.positions if name not in names]:
            del self.positions[name]
            self._changed[name[0].symbol] = None

    def add_up(self) -> list[str]:
        """Make the sums of what has changed anew; gives the symbols of that."""
        if not self._changed:
            return []
        if self._who != STATED:
            self.profit = sum_of([position.profit for position in self.positions.values()])
        if self._who != NET:
            self.size = size(self.positions.values())
            self._add_up_symbols()
        changed = list(self._changed)
        self._changed.clear()
        return changed

    def _add_up_symbols(self) -> None:
        sizes: dict[str, list[Range | None]] = {symbol: [] for symbol in self._changed}
        for one in self.positions.values():
            if one.place.symbol in sizes:
                sizes[one.place.symbol].append(one.size)
        for symbol, parts in sizes.items():
            if parts:
                self.by_symbol[symbol] = parts[0] if len(parts) == 1 else sum_of(parts)
            else:
                self.by_symbol.pop(symbol, None)

    @property
    def worth(self) -> Range | None:
        """All together; None where a price is missing."""
        return None if self.still is None or self.profit is None else total((self.still, self.profit))


def lots_of(market: Market, who: str) -> Iterator[tuple[Place, str, Lot]]:
    """Give an owner's lots in a market; an account's of futures as they are stated, of spot those of all bots."""
    books = market.truth.books
    if who == NET:
        yield from ((place, NET, lot) for place, lot in books.net.items())
    elif who != STATED:
        yield from ((place, who, sub.lot) for place, sub in books.of(who))
    elif market.family in FUTURES:
        for place, held in market.truth.positions.items():
            rule = books.rules.get(place.symbol)
            # For its size, which no price of entry is needed for.
            yield place, STATED, Lot(held.amount, contract=None if rule is None else rule.contract_size)
    else:
        for place, subs in books.places.items():
            yield from ((place, owner, sub.lot) for owner, sub in subs.items() if owner != FOREIGN)


def earns_in(market: Market, place: Place) -> str:
    """Give the asset that a position earns in, "" where its symbol is not known."""
    books = market.truth.books
    if market.family in FUTURES:
        return books.margin_asset(place.symbol)
    rule = books.rules.get(place.symbol)
    return "" if rule is None else rule.quote


def sum_of(parts: Iterable[Range | None]) -> Range | None:
    """Add them all; None where one is not known."""
    low = high = ZERO
    for part in parts:
        if part is None:
            return None
        low, high = add(low, part[0]), add(high, part[1])
    return Range(low, high)


def size(positions: Iterable[Position]) -> Range | None:
    """Give the size of positions together; None where one has no price."""
    return sum_of([position.size for position in positions])


def times(size_: Range, worth: Range) -> Decimal:
    """Give how often a size is at least what backs it; a thousand times where nothing does."""
    most = Decimal(1000)
    return min(most, size_.low / worth.high) if worth.high > ZERO else (most if size_.low else ZERO)
