"""Handlers of order lists: OCO in both forms, OTO, OTOCO, OPO and OPOCO."""

from __future__ import annotations

from counterseal.paper import spot_legs as legs
from counterseal.paper import spot_replies as replies
from counterseal.paper.call import Call
from counterseal.paper.errors import ApiError, Json, mandatory, one_of, rejected, unknown_order
from counterseal.paper.limits import OrderCounts
from counterseal.paper.orders import Order
from counterseal.paper.params import integer, limit_of
from counterseal.paper.spot_lists import OrderList
from counterseal.paper.spot_market import SpotMarket
from counterseal.paper.spot_new import build, response_type


class SpotLists:
    """Placing, cancelling and reading order lists."""

    def __init__(self, market: SpotMarket, counts: OrderCounts) -> None:
        self.market = market
        self.counts = counts

    # OCO

    def place(self, call: Call) -> Json:
        """The new form: aboveType and belowType."""
        params = call.params
        legs.check_pair(params["aboveType"], params["belowType"], params["side"])
        above, below = (build(self.market, call, legs.leg(params, prefix, params["side"], params["quantity"]))
                        for prefix in ("above", "below"))  # fmt: skip
        return self._submit(call, above, below)

    def place_old(self, call: Call) -> Json:
        """The old form: price for a LIMIT_MAKER, stopPrice (and stopLimitPrice) for the stop."""
        limit = build(self.market, call, legs.old_limit(call.params))
        stop = build(self.market, call, legs.old_stop(call.params))
        above, below = (limit, stop) if call.params["side"] == "SELL" else (stop, limit)
        return self._submit(call, above, below)

    def _submit(self, call: Call, above: Order, below: Order) -> Json:
        kind = response_type(call.params, "LIMIT")
        legs.check_prices(above, below, self.market.last(above.symbol, call.now_ms))
        self._check_ids([above, below])
        for item in (above, below):
            self.market.check(item, call.now_ms)
        pair = legs.stop_first([above, below])
        client_id = self._count(call, 2)
        made = self.market.lists.place(client_id, pair, call.now_ms)
        return self._placed(call, made, kind)

    @staticmethod
    def _check_ids(orders: list[Order]) -> None:
        if len({order.client_id for order in orders}) != len(orders):
            raise rejected("Duplicate order sent.")

    def _count(self, call: Call, orders: int) -> str:
        """Count a list's orders; its client id."""
        call.headers.update(self.counts.add("spot", call.account, (orders, orders), call.now_ms))
        return call.params.get("listClientOrderId") or self.market.client_id()

    @staticmethod
    def _placed(call: Call, made: OrderList, kind: str) -> Json:
        call.orders.extend(made.legs)
        report = replies.ack if kind == "ACK" else replies.result
        return replies.order_list(made) | {"orderReports": [report(leg) for leg in made.legs]}

    # OTO and its kin

    def place_oto(self, call: Call) -> Json:
        """One order that is placed when the working one is filled."""
        return self._wait(call, [self._pending(call, "pending", call.params["pendingQuantity"])], pays=False)

    def place_opo(self, call: Call) -> Json:
        """The same; the pending order sells what the working one bought."""
        self._check_pays(call)
        return self._wait(call, [self._pending(call, "pending", None)], pays=True)

    def place_otoco(self, call: Call) -> Json:
        return self._wait(call, self._pair(call, call.params["pendingQuantity"]), pays=False)

    def place_opoco(self, call: Call) -> Json:
        self._check_pays(call)
        return self._wait(call, self._pair(call, None), pays=True)

    @staticmethod
    def _check_pays(call: Call) -> None:
        if call.params["workingSide"] != "BUY":
            raise ApiError(-1222, "Working order in an OPO list must be a bid.")
        if call.params["pendingSide"] != "SELL":
            raise ApiError(-1223, "Pending orders in an OPO list must be asks.")

    def _pending(self, call: Call, prefix: str, quantity: str | None) -> Order:
        params = legs.leg(call.params, prefix, call.params["pendingSide"], quantity)
        return build(self.market, call, params, is_sized=quantity is not None)

    def _pair(self, call: Call, quantity: str | None) -> list[Order]:
        if "pendingBelowType" not in call.params:
            raise mandatory("pendingBelowType")
        side = call.params["pendingSide"]
        legs.check_pair(call.params["pendingAboveType"], call.params["pendingBelowType"], side)
        above, below = (self._pending(call, prefix, quantity) for prefix in ("pendingAbove", "pendingBelow"))
        if legs.reach(above, above.stop_price) < legs.reach(below, below.stop_price):
            raise rejected(legs.PRICES)
        return legs.stop_first([above, below])

    def _wait(self, call: Call, pending: list[Order], *, pays: bool) -> Json:
        params = call.params
        kind = response_type(params, "LIMIT")
        if params["workingType"] not in ("LIMIT", "LIMIT_MAKER"):
            raise ApiError(-1116, "Invalid orderType.")
        leg = legs.leg(params, "working", params["workingSide"], params["workingQuantity"])
        working = build(self.market, call, leg)
        self._check_ids([working, *pending])
        self.market.check(working, call.now_ms)
        for order in pending:
            self.market.check_pending(order, call.now_ms)
        client_id = self._count(call, 1 + len(pending))
        made = self.market.lists.place_waiting(client_id, working, pending, call.now_ms, pays=pays)
        return self._placed(call, made, kind)

    # reading and cancelling

    def _find(self, call: Call, client_name: str) -> OrderList | None:
        list_id, client_id = integer(call.params, "orderListId"), call.params.get(client_name)
        if list_id is None and client_id is None:
            raise one_of(client_name, "orderListId")
        return self.market.lists.find(call.account, list_id, client_id)

    def cancel(self, call: Call) -> Json:
        self.market.symbol(call.params["symbol"])
        found = self._find(call, "listClientOrderId")
        if found is None or not found.is_open or found.symbol != call.params["symbol"]:
            raise unknown_order()
        self.market.close(next(leg for leg in found.legs if leg.is_open), "CANCELED", call.now_ms)
        call.orders.extend(found.legs)
        cancel_id = call.params.get("newClientOrderId") or self.market.client_id()
        self.market.feed.cancel_named(found.legs, cancel_id)
        return replies.cancelled_list(found, cancel_id)

    def query(self, call: Call) -> Json:
        found = self._find(call, "origClientOrderId")
        if found is None:
            raise ApiError(-2018, "Order list does not exist.")
        return replies.order_list(found)

    def open_lists(self, call: Call) -> list[Json]:
        return [replies.order_list(item) for item in self.market.lists.open(call.account)]

    def all_lists(self, call: Call) -> list[Json]:
        mine = [item for item in self.market.lists.by_id.values() if item.account == call.account]
        first = integer(call.params, "fromId")
        start, end = integer(call.params, "startTime", 0) or 0, integer(call.params, "endTime") or 1 << 62
        most = limit_of(call.params, 500, 1000)
        if first is not None:
            mine = [item for item in mine if item.list_id >= first][:most]
        mine = [item for item in mine if start <= item.created_ms <= end]
        return [replies.order_list(item) for item in mine[-most:]]
