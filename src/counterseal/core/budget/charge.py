"""What a call costs: worked out once per endpoint, with a function only where it depends on parameters."""

from collections.abc import Iterator, Mapping

from counterseal.core.binance.catalogue import Endpoint
from counterseal.core.binance.weights import Values, WeightRule
from counterseal.core.budget.pools import POOLS, Kind, Pool

Amounts = tuple[int, ...]

_WEIGHT = {"spot": "spot_weight", "usdm": "futures_weight", "coinm": "futures_weight", "options": "eapi_weight",
           "papi": "papi_weight"}  # fmt: skip
# REST calls of USD-M that weigh in the WebSocket API's pool: place, modify and cancel, single and batch.
_WS_POOLED = frozenset({"/fapi/v1/order", "/fapi/v1/batchOrders"})
_FUNDING = frozenset({"/fapi/v1/fundingRate", "/fapi/v1/fundingInfo"})
_ORDER_POOLS = {
    "spot": (("spot_orders_10s", "10S"), ("spot_orders_1d", "1D")),
    "usdm": (("futures_orders_10s", "10S"), ("futures_orders_1m", "1M")),
    "coinm": (("futures_orders_10s", "10S"), ("futures_orders_1m", "1M")),
    "options": (("eapi_orders_10s", "10S"), ("eapi_orders_1m", "1M")),
    "papi": (("papi_orders", "1M"),),
}
# Where the documentation leaves the count of orders open, the most that the call could count stands here: COIN-M shares
# its counts with USD-M, and a batch of options holds ten orders at most.
_ONE, _BATCH = {"10S": 1, "1M": 1}, {"10S": 5, "1M": 1}
_ASSUMED: Mapping[str, Mapping[str, int]] = {
    "coinm POST /dapi/v1/order": _ONE,
    "coinm PUT /dapi/v1/order": _ONE,
    "coinm POST /dapi/v1/algoOrder": _ONE,
    "coinm POST /dapi/v1/batchOrders": _BATCH,
    "coinm PUT /dapi/v1/batchOrders": _BATCH,
    "options POST /eapi/v1/order": _ONE,
    "options POST /eapi/v1/batchOrders": {"10S": 10, "1M": 10},
    "papi POST /papi/v1/margin/order/oco": {"1M": 2},
    **{
        f"papi {method} /papi/v1/{path}": {"1M": 1}
        for method, path in (
            ("POST", "um/order"), ("PUT", "um/order"), ("POST", "cm/order"), ("PUT", "cm/order"),
            ("POST", "margin/order"), ("POST", "um/conditional/order"), ("POST", "cm/conditional/order"),
            ("POST", "um/algo/order"),
        )
    },
}  # fmt: skip
# With 503: the futures side turned the call away before it counted it as an order.
_THROTTLED = -1008


class Plan:
    """The pools that a call of one endpoint charges, weight first, and how much of each.

    `name` and `family` are the endpoint's. `is_fixed` tells that every call costs the same; `weighs` that the first
    pool is one of weight; `gives_back` that a success is free of that weight; `orders` that it counts as an order.
    """

    __slots__ = (
        "_fixed", "_free", "_orders_from", "_rule", "_tail", "family", "gives_back", "is_fixed", "name", "orders",
        "pools", "weighs",
    )  # fmt: skip

    def __init__(self, endpoint: Endpoint, pools: tuple[Pool, ...], tail: Amounts, rule: WeightRule | None) -> None:
        """`tail` are the amounts of all pools but one of weight, whose amount `rule` gives; None: there is none."""
        self.name: str = endpoint.name
        self.family: str = endpoint.family
        self.pools: tuple[Pool, ...] = pools
        self.weighs: bool = rule is not None
        self.gives_back: bool = endpoint.free_on_success and rule is not None
        self._tail: Amounts = tail
        self._rule: WeightRule | None = rule
        self._fixed: Amounts | None = tail
        if rule is not None:
            constant = constant_of(rule)
            self._fixed = None if constant is None else (constant, *tail)
        self.is_fixed: bool = self._fixed is not None
        self._free: Amounts = (0, *tail)
        self.orders: bool = any(pool.kind is Kind.ORDERS for pool in pools)
        self._orders_from: int = sum(pool.kind is not Kind.ORDERS for pool in pools)

    def amounts(self, values: Values) -> Amounts:
        """Give what a call with these parameters costs, aligned with `pools`."""
        if self._fixed is not None or self._rule is None:
            return self._tail if self._fixed is None else self._fixed
        return (max(0, self._rule(values)), *self._tail)

    def kept(self, amounts: Amounts, status: int, code: int | None) -> Amounts:
        """Give what of `amounts` stays spent after an answer of this status and exchange code.

        A rejected order still counts as an order, except where the futures side says that it was turned away before.
        """
        if self.gives_back and 200 <= status < 300:
            return self._free
        if code == _THROTTLED and status == 503 and self.name[:5] != "spot ":
            return amounts[: self._orders_from] + (0,) * (len(amounts) - self._orders_from)
        return amounts


def plan(endpoint: Endpoint) -> Plan:
    """Work out the plan of an endpoint. One of a host without known limits charges nothing."""
    weight = _weight_pool(endpoint)
    others = tuple(_counted(endpoint))
    tail = tuple(amount for _, amount in others)
    pools = tuple(pool for pool, _ in others)
    if weight is None or constant_of(endpoint.weight) == 0:
        return Plan(endpoint, pools, tail, None)
    return Plan(endpoint, (weight, *pools), tail, endpoint.weight)


def constant_of(rule: WeightRule) -> int | None:
    """Give the weight when the rule asks for no parameter, else None."""
    probe = _Probe()
    weight = rule(probe)
    return None if probe.asked else max(0, weight)


class _Probe(Mapping[str, str]):
    """Empty parameters that notice being asked."""

    def __init__(self) -> None:
        self.asked = False

    def __getitem__(self, name: str) -> str:
        self.asked = True
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        self.asked = True
        return iter(())

    def __len__(self) -> int:
        self.asked = True
        return 0


def _weight_pool(endpoint: Endpoint) -> Pool | None:
    if endpoint.product == "sapi":
        return POOLS["sapi_uid" if endpoint.weight_scope == "UID" else "sapi_ip"]
    if endpoint.family == "usdm" and endpoint.path in _WS_POOLED and endpoint.method != "GET":
        return POOLS["usdm_ws_api_weight"]
    name = _WEIGHT.get(endpoint.family)
    return None if name is None else POOLS[name]


def _counted(endpoint: Endpoint) -> Iterator[tuple[Pool, int]]:
    """The pools that count requests, then those that count orders."""
    if endpoint.product == "spot":
        yield POOLS["spot_raw"], 1
    if endpoint.family == "usdm" and endpoint.path in _FUNDING:
        yield POOLS["futures_funding"], 1
    orders = _ASSUMED.get(endpoint.name, endpoint.orders)
    for name, interval in _ORDER_POOLS.get(endpoint.family, ()):
        if orders.get(interval, 0) > 0:
            yield POOLS[name], orders[interval]
