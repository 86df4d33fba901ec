"""The book of exposures: for each bot at each place what it holds and what its open orders can add, in US dollars.

A place is a symbol of a product of an account (in hedge mode each side of it). There a bot's long side is what it holds
and all that it may still buy, its short side what it owes and all that it may still sell; on spot a sale of what it
holds owes nothing. Its exposure is the larger side, positions at the last price, orders at the worse of that and their
own. A bot's exposure is the sum of its places. A place counts for its account and symbol with the sum of all bots, or
with the position that the exchange states, what has been filled since and all open orders, where that is more.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal

from counterseal.core.exact import product
from counterseal.core.exposure.money import ZERO, Rate, add, subtract
from counterseal.core.exposure.order import Order, Where

RateOf = Callable[[str, str], Rate | None]


class Scope:
    """The sum of a bot, an account or a symbol. `families` counts its places by product, `unpriced` those without a
    price.
    """

    __slots__ = ("families", "total", "unpriced")

    def __init__(self) -> None:
        self.total = ZERO
        self.unpriced = 0
        self.families: dict[str, int] = {}

    def count(self, family: str, by: int) -> None:
        """Count a place of a product in or out."""
        self.families[family] = self.families.get(family, 0) + by
        if not self.families[family]:
            del self.families[family]


class Cell:
    """One bot at one place. `buys` and `sells` are dollars of its open orders, `value` the larger side."""

    __slots__ = ("bot", "buys", "covers", "orders", "position", "scope", "sells", "value")

    def __init__(self, bot: str, scope: Scope, *, covers: bool) -> None:
        self.bot = bot
        self.scope = scope
        self.covers = covers
        self.position = ZERO
        self.orders: dict[Order, None] = {}
        self.buys = ZERO
        self.sells = ZERO
        self.value = ZERO

    def count(self, order: Order, rate: Rate | None) -> None:
        """Count an order anew that is in `orders` or has just left it."""
        old, new = order.value, ZERO
        if order.counts and order in self.orders and rate is not None:
            new = order.worth(rate, order.open)
        if order.side == "BUY":
            order.value = new
            self.buys = add(subtract(self.buys, old), new)
        elif self.covers and self.position > ZERO:
            self.count_sells(rate)
        else:
            order.value = new
            self.sells = add(subtract(self.sells, old), new)

    def count_sells(self, rate: Rate | None) -> None:
        """Count all sales anew: those that come first sell what is held."""
        held = self.position if self.covers and self.position > ZERO else ZERO
        self.sells = ZERO
        for order in self.orders:
            if order.side == "BUY" or not order.counts or rate is None:
                continue
            owed = subtract(order.open, held)
            if owed < ZERO:
                held, owed = -owed, ZERO
            else:
                held = ZERO
            order.value = order.worth(rate, owed)
            self.sells = add(self.sells, order.value)

    def count_all(self, rate: Rate | None) -> None:
        """Count everything anew at another rate."""
        self.buys = ZERO
        for order in self.orders:
            if order.side == "BUY" and order.counts and rate is not None:
                order.value = order.worth(rate, order.open)
                self.buys = add(self.buys, order.value)
        self.count_sells(rate)

    def sides(self) -> tuple[Decimal, Decimal]:
        """Give quantities bought or to be bought, owed or to be sold; for when there is no price."""
        sums = {"BUY": max(ZERO, self.position), "SELL": max(ZERO, -self.position)}
        held = self.position if self.covers and self.position > ZERO else ZERO
        for order in self.orders:
            if order.counts:
                size = order.open if order.quote is None else add(order.open, order.quote)
                sums[order.side] = add(sums[order.side], size)
        return sums["BUY"], max(ZERO, subtract(sums["SELL"], held))


class Place:
    """One symbol of an account. `stated` is the position that the exchange told last, None where it told none, and
    `base` what all bots held when it was asked.
    """

    __slots__ = ("account", "base", "cells", "priced", "rate", "stated", "symbol", "unit", "value", "where")

    def __init__(self, where: Where, account: Scope, symbol: Scope) -> None:
        self.where = where
        self.account = account
        self.symbol = symbol
        self.cells: dict[str, Cell] = {}
        self.rate: Rate | None = None
        self.priced = False
        self.unit = ZERO
        self.stated: Decimal | None = None
        self.base = ZERO
        self.value = ZERO

    def held(self) -> Decimal:
        """Give what all bots hold together."""
        held = ZERO
        for cell in self.cells.values():
            held = add(held, cell.position)
        return held

    def since(self) -> Decimal:
        """Give what was filled since the position was stated."""
        return subtract(self.held(), self.base)

    def worth(self) -> Decimal:
        """Give what the place counts for its account.

        What was filled since the position was stated makes a side larger and never smaller: it may be in it already.
        """
        total, buys, sells = ZERO, ZERO, ZERO
        for cell in self.cells.values():
            total, buys, sells = add(total, cell.value), add(buys, cell.buys), add(sells, cell.sells)
        if self.stated is None:
            return total
        moved = add(self.stated, self.since())
        sides = [larger(position, self.unit, buys, sells) for position in (self.stated, moved)]
        return max(total, *sides)

    def is_empty(self) -> bool:
        """Tell whether nobody has anything here, the account as a whole included."""
        return not (self.cells or self.stated or self.base)


def larger(position: Decimal, unit: Decimal, buys: Decimal, sells: Decimal) -> Decimal:
    """Give the larger side of a position and open orders, in dollars."""
    if position > ZERO:
        buys = add(buys, product(position, unit))
    elif position < ZERO:
        sells = add(sells, product(-position, unit))
    return buys if buys >= sells else sells


class Book:
    """All places, and the sums of bots, accounts and symbols. `rate_of` tells a symbol's rate at this moment."""

    def __init__(self, rate_of: RateOf) -> None:
        self._rate_of = rate_of
        self.places: dict[Where, Place] = {}
        self.bots: dict[str, Scope] = {}
        self.accounts: dict[str, Scope] = {}
        self.symbols: dict[tuple[str, str], Scope] = {}

    # -- what happens

    def add(self, order: Order) -> None:
        """Count an order in."""
        place = self._place(order.where)
        cell = self._cell(place, order.bot)
        cell.orders[order] = None
        cell.count(order, place.rate)
        self._changed(place, cell)

    def remove(self, order: Order) -> None:
        """Count an order out; what was filled stays."""
        place = self.places[order.where]
        cell = place.cells[order.bot]
        del cell.orders[order]
        cell.count(order, place.rate)
        self._changed(place, cell)
        self._forget(place, cell)

    def recount(self, order: Order) -> None:
        """Count an order anew whose size or price is another one."""
        order.resize()
        place = self.places[order.where]
        cell = place.cells[order.bot]
        cell.count(order, place.rate)
        self._changed(place, cell)

    def filled(self, order: Order, quantity: Decimal) -> None:
        """Take a fill of an order into the bot's position; the order's own `filled` has it already."""
        order.resize()
        self.move(order.where, order.bot, quantity if order.side == "BUY" else -quantity, order)

    def move(self, where: Where, bot: str, by: Decimal, order: Order | None = None) -> None:
        """Change what a bot holds at a place."""
        place = self._place(where)
        cell = self._cell(place, bot)
        cell.position = add(cell.position, by)
        if order is not None:
            cell.count(order, place.rate)
        if cell.covers:
            cell.count_sells(place.rate)
        self._changed(place, cell)
        self._forget(place, cell)

    def state(self, where: Where, position: Decimal, since: Decimal = ZERO) -> None:
        """Take over the position that the exchange states for all bots; `since` was filled after it was asked."""
        if not position and where not in self.places:
            return
        place = self._place(where)
        place.stated, place.base = position, subtract(place.held(), since)
        self._sum(place)
        if place.is_empty():
            self._close(place)

    def reprice(self, family: str) -> None:
        """Count every place of a product at the prices of this moment."""
        for place in [place for place in self.places.values() if place.where.family == family]:
            self._price(place)
            for cell in place.cells.values():
                cell.count_all(place.rate)
                self._changed(place, cell)
            self._sum(place)

    # -- places

    def cell(self, where: Where, bot: str) -> Cell | None:
        """Give what a bot has at a place, None when it has nothing there."""
        place = self.places.get(where)
        return None if place is None else place.cells.get(bot)

    def symbol(self, account: str, symbol: str) -> Scope:
        """Give the sum of one symbol of an account."""
        return self.symbols.setdefault((account, symbol), Scope())

    def account(self, account: str) -> Scope:
        """Give the sum of an account."""
        return self.accounts.setdefault(account, Scope())

    def bot(self, bot: str) -> Scope:
        """Give the sum of a bot."""
        return self.bots.setdefault(bot, Scope())

    def orders(self) -> Iterable[Order]:
        """Give every order that may still trade."""
        return [order for place in self.places.values() for cell in place.cells.values() for order in cell.orders]

    def _place(self, where: Where) -> Place:
        place = self.places.get(where)
        if place is None:
            account, symbol = self.account(where.account), self.symbol(where.account, where.symbol)
            place = self.places[where] = Place(where, account, symbol)
            for scope in (account, symbol):
                scope.count(where.family, 1)
                scope.unpriced += 1
            self._price(place)
        return place

    def _cell(self, place: Place, bot: str) -> Cell:
        cell = place.cells.get(bot)
        if cell is None:
            scope = self.bot(bot)
            cell = place.cells[bot] = Cell(bot, scope, covers=place.where.family == "spot")
            scope.count(place.where.family, 1)
            scope.unpriced += not place.priced
        return cell

    def _price(self, place: Place) -> None:
        """Look for a place's rate. One that has none any more keeps what it was counted at."""
        rate = self._rate_of(place.where.family, place.where.symbol)
        if rate is not None:
            place.rate, place.unit = rate, rate.unit(None)
        if place.priced is (rate is not None):
            return
        place.priced = rate is not None
        by = -1 if place.priced else 1
        for scope in (place.account, place.symbol, *[cell.scope for cell in place.cells.values()]):
            scope.unpriced += by

    def _changed(self, place: Place, cell: Cell) -> None:
        value = larger(cell.position, place.unit, cell.buys, cell.sells)
        change = subtract(value, cell.value)
        cell.value = value
        cell.scope.total = add(cell.scope.total, change)
        if place.stated is not None:
            self._sum(place)
        elif change:
            # Without a stated position a place is the sum of its cells.
            self._add(place, change)

    def _sum(self, place: Place) -> None:
        self._add(place, subtract(place.worth(), place.value))

    def _add(self, place: Place, change: Decimal) -> None:
        place.value = add(place.value, change)
        place.account.total = add(place.account.total, change)
        place.symbol.total = add(place.symbol.total, change)

    def _forget(self, place: Place, cell: Cell) -> None:
        """Close what is empty, so that a price nobody needs any more stops nobody."""
        if cell.orders or cell.position:
            return
        del place.cells[cell.bot]
        cell.scope.count(place.where.family, -1)
        cell.scope.unpriced -= not place.priced
        if place.is_empty():
            self._close(place)

    def _close(self, place: Place) -> None:
        del self.places[place.where]
        for scope in (place.account, place.symbol):
            scope.count(place.where.family, -1)
            scope.unpriced -= not place.priced
