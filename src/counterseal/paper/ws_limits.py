"""Limits of WebSockets: connection attempts of an address, weights of WebSocket-API methods, rows in replies."""

from __future__ import annotations

from counterseal.paper import endpoints
from counterseal.paper.charging import Charging
from counterseal.paper.limits import ORDER_POOLS, WeightGuard, Windows, limit_row
from counterseal.paper.params import Params
from counterseal.paper.ws_methods import Method
from counterseal.paper.ws_terms import Service

# the WebSocket API of USD-M has a pool of its own, that of COIN-M weighs with the REST calls of both markets
WEIGHTS = {"spot": "spot_weight", "usdm": "usdm_ws_api_weight", "coinm": "futures_weight"}
ATTEMPTS = {"spot": "spot_ws_attempts", "usdm": "futures_ws_attempts", "coinm": "futures_ws_attempts"}
FAMILIES = {"spot": "api", "usdm": "fapi", "coinm": "dapi"}
CONNECT_WEIGHT = {"spot": 2, "usdm": 5, "coinm": 5}


class WebSocketLimits:
    """What connecting and asking cost an address."""

    def __init__(self, windows: Windows, guard: WeightGuard, charging: Charging) -> None:
        self._windows = windows
        self._guard = guard
        self._charging = charging

    def admit(self, service: Service, peer: str, now_ms: int) -> None:
        """Count a handshake; ApiError with 418 or 429 when the address may not connect."""
        family = FAMILIES[service.market]
        self._charging.check_ban(family, peer, now_ms)
        pool = ATTEMPTS[service.market]
        used = self._windows.add(pool, peer, 1, now_ms)
        self._guard.enforce(pool, used, now_ms, (self._charging.side(family), peer))
        if service.kind == "api":
            self._add(service.market, CONNECT_WEIGHT[service.market], peer, now_ms)

    def _add(self, market: str, weight: int, peer: str, now_ms: int) -> None:
        pool = WEIGHTS[market]
        used = self._windows.add(pool, peer, weight, now_ms)
        self._guard.enforce(pool, used, now_ms, (self._charging.side(FAMILIES[market]), peer))

    def charge(self, method: Method, params: Params, peer: str, now_ms: int) -> None:
        """Weigh a request; ApiError with 418 or 429 when the address has used too much."""
        self._charging.check_ban(FAMILIES[method.market], peer, now_ms)
        if method.market == "spot":
            self._windows.add("spot_raw", peer, 1, now_ms)
        self._add(method.market, endpoints.weight(method.endpoint.rule, params), peer, now_ms)

    def refund(self, method: Method, params: Params, peer: str, now_ms: int) -> None:
        """A spot order call that succeeded costs nothing."""
        self._windows.add(WEIGHTS[method.market], peer, -endpoints.weight(method.endpoint.rule, params), now_ms)

    def shown(self, market: str, peer: str, account: str | None, now_ms: int) -> list[dict[str, object]]:
        """`rateLimits` of a reply: the order counts of the account that placed an order, the address's weight."""
        rows: list[dict[str, object]] = []
        if account is not None:
            rows += [
                limit_row(self._windows, pool) | {"count": self._windows.used(pool, account, now_ms)}
                for pool in ORDER_POOLS[market]
            ]
        pool = WEIGHTS[market]
        return [*rows, limit_row(self._windows, pool) | {"count": self._windows.used(pool, peer, now_ms)}]
