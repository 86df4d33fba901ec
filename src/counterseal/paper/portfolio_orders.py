"""Handlers of portfolio margin's orders: the futures markets' own, counted in a pool of their own."""

from __future__ import annotations

from counterseal.paper.call import Call
from counterseal.paper.errors import Json
from counterseal.paper.futures_orders import FuturesOrders

NOT_TOLD = frozenset({"stopPrice", "workingType", "priceProtect", "closePosition"})
NOT_TOLD_OF_COINM = NOT_TOLD | {"priceMatch", "selfTradePreventionMode", "goodTillDate"}


class PortfolioOrders(FuturesOrders):
    """Places, changes and lists orders of one market; the same account may hold others from /fapi or /dapi."""

    def count(self, call: Call, counts: tuple[int, int]) -> None:
        call.headers.update(self.counts.add("papi", call.account, counts[1:], call.now_ms))

    def place(self, call: Call) -> Json:
        return self._told(super().place(call))

    def modify(self, call: Call) -> Json:
        return self._told(super().modify(call))

    def cancel(self, call: Call) -> Json:
        return self._told(super().cancel(call))

    def query(self, call: Call) -> Json:
        return self._told(super().query(call))

    def query_open(self, call: Call) -> Json:
        return self._told(super().query_open(call))

    def list_open(self, call: Call) -> list[Json]:
        """The same as COIN-M has it here: an array of one."""
        return [self.query_open(call)]

    def open_orders(self, call: Call) -> list[Json]:
        return [self._told(row) for row in super().open_orders(call)]

    def all_orders(self, call: Call) -> list[Json]:
        return [self._told(row) for row in super().all_orders(call)]

    def _told(self, row: Json) -> Json:
        """An order with the fields that portfolio margin shows."""
        hidden = NOT_TOLD if self.market.family == "usdm" else NOT_TOLD_OF_COINM
        return {name: value for name, value in row.items() if name not in hidden}
