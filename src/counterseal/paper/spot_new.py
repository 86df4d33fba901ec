"""From the parameters of a spot order to an `Order`: what each type needs and refuses."""

from __future__ import annotations

from decimal import Decimal

from counterseal.paper.call import Call
from counterseal.paper.errors import ApiError, invalid, mandatory, not_required, one_of, rejected
from counterseal.paper.money import ZERO
from counterseal.paper.orders import Order, Peg
from counterseal.paper.params import Params, decimal, integer
from counterseal.paper.pegs import MOST_LEVELS
from counterseal.paper.spot_market import SpotMarket

PEG_FIELDS = ("pegPriceType", "pegOffsetType", "pegOffsetValue")
# type: (needed, refused); a stop's stopPrice and MARKET's two quantities are looked at apart
NEEDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "LIMIT": (("timeInForce", "quantity", "price"), ("stopPrice", "quoteOrderQty", "trailingDelta")),
    "MARKET": ((), ("timeInForce", "price", "stopPrice", "icebergQty", "trailingDelta", *PEG_FIELDS)),
    "STOP_LOSS": (("quantity",), ("timeInForce", "price", "icebergQty", "quoteOrderQty", *PEG_FIELDS)),
    "STOP_LOSS_LIMIT": (("timeInForce", "quantity", "price"), ("quoteOrderQty",)),
    "TAKE_PROFIT": (("quantity",), ("timeInForce", "price", "icebergQty", "quoteOrderQty", *PEG_FIELDS)),
    "TAKE_PROFIT_LIMIT": (("timeInForce", "quantity", "price"), ("quoteOrderQty",)),
    "LIMIT_MAKER": (("quantity", "price"), ("timeInForce", "stopPrice", "quoteOrderQty", "trailingDelta")),
}
STP_MODES = frozenset({"NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT", "TRANSFER"})
ALLOWED_STP = ("EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT", "NONE")
LEAST_STRATEGY = 1_000_000
RESPONSES = ("ACK", "RESULT", "FULL")


def build(market: SpotMarket, call: Call, params: Params, *, is_sized: bool = True) -> Order:
    """An order from checked parameter texts; raises for a type's missing or superfluous ones.

    `is_sized` is False for the pending orders of an OPO, whose quantity is not known yet.
    """
    kind = params["type"]
    if kind not in NEEDS:
        raise ApiError(-1116, "Invalid orderType.")
    _check_combination(kind, params, is_sized)
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
        strategy=_strategy(params),
        trailing_delta=integer(params, "trailingDelta") or 0,
        peg=_peg(kind, params),
    )


def _check_combination(kind: str, params: Params, is_sized: bool) -> None:
    needed, refused = NEEDS[kind]
    for name in needed:
        if name == "quantity" and not is_sized:
            continue
        if name not in params and not (name == "price" and "pegPriceType" in params):
            raise mandatory(name)
    for name in refused:
        if name in params:
            raise not_required(name)
    if params.get("timeInForce", "GTC") in ("GTX", "GTD"):
        raise ApiError(-1115, "Invalid timeInForce.")
    if kind == "MARKET" and is_sized:
        _check_market(params)
    if kind.startswith(("STOP", "TAKE")) and "stopPrice" not in params and "trailingDelta" not in params:
        raise one_of("stopPrice", "trailingDelta")
    if "icebergQty" in params and params.get("timeInForce", "GTC") != "GTC":
        raise ApiError(-1014, "Unsupported order combination.")


def _check_market(params: Params) -> None:
    if ("quantity" in params) == ("quoteOrderQty" in params):
        raise not_required("quoteOrderQty") if "quantity" in params else one_of("quantity", "quoteOrderQty")


def _strategy(params: Params) -> dict[str, int]:
    """`strategyId` and `strategyType`; types below 1,000,000 are the exchange's own (-1134)."""
    names = ("strategyId", "strategyType")
    found: dict[str, int] = {name: int(params[name]) for name in names if name in params}
    if found.get("strategyType", LEAST_STRATEGY) < LEAST_STRATEGY:
        raise ApiError(-1134, "`strategyType` was less than 1000000.")
    return found


def _peg(kind: str, params: Params) -> Peg | None:
    name = params.get("pegPriceType")
    if name is None:
        return None
    if name not in ("PRIMARY_PEG", "MARKET_PEG"):
        raise ApiError(-1210, "Invalid pegPriceType.")
    if name == "MARKET_PEG" and kind == "LIMIT_MAKER":
        raise rejected("This price peg cannot be used with this order type.")
    if "price" in params:
        raise not_required("price")
    offset = params.get("pegOffsetType")
    if offset not in (None, "PRICE_LEVEL"):
        raise ApiError(-1211, "Invalid pegOffsetType.")
    levels = integer(params, "pegOffsetValue", 0) or 0
    if (offset is None) != ("pegOffsetValue" not in params) or levels > MOST_LEVELS:
        raise ApiError(-1128, "Combination of optional parameters invalid.")
    return Peg(name, levels)


def _price(params: Params, name: str) -> Decimal:
    price = decimal(params, name)
    if price is not None and price <= 0:
        raise ApiError(-1013, "Invalid price.")
    return price or ZERO


def _stp(params: Params) -> str:
    mode = params.get("selfTradePreventionMode", "EXPIRE_MAKER")
    if mode not in STP_MODES:
        raise invalid("selfTradePreventionMode")
    if mode not in ALLOWED_STP:
        raise rejected("This symbol does not allow the requested self-trade prevention mode.")
    return mode


def response_type(params: Params, kind: str) -> str:
    """`newOrderRespType`; LIMIT and MARKET answer in full by default, the others with an ACK."""
    wanted = params.get("newOrderRespType")
    if wanted is None:
        return "FULL" if kind in ("LIMIT", "MARKET") else "ACK"
    if wanted not in RESPONSES:
        raise invalid("newOrderRespType")
    return wanted
