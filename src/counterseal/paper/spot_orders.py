"""Handlers of the spot order endpoints."""

from __future__ import annotations

from counterseal.paper import spot_replies as replies
from counterseal.paper.call import Call
from counterseal.paper.errors import ApiError, Json, no_such_order, one_of, unknown_order
from counterseal.paper.limits import OrderCounts
from counterseal.paper.money import fixed
from counterseal.paper.orders import Order, Trade
from counterseal.paper.params import boolean, integer, limit_of
from counterseal.paper.spot_market import FEE, SpotMarket
from counterseal.paper.spot_new import build, response_type

RESTRICTIONS = {"ONLY_NEW": "NEW", "ONLY_PARTIALLY_FILLED": "PARTIALLY_FILLED"}


class SpotOrders:
    """place, test, query, cancel, replace and list orders; own trades."""

    def __init__(self, market: SpotMarket, counts: OrderCounts) -> None:
        self.market = market
        self.counts = counts

    def place(self, call: Call) -> Json:
        order = build(self.market, call, call.params)
        kind = response_type(call.params, order.type)
        self.market.check(order, call.now_ms)
        trades = self.submit(call, order)
        return replies.new_order(order, trades, kind)

    def submit(self, call: Call, order: Order) -> list[Trade]:
        """Count a checked order against the account's limits, then execute it."""
        call.headers.update(self.counts.add("spot", call.account, (1, 1), call.now_ms))
        trades = self.market.place(order, call.now_ms)
        call.orders.append(order)
        return trades

    def test(self, call: Call) -> Json:
        """All checks of a new order, nothing sent to the matching engine."""
        order = build(self.market, call, call.params)
        response_type(call.params, order.type)
        self.market.check(order, call.now_ms)
        if not boolean(call.params, "computeCommissionRates"):
            return {}
        rates = {"maker": fixed(FEE, 8), "taker": fixed(FEE, 8)}
        none = {"maker": "0.00000000", "taker": "0.00000000"}
        return {
            "standardCommissionForOrder": rates,
            "specialCommissionForOrder": none,
            "taxCommissionForOrder": none,
            "discount": {
                "enabledForAccount": False, "enabledForSymbol": True, "discountAsset": "BNB",
                "discount": "0.25000000",
            },
        }  # fmt: skip

    def find(self, call: Call, id_name: str, client_name: str) -> Order | None:
        """The order that a call names by id, by client id, or by both."""
        order_id, client_id = integer(call.params, id_name), call.params.get(client_name)
        if order_id is None and client_id is None:
            raise one_of(client_name, id_name)
        self.market.symbol(call.params["symbol"])
        return self.market.store.find(call.account, call.params["symbol"], order_id, client_id)

    def query(self, call: Call) -> Json:
        order = self.find(call, "orderId", "origClientOrderId")
        if order is None:
            raise no_such_order()
        call.orders.append(order)
        return replies.query(order)

    def cancel(self, call: Call) -> Json:
        order = self.find(call, "orderId", "origClientOrderId")
        return self.cancel_found(call, order, call.params.get("newClientOrderId"))

    def cancel_found(self, call: Call, order: Order | None, cancel_id: str | None) -> Json:
        """Cancel an open order, with its list when it is a leg; -2011 otherwise."""
        if order is None or not order.is_open:
            raise unknown_order()
        restriction = call.params.get("cancelRestrictions")
        if restriction is not None:
            self._check_restriction(order, restriction)
        self.market.close(order, "CANCELED", call.now_ms)
        cancel_id = cancel_id or self.market.client_id()
        found = self.market.lists.by_id.get(order.list_id)
        call.orders.extend(found.legs if found else [order])
        return replies.cancelled_list(found, cancel_id) if found else replies.cancelled(order, cancel_id)

    @staticmethod
    def _check_restriction(order: Order, restriction: str) -> None:
        wanted = RESTRICTIONS.get(restriction)
        if wanted is None:
            text = "`cancelRestrictions` has to be either `ONLY_NEW` or `ONLY_PARTIALLY_FILLED`."
            raise ApiError(-1145, text)
        if order.status != wanted:
            raise ApiError(-2011, "Order was not canceled due to cancel restrictions.")

    def open_orders(self, call: Call) -> list[Json]:
        name = call.params.get("symbol")
        if name is not None:
            self.market.symbol(name)
        return [replies.query(order) for order in self.market.store.open_orders(call.account, name)]

    def cancel_open(self, call: Call) -> list[Json]:
        name = self.market.symbol(call.params["symbol"]).name
        found = self.market.store.open_orders(call.account, name)
        if not found:
            raise unknown_order()
        return [self.cancel_found(call, order, None) for order in found if order.is_open]

    def all_orders(self, call: Call) -> list[Json]:
        name = self.market.symbol(call.params["symbol"]).name
        items = self.market.store.history.get((call.account, name), [])
        first = integer(call.params, "orderId")
        if first is not None:
            items = [order for order in items if order.order_id >= first]
        start, end = integer(call.params, "startTime"), integer(call.params, "endTime")
        items = [order for order in items if (start or 0) <= order.created_ms <= (end or 1 << 62)]
        most = limit_of(call.params, 500, 1000)
        chosen = items[:most] if first is not None or start is not None else items[-most:]
        return [replies.query(order) for order in chosen]

    def my_trades(self, call: Call) -> list[Json]:
        name = self.market.symbol(call.params["symbol"]).name
        items = self.market.store.trades.get((call.account, name), [])
        order_id, first = integer(call.params, "orderId"), integer(call.params, "fromId")
        start, end = integer(call.params, "startTime"), integer(call.params, "endTime")
        items = [
            item
            for item in items
            if (order_id is None or item.order.order_id == order_id)
            and (first is None or item.trade_id >= first)
            and (start or 0) <= item.time_ms <= (end or 1 << 62)
        ]
        most = limit_of(call.params, 500, 1000)
        return [replies.trade(item) for item in (items[:most] if first is not None else items[-most:])]

    # cancel and replace

    def cancel_replace(self, call: Call) -> Json:
        """Cancel one order and place another; 400/-2022 when both failed, 409/-2021 when one did."""
        mode = call.params["cancelReplaceMode"]
        if mode not in ("STOP_ON_FAILURE", "ALLOW_FAILURE"):
            raise ApiError(-1130, "Data sent for parameter 'cancelReplaceMode' is not valid.")
        order = build(self.market, call, call.params)
        kind = response_type(call.params, order.type)
        if "cancelOrderId" not in call.params and "cancelOrigClientOrderId" not in call.params:
            raise one_of("cancelOrigClientOrderId", "cancelOrderId")
        cancel, cancel_ok = self._try_cancel(call)
        if not cancel_ok and mode == "STOP_ON_FAILURE":
            data = _both("FAILURE", "NOT_ATTEMPTED", cancel, None)
            raise ApiError(-2022, "Order cancel-replace failed.", 400, data)
        placed, placed_ok = self._try_place(call, order, kind)
        data = _both(_word(cancel_ok), _word(placed_ok), cancel, placed)
        if cancel_ok and placed_ok:
            return data
        if cancel_ok or placed_ok:
            raise ApiError(-2021, "Order cancel-replace partially failed.", 409, data)
        raise ApiError(-2022, "Order cancel-replace failed.", 400, data)

    def _try_cancel(self, call: Call) -> tuple[Json, bool]:
        try:
            order = self.find(call, "cancelOrderId", "cancelOrigClientOrderId")
            return self.cancel_found(call, order, call.params.get("cancelNewClientOrderId")), True
        except ApiError as error:
            return error.body(), False

    def _try_place(self, call: Call, order: Order, kind: str) -> tuple[Json, bool]:
        try:
            self.market.check(order, call.now_ms)
            return replies.new_order(order, self.submit(call, order), kind), True
        except ApiError as error:
            return error.body(), False


def _word(is_ok: bool) -> str:
    return "SUCCESS" if is_ok else "FAILURE"


def _both(cancel_word: str, new_word: str, cancel: Json, placed: Json | None) -> Json:
    return {
        "cancelResult": cancel_word,
        "newOrderResult": new_word,
        "cancelResponse": cancel,
        "newOrderResponse": placed,
    }
