"""The exchange's pools: what each counts, for whom, how much, in which window, and which header tells.

The limits are what was documented or measured last; exchangeInfo's live limits win as soon as they are learnt.
Windows are fixed and begin at whole multiples of their length of exchange time: minutes at :00, days at 00:00 UTC.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

SECOND_MS, MINUTE_MS, DAY_MS = 1_000, 60_000, 86_400_000
# A limit above this multiple of the known one is no limit but a mistake.
_ABSURD = 1_000


class Kind(Enum):
    """What a pool counts: request weight, requests of a whole API, orders, or calls of a few endpoints."""

    WEIGHT = "weight"
    RAW = "raw"
    ORDERS = "orders"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class Pool:
    """One limit of the exchange.

    `scope` is whose it is: "ip", "account", "uid" or "connection". `header` is the lower-case name of the response
    header that tells its use, "" where none does. `per_endpoint`: each endpoint has a count of its own. `sinks`: what
    was counted comes back when orders are filled, and the window is long enough for it to matter.
    """

    id: str
    kind: Kind
    scope: str
    limit: int
    window_ms: int
    header: str = ""
    per_endpoint: bool = False
    sinks: bool = False


_USED, _ORDERS = "x-mbx-used-weight-1m", "x-mbx-order-count-"
_SAPI_IP, _SAPI_UID = "x-sapi-used-ip-weight-1m", "x-sapi-used-uid-weight-1m"
POOLS: Mapping[str, Pool] = {
    pool.id: pool
    for pool in (
        Pool("spot_weight", Kind.WEIGHT, "ip", 6_000, MINUTE_MS, _USED),
        Pool("spot_raw", Kind.RAW, "ip", 300_000, 5 * MINUTE_MS),
        Pool("spot_orders_10s", Kind.ORDERS, "account", 100, 10 * SECOND_MS, _ORDERS + "10s"),
        Pool("spot_orders_1d", Kind.ORDERS, "account", 200_000, DAY_MS, _ORDERS + "1d", sinks=True),
        Pool("sapi_ip", Kind.WEIGHT, "ip", 12_000, MINUTE_MS, _SAPI_IP, per_endpoint=True),
        Pool("sapi_uid", Kind.WEIGHT, "uid", 180_000, MINUTE_MS, _SAPI_UID, per_endpoint=True),
        Pool("futures_weight", Kind.WEIGHT, "ip", 2_400, MINUTE_MS, _USED),
        # No header: X-MBX-USED-WEIGHT-1M of an order's answer tells the other pool.
        Pool("usdm_ws_api_weight", Kind.WEIGHT, "ip", 2_400, MINUTE_MS),
        Pool("futures_orders_10s", Kind.ORDERS, "account", 300, 10 * SECOND_MS, _ORDERS + "10s"),
        Pool("futures_orders_1m", Kind.ORDERS, "account", 1_200, MINUTE_MS, _ORDERS + "1m"),
        Pool("futures_funding", Kind.COUNT, "ip", 500, 5 * MINUTE_MS),
        Pool("papi_weight", Kind.WEIGHT, "ip", 6_000, MINUTE_MS),
        Pool("papi_orders", Kind.ORDERS, "account", 1_200, MINUTE_MS),
        Pool("eapi_weight", Kind.WEIGHT, "ip", 400, MINUTE_MS),
        Pool("eapi_orders_10s", Kind.ORDERS, "account", 30, 10 * SECOND_MS),
        Pool("eapi_orders_1m", Kind.ORDERS, "account", 100, MINUTE_MS),
        Pool("spot_ws_attempts", Kind.COUNT, "ip", 300, 5 * MINUTE_MS),
        Pool("spot_ws_messages", Kind.COUNT, "connection", 5, SECOND_MS),
        Pool("futures_ws_messages", Kind.COUNT, "connection", 10, SECOND_MS),
    )
}
# What one connection to a WebSocket API costs of its weight pool.
WS_API_CONNECT: Mapping[str, tuple[str, int]] = {
    "spot": ("spot_weight", 2),
    "usdm": ("usdm_ws_api_weight", 5),
    "coinm": ("futures_weight", 5),
}

# (family, rateLimitType, interval, intervalNum) of exchangeInfo. USD-M and COIN-M speak of the same pools.
_LEARNT: Mapping[tuple[str, str, str, int], str] = {
    ("spot", "REQUEST_WEIGHT", "MINUTE", 1): "spot_weight",
    ("spot", "RAW_REQUESTS", "MINUTE", 5): "spot_raw",
    ("spot", "ORDERS", "SECOND", 10): "spot_orders_10s",
    ("spot", "ORDERS", "DAY", 1): "spot_orders_1d",
    **{(family, "REQUEST_WEIGHT", "MINUTE", 1): "futures_weight" for family in ("usdm", "coinm")},
    **{(family, "ORDERS", "SECOND", 10): "futures_orders_10s" for family in ("usdm", "coinm")},
    **{(family, "ORDERS", "MINUTE", 1): "futures_orders_1m" for family in ("usdm", "coinm")},
    ("options", "REQUEST_WEIGHT", "MINUTE", 1): "eapi_weight",
    ("options", "ORDERS", "SECOND", 10): "eapi_orders_10s",
    ("options", "ORDERS", "MINUTE", 1): "eapi_orders_1m",
}


class LiveLimits(NamedTuple):
    """What a `rateLimits` list says: limits by pool id, and how many rows (or lists) were nonsense."""

    limits: Mapping[str, int]
    ignored: int


def read_limits(family: str, rows: Any) -> LiveLimits:
    """Read exchangeInfo's `rateLimits`: whatever is not a list of well-formed, known rows is left out and counted.

    Of two rows for one pool the smaller stands.
    """
    if not isinstance(rows, Sequence) or isinstance(rows, str | bytes):
        return LiveLimits({}, 1)
    limits: dict[str, int] = {}
    ignored = 0
    for row in rows:
        pool, limit = _read_row(family, row)
        if pool is None:
            ignored += 1
        else:
            limits[pool.id] = min(limit, limits.get(pool.id, limit))
    return LiveLimits(limits, ignored)


def _read_row(family: str, row: Any) -> tuple[Pool | None, int]:
    if not isinstance(row, Mapping):
        return None, 0
    kind, interval = row.get("rateLimitType"), row.get("interval")
    number, limit = _count(row.get("intervalNum")), _count(row.get("limit"))
    if not isinstance(kind, str) or not isinstance(interval, str):
        return None, 0
    pool_id = _LEARNT.get((family, kind, interval, number))
    pool = POOLS[pool_id] if pool_id else None
    return (pool, limit) if pool is not None and 0 < limit <= pool.limit * _ABSURD else (None, 0)


def _count(value: Any) -> int:
    """Give a whole number, 0 for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
