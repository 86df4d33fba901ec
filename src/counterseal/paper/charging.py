"""What a call costs, and on whose account: the pools of the address, of the endpoint, and of the account.

What the facts leave open is in `LimitRules`, a knob each.
"""

from __future__ import annotations

from dataclasses import dataclass

from counterseal.paper import endpoints
from counterseal.paper.endpoints import Endpoint
from counterseal.paper.limits import WeightGuard, Windows
from counterseal.paper.params import Params

WEIGHT_POOL = {"api": "spot_weight", "fapi": "futures_weight", "dapi": "futures_weight", "sapi": "sapi_ip",
               "papi": "papi_weight", "eapi": "eapi_weight"}  # fmt: skip
# REST orders of USD-M that count in the WebSocket API's pool: place, modify, cancel, single and batch.
WS_POOLED = frozenset({"/fapi/v1/order", "/fapi/v1/batchOrders"})


@dataclass(frozen=True, kw_only=True, slots=True)
class LimitRules:
    """Assumptions about limits.  The defaults are what the evidence favours."""

    ban_reach: str = "family"  # an address is banned from "family" (spot or futures) or "all"
    futures_order_pool: str = "ws"  # REST order calls of USD-M weigh in the "ws" pool, or in the "rest" pool
    maker_gives_back: int = 5  # unfilled-order count that a first fill as maker returns
    taker_gives_back: int = 1
    raw_bans: bool = True  # going on after a 429 of a request-counting pool bans too
    late_counts: bool = True  # a request that a late recvWindow check refuses counts as an order
    retry_after: bool = True  # 429 and 418 carry Retry-After


@dataclass(frozen=True, slots=True)
class Charge:
    """What was charged: to give back, or to show again."""

    pool: str
    subject: str
    cost: int


class Charging:
    """Charges calls as they come in, refuses with 429 or 418, and gives back what turns out to be free."""

    def __init__(self, windows: Windows, guard: WeightGuard, rules: LimitRules) -> None:
        self.windows = windows
        self._guard = guard
        self._rules = rules

    def side(self, family: str) -> str:
        """What an address is banned from together."""
        if self._rules.ban_reach == "all":
            return "all"
        return "spot" if family in ("api", "sapi") else "futures"

    def check_ban(self, family: str, peer: str, now_ms: int) -> None:
        """418 while the address is banned from the family."""
        self._guard.check_ban(self.side(family), peer, now_ms)

    def by_address(self, endpoint: Endpoint, params: Params, peer: str, now_ms: int, headers: dict[str, str]) -> Charge:
        """Charge the address, show the weight used, and refuse when a pool is over its limit."""
        cost = endpoints.weight(endpoint.rule, params)
        by_account = endpoint.family == "sapi" and endpoint.scope == "UID"
        charge = Charge(self._pool(endpoint), _subject(endpoint, peer), 0 if by_account else cost)
        used = self.windows.add(charge.pool, charge.subject, charge.cost, now_ms)
        self._show(endpoint, peer, used, now_ms, headers)
        culprit = None if endpoint.family == "sapi" else (self.side(endpoint.family), peer)
        self._guard.enforce(charge.pool, used, now_ms, culprit)
        for pool in _raw_pools(endpoint):
            counted = self.windows.add(pool, peer, 1, now_ms)
            self._guard.enforce(pool, counted, now_ms, culprit if self._rules.raw_bans else None)
        return charge

    def by_account(
        self, endpoint: Endpoint, params: Params, account: str, now_ms: int, headers: dict[str, str]
    ) -> None:
        """Charge what weighs on the account (/sapi endpoints marked UID): always 429, never a ban."""
        if endpoint.family != "sapi" or endpoint.scope != "UID":
            return
        cost = endpoints.weight(endpoint.rule, params)
        used = self.windows.add("sapi_uid", _subject(endpoint, account), cost, now_ms)
        headers.pop("X-SAPI-USED-IP-WEIGHT-1M", None)
        headers["X-SAPI-USED-UID-WEIGHT-1M"] = str(used)
        self._guard.enforce("sapi_uid", used, now_ms)

    def give_back(self, endpoint: Endpoint, charge: Charge, peer: str, now_ms: int, headers: dict[str, str]) -> None:
        """A call that succeeded and is free then."""
        used = self.windows.add(charge.pool, charge.subject, -charge.cost, now_ms)
        self._show(endpoint, peer, used, now_ms, headers)

    def _pool(self, endpoint: Endpoint) -> str:
        is_order = endpoint.method != "GET" and endpoint.path in WS_POOLED
        if is_order and self._rules.futures_order_pool == "ws":
            return "usdm_ws_api_weight"
        return WEIGHT_POOL[endpoint.family]

    def _show(self, endpoint: Endpoint, peer: str, used: int, now_ms: int, headers: dict[str, str]) -> None:
        """The headers name the family's own pool, also where a call weighs in another."""
        if endpoint.family == "sapi":
            headers["X-SAPI-USED-IP-WEIGHT-1M"] = str(used)
            return
        pool = WEIGHT_POOL[endpoint.family]
        shown = used if pool == self._pool(endpoint) else self.windows.used(pool, peer, now_ms)
        headers["X-MBX-USED-WEIGHT-1M"] = str(shown)
        if endpoint.family == "api":
            headers["X-MBX-USED-WEIGHT"] = str(shown)


def _subject(endpoint: Endpoint, who: str) -> str:
    return f"{who} {endpoint.method} {endpoint.path}" if endpoint.family == "sapi" else who


def _raw_pools(endpoint: Endpoint) -> list[str]:
    """Pools that count requests, whatever they weigh."""
    if endpoint.rule["kind"] == "special_pool":
        return ["futures_funding"]
    return ["spot_raw"] if endpoint.family == "api" else []
