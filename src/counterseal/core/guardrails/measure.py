"""What everybody has at this moment: sizes of positions and what somebody is worth, at prices that are confirmed.

A bot is judged by its own sub-accounts, an account by what the exchange states of it. Of spot the positions are what
bots bought there; what else lies in the account is no position, but part of what it is worth.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from counterseal.core.guardrails.money import NOTHING, Range, exactly, profit_of, size_of, worth_of
from counterseal.core.guardrails.portions import (
    FUTURES,
    NET,
    STATED,
    Market,
    Portion,
    Position,
    earns_in,
    lots_of,
    sum_of,
)
from counterseal.core.guardrails.pricing import Key, Name, Prices, Pricing, Terms
from counterseal.core.ladder import FLEET, Kind, Scope
from counterseal.core.market import DOLLARS
from counterseal.core.positions.lot import Lot
from counterseal.core.positions.reading import Place


class Touch(NamedTuple):
    """Whom and which symbols something that has changed is of: what is of nobody else is as it was."""

    scopes: frozenset[Scope]
    symbols: frozenset[str]


class View:
    """All markets. `members` are the bots of each strategy.

    It may be kept from look to look: `touch` tells it what has changed, and nothing else is looked at again.
    """

    def __init__(self, markets: Sequence[Market], prices: Prices, members: Mapping[str, Sequence[str]]) -> None:
        self._markets = {(market.account, market.family): market for market in markets}
        self._pricing, self._members = Pricing(prices), members
        self._portions: dict[Key, dict[str, Portion]] = {}
        self._terms: dict[tuple[Key, str], Terms] = {}
        self._counts: dict[Key, Counter[str | None]] = {}
        self._of_account: dict[str, list[Key]] = {}
        for key in self._markets:
            self._of_account.setdefault(key[0], []).append(key)
        # Who was ever seen in a market, and where somebody was: who has just lost the last of it is concerned, too.
        self._seen: dict[Key, set[str]] = {}
        self._where: dict[str, dict[Key, None]] = {}

    # -- what changes

    def touch(self, markets: Iterable[Key], names: Iterable[Name]) -> Touch:
        """Look again at these markets, and at whatever needs these prices."""
        return self._touch({key for key in markets if key in self._markets}, self._pricing.changed(names))

    def touch_all(self) -> Touch:
        """Look again at everything."""
        return self._touch(self._markets.keys(), self._pricing.all_changed())

    def _touch(self, markets: Collection[Key], moved: Mapping[Key, set[str]]) -> Touch:
        symbols: set[str] = set()
        for key, needing in moved.items():
            symbols |= needing
            self._revalue(key, needing)
        for key in markets:
            symbols |= self._renew(key)
        return Touch(self._concerned({*markets, *moved}), frozenset(symbols))

    def _renew(self, key: Key) -> set[str]:
        """Look at all that is held in a market again; gives the symbols of which somebody has more or less now."""
        # Before, too: whose last order has just gone is known by what was counted.
        before = set(self._meet(key))
        self._counts.pop(key, None)
        portions = self._portions.get(key, {})
        symbols = {symbol for who, portion in portions.items() for symbol in self._fill(portion, key, who)}
        for owner in self._meet(key) - before:
            symbols.update(self._portion(key, owner).by_symbol)
        return symbols

    def _revalue(self, key: Key, symbols: Collection[str]) -> None:
        """Value the positions of some symbols in a market again, and what lies there for ""."""
        for who, portion in self._portions.get(key, {}).items():
            for (place, owner), position in portion.positions.items():
                if place.symbol in symbols:
                    portion.put(place, owner, self._valued(key, place, owner, position.lot))
            if "" in symbols:
                portion.still = self._still(key, who)
            portion.add_up()

    def _concerned(self, keys: Collection[Key]) -> frozenset[Scope]:
        bots = {bot for key in keys for bot in self._here(key)}
        found = {Scope(Kind.ACCOUNT, key[0]) for key in keys} | {Scope(Kind.BOT, bot) for bot in bots}
        found.update(Scope(Kind.STRATEGY, name) for name, members in self._members.items() if bots & set(members))
        return frozenset(found | {FLEET} if keys else found)

    # -- who

    def _meet(self, key: Key) -> set[str]:
        market, seen = self._markets[key], self._seen.setdefault(key, set())
        found = {owner for owner in self._counted(key) if owner is not None}.union(*market.truth.books.places.values())
        for owner in found - seen:
            self._where.setdefault(owner, {})[key] = None
        seen |= found
        return seen

    def _here(self, key: Key) -> set[str]:
        found = self._seen.get(key)
        return self._meet(key) if found is None else found

    def _places(self, owner: str) -> Iterable[Key]:
        """Give the markets where somebody has been seen."""
        if len(self._seen) < len(self._markets):
            for key in self._markets:
                self._here(key)
        return self._where.get(owner, ())

    def _owners(self, scope: Scope) -> Sequence[str]:
        """Give under whose names a scope's positions are; of an account they are as the exchange states them."""
        if scope.kind is Kind.BOT:
            return (scope.name,)
        return self._members.get(scope.name, ()) if scope.kind is Kind.STRATEGY else (STATED,)

    def _of(self, scope: Scope) -> Iterable[Key]:
        return self._of_account.get(scope.name, ()) if scope.kind is Kind.ACCOUNT else self._markets

    def _portions_of(self, scope: Scope, families: frozenset[str] | None = None) -> list[Portion]:
        owners = self._owners(scope)
        if STATED in owners:
            keys = [(key, STATED) for key in self._of(scope)]
        else:
            keys = [(key, owner) for owner in owners for key in self._places(owner)]
        return [self._portion(*each) for each in keys if families is None or each[0][1] in families]

    # -- positions

    def positions(self, scope: Scope) -> list[Position]:
        """Give what a scope holds, everywhere."""
        return [each for portion in self._portions_of(scope) for each in portion.positions.values()]

    def size(self, scope: Scope) -> Range | None:
        """Give the size of all that a scope holds; None where a price is missing."""
        return sum_of([portion.size for portion in self._portions_of(scope)])

    def futures_size(self, scope: Scope) -> Range | None:
        """Give the size of what a scope holds of futures."""
        return sum_of([portion.size for portion in self._portions_of(scope, FUTURES)])

    def symbols(self, scope: Scope) -> set[str]:
        """Give the symbols that a scope holds something of."""
        return {symbol for portion in self._portions_of(scope) for symbol in portion.by_symbol}

    def symbol_sizes(self, scope: Scope, symbols: Iterable[str]) -> dict[str, Range | None]:
        """Give the sizes of what a scope holds of some symbols."""
        portions = self._portions_of(scope)
        if len(portions) == 1:
            return {symbol: portions[0].by_symbol.get(symbol, NOTHING) for symbol in symbols}
        return {symbol: sum_of([each.by_symbol.get(symbol, NOTHING) for each in portions]) for symbol in symbols}

    def _portion(self, key: Key, who: str) -> Portion:
        owners = self._portions.get(key)
        if owners is None:
            owners = self._portions[key] = {}
        found = owners.get(who)
        if found is None:
            found = owners[who] = Portion(who)
            self._fill(found, key, who)
        return found

    def _fill(self, portion: Portion, key: Key, who: str) -> list[str]:
        """Take up what an owner holds now; what is as it was is not valued again. Gives the symbols that are new."""
        held = {(place, owner): lot for place, owner, lot in lots_of(self._markets[key], who) if lot.amount}
        for name, lot in held.items():
            known = portion.positions.get(name)
            if known is None or known.lot != lot:
                portion.put(*name, self._valued(key, *name, lot))
        portion.keep(held)
        portion.still = self._still(key, who)
        return portion.add_up()

    def _valued(self, key: Key, place: Place, owner: str, lot: Lot) -> Position:
        terms, pairs = self._terms.get((key, place.symbol)), self._pricing.pairs
        if terms is None:
            terms = self._terms[key, place.symbol] = self._terms_of(key, place)
        price, quote, earned = pairs[terms.price], pairs[terms.quote], pairs[terms.earned]
        size_: Range | None = NOTHING
        profit: Range | None = NOTHING
        if owner != NET:
            size_ = None if price is None or quote is None else size_of(lot, price, quote)
        if owner != STATED:
            profit = None if price is None or earned is None else profit_of(lot, price, earned)
        return Position(self._markets[key], place, lot, size_, profit, owner)

    def _terms_of(self, key: Key, place: Place) -> Terms:
        market, need = self._markets[key], self._pricing.need
        rule = market.truth.books.rules.get(place.symbol)
        return Terms(
            need(key, place.symbol, (market.family, place.symbol)),
            need(key, place.symbol, ("", "" if rule is None else rule.quote)),
            need(key, place.symbol, ("", earns_in(market, place))),
        )

    # -- worth

    def worth(self, scope: Scope) -> Range | None:
        """Give what a scope is worth: an account all that it has, a bot what it has earned; None without a price."""
        if STATED in self._owners(scope):
            return sum_of([self._portion(key, NET).worth for key in self._of(scope)])
        return sum_of([portion.worth for portion in self._portions_of(scope)])

    def futures_worth(self, scope: Scope) -> Range | None:
        """Give what the futures wallets of a scope are worth."""
        return sum_of([self._portion(key, NET).worth for key in self._of(scope) if key[1] in FUTURES])

    def _still(self, key: Key, who: str) -> Range | None:
        """Give what an owner has in a market that no position's price changes.

        Of an account it is as it was booked: a transfer is booked as one, and what the exchange states may have it
        already, and would look like a loss. A bot has what it realised, after fees and funding.
        """
        if who == STATED:
            return NOTHING
        market = self._markets[key]
        books = market.truth.books
        if who == NET:
            balances = [(asset, books.balance(asset)) for asset in books.assets]
            return sum_of([self._amount(key, asset, balance) for asset, balance in balances if balance])
        parts: list[Range | None] = []
        for place, sub in books.of(who):
            moved = [(earns_in(market, place), sub.realized), *sub.funding.items()]
            moved.extend((paid, amount.copy_negate()) for paid, amount in sub.fees.items())
            parts.extend(self._amount(key, name, amount) for name, amount in moved if amount)
        return sum_of(parts)

    def _amount(self, key: Key, asset: str, amount: Decimal) -> Range | None:
        if asset in DOLLARS:
            return exactly(amount)
        price = self._pricing.pairs[self._pricing.need(key, "", ("", asset))]
        return None if price is None else worth_of(amount, price)

    # -- orders

    def open_orders(self, scope: Scope) -> int:
        """Count the open orders of a scope."""
        owners = self._owners(scope)
        counts = [self._counted(key) for key in self._of(scope)]
        if STATED in owners:
            return sum(count.total() for count in counts)
        return sum(count[owner] for count in counts for owner in owners)

    def _counted(self, key: Key) -> Counter[str | None]:
        found = self._counts.get(key)
        if found is None:
            found = self._counts[key] = Counter(one.owner for one in self._markets[key].orders.open.values())
        return found
