"""core.budget.charge: what a call costs, of which pools, and what of it stays spent."""

import json
from dataclasses import replace

import pytest
from tests.core.budget.exchange import catalogue, plan_of

from counterseal.core.budget.charge import constant_of, plan
from counterseal.core.budget.pools import Kind

SPOT_ORDER = ("spot_weight", "spot_raw", "spot_orders_10s", "spot_orders_1d")
FUTURES = ("futures_orders_10s", "futures_orders_1m")


@pytest.mark.parametrize(
    ("name", "pools", "amounts"),
    [
        ("spot GET /api/v3/time", SPOT_ORDER[:2], (1, 1)),
        ("spot POST /api/v3/order", SPOT_ORDER, (1, 1, 1, 1)),
        ("spot POST /api/v3/order/cancelReplace", SPOT_ORDER, (1, 1, 1, 1)),
        ("spot POST /api/v3/sor/order", SPOT_ORDER, (1, 1, 1, 1)),
        ("spot POST /api/v3/orderList/oco", SPOT_ORDER, (1, 1, 2, 2)),
        ("spot POST /api/v3/orderList/oto", SPOT_ORDER, (1, 1, 2, 2)),
        ("spot POST /api/v3/orderList/opo", SPOT_ORDER, (1, 1, 2, 2)),
        ("spot POST /api/v3/orderList/otoco", SPOT_ORDER, (1, 1, 3, 3)),
        ("spot POST /api/v3/orderList/opoco", SPOT_ORDER, (1, 1, 3, 3)),
        ("spot PUT /api/v3/order/amend/keepPriority", SPOT_ORDER[:2], (4, 1)),
        ("spot DELETE /api/v3/order", SPOT_ORDER[:2], (1, 1)),
        ("spot GET /sapi/v1/margin/allAssets", ("sapi_ip",), (1,)),
        ("spot POST /sapi/v1/sub-account/subAccountApi", ("sapi_uid",), (3_000,)),
        ("usdm POST /fapi/v1/order", FUTURES, (1, 1)),
        ("usdm PUT /fapi/v1/order", FUTURES, (1, 1)),
        ("usdm POST /fapi/v1/algoOrder", FUTURES, (1, 1)),
        ("usdm DELETE /fapi/v1/order", ("usdm_ws_api_weight",), (1,)),
        ("usdm GET /fapi/v1/order", ("futures_weight",), (1,)),
        ("usdm POST /fapi/v1/leverage", ("futures_weight",), (1,)),
        ("usdm POST /fapi/v1/batchOrders", ("usdm_ws_api_weight", *FUTURES), (5, 5, 1)),
        ("usdm DELETE /fapi/v1/batchOrders", ("usdm_ws_api_weight",), (1,)),
        ("usdm GET /fapi/v1/fundingRate", ("futures_funding",), (1,)),
        ("usdm GET /fapi/v1/fundingInfo", ("futures_funding",), (1,)),
        ("coinm POST /dapi/v1/order", FUTURES, (1, 1)),
        ("coinm POST /dapi/v1/batchOrders", ("futures_weight", *FUTURES), (5, 5, 1)),
        ("options POST /eapi/v1/order", ("eapi_orders_10s", "eapi_orders_1m"), (1, 1)),
        ("options POST /eapi/v1/batchOrders", ("eapi_weight", "eapi_orders_10s", "eapi_orders_1m"), (5, 10, 10)),
        ("papi POST /papi/v1/um/order", ("papi_weight", "papi_orders"), (1, 1)),
        ("papi POST /papi/v1/margin/order/oco", ("papi_weight", "papi_orders"), (1, 2)),
        ("www GET /bapi/defi/v1/public/alpha-trade/klines", (), ()),
    ],
)
def test_what_a_call_charges(name: str, pools: tuple[str, ...], amounts: tuple[int, ...]) -> None:
    """Weight first, then counts of requests, then orders: OCO 2, OTOCO 3, a futures batch 5 and 1."""
    charges = plan_of(name)
    assert tuple(pool.id for pool in charges.pools) == pools
    assert charges.amounts({}) == amounts
    assert charges.name == name


@pytest.mark.parametrize(
    ("name", "values", "weight"),
    [
        ("spot GET /api/v3/depth", {"limit": "5000"}, 250),
        ("spot GET /api/v3/depth", {"limit": "100"}, 5),
        ("spot GET /api/v3/openOrders", {"symbol": "BTCUSDT"}, 6),
        ("spot GET /api/v3/openOrders", {}, 80),
        ("spot GET /api/v3/ticker/24hr", {"symbols": json.dumps(["A"] * 50)}, 40),
        ("usdm GET /fapi/v1/klines", {"limit": "1500"}, 10),
    ],
)
def test_weight_follows_the_parameters(name: str, values: dict[str, str], weight: int) -> None:
    """Where the rule depends on them, and nowhere else."""
    charges = plan_of(name)
    assert charges.amounts(values)[0] == weight
    assert charges.amounts(values)[1:] == charges.amounts({})[1:]


def test_every_endpoint_has_a_plan() -> None:
    """Of the shipped catalogue; weight comes first and only once, orders come last, no amount is negative."""
    for endpoint in catalogue():
        charges = plan(endpoint)
        kinds = [pool.kind for pool in charges.pools]
        amounts = charges.amounts({})
        assert len(amounts) == len(kinds) == len({pool.id for pool in charges.pools})
        assert kinds.count(Kind.WEIGHT) == charges.weighs
        assert not charges.weighs or kinds[0] is Kind.WEIGHT
        assert kinds == sorted(kinds, key=lambda kind: (kind is not Kind.WEIGHT, kind is Kind.ORDERS))
        assert min(amounts, default=0) >= 0
        assert charges.weighs or not charges.gives_back
        assert charges.amounts({}) == amounts
        if endpoint.orders:
            assert Kind.ORDERS in kinds


def test_orders_are_counted_where_one_is_placed() -> None:
    """Every endpoint that may create an order counts, tests of orders and /sapi apart."""
    for endpoint in catalogue():
        if endpoint.purpose == "trade" and endpoint.method == "POST" and endpoint.product not in ("sapi", "www"):
            counts = any(pool.kind is Kind.ORDERS for pool in plan(endpoint).pools)
            assert counts != ("/test" in endpoint.path), endpoint.name


@pytest.mark.parametrize(
    ("name", "status", "code", "kept"),
    [
        ("spot POST /api/v3/order", 200, None, (0, 1, 1, 1)),
        ("spot POST /api/v3/order", 299, None, (0, 1, 1, 1)),
        ("spot POST /api/v3/order", 300, None, (1, 1, 1, 1)),
        ("spot POST /api/v3/order", 400, -2010, (1, 1, 1, 1)),
        ("spot POST /api/v3/order", 409, -2021, (1, 1, 1, 1)),
        ("spot POST /api/v3/order", 503, -1008, (1, 1, 1, 1)),
        ("spot DELETE /api/v3/order", 200, None, (0, 1)),
        ("spot DELETE /api/v3/order", 400, -2011, (1, 1)),
        ("spot GET /api/v3/time", 200, None, (1, 1)),
        ("usdm POST /fapi/v1/order", 200, None, (1, 1)),
        ("usdm POST /fapi/v1/order", 400, -2019, (1, 1)),
        ("usdm POST /fapi/v1/order", 503, -1008, (0, 0)),
        ("usdm POST /fapi/v1/order", 503, -1001, (1, 1)),
        ("usdm POST /fapi/v1/order", 400, -1008, (1, 1)),
        ("usdm POST /fapi/v1/batchOrders", 503, -1008, (5, 0, 0)),
    ],
)
def test_what_stays_spent(name: str, status: int, code: int | None, kept: tuple[int, ...]) -> None:
    """A spot order that succeeds is free of weight; a rejected order counts, unless futures threw it out before."""
    charges = plan_of(name)
    assert charges.kept(charges.amounts({}), status, code) == kept


def test_a_rule_that_asks_for_nothing_is_a_constant() -> None:
    """However it asks: by membership, by length or by iteration."""
    assert constant_of(lambda values: 7) == 7
    assert constant_of(lambda values: -7) == 0
    assert constant_of(lambda values: 1 if "symbol" in values else 2) is None
    assert constant_of(lambda values: len(values)) is None
    assert constant_of(lambda values: len(list(values))) is None
    assert constant_of(lambda values: sum(1 for _ in values)) is None
    assert constant_of(lambda values: int(values.get("limit", "3"))) is None


@pytest.mark.parametrize(
    ("name", "is_fixed", "orders", "gives_back"),
    [
        ("spot GET /api/v3/time", True, False, False),
        ("spot GET /api/v3/depth", False, False, False),
        ("spot POST /api/v3/order", True, True, True),
        ("spot DELETE /api/v3/order", True, False, True),
        ("usdm POST /fapi/v1/order", True, True, False),
        ("usdm POST /fapi/v1/batchOrders", True, True, False),
    ],
)
def test_what_is_known_of_every_call_of_an_endpoint(name: str, is_fixed: bool, orders: bool, gives_back: bool) -> None:
    charges = plan_of(name)
    assert (charges.is_fixed, charges.orders, charges.gives_back) == (is_fixed, orders, gives_back)


def test_what_has_no_weight_gives_none_back() -> None:
    """Should the catalogue ever say that an endpoint without weight is free on success."""
    funding = catalogue().get("usdm", "GET", "/fapi/v1/fundingRate")
    assert funding is not None
    charges = plan(replace(funding, free_on_success=True))
    assert not charges.gives_back
    assert charges.kept((1,), 200, None) == (1,)


def test_no_rule_gives_less_than_nothing() -> None:
    depth = catalogue().get("spot", "GET", "/api/v3/depth")
    assert depth is not None
    charges = plan(replace(depth, weight=lambda values: int(values.get("limit", "0"))))
    assert [charges.amounts(values)[0] for values in ({}, {"limit": "-3"}, {"limit": "3"})] == [0, 0, 3]


@pytest.mark.parametrize(
    ("name", "orders"),
    [
        ("coinm POST /dapi/v1/order", (1, 1)),
        ("coinm PUT /dapi/v1/order", (1, 1)),
        ("coinm POST /dapi/v1/algoOrder", (1, 1)),
        ("coinm POST /dapi/v1/batchOrders", (5, 1)),
        ("coinm PUT /dapi/v1/batchOrders", (5, 1)),
        ("papi POST /papi/v1/um/order", (1,)),
        ("papi PUT /papi/v1/um/order", (1,)),
        ("papi POST /papi/v1/cm/order", (1,)),
        ("papi PUT /papi/v1/cm/order", (1,)),
        ("papi POST /papi/v1/margin/order", (1,)),
        ("papi POST /papi/v1/margin/order/oco", (2,)),
        ("papi POST /papi/v1/um/conditional/order", (1,)),
        ("papi POST /papi/v1/cm/conditional/order", (1,)),
        ("papi POST /papi/v1/um/algo/order", (1,)),
        ("options POST /eapi/v1/order", (1, 1)),
        ("options POST /eapi/v1/batchOrders", (10, 10)),
        ("coinm DELETE /dapi/v1/order", ()),
        ("papi DELETE /papi/v1/um/order", ()),
    ],
)
def test_what_the_documentation_leaves_open_counts_as_much_as_it_could(name: str, orders: tuple[int, ...]) -> None:
    charges = plan_of(name)
    counted = zip(charges.pools, charges.amounts({}), strict=True)
    assert tuple(amount for pool, amount in counted if pool.kind is Kind.ORDERS) == orders
    assert charges.orders is bool(orders)
