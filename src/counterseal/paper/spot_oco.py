"""Handlers of OCO lists: the new form (above and below legs) and the old one."""

from __future__ import annotations

from decimal import Decimal

from counterseal.paper import spot_replies as replies
from counterseal.paper.call import Call
from counterseal.paper.errors import ApiError, Json, mandatory, one_of, rejected, unknown_order
from counterseal.paper.limits import OrderCounts
from counterseal.paper.orders import Order
from counterseal.paper.params import Params, integer, limit_of
from counterseal.paper.spot_lists import OrderList
from counterseal.paper.spot_market import SpotMarket
from counterseal.paper.spot_new import build, response_type

LEG_FIELDS = ("ClientOrderId", "IcebergQty", "Price", "StopPrice", "TrailingDelta", "TimeInForce", "StrategyId",
              "StrategyType", "PegPriceType")  # fmt: skip
LIMIT_TYPES = ("LIMIT_MAKER", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
STOP_TYPES = ("STOP_LOSS", "STOP_LOSS_LIMIT")
PRICES = "The relationship of the prices for the orders is not correct."


class SpotLists:
    """Placing, cancelling and reading order lists."""

    def __init__(self, market: SpotMarket, counts: OrderCounts) -> None:
        self.market = market
        self.counts = counts

    def place(self, call: Call) -> Json:
        """The new form: aboveType and belowType."""
        self._check_types(call.params)
        above = build(self.market, call, _leg(call.params, "above"))
        below = build(self.market, call, _leg(call.params, "below"))
        return self._submit(call, above, below)

    def place_old(self, call: Call) -> Json:
        """The old form: price for a LIMIT_MAKER, stopPrice (and stopLimitPrice) for the stop."""
        params = call.params
        limit = build(self.market, call, _old_limit(params))
        stop = build(self.market, call, _old_stop(params))
        above, below = (limit, stop) if params["side"] == "SELL" else (stop, limit)
        return self._submit(call, above, below)

    @staticmethod
    def _check_types(params: Params) -> None:
        above, below, is_sell = params["aboveType"], params["belowType"], params["side"] == "SELL"
        for kind in (above, below):
            if kind not in LIMIT_TYPES + STOP_TYPES:
                raise ApiError(-1158, "Order type not supported in OCO.")
        if is_sell and above in STOP_TYPES:
            raise ApiError(-1197, "A stop loss order in a sell OCO must be below.")
        if not is_sell and below in STOP_TYPES:
            raise ApiError(-1196, "A stop loss order in a buy OCO must be above.")
        if above in LIMIT_TYPES and below in LIMIT_TYPES:
            raise ApiError(-1168, "At least one OCO order must be contingent.")

    def _submit(self, call: Call, above: Order, below: Order) -> Json:
        kind = response_type(call.params, "LIMIT")
        last = self.market.walks[above.symbol].price_at(self.market.steps.at(call.now_ms))
        if not _reach(above) > last > _reach(below):
            raise rejected(PRICES)
        if above.client_id == below.client_id:
            raise rejected("Duplicate order sent.")
        for leg in (above, below):
            self.market.check(leg, call.now_ms)
        legs = sorted((above, below), key=lambda leg: leg.type not in STOP_TYPES)
        call.headers.update(self.counts.add("spot", call.account, (2, 2), call.now_ms))
        client_id = call.params.get("listClientOrderId") or self.market.client_id()
        made = self.market.lists.place(client_id, legs, call.now_ms)
        call.orders.extend(legs)
        report = replies.ack if kind == "ACK" else replies.result
        return replies.order_list(made) | {"orderReports": [report(leg) for leg in legs]}

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
        most = limit_of(call.params, 500, 1000)
        if first is not None:
            mine = [item for item in mine if item.list_id >= first][:most]
        return [replies.order_list(item) for item in mine[-most:]]


def _reach(leg: Order) -> Decimal:
    """The price at which a leg comes alive."""
    return leg.stop_price or leg.price


def _leg(params: Params, side: str) -> Params:
    """One leg's parameters under the names of a single order."""
    leg = _common(params, params[f"{side}Type"])
    for field in LEG_FIELDS:
        value = params.get(side + field)
        if value is not None:
            leg[_single_name(field)] = value
    return leg


def _single_name(field: str) -> str:
    return "newClientOrderId" if field == "ClientOrderId" else field[0].lower() + field[1:]


def _common(params: Params, kind: str) -> Params:
    leg = {"symbol": params["symbol"], "side": params["side"], "quantity": params["quantity"], "type": kind}
    if "selfTradePreventionMode" in params:
        leg["selfTradePreventionMode"] = params["selfTradePreventionMode"]
    return leg


def _old_limit(params: Params) -> Params:
    leg = _common(params, "LIMIT_MAKER") | {"price": params["price"]}
    if "limitClientOrderId" in params:
        leg["newClientOrderId"] = params["limitClientOrderId"]
    return leg


def _old_stop(params: Params) -> Params:
    leg = _common(params, "STOP_LOSS") | {"stopPrice": params["stopPrice"]}
    if "stopLimitPrice" in params:
        if "stopLimitTimeInForce" not in params:
            raise mandatory("stopLimitTimeInForce")
        leg |= {"type": "STOP_LOSS_LIMIT", "price": params["stopLimitPrice"],
                "timeInForce": params["stopLimitTimeInForce"]}  # fmt: skip
    if "stopClientOrderId" in params:
        leg["newClientOrderId"] = params["stopClientOrderId"]
    return leg
