"""Order lists: OCO pairs that end each other, and OTO lists whose pending orders wait for the working one."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from counterseal.paper.errors import ApiError, filter_failure, rejected
from counterseal.paper.filters import MAX_NUM_ORDER_LISTS
from counterseal.paper.money import ZERO, floor_to
from counterseal.paper.orders import Order

if TYPE_CHECKING:
    from counterseal.paper.spot_market import SpotMarket


@dataclass(slots=True, eq=False)
class OrderList:
    """One list.  An OCO has no working order; `pair` are the legs of an OCO, also of one that is pending."""

    list_id: int
    client_id: str
    account: str
    symbol: str
    legs: list[Order]
    created_ms: int
    working: Order | None = None
    pair: list[Order] = field(default_factory=list)
    pays: bool = False  # OPO: the working order's proceeds are what the pending orders sell
    kind: str = "OCO"
    status_type: str = "EXEC_STARTED"
    order_status: str = "EXECUTING"

    @property
    def is_open(self) -> bool:
        return self.order_status == "EXECUTING"

    @property
    def pending(self) -> list[Order]:
        return [leg for leg in self.legs if leg is not self.working]


class OrderLists:
    """Every order list of the spot market."""

    def __init__(self, market: SpotMarket) -> None:
        self._market = market
        self.by_id: dict[int, OrderList] = {}
        self._open: dict[str, dict[int, OrderList]] = {}
        self._by_client: dict[tuple[str, str], OrderList] = {}
        self._due: deque[OrderList] = deque()  # whose pending orders are to be placed

    def place(self, client_id: str, legs: list[Order], now_ms: int) -> OrderList:
        """Place both legs of an OCO.  `legs` are checked orders; the costlier leg carries the lock of both."""
        made = self._made(client_id, legs, now_ms)
        made.pair = legs
        self._market.holding.hold_pair(legs)
        self._register(made)
        for leg in legs:
            self._market.place_leg(leg, now_ms)
        self._market.feed.listed(made.account, made, now_ms)
        self.settle(now_ms)
        return made

    def place_waiting(
        self, client_id: str, working: Order, pending: list[Order], now_ms: int, *, pays: bool
    ) -> OrderList:
        """Place the working order of an OTO (one pending order) or OTOCO (two); the others wait."""
        made = self._made(client_id, [working, *pending], now_ms)
        made.working, made.kind, made.pays = working, "OTO", pays
        made.pair = pending if len(pending) > 1 else []
        self._market.holding.hold(working, self._market.holding.needed(working))
        self._register(made)
        for order in pending:
            order.status, order.updated_ms = "PENDING_NEW", now_ms
            self._market.store.add(order)
            self._market.feed.order("NEW", order, now_ms)
        self._market.place_leg(working, now_ms)
        self._market.feed.listed(made.account, made, now_ms)
        self.settle(now_ms)
        return made

    def _made(self, client_id: str, legs: list[Order], now_ms: int) -> OrderList:
        first = legs[0]
        mine = self._open.get(first.account, {})
        if sum(item.symbol == first.symbol for item in mine.values()) >= MAX_NUM_ORDER_LISTS:
            raise filter_failure("MAX_NUM_ORDER_LISTS")
        known = self._by_client.get((first.account, client_id))
        if known is not None and known.is_open:
            raise rejected("Duplicate order sent.")
        return OrderList(len(self.by_id) + 1, client_id, first.account, first.symbol, legs, now_ms)

    def _register(self, made: OrderList) -> None:
        self.by_id[made.list_id] = made
        self._open.setdefault(made.account, {})[made.list_id] = made
        self._by_client[made.account, made.client_id] = made
        for leg in made.legs:
            leg.list_id = made.list_id

    def open(self, account: str) -> list[OrderList]:
        return list(self._open.get(account, {}).values())

    def find(self, account: str, list_id: int | None, client_id: str | None) -> OrderList | None:
        if list_id is None:
            return self._by_client.get((account, client_id or ""))
        found = self.by_id.get(list_id)
        return found if found is not None and found.account == account else None

    def _of(self, order: Order) -> OrderList | None:
        return self.by_id.get(order.list_id)

    # what happens to legs

    def leg_active(self, order: Order, now_ms: int) -> None:
        """A leg of a pair was filled or triggered: the other one expires and leaves it the money."""
        found = self._of(order)
        if found is None or order not in found.pair:
            return
        for other in found.pair:
            if other is not order and other.is_open:
                order.lock, other.lock = order.lock + other.lock, ZERO
                self._market.close(other, "EXPIRED", now_ms)

    def leg_done(self, order: Order, now_ms: int) -> None:
        """A leg ended: cancelling one cancels all, a filled working order calls the pending ones."""
        found = self._of(order)
        if found is None or not found.is_open:
            return
        if order is found.working and order.status == "FILLED":
            self._due.append(found)
            return
        if order is found.working:
            self._end_rest(found, "CANCELED" if order.status == "CANCELED" else "EXPIRED", now_ms)
        elif order.status in ("CANCELED", "EXPIRED_IN_MATCH"):
            self._end_rest(found, "CANCELED", now_ms)
        if found.is_open and not any(leg.is_open for leg in found.legs):
            self._done(found, now_ms)

    def _end_rest(self, found: OrderList, status: str, now_ms: int) -> None:
        for other in found.legs:
            if other.is_open:
                self._market.close(other, status, now_ms)

    def _done(self, found: OrderList, now_ms: int) -> None:
        found.status_type = found.order_status = "ALL_DONE"
        self._open.get(found.account, {}).pop(found.list_id, None)
        self._market.feed.listed(found.account, found, now_ms)

    # pending orders

    def settle(self, now_ms: int) -> None:
        """Place what has come due; kept apart from the fill that called for it, whose plan must stand."""
        while self._due:
            self._call(self._due.popleft(), now_ms)

    def _call(self, found: OrderList, now_ms: int) -> None:
        waiting = [order for order in found.pending if order.status == "PENDING_NEW"]
        try:
            self._prepare(found, waiting)
        except ApiError:  # no money for them any more
            for order in waiting:
                if order.is_open:
                    self._market.close(order, "EXPIRED", now_ms)
            return
        for order in waiting:
            if order.is_open:
                order.status = "NEW"
                self._market.activate(order, now_ms)

    def _prepare(self, found: OrderList, waiting: list[Order]) -> None:
        if found.pays and found.working is not None:
            symbol = self._market.symbols[found.symbol]
            bought = found.working.filled * (1 - self._market.taker_fee)
            for order in waiting:
                order.qty = floor_to(bought, symbol.step)
                if not order.qty:
                    raise filter_failure("LOT_SIZE")
        if found.pair:
            self._market.holding.hold_pair(waiting)
        else:
            for order in waiting:
                self._market.holding.hold(order, self._market.holding.needed(order))
