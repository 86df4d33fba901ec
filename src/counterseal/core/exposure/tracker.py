"""Requests against the book: reserved before they leave, released or moved as their outcomes become known."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from counterseal.core.exposure.book import Book, RateOf, Scope
from counterseal.core.exposure.claims import Change
from counterseal.core.exposure.money import ZERO, subtract
from counterseal.core.exposure.order import Order, Where
from counterseal.core.exposure.rows import Row, Shown, orders_in, shown
from counterseal.core.legs import BATCHES, TESTS
from counterseal.core.outcome import Outcome, leg_outcome

Part = tuple[Order, bool]


class Limit(NamedTuple):
    """One limit in US dollars over one sum, with the reason that is given when it is reached."""

    scope: Scope
    dollars: Decimal
    reason: str


class Owner(NamedTuple):
    """Whose request it is: the bot, the account and the key (ours, by its name) that will sign it."""

    bot: str
    account: str
    key: str


class Reservation(NamedTuple):
    """What one request has reserved: each of its orders, or the one that it alters (then the second is True).

    `over` is the reason of a limit that it exceeds, empty when it exceeds none.
    """

    parts: tuple[Part, ...]
    over: str


class Tracker:
    """The book with its orders' names. `now_ms` everywhere is monotonic."""

    def __init__(self, rate_of: RateOf) -> None:
        self.book = Book(rate_of)
        self._named: dict[tuple[str, str, str], tuple[Order, str]] = {}
        self._numbered: dict[tuple[str, str, str, str], tuple[Order, str]] = {}
        self._requests: dict[str, tuple[str, tuple[Part, ...]]] = {}

    # -- before the send

    def reserve(
        self,
        request: str,
        owner: Owner,
        family: str,
        changes: Iterable[Change],
        limits: Sequence[Limit],
        stale: frozenset[str] = frozenset(),
    ) -> Reservation:
        """Count a request in, and judge it. Whoever gets `over` and will not send it has to `release` it.

        `stale` are the products whose prices are too old. What makes no sum larger exceeds nothing.
        """
        before = [limit.scope.total for limit in limits]
        parts = tuple([self._take(request, owner, family, change) for change in changes])
        for limit, was in zip(limits, before, strict=True):
            scope = limit.scope
            if scope.total > limit.dollars and scope.total > was:
                return Reservation(parts, limit.reason)
            if (scope.unpriced or (stale and not stale.isdisjoint(scope.families))) and self._grows(parts):
                return Reservation(parts, "exposure_unpriced")
        return Reservation(parts, "")

    def begin(self, request: str, path: str, parts: tuple[Part, ...]) -> None:
        """The request is about to be sent."""
        self._requests[request] = (path, parts)

    def release(self, request: str, parts: Iterable[Part]) -> None:
        """The request brought nothing about."""
        for order, is_altered in parts:
            if is_altered:
                self._unalter(order, request)
            elif not order.shown:
                self.forget(order)

    def _take(self, request: str, owner: Owner, family: str, change: Change) -> Part:
        claim = change.claim
        where = Where(owner.account, family, claim.symbol, claim.position_side)
        known = None if change.target is None else self._target(where, change.target)
        if known is not None:
            known.altered[request] = (claim.quantity, claim.price)
            self.book.recount(known)
            return known, True
        order = Order(request, owner.bot, owner.key, where, claim)
        self.restore(order)
        if change.target is not None and change.target[1]:
            self._number(order, change.target[1], claim.names[0])
        return order, False

    def restore(self, order: Order) -> None:
        """Count in an order with all that is known of it."""
        for name in order.names:
            if name and (order.where.account, order.where.family, name) not in self._named:
                self._named[order.where.account, order.where.family, name] = (order, name)
        for number, name in order.numbers.items():
            self._numbered[(*order.where[:3], number)] = (order, name)
        self.book.add(order)

    def _target(self, where: Where, target: tuple[str, str]) -> Order | None:
        name, number = target
        found = self._numbered.get((*where[:3], number)) if number else self._named.get((*where[:2], name))
        # A modification need not state the side of a hedged position.
        return None if found is None or found[0].where.symbol != where.symbol else found[0]

    def _grows(self, parts: Iterable[Part]) -> bool:
        """Tell whether a request makes a side larger than both were; when there is no price for it."""
        cells = {cell: None for order, _ in parts if (cell := self.book.cell(order.where, order.bot)) is not None}
        mine = {order for order, _ in parts if order.counts}
        for cell in cells:
            buys, sells = cell.sides()
            for order in mine.intersection(cell.orders):
                size = order.open if order.quote is None else order.open + order.quote
                buys, sells = (subtract(buys, size), sells) if order.side == "BUY" else (buys, subtract(sells, size))
            if max(cell.sides()) > max(buys, sells):
                return True
        return False

    # -- afterwards

    def settle(self, request: str, outcome: Outcome, body: Any, now_ms: int) -> None:
        """Take over what became of a request. UNKNOWN keeps all reserved, but for a test, which leaves nothing."""
        path, parts = self._requests.get(request, ("", ()))
        if outcome is Outcome.UNKNOWN and path not in TESTS:
            return
        self._requests.pop(request, None)
        if outcome is not Outcome.ACCEPTED or path in TESTS:
            self.release(request, parts)
        elif path in BATCHES and isinstance(body, list):
            self._settle_legs(request, parts, body, now_ms)
        else:
            for part in parts:
                self._accepted(request, part, body, now_ms)

    def _settle_legs(self, request: str, parts: tuple[Part, ...], body: Sequence[Any], now_ms: int) -> None:
        for part, leg in zip(parts, body, strict=False):
            if leg_outcome(part[0].where.family, leg) is Outcome.REJECTED:
                self.release(request, (part,))
            else:
                self._accepted(request, part, leg, now_ms)

    def _accepted(self, request: str, part: Part, body: Any, now_ms: int) -> None:
        order, is_altered = part
        if not is_altered and _has_failed(body):
            self.release(request, (part,))
            return
        if is_altered and order in self._live(order):
            order.take(request)
            self.book.recount(order)
        order.since_ms = max(order.since_ms, now_ms)
        order.shown = True

    def learn(self, account: str, family: str, body: Any) -> list[Row]:
        """Take over what a read tells of orders in the book, and give the rows that told something new."""
        return [kept(seen) for seen in self.see(account, family, body, is_read=True)]

    def see(self, account: str, family: str, body: Any, *, is_read: bool = False) -> list[Shown]:
        """Take over what any answer tells of orders in the book, and give what was new."""
        told = []
        for row in orders_in(body):
            seen = shown(row)
            if seen is not None and self._see(account, family, seen, is_read=is_read):
                told.append(seen)
        return told

    def _see(self, account: str, family: str, seen: Shown, *, is_read: bool) -> bool:
        found = self._find(account, family, seen)
        if found is None:
            return False
        order, name = found
        if is_read and seen.ended and not order.shown and order.request in self._requests:
            # That may be an older order of this name: its own answer tells, or the resolver.
            return False
        is_known = seen.number in order.numbers and seen.names == (name,) and not seen.became
        is_new = not is_known and self._rename(order, name, seen)
        more = subtract(seen.filled, order.filled.get(name, ZERO))
        if more > ZERO:
            order.filled[name] = seen.filled
            self.book.filled(order, more)
        if seen.ended:
            order.live.discard(name)
            if not order.live:
                self.forget(order)
        order.shown = True
        return is_new or more > ZERO or seen.ended

    def _find(self, account: str, family: str, seen: Shown) -> tuple[Order, str] | None:
        for name in seen.names:
            found = self._named.get((account, family, name))
            if found is not None and found[0].where.symbol == seen.symbol and not _is_another(*found, seen.number):
                return found
        for number in (seen.number, seen.became):
            found = self._numbered.get((account, family, seen.symbol, number)) if number else None
            if found is not None:
                return found
        return None

    def _rename(self, order: Order, name: str, seen: Shown) -> bool:
        """Keep every number and name by which it may be seen; whether one is new."""
        is_new = False
        for number in (seen.number, seen.became):
            if number and number not in order.numbers:
                self._number(order, number, name)
                is_new = True
        for other in seen.names:
            key = (order.where.account, order.where.family, other)
            if key not in self._named and not seen.ended:
                self._named[key] = (order, name)
                order.names = (*order.names, other)
                is_new = True
        return is_new

    def _number(self, order: Order, number: str, name: str) -> None:
        order.numbers[number] = name
        self._numbered[(*order.where[:3], number)] = (order, name)

    def pending(self) -> Mapping[str, tuple[str, tuple[Part, ...]]]:
        """Give path and parts of each request whose outcome is not known."""
        return self._requests

    def _unalter(self, order: Order, request: str) -> None:
        if order.altered.pop(request, None) is not None and order in self._live(order):
            self.book.recount(order)

    def _live(self, order: Order) -> Mapping[Order, None]:
        cell = self.book.cell(order.where, order.bot)
        return {} if cell is None else cell.orders

    def forget(self, order: Order) -> None:
        """Count an order out for good; what was filled of it stays."""
        if order not in self._live(order):
            return
        account, family, symbol, _ = order.where
        for name in order.names:
            if self._named.get((account, family, name), (None,))[0] is order:
                del self._named[account, family, name]
        for number in order.numbers:
            self._numbered.pop((account, family, symbol, number), None)
        self.book.remove(order)


def _is_another(order: Order, name: str, number: str) -> bool:
    """The exchange takes the id of an order that has ended again: the number tells which of them is shown.

    A conditional order and what it became have numbers of two kinds.
    """
    known = [mine for mine, named in order.numbers.items() if named == name and mine[:1].isdecimal()]
    return number.isdecimal() and bool(known) and number not in known


def _has_failed(body: Any) -> bool:
    """Of a replacement the cancel may have come about alone."""
    if not isinstance(body, dict):
        return False
    data = body.get("data")
    halves: Row = data if isinstance(data, dict) else body
    return bool(halves.get("newOrderResult", "SUCCESS") != "SUCCESS")


def kept(seen: Shown) -> Row:
    """Give a row in the exchange's shape that tells the same, for the journal."""
    row: dict[str, Any] = {"symbol": seen.symbol}
    if seen.number.startswith("a"):
        row.update(algoId=seen.number[1:], algoStatus="CANCELED" if seen.ended else "NEW", actualOrderId=seen.became)
        names: tuple[str, ...] = ("clientAlgoId",)
    else:
        row.update(orderId=seen.number, status="CANCELED" if seen.ended else "NEW", executedQty=f"{seen.filled:f}")
        names = ("origClientOrderId", "clientOrderId") if len(seen.names) > 1 else ("clientOrderId",)
    return row | dict(zip(names, seen.names, strict=False))
