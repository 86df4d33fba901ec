"""Order lists (OCO): two legs that hold the account's money once, and end each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from counterseal.paper.errors import filter_failure, rejected
from counterseal.paper.filters import MAX_NUM_ORDER_LISTS
from counterseal.paper.orders import Order

if TYPE_CHECKING:
    from counterseal.paper.spot_market import SpotMarket


@dataclass(slots=True, eq=False)
class OrderList:
    """One OCO.  `legs` has the stop leg first, as the exchange prints them."""

    list_id: int
    client_id: str
    account: str
    symbol: str
    legs: list[Order]
    created_ms: int
    status_type: str = "EXEC_STARTED"
    order_status: str = "EXECUTING"

    @property
    def is_open(self) -> bool:
        return self.order_status == "EXECUTING"


class OrderLists:
    """Every order list of the spot market."""

    def __init__(self, market: SpotMarket) -> None:
        self._market = market
        self.by_id: dict[int, OrderList] = {}

    def place(self, client_id: str, legs: list[Order], now_ms: int) -> OrderList:
        """Place both legs of an OCO.  `legs` are checked orders; the limit leg carries the lock of both."""
        first = legs[0]
        mine = [item for item in self.open(first.account) if item.symbol == first.symbol]
        if len(mine) >= MAX_NUM_ORDER_LISTS:
            raise filter_failure("MAX_NUM_ORDER_LISTS")
        if any(item.client_id == client_id for item in self.open(first.account)):
            raise rejected("Duplicate order sent.")
        made = OrderList(len(self.by_id) + 1, client_id, first.account, first.symbol, legs, now_ms)
        self._hold_once(legs)
        for leg in legs:
            leg.list_id = made.list_id
            self._market.place(leg, now_ms)
        self.by_id[made.list_id] = made
        return made

    def _hold_once(self, legs: list[Order]) -> None:
        # the costlier leg holds for both, before the list's id tells `hold` that its legs are paid for
        market = self._market
        dear = max(legs, key=market.needed)
        market.hold(dear, market.needed(dear))

    def open(self, account: str) -> list[OrderList]:
        return [item for item in self.by_id.values() if item.account == account and item.is_open]

    def find(self, account: str, list_id: int | None, client_id: str | None) -> OrderList | None:
        for item in reversed(self.by_id.values()):
            if item.account == account and (
                item.list_id == list_id if list_id is not None else item.client_id == client_id
            ):
                return item
        return None

    def _of(self, order: Order) -> OrderList | None:
        return self.by_id.get(order.list_id)

    def leg_active(self, order: Order, now_ms: int) -> None:
        """A leg was filled or triggered: the other one expires and leaves it the money."""
        found = self._of(order)
        if found is None:
            return
        for other in found.legs:
            if other is not order and other.is_open:
                order.lock, other.lock = order.lock + other.lock, other.lock * 0
                self._market.close(other, "EXPIRED", now_ms)

    def leg_done(self, order: Order, now_ms: int) -> None:
        """A leg ended: cancelling one cancels all, and a list without open legs is done."""
        found = self._of(order)
        if found is None or not found.is_open:
            return
        if order.status in ("CANCELED", "EXPIRED_IN_MATCH"):
            for other in found.legs:
                if other.is_open:
                    self._market.close(other, "CANCELED", now_ms)
        if not any(leg.is_open for leg in found.legs):
            found.status_type = found.order_status = "ALL_DONE"
