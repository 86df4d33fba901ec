"""One symbol's book: callers' resting orders in price-time order, and house quotes around the walk."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from counterseal.paper.market import Walk
from counterseal.paper.money import ZERO, floor_to
from counterseal.paper.orders import Order

HOUSE_LEVELS = 200
Key = tuple[Decimal, int]


@dataclass(frozen=True, slots=True)
class Offer:
    """A quantity to be had at a price; `order` is None when the house offers it, `book` when it is the taker's own."""

    price: Decimal
    qty: Decimal
    order: Order | None
    book: Book | None = None


@dataclass(slots=True)
class Plan:
    """What a taker would do to the book: nothing has been changed yet.

    `prevented` are the offers that self-trade prevention took out; their makers expire, or with DECREMENT both
    sides shrink by the quantity.
    """

    fills: list[Offer] = field(default_factory=list)
    prevented: list[Offer] = field(default_factory=list)
    taker_prevented: bool = False
    qty: Decimal = ZERO
    quote: Decimal = ZERO


def crosses(side: str, limit: Decimal, price: Decimal) -> bool:
    """Whether a taker of `side` limited to `limit` accepts `price`."""
    return price <= limit if side == "BUY" else price >= limit


class Book:
    """Price-time matching.  The house refills its quotes at every step of the walk."""

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self._keys: dict[str, list[Key]] = {"BUY": [], "SELL": []}
        self._orders: dict[str, dict[Key, Order]] = {"BUY": {}, "SELL": {}}
        self._taken: dict[tuple[str, Decimal], Decimal] = {}
        self._taken_step = -1
        self._clock = 0
        self.version = 0  # counts what happened between steps, for those who number the changes

    def rest(self, order: Order) -> None:
        """Queue an order behind those of its price."""
        self._clock += 1
        self.version += 1
        order.priority = self._clock
        if order.iceberg_qty:
            order.shown = min(order.iceberg_qty, order.left)
        key = self._key(order)
        insort(self._keys[order.side], key)
        self._orders[order.side][key] = order

    def drop(self, order: Order) -> None:
        """Take an order out; unknown orders (stops not triggered) are no error."""
        key = self._key(order)
        if self._orders[order.side].pop(key, None) is not None:
            keys = self._keys[order.side]
            del keys[bisect_left(keys, key)]
            self.version += 1

    def resting(self, side: str) -> Iterator[Order]:
        """Best first; the caller may not change the book while it looks."""
        orders = self._orders[side]
        return (orders[key] for key in self._keys[side])

    def is_empty(self) -> bool:
        """Whether no caller's order rests here."""
        return not self._keys["BUY"] and not self._keys["SELL"]

    @staticmethod
    def _key(order: Order) -> Key:
        return (-order.price if order.side == "BUY" else order.price), order.priority

    def best(self, side: str, step: int) -> Decimal:
        """The best house price a taker of `side` would meet."""
        return self._house_price(side, 0, step)

    def _house_price(self, taker_side: str, level: int, step: int) -> Decimal:
        middle = self.walk.ticks_at(step)
        away = 1 + level * max(1, middle // 200_000)
        ticks = middle + away if taker_side == "BUY" else max(1, middle - away)
        return ticks * self.walk.symbol.tick

    def house(self, taker_side: str, step: int) -> Iterator[Offer]:
        """What the house still has on the side that `taker_side` takes from."""
        if step != self._taken_step:
            self._taken.clear()
            self._taken_step = step
        salt = 0 if taker_side == "BUY" else 1000
        for level in range(HOUSE_LEVELS):
            price = self._house_price(taker_side, level, step)
            qty = self.walk.quantity_at(step, salt + level) - self._taken.get((taker_side, price), ZERO)
            if qty > 0:
                yield Offer(price, qty, None)

    def offers(self, taker_side: str, step: int, *, is_hidden_shown: bool = True) -> Iterator[Offer]:
        """All offers best first; at the same price a resting order goes before the house."""
        house = self.house(taker_side, step)
        quote = next(house, None)
        for offer in self._standing("SELL" if taker_side == "BUY" else "BUY", is_hidden_shown):
            while quote is not None and _is_better(taker_side, quote.price, offer.price):
                yield quote
                quote = next(house, None)
            yield offer
        while quote is not None:
            yield quote
            quote = next(house, None)

    def _standing(self, side: str, is_hidden_shown: bool) -> Iterator[Offer]:
        """Callers' orders in price-time order; an iceberg shows a part, and queues again with the next one."""
        waiting: deque[tuple[Order, Decimal]] = deque()
        for order in self.resting(side):
            if waiting and waiting[0][0].price != order.price:
                yield from _later_parts(waiting)
            if not order.iceberg_qty:
                yield Offer(order.price, order.left, order)
                continue
            part = min(order.shown, order.left)
            yield Offer(order.price, part, order)
            if is_hidden_shown and order.left > part:
                waiting.append((order, order.left - part))
        yield from _later_parts(waiting)

    def plan(
        self, taker: Order, step: int, limit: Decimal | None, want: Decimal | None = None,
        offers: Iterator[Offer] | None = None,
    ) -> Plan:  # fmt: skip
        """Sweep for `want` (default: what the order lacks; or its quote amount when it has no quantity).

        `offers` are this book's unless an order is routed over several books.
        """
        plan = Plan()
        left = taker.left if want is None else want
        budget = taker.quote_qty if not taker.qty else None
        for offer in offers if offers is not None else self.offers(taker.side, step):
            if limit is not None and not crosses(taker.side, limit, offer.price):
                break
            room = left if budget is None else floor_to((budget - plan.quote) / offer.price, self.walk.symbol.step)
            qty = min(room, offer.qty)
            if qty <= 0:
                break
            if offer.order is not None and prevents(taker, offer.order):
                plan.prevented.append(Offer(offer.price, qty, offer.order))
                plan.taker_prevented = taker.stp in ("EXPIRE_TAKER", "EXPIRE_BOTH")
                if plan.taker_prevented:
                    break
                if taker.stp == "DECREMENT":
                    left -= qty
                continue
            plan.fills.append(Offer(offer.price, qty, offer.order, offer.book))
            plan.qty += qty
            plan.quote += qty * offer.price
            left -= qty
        return plan

    def take(self, taker_side: str, fill: Offer) -> None:
        """Remember that a house quote was consumed, until the next step."""
        if fill.order is None:
            self.version += 1
            key = (taker_side, fill.price)
            self._taken[key] = self._taken.get(key, ZERO) + fill.qty

    def depth(self, taker_side: str, step: int, limit: int) -> list[tuple[Decimal, Decimal]]:
        """Aggregated (price, quantity) levels, best first."""
        levels: list[tuple[Decimal, Decimal]] = []
        for offer in self.offers(taker_side, step, is_hidden_shown=False):
            if levels and levels[-1][0] == offer.price:
                levels[-1] = (offer.price, levels[-1][1] + offer.qty)
            elif len(levels) == limit:
                break
            else:
                levels.append((offer.price, offer.qty))
        return levels


def prevents(taker: Order, maker: Order) -> bool:
    """Whether self-trade prevention keeps two orders apart: the taker's mode decides."""
    return maker.account == taker.account and taker.stp != "NONE"


def expires_maker(taker: Order) -> bool:
    return taker.stp in ("EXPIRE_MAKER", "EXPIRE_BOTH")


def _later_parts(waiting: deque[tuple[Order, Decimal]]) -> Iterator[Offer]:
    """The hidden parts of icebergs at one price, in turn."""
    while waiting:
        order, hidden = waiting.popleft()
        part = min(order.iceberg_qty, hidden)
        yield Offer(order.price, part, order)
        if hidden > part:
            waiting.append((order, hidden - part))


def _is_better(taker_side: str, price: Decimal, than: Decimal) -> bool:
    return price < than if taker_side == "BUY" else price > than
