"""The legs of order lists: from prefixed parameters (aboveType, pendingBelowPrice, ...) to single orders."""

from __future__ import annotations

from decimal import Decimal

from counterseal.paper.errors import ApiError, mandatory, rejected
from counterseal.paper.orders import Order
from counterseal.paper.params import Params

FIELDS = ("ClientOrderId", "IcebergQty", "Price", "StopPrice", "TrailingDelta", "TimeInForce", "StrategyId",
          "StrategyType", "PegPriceType", "PegOffsetType", "PegOffsetValue")  # fmt: skip
STOP_TYPES = ("STOP_LOSS", "STOP_LOSS_LIMIT")
PROFIT_TYPES = ("TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
PRICES = "The relationship of the prices for the orders is not correct."


def leg(params: Params, prefix: str, side: str, quantity: str | None) -> Params:
    """One leg's parameters under the names of a single order."""
    found = {"symbol": params["symbol"], "side": side, "type": params[f"{prefix}Type"]}
    if quantity is not None:
        found["quantity"] = quantity
    if "selfTradePreventionMode" in params:
        found["selfTradePreventionMode"] = params["selfTradePreventionMode"]
    for field in FIELDS:
        value = params.get(prefix + field)
        if value is not None:
            found[_single_name(field)] = value
    return found


def _single_name(field: str) -> str:
    return "newClientOrderId" if field == "ClientOrderId" else field[0].lower() + field[1:]


def check_pair(above: str, below: str, side: str) -> None:
    """The types of an OCO: one leg waits for a stop, and each stands on its side of the price."""
    for kind in (above, below):
        if kind not in ("LIMIT_MAKER", *STOP_TYPES, *PROFIT_TYPES):
            raise ApiError(-1158, "Order type not supported in OCO.")
    if side == "SELL":
        if above in STOP_TYPES:
            raise ApiError(-1197, "A stop loss order in a sell OCO must be below.")
        if "LIMIT_MAKER" in (above, below) and above not in STOP_TYPES and below not in STOP_TYPES:
            raise ApiError(-1168, "At least one OCO order must be contingent.")
        if below in PROFIT_TYPES:
            raise ApiError(-1199, "A take profit order in a sell OCO must be above.")
    else:
        if below in STOP_TYPES:
            raise ApiError(-1196, "A stop loss order in a buy OCO must be above.")
        if "LIMIT_MAKER" in (above, below) and above not in STOP_TYPES and below not in STOP_TYPES:
            raise ApiError(-1168, "At least one OCO order must be contingent.")
        if above in PROFIT_TYPES:
            raise ApiError(-1198, "A take profit order in a buy OCO must be below.")


def reach(order: Order, last: Decimal) -> Decimal:
    """The price at which a leg comes alive; a trail without a stop price is alive already."""
    if order.trailing_delta and not order.stop_price:
        return last
    return order.stop_price or order.price


def check_prices(above: Order, below: Order, last: Decimal) -> None:
    """The last price lies between the legs."""
    high, low = reach(above, last), reach(below, last)
    is_trailing = bool(above.trailing_delta or below.trailing_delta)
    if not (high >= last >= low if is_trailing else high > last > low):
        raise rejected(PRICES)


def stop_first(legs: list[Order]) -> list[Order]:
    """As the exchange prints a pair."""
    return sorted(legs, key=lambda order: order.type not in STOP_TYPES)


def old_limit(params: Params) -> Params:
    """The limit leg of the old OCO form."""
    found = _old_common(params, "LIMIT_MAKER", "limit") | {"price": params["price"]}
    if "limitIcebergQty" in params:
        found["icebergQty"] = params["limitIcebergQty"]
    return found


def old_stop(params: Params) -> Params:
    """The stop leg of the old OCO form: with a limit price when stopLimitPrice is there."""
    found = _old_common(params, "STOP_LOSS", "stop") | {"stopPrice": params["stopPrice"]}
    if "stopLimitPrice" in params:
        if "stopLimitTimeInForce" not in params:
            raise mandatory("stopLimitTimeInForce")
        found |= {"type": "STOP_LOSS_LIMIT", "price": params["stopLimitPrice"],
                  "timeInForce": params["stopLimitTimeInForce"]}  # fmt: skip
    for name, single in (("trailingDelta", "trailingDelta"), ("stopIcebergQty", "icebergQty")):
        if name in params:
            found[single] = params[name]
    return found


def _old_common(params: Params, kind: str, prefix: str) -> Params:
    found = {"symbol": params["symbol"], "side": params["side"], "quantity": params["quantity"], "type": kind}
    names = {"selfTradePreventionMode": "selfTradePreventionMode", f"{prefix}ClientOrderId": "newClientOrderId",
             f"{prefix}StrategyId": "strategyId", f"{prefix}StrategyType": "strategyType"}  # fmt: skip
    found.update({single: params[name] for name, single in names.items() if name in params})
    return found
