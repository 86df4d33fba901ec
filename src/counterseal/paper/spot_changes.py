"""Handlers that change a spot order: cancel-replace, and amend keeping its priority."""

from __future__ import annotations

from counterseal.paper import spot_replies as replies
from counterseal.paper.call import Call
from counterseal.paper.errors import ApiError, Json, filter_failure, invalid, one_of, unknown_order
from counterseal.paper.filters import MAX_NUM_ORDER_AMENDS
from counterseal.paper.money import ZERO, is_multiple
from counterseal.paper.orders import Order
from counterseal.paper.params import decimal
from counterseal.paper.spot_market import SpotMarket
from counterseal.paper.spot_new import build, response_type
from counterseal.paper.spot_orders import SpotOrders

MODES = ("STOP_ON_FAILURE", "ALLOW_FAILURE")
LIMIT_MODES = ("DO_NOTHING", "CANCEL_ONLY")


class SpotChanges:
    """What replaces or shrinks an open order."""

    def __init__(self, market: SpotMarket, orders: SpotOrders) -> None:
        self.market = market
        self.orders = orders

    def cancel_replace(self, call: Call) -> Json:
        """Cancel one order and place another; 400/-2022 when both failed, 409/-2021 when one did."""
        mode = call.params["cancelReplaceMode"]
        if mode not in MODES:
            raise invalid("cancelReplaceMode")
        order = build(self.market, call, call.params)
        kind = response_type(call.params, order.type)
        if "cancelOrderId" not in call.params and "cancelOrigClientOrderId" not in call.params:
            raise one_of("cancelOrigClientOrderId", "cancelOrderId")
        self._check_room(call)
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

    def _check_room(self, call: Call) -> None:
        """Beyond the unfilled order count nothing happens, unless the cancel is wanted all the same."""
        mode = call.params.get("orderRateLimitExceededMode", "DO_NOTHING")
        if mode not in LIMIT_MODES:
            raise invalid("orderRateLimitExceededMode")
        if mode == "DO_NOTHING":
            self.orders.counts.add("spot", call.account, (1, 1), call.now_ms)
            self.orders.counts.give_back(call.account, 1, call.now_ms)

    def _try_cancel(self, call: Call) -> tuple[Json, bool]:
        try:
            order = self.orders.find(call, "cancelOrderId", "cancelOrigClientOrderId")
            return self.orders.cancel_found(call, order, call.params.get("cancelNewClientOrderId")), True
        except ApiError as error:
            return error.body(), False

    def _try_place(self, call: Call, order: Order, kind: str) -> tuple[Json, bool]:
        try:
            self.market.check(order, call.now_ms)
            return replies.new_order(order, self.orders.submit(call, order), kind), True
        except ApiError as error:
            return error.body(), False

    def amend(self, call: Call) -> Json:
        """A smaller quantity at the same place in the book; down to what is filled ends the order."""
        order = self.orders.find(call, "orderId", "origClientOrderId")
        if order is None or not order.is_open:
            raise unknown_order()
        qty = decimal(call.params, "newQty") or ZERO
        symbol = self.market.symbols[order.symbol]
        if not (qty >= symbol.step and is_multiple(qty, symbol.step)):
            raise filter_failure("LOT_SIZE")
        if qty >= order.qty or qty < order.filled + order.prevented_qty:
            raise ApiError(-2038, "Order amend (quantity increase) is not supported.")
        if len(order.amendments) >= MAX_NUM_ORDER_AMENDS:
            raise filter_failure("MAX_NUM_ORDER_AMENDS")
        client_id = call.params.get("newClientOrderId") or self.market.client_id()
        change = self.market.amend(order, qty, client_id, call.now_ms)
        call.orders.append(order)
        reply: Json = {"transactTime": call.now_ms, "executionId": change.number,
                       "amendedOrder": replies.amended(order, change)}  # fmt: skip
        found = self.market.lists.by_id.get(order.list_id)
        return reply if found is None else reply | {"listStatus": replies.order_list(found)}


def _word(is_ok: bool) -> str:
    return "SUCCESS" if is_ok else "FAILURE"


def _both(cancel_word: str, new_word: str, cancel: Json, placed: Json | None) -> Json:
    return {
        "cancelResult": cancel_word,
        "newOrderResult": new_word,
        "cancelResponse": cancel,
        "newOrderResponse": placed,
    }
