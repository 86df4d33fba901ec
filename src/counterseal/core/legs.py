"""From judged values to order legs, one reader per shape of request."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from counterseal.core.intent import Leg

Values = Mapping[str, str]
PRICES = (
    "price", "stopPrice", "stopLimitPrice", "triggerPrice", "activatePrice", "activationPrice", "abovePrice",
    "aboveStopPrice", "belowPrice", "belowStopPrice",
)  # fmt: skip
_PLACES = {
    "/api/v3/order", "/api/v3/order/test", "/api/v3/order/cancelReplace", "/api/v3/order/oco", "/api/v3/orderList/oco",
    "/fapi/v1/order", "/fapi/v1/order/test", "/fapi/v1/algoOrder",
}  # fmt: skip
# Every name under which a request can bring a client id into the world, per path.
_ID_NAMES: Mapping[str, tuple[str, ...]] = {
    "/api/v3/order": ("newClientOrderId",),
    "/api/v3/order/cancelReplace": ("newClientOrderId",),
    "/api/v3/order/oco": ("listClientOrderId", "limitClientOrderId", "stopClientOrderId"),
    "/api/v3/orderList/oco": ("listClientOrderId", "aboveClientOrderId", "belowClientOrderId"),
    "/fapi/v1/order": ("newClientOrderId",),
    "/fapi/v1/algoOrder": ("clientAlgoId",),
}
TESTS = frozenset({"/api/v3/order/test", "/fapi/v1/order/test", "/api/v3/sor/order/test"})


def id_names(method: str, path: str) -> tuple[str, ...]:
    """Give the parameters of this request that create client ids; none for tests, cancels and modifications."""
    return _ID_NAMES.get(path, ()) if method == "POST" else ()


def places(method: str, path: str) -> bool:
    """Tell whether one request of this method and path creates an order (batches apart)."""
    return method == "POST" and path in _PLACES


def leg_of(values: Values, prices: Sequence[str] = PRICES) -> Leg:
    """Read one order; the values have passed their grammar. `prices` may name the prices that are in it."""
    return Leg(
        symbol=values.get("symbol", ""),
        side=values.get("side", ""),
        type=values.get("type", ""),
        quantity=_decimal(values, "quantity"),
        quote_quantity=_decimal(values, "quoteOrderQty"),
        prices=tuple([Decimal(values[name]) for name in prices if name in values]),
        reduces=is_reducing(values),
    )


def is_reducing(values: Values) -> bool:
    """Tell whether an order by its own flags can only shrink a one-way futures position.

    In hedge mode (positionSide LONG or SHORT) reduceOnly is not allowed by the exchange, and nothing is confirmed yet.
    """
    if values.get("reduceOnly") != "true" and values.get("closePosition") != "true":
        return False
    return values.get("positionSide", "BOTH") == "BOTH"


def _decimal(values: Values, name: str) -> Decimal | None:
    text = values.get(name)
    return None if text is None else Decimal(text)
