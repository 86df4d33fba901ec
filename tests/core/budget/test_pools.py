"""core.budget.pools: the known limits, and what exchangeInfo may change of them."""

from typing import Any

import pytest

from counterseal.core.budget.pools import POOLS, WS_API_CONNECT, Kind, LiveLimits, read_limits


def row(kind: str = "REQUEST_WEIGHT", interval: str = "MINUTE", number: Any = 1, limit: Any = 1_200) -> dict[str, Any]:
    return {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit}


@pytest.mark.parametrize(
    ("name", "kind", "scope", "limit", "window_ms", "header"),
    [
        ("spot_weight", Kind.WEIGHT, "ip", 6_000, 60_000, "x-mbx-used-weight-1m"),
        ("spot_raw", Kind.RAW, "ip", 300_000, 300_000, ""),
        ("spot_orders_10s", Kind.ORDERS, "account", 100, 10_000, "x-mbx-order-count-10s"),
        ("spot_orders_1d", Kind.ORDERS, "account", 200_000, 86_400_000, "x-mbx-order-count-1d"),
        ("sapi_ip", Kind.WEIGHT, "ip", 12_000, 60_000, "x-sapi-used-ip-weight-1m"),
        ("sapi_uid", Kind.WEIGHT, "uid", 180_000, 60_000, "x-sapi-used-uid-weight-1m"),
        ("futures_weight", Kind.WEIGHT, "ip", 2_400, 60_000, "x-mbx-used-weight-1m"),
        ("usdm_ws_api_weight", Kind.WEIGHT, "ip", 2_400, 60_000, ""),
        ("futures_orders_10s", Kind.ORDERS, "account", 300, 10_000, "x-mbx-order-count-10s"),
        ("futures_orders_1m", Kind.ORDERS, "account", 1_200, 60_000, "x-mbx-order-count-1m"),
        ("futures_funding", Kind.COUNT, "ip", 500, 300_000, ""),
        ("papi_weight", Kind.WEIGHT, "ip", 6_000, 60_000, ""),
        ("papi_orders", Kind.ORDERS, "account", 1_200, 60_000, ""),
        ("eapi_weight", Kind.WEIGHT, "ip", 400, 60_000, ""),
        ("eapi_orders_10s", Kind.ORDERS, "account", 30, 10_000, ""),
        ("eapi_orders_1m", Kind.ORDERS, "account", 100, 60_000, ""),
        ("spot_ws_attempts", Kind.COUNT, "ip", 300, 300_000, ""),
        ("spot_ws_messages", Kind.COUNT, "connection", 5, 1_000, ""),
        ("futures_ws_messages", Kind.COUNT, "connection", 10, 1_000, ""),
    ],
)
def test_the_documented_pools(name: str, kind: Kind, scope: str, limit: int, window_ms: int, header: str) -> None:
    """Each with its scope, size, window and header."""
    pool = POOLS[name]
    assert (pool.kind, pool.scope, pool.limit, pool.window_ms, pool.header) == (kind, scope, limit, window_ms, header)


def test_there_is_no_other_pool() -> None:
    """Only /sapi counts per endpoint; only the day's count of orders sinks."""
    assert len(POOLS) == 19
    assert {name for name, pool in POOLS.items() if pool.per_endpoint} == {"sapi_ip", "sapi_uid"}
    assert {name for name, pool in POOLS.items() if pool.sinks} == {"spot_orders_1d"}
    assert {pool for pool, _ in WS_API_CONNECT.values()} <= set(POOLS)


def test_what_a_connection_to_a_websocket_api_costs() -> None:
    assert WS_API_CONNECT == {
        "spot": ("spot_weight", 2),
        "usdm": ("usdm_ws_api_weight", 5),
        "coinm": ("futures_weight", 5),
    }


@pytest.mark.parametrize("family", ["usdm", "coinm", "options"])
def test_every_limit_that_derivatives_tell_is_read(family: str) -> None:
    prefix = "eapi" if family == "options" else "futures"
    rows = [row(limit=30), row("ORDERS", "SECOND", 10, 20), row("ORDERS", "MINUTE", 1, 10)]
    limits = {f"{prefix}_weight": 30, f"{prefix}_orders_10s": 20, f"{prefix}_orders_1m": 10}
    assert read_limits(family, rows) == LiveLimits(limits, 0)


def test_live_limits_are_read() -> None:
    """The form in which the exchange sends them."""
    rows = [
        row(limit=5_000),
        row("RAW_REQUESTS", "MINUTE", 5, 61_000),
        row("ORDERS", "SECOND", 10, 50),
        row("ORDERS", "DAY", 1, 160_000),
    ]
    limits = {"spot_weight": 5_000, "spot_raw": 61_000, "spot_orders_10s": 50, "spot_orders_1d": 160_000}
    assert read_limits("spot", rows) == LiveLimits(limits, 0)


@pytest.mark.parametrize(
    ("family", "rows", "limits"),
    [
        (
            "usdm",
            [row(limit=2_000), row("ORDERS", "MINUTE", 1, 600)],
            {"futures_weight": 2_000, "futures_orders_1m": 600},
        ),
        ("coinm", [row("ORDERS", "SECOND", 10, 100)], {"futures_orders_10s": 100}),
        ("options", [row(limit=300), row("ORDERS", "SECOND", 10, 9)], {"eapi_weight": 300, "eapi_orders_10s": 9}),
        ("spot", [row(limit=500), row(limit=400), row(limit=600)], {"spot_weight": 400}),
        ("spot", (), {}),
    ],
)
def test_families_have_their_pools(family: str, rows: Any, limits: dict[str, int]) -> None:
    """USD-M and COIN-M speak of the same ones; of two rows the smaller stands."""
    assert read_limits(family, rows) == LiveLimits(limits, 0)


@pytest.mark.parametrize(
    "bad",
    [
        None, 7, "row", [], {}, row(limit=0), row(limit=-1), row(limit=True), row(limit="1200"), row(limit=1.5),
        row(limit=None), row(limit=6_000_001), row(number=0), row(number=2), row(number="1"), row(number=True),
        row(interval="HOUR"), row(interval=3), row("ORDERS", "MINUTE", 1), row(kind="CONNECTIONS"), row(kind=["x"]),
        row(interval=["MINUTE"]), row(interval=None),
    ],
)  # fmt: skip
def test_nonsense_is_counted_and_left_out(bad: Any) -> None:
    """The rows beside it stand; a limit of a thousand times the known one is still believed."""
    assert read_limits("spot", [bad, row(limit=6_000_000)]) == LiveLimits({"spot_weight": 6_000_000}, 1)


@pytest.mark.parametrize("rows", [None, 5, "rows", b"rows", {"rateLimitType": "ORDERS"}])
def test_what_is_no_list_is_one_nonsense(rows: Any) -> None:
    """Nothing is learnt from it, nothing raises."""
    assert read_limits("spot", rows) == LiveLimits({}, 1)


def test_an_unknown_family_teaches_nothing() -> None:
    """`papi` has no exchangeInfo of its own."""
    assert read_limits("papi", [row()]) == LiveLimits({}, 1)
