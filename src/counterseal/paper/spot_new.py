"""From the parameters of a spot order to an `Order`: what each type needs and refuses."""

from __future__ import annotations

from decimal import Decimal

from counterseal.paper.call import Call
from counterseal.paper.errors import ApiError, mandatory, not_required, one_of, rejected
from counterseal.paper.money import ZERO
from counterseal.paper.orders import Order
from counterseal.paper.params import Params, decimal
from counterseal.paper.spot_market import SpotMarket

# type: (needed, refused); a stop's stopPrice and MARKET's two quantities are looked at apart
NEEDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "LIMIT": (("timeInForce", "quantity", "price"), ("stopPrice", "quoteOrderQty", "trailingDelta")),
    "MARKET": ((), ("timeInForce", "price", "stopPrice", "icebergQty", "trailingDelta")),
    "STOP_LOSS": (("quantity",), ("timeInForce", "price", "icebergQty", "quoteOrderQty")),
    "STOP_LOSS_LIMIT": (("timeInForce", "quantity", "price"), ("quoteOrderQty",)),
    "TAKE_PROFIT": (("quantity",), ("timeInForce", "price", "icebergQty", "quoteOrderQty")),
    "TAKE_PROFIT_LIMIT": (("timeInForce", "quantity", "price"), ("quoteOrderQty",)),
    "LIMIT_MAKER": (("quantity", "price"), ("timeInForce", "stopPrice", "quoteOrderQty", "trailingDelta")),
}
STP_MODES = frozenset({"NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT", "TRANSFER"})
ALLOWED_STP = ("EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "NONE")
RESPONSES = ("ACK", "RESULT", "FULL")


def build(market: SpotMarket, call: Call, params: Params) -> Order:
    """An order from checked parameter texts; raises for a type's missing or superfluous ones."""
    kind = params["type"]
    if kind not in NEEDS:
        raise ApiError(-1116, "Invalid orderType.")
    _check_combination(kind, params)
    symbol = market.symbol(params["symbol"])
    return Order(
        order_id=market.store.next_id(),
        client_id=params.get("newClientOrderId") or market.client_id(),
        account=call.account,
        symbol=symbol.name,
        side=params["side"],
        type=kind,
        tif=params.get("timeInForce", "GTC"),
        price=_price(params, "price"),
        qty=decimal(params, "quantity") or ZERO,
        created_ms=call.now_ms,
        quote_qty=decimal(params, "quoteOrderQty") or ZERO,
        stop_price=_price(params, "stopPrice"),
        iceberg_qty=decimal(params, "icebergQty") or ZERO,
        stp=_stp(params),
        strategy={name: int(params[name]) for name in ("strategyId", "strategyType") if name in params},
    )


def _check_combination(kind: str, params: Params) -> None:
    needed, refused = NEEDS[kind]
    for name in needed:
        if name not in params:
            raise mandatory(name)
    for name in refused:
        if name in params:
            raise not_required(name)
    if params.get("timeInForce", "GTC") in ("GTX", "GTD"):
        raise ApiError(-1115, "Invalid timeInForce.")
    if kind == "MARKET":
        _check_market(params)
    if "pegPriceType" in params:
        raise rejected("Pegged orders are not supported for this symbol.")
    if "trailingDelta" in params:
        raise rejected("Trailing stop orders are not supported for this symbol.")
    if kind.startswith(("STOP", "TAKE")) and "stopPrice" not in params:
        raise one_of("stopPrice", "trailingDelta")
    if "icebergQty" in params and params.get("timeInForce", "GTC") != "GTC":
        raise ApiError(-1014, "Unsupported order combination.")


def _check_market(params: Params) -> None:
    if ("quantity" in params) == ("quoteOrderQty" in params):
        raise not_required("quoteOrderQty") if "quantity" in params else one_of("quantity", "quoteOrderQty")


def _price(params: Params, name: str) -> Decimal:
    price = decimal(params, name)
    if price is not None and price <= 0:
        raise ApiError(-1013, "Invalid price.")
    return price or ZERO


def _stp(params: Params) -> str:
    mode = params.get("selfTradePreventionMode", "EXPIRE_MAKER")
    if mode not in STP_MODES:
        raise ApiError(-1130, "Data sent for parameter 'selfTradePreventionMode' is not valid.")
    if mode not in ALLOWED_STP:
        raise rejected("This symbol does not allow the requested self-trade prevention mode.")
    return mode


def response_type(params: Params, kind: str) -> str:
    """`newOrderRespType`; LIMIT and MARKET answer in full by default, the others with an ACK."""
    wanted = params.get("newOrderRespType")
    if wanted is None:
        return "FULL" if kind in ("LIMIT", "MARKET") else "ACK"
    if wanted not in RESPONSES:
        raise ApiError(-1130, "Data sent for parameter 'newOrderRespType' is not valid.")
    return wanted
