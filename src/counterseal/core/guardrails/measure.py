"""What everybody has at this moment: sizes of positions and what somebody is worth, at prices that are confirmed.

A bot is judged by its own sub-accounts, an account by what the exchange states of it. Of spot the positions are what
bots bought there; what else lies in the account is no position, but part of what it is worth.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple, Protocol

from counterseal.core.exposure.money import ZERO
from counterseal.core.guardrails.breach import Cut
from counterseal.core.guardrails.money import Range, exactly, profit_of, size_of, total, worth_of
from counterseal.core.ladder import Kind, Scope
from counterseal.core.market import DOLLARS
from counterseal.core.positions.books import FOREIGN, Sub
from counterseal.core.positions.lot import Lot
from counterseal.core.positions.marks import Pair
from counterseal.core.positions.orders import OpenOrders
from counterseal.core.positions.reading import Place
from counterseal.core.positions.truth import Truth

FUTURES = frozenset({"usdm", "coinm"})
# No owner has this name: under it an account's own positions are, as they were booked.
NET = "*net"
_ONE = Pair(Decimal(1), Decimal(1))


class Market(NamedTuple):
    """One market of an account, as it is known."""

    account: str
    family: str
    truth: Truth
    orders: OpenOrders


class Prices(Protocol):
    """Prices that are confirmed at this moment, None for one that is not."""

    def symbol(self, family: str, symbol: str) -> Pair | None: ...

    def asset(self, asset: str) -> Pair | None:
        """In US dollars; zero for an asset that nobody prices."""
        ...


class Position(NamedTuple):
    """One position; `size` and `profit` are None where there is no price for them."""

    market: Market
    place: Place
    lot: Lot
    size: Range | None
    profit: Range | None

    @property
    def whole(self) -> Cut:
        """The cut that would close it."""
        return Cut(self.market.account, self.market.family, self.place, self.lot.amount.copy_abs())


class Valued(NamedTuple):
    """A position as it was worked out last, and from what: it is not worked out again while these stay the same."""

    prices: tuple[Pair | None, Pair | None, Pair | None]
    position: Position


Cache = dict[tuple[str, str, Place, str], Valued]


class View:
    """All markets at one moment. `members` are the bots of each strategy; `cache` is kept from look to look."""

    def __init__(
        self, markets: Sequence[Market], prices: Prices, members: Mapping[str, Sequence[str]], cache: Cache
    ) -> None:
        self._markets, self._prices, self._members, self._cache = markets, prices, members, cache
        self._stated: dict[int, list[Position]] = {}
        self._worths: dict[Scope, Range | None] = {}
        self._equities: dict[int, Range | None] = {}

    # -- who

    def _bots(self, scope: Scope) -> Sequence[str] | None:
        """Give the bots that a scope is of; None for what is of accounts."""
        if scope.kind is Kind.BOT:
            return (scope.name,)
        return self._members.get(scope.name, ()) if scope.kind is Kind.STRATEGY else None

    def _of(self, scope: Scope) -> Iterator[Market]:
        for market in self._markets:
            if scope.kind is not Kind.ACCOUNT or market.account == scope.name:
                yield market

    # -- positions

    def positions(self, scope: Scope) -> list[Position]:
        """Give what a scope holds, everywhere."""
        bots = self._bots(scope)
        if bots is None:
            return [each for market in self._of(scope) for each in self._of_account(market)]
        return [each for market in self._markets for each in self._of_owners(market, bots) if each.lot.amount]

    def _of_account(self, market: Market) -> list[Position]:
        """Give an account's positions: of futures those that are stated, of spot those of all bots."""
        found = self._stated.get(id(market))
        if found is None:
            if market.family in FUTURES:
                found = [self._held(market, place) for place in market.truth.positions]
            else:
                owners = [owner for owner in market.truth.books.owners() if owner != FOREIGN]
                found = list(self._of_owners(market, owners))
            found = self._stated[id(market)] = [each for each in found if each.lot.amount]
        return found

    def _of_owners(self, market: Market, owners: Sequence[str]) -> Iterator[Position]:
        for owner in owners:
            for place, sub in market.truth.books.of(owner):
                yield self._valued(market, place, owner, sub.lot)

    def _held(self, market: Market, place: Place) -> Position:
        """Give an account's position as it is stated: for its size, which no price of entry is needed for."""
        rule = market.truth.books.rules.get(place.symbol)
        lot = Lot(market.truth.positions[place].amount, contract=None if rule is None else rule.contract_size)
        return self._valued(market, place, "", lot)

    def _valued(self, market: Market, place: Place, owner: str, lot: Lot) -> Position:
        rule = market.truth.books.rules.get(place.symbol)
        price = self._prices.symbol(market.family, place.symbol)
        quote = None if rule is None else self._dollars(rule.quote)
        earned = self._dollars(self._earns_in(market, place))
        key = (market.account, market.family, place, owner)
        known = self._cache.get(key)
        if known is not None and known.prices == (price, quote, earned) and known.position.lot == lot:
            return known.position
        size_ = None if price is None or quote is None else size_of(lot, price, quote)
        profit = None if price is None or earned is None else profit_of(lot, price, earned)
        position = Position(market, place, lot, size_, profit)
        self._cache[key] = Valued((price, quote, earned), position)
        return position

    def _dollars(self, asset: str) -> Pair | None:
        if asset in DOLLARS:
            return _ONE
        return self._prices.asset(asset) if asset else None

    # -- worth

    def worth(self, scope: Scope) -> Range | None:
        """Give what a scope is worth: an account all that it has, a bot what it has earned; None without a price."""
        if scope not in self._worths:
            bots = self._bots(scope)
            self._worths[scope] = self._worth(scope) if bots is None else self._earned(bots)
        return self._worths[scope]

    def _worth(self, scope: Scope) -> Range | None:
        return _sum(self._equity(market) for market in self._of(scope))

    def futures_worth(self, scope: Scope) -> Range | None:
        """Give what the futures wallets of a scope are worth."""
        return _sum(self._equity(market) for market in self._of(scope) if market.family in FUTURES)

    def _equity(self, market: Market) -> Range | None:
        """Give what a market of an account is worth as it was booked.

        A transfer is booked as one. What the exchange states may have it already, and would look like a loss.
        """
        if id(market) not in self._equities:
            books = market.truth.books
            balances = [(asset, books.balance(asset)) for asset in books.assets]
            parts = [self._amount(asset, balance) for asset, balance in balances if balance]
            parts.extend(self._valued(market, place, NET, lot).profit for place, lot in books.net.items() if lot.amount)
            self._equities[id(market)] = _sum(parts)
        return self._equities[id(market)]

    def _earned(self, bots: Sequence[str]) -> Range | None:
        return _sum(self._made(market, place, bot, sub) for market in self._markets for bot in bots
                    for place, sub in market.truth.books.of(bot))  # fmt: skip

    def _made(self, market: Market, place: Place, bot: str, sub: Sub) -> Range | None:
        """Give what a bot has made at a place: realised and not, after fees and funding."""
        moved = [(self._earns_in(market, place), sub.realized), *sub.funding.items()]
        moved.extend((paid, amount.copy_negate()) for paid, amount in sub.fees.items())
        parts = [self._amount(name, amount) for name, amount in moved if amount]
        if sub.lot.amount:
            parts.append(self._valued(market, place, bot, sub.lot).profit)
        return _sum(parts)

    def _earns_in(self, market: Market, place: Place) -> str:
        books = market.truth.books
        if market.family in FUTURES:
            return books.margin_asset(place.symbol)
        rule = books.rules.get(place.symbol)
        return "" if rule is None else rule.quote

    def _amount(self, asset: str, amount: Decimal) -> Range | None:
        if asset in DOLLARS:
            return exactly(amount)
        price = self._prices.asset(asset)
        return None if price is None else worth_of(amount, price)

    # -- orders

    def open_orders(self, scope: Scope) -> int:
        """Count the open orders of a scope."""
        bots = self._bots(scope)
        return sum(market.orders.count(bots) for market in self._of(scope))


def _sum(parts: Iterable[Range | None]) -> Range | None:
    found = list(parts)
    known = [part for part in found if part is not None]
    return total(known) if len(known) == len(found) else None


def size(positions: Iterable[Position]) -> Range | None:
    """Give the size of positions together; None where one has no price."""
    return _sum(position.size for position in positions)


def times(size_: Range, worth: Range) -> Decimal:
    """Give how often a size is at least what backs it; a thousand times where nothing does."""
    most = Decimal(1000)
    return min(most, size_.low / worth.high) if worth.high > ZERO else (most if size_.low else ZERO)
