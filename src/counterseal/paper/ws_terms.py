"""Where each WebSocket service is, and on which terms: from the request's host and path.

Clients that speak to another host name than the exchange's (a base URL of their own) may put the exchange's name
as the first element of the path: `/stream.binance.com/ws/...`.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

from counterseal.paper.ws_socket import Terms

DAY_MS = 86_400_000
MANY = 1 << 30  # the WebSocket APIs weigh requests instead of counting them
SPOT_STREAMS = Terms(20_000, 60_000, 5, 5, DAY_MS)
SPOT_API = Terms(20_000, 60_000, MANY, MANY, DAY_MS)
FUTURES_STREAMS = Terms(180_000, 600_000, 10, 10, DAY_MS)
FUTURES_API = Terms(180_000, 600_000, MANY, 5, DAY_MS)
ROUTES = ("public", "market", "private")
MOST_STREAMS = 1024


@dataclass(frozen=True, slots=True)
class Service:
    """What a handshake asks for.

    `kind` is "streams" or "api"; `route` is public, market or private on USD-M, "legacy" on its retired
    addresses, and "all" on spot and COIN-M.  `names` are the streams of the URL, `query` its parameters.
    """

    market: str
    kind: str
    route: str
    is_combined: bool
    names: tuple[str, ...]
    query: tuple[tuple[str, str], ...]
    terms: Terms

    def is_listen_key(self, name: str) -> bool:
        """Whether a name is not a stream's but opens user data: COIN-M takes both on one path."""
        if self.market == "coinm":
            return "@" not in name and not name.startswith("!")
        return self.route == "private"

    def shown(self, name: str) -> str:
        """A name for the journal; listen keys are secrets."""
        return name[:8] if self.is_listen_key(name) else name

    def asked(self, name: str) -> str | None:
        """A parameter of the URL."""
        return next((value for key, value in self.query if key == name), None)


def locate(host: str, target: bytes) -> Service | None:
    """The service behind a host and a request target; None when there is none."""
    path, _, text = target.decode("utf-8", "replace").partition("?")
    parts = [unquote(part) for part in path.split("/") if part]
    if parts and "." in parts[0]:
        host, parts = parts[0], parts[1:]
    # a plus is itself here (kline_1d@+08:00), not a blank
    query = tuple(parse_qsl(text.replace("+", "%2B"), keep_blank_values=True))
    api = _api(parts, query)
    if api is not None:
        return api
    return _streams(_family(host), parts, query)


def _family(host: str) -> str:
    """The market of a host name; spot when the name says nothing."""
    name = host.partition(":")[0].lower().removeprefix("demo-")
    if name.startswith("fstream"):
        return "usdm"
    return "coinm" if name.startswith("dstream") else "spot"


def _api(parts: list[str], query: tuple[tuple[str, str], ...]) -> Service | None:
    if parts[:2] == ["ws-api", "v3"]:
        return Service("spot", "api", "all", False, (), query, SPOT_API)
    if parts[:2] == ["ws-fapi", "v1"]:
        return Service("usdm", "api", "all", False, (), query, FUTURES_API)
    if parts[:2] == ["ws-dapi", "v1"]:
        return Service("coinm", "api", "all", False, (), query, FUTURES_API)
    return None


def _streams(market: str, parts: list[str], query: tuple[tuple[str, str], ...]) -> Service | None:
    route = "all"
    if parts and parts[0] in ROUTES:
        market, route, parts = "usdm", parts[0], parts[1:]
    elif market == "usdm":
        route = "legacy"
    if not parts or parts[0] not in ("ws", "stream"):
        return None
    terms = SPOT_STREAMS if market == "spot" else FUTURES_STREAMS
    is_combined = parts[0] == "stream"
    names = list(parts[1:])
    for key, value in query:
        if key == "streams":
            names.extend(name for name in value.split("/") if name)
        elif key == "listenKey":
            names.append(value)
    return Service(market, "streams", route, is_combined, tuple(names), query, terms)
