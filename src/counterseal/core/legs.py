"""From judged values to order legs, one reader per shape of request."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from counterseal.core.intent import Leg

Values = Mapping[str, str]
PRICES = (
    "price", "stopPrice", "stopLimitPrice", "triggerPrice", "activatePrice", "activationPrice", "abovePrice",
    "aboveStopPrice", "belowPrice", "belowStopPrice",
)  # fmt: skip
AMEND = "/api/v3/order/amend/keepPriority"
BATCHES = frozenset({"/fapi/v1/batchOrders", "/dapi/v1/batchOrders"})
ALGO_ORDERS = frozenset({"/fapi/v1/algoOrder", "/dapi/v1/algoOrder"})
TESTS = frozenset({"/api/v3/order/test", "/fapi/v1/order/test", "/api/v3/sor/order/test"})
# Every name under which a new order can bring a client id into the world, per path. Of a list the first is its own.
_ID_NAMES: Mapping[str, tuple[str, ...]] = {
    "/api/v3/order": ("newClientOrderId",),
    "/api/v3/order/cancelReplace": ("newClientOrderId",),
    "/api/v3/sor/order": ("newClientOrderId",),
    "/api/v3/order/oco": ("listClientOrderId", "limitClientOrderId", "stopClientOrderId"),
    "/api/v3/orderList/oco": ("listClientOrderId", "aboveClientOrderId", "belowClientOrderId"),
    **dict.fromkeys(
        ("/api/v3/orderList/oto", "/api/v3/orderList/opo"),
        ("listClientOrderId", "workingClientOrderId", "pendingClientOrderId"),
    ),
    **dict.fromkeys(
        ("/api/v3/orderList/otoco", "/api/v3/orderList/opoco"),
        ("listClientOrderId", "workingClientOrderId", "pendingAboveClientOrderId", "pendingBelowClientOrderId"),
    ),
    "/fapi/v1/order": ("newClientOrderId",),
    "/fapi/v1/algoOrder": ("clientAlgoId",),
    "/dapi/v1/order": ("newClientOrderId",),
    "/dapi/v1/algoOrder": ("clientAlgoId",),
}
LISTS = frozenset(path for path, names in _ID_NAMES.items() if names[0] == "listClientOrderId")
_PLACES = _ID_NAMES.keys() | TESTS
# Lists whose pending orders wait for a working one: how each pending order's names begin, and what states its size.
# An OPO sells no more than the working order has bought.
_PENDING: Mapping[str, tuple[tuple[str, ...], str]] = {
    "/api/v3/orderList/oto": (("pending",), "pendingQuantity"),
    "/api/v3/orderList/otoco": (("pendingAbove", "pendingBelow"), "pendingQuantity"),
    "/api/v3/orderList/opo": (("pending",), "workingQuantity"),
    "/api/v3/orderList/opoco": (("pendingAbove", "pendingBelow"), "workingQuantity"),
}


def id_names(method: str, path: str) -> tuple[str, ...]:
    """Give the parameters of this request that create client ids; none for tests, cancels and modifications.

    An amendment gives its order a new id.
    """
    if method == "PUT" and path == AMEND:
        return ("newClientOrderId",)
    return _ID_NAMES.get(path, ()) if method == "POST" else ()


def places(method: str, path: str) -> bool:
    """Tell whether one request of this method and path creates an order (batches apart)."""
    return method == "POST" and path in _PLACES


def legs_of(path: str, values: Values, prices: Sequence[str] = PRICES) -> tuple[Leg, ...]:
    """Read every order that can trade by itself; the legs of an OCO are one. `prices` is for `leg_of`."""
    if path in _PENDING:
        return _waiting(values, *_PENDING[path])
    leg = leg_of(values, prices)
    return (leg._replace(quantity=_decimal(values, "newQty")) if path == AMEND else leg,)


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


def _waiting(values: Values, prefixes: Sequence[str], size: str) -> tuple[Leg, ...]:
    """The working order, and each pending one; that one trades when the market is at the working order's price."""
    working = _listed(values, "working", "workingQuantity")
    pending = [_listed(values, prefix, size) for prefix in prefixes]
    return (working, *[leg._replace(prices=leg.prices + working.prices) for leg in pending])


def _listed(values: Values, prefix: str, size: str) -> Leg:
    side = "workingSide" if prefix == "working" else "pendingSide"
    return Leg(
        symbol=values.get("symbol", ""),
        side=values.get(side, ""),
        type=values.get(f"{prefix}Type", ""),
        quantity=_decimal(values, size),
        quote_quantity=None,
        prices=tuple([Decimal(values[n]) for n in (f"{prefix}Price", f"{prefix}StopPrice") if n in values]),
        reduces=False,
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
