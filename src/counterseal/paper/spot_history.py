"""Handlers that read what happened: all orders, trades, allocations, prevented matches, amendments."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from counterseal.paper import spot_replies as replies
from counterseal.paper.call import Call
from counterseal.paper.errors import ApiError, Json, no_such_order
from counterseal.paper.params import integer, limit_of
from counterseal.paper.spot_market import SpotMarket

Item = TypeVar("Item")
DAY_MS = 86_400_000


class SpotHistory:
    """Lists of one account and symbol, the oldest first."""

    def __init__(self, market: SpotMarket) -> None:
        self.market = market

    def _name(self, call: Call) -> str:
        return self.market.symbol(call.params["symbol"]).name

    def all_orders(self, call: Call) -> list[Json]:
        items = self.market.store.history.get((call.account, self._name(call)), [])
        first = integer(call.params, "orderId")
        chosen = _chosen(call, items, lambda order: order.order_id, lambda order: order.created_ms, first)
        return [replies.query(order) for order in chosen]

    def my_trades(self, call: Call) -> list[Json]:
        items = self.market.store.trades.get((call.account, self._name(call)), [])
        order_id = integer(call.params, "orderId")
        mine = [item for item in items if order_id in (None, item.order.order_id)]
        first = integer(call.params, "fromId")
        chosen = _chosen(call, mine, lambda item: item.trade_id, lambda item: item.time_ms, first)
        return [replies.trade(item) for item in chosen]

    def my_allocations(self, call: Call) -> list[Json]:
        """What smart order routing filled."""
        items = self.market.store.allocations.get((call.account, self._name(call)), [])
        order_id = integer(call.params, "orderId")
        mine = [item for item in items if order_id in (None, item.order.order_id)]
        first = integer(call.params, "fromAllocationId")
        chosen = _chosen(call, mine, lambda item: item.alloc_id, lambda item: item.time_ms, first)
        return [replies.allocation(item) for item in chosen]

    def my_prevented(self, call: Call) -> list[Json]:
        """Matches that self-trade prevention prevented: one of them, or those of an order."""
        items = self.market.store.prevented.get((call.account, self._name(call)), [])
        number, order_id = integer(call.params, "preventedMatchId"), integer(call.params, "orderId")
        if number is None and order_id is None:
            raise ApiError(-1128, "Combination of optional parameters invalid.")
        mine = [item for item in items if number in (None, item.number)
                and order_id in (None, item.taker.order_id, item.maker.order_id)]  # fmt: skip
        first = integer(call.params, "fromPreventedMatchId")
        chosen = _chosen(call, mine, lambda item: item.number, lambda item: item.time_ms, first)
        return [replies.prevented(item) for item in chosen]

    def amendments(self, call: Call) -> list[Json]:
        order = self.market.store.find(call.account, self._name(call), integer(call.params, "orderId"), None)
        if order is None:
            raise no_such_order()
        first = integer(call.params, "fromExecutionId", 0) or 0
        rows = [replies.amendment(order, change) for change in order.amendments if change.number >= first]
        return rows[: limit_of(call.params, 500, 1000)]


def _chosen(
    call: Call, items: list[Item], number: Callable[[Item], int], time_ms: Callable[[Item], int], first: int | None
) -> list[Item]:
    """From an id on, or in a time range, or the newest; never more than `limit`."""
    start, end = integer(call.params, "startTime"), integer(call.params, "endTime")
    if start is not None and end is not None and end - start > DAY_MS:
        raise ApiError(-1127, "More than 24 hours between startTime and endTime.")
    low, high = start or 0, end or 1 << 62
    found = [item for item in items if (first is None or number(item) >= first) and low <= time_ms(item) <= high]
    most = limit_of(call.params, 500, 1000)
    return found[:most] if first is not None or start is not None else found[-most:]
