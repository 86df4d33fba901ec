"""An exchange that loses answers, works late and shows old news: what really happened to each order stands in it."""

# ruff: noqa: TID251 - randomness is seeded
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from tests.gateway.rig import ScriptedVenue

from counterseal.ports.venue import ORDINARY, Lost, NotSent, Terms, VenueReply

ORDER, OPEN, TRADES, ALL = "/api/v3/order", "/api/v3/openOrders", "/api/v3/myTrades", "/api/v3/allOrders"
# What the exchange is assumed to do at most; `core.resolver.RULES` is built on it.
SKEW_MS, BACKEND_MS, LAG_MS = 1_000, 10_000, 2_000
SYMBOLS = [f"S{number}USDT" for number in range(40)]
_encode = msgspec.json.Encoder().encode
_FATES = {"answered": 50, "not_sent": 5, "dropped": 10, "unanswered": 10, "late": 12, "unknown": 6, "refused": 4,
          "duplicate": 3}  # fmt: skip


@dataclass
class Born:
    """An order: whose id, by which request (counted from 0), when."""

    client_id: str
    symbol: str
    request: int
    at_ms: int
    status: str


@dataclass
class TinyExchange(ScriptedVenue):
    """Spot orders under faults drawn from `rng`. `requests` are the client ids of all orders that were sent to it."""

    rng: random.Random = field(default_factory=lambda: random.Random(0))
    born: list[Born] = field(default_factory=list)
    requests: list[tuple[str, int]] = field(default_factory=list)
    calm: bool = False

    async def send(self, family: str, request: bytes, terms: Terms = ORDINARY) -> VenueReply:
        """Answer, or not."""
        method, target, _ = request.split(b"\r\n", 1)[0].decode().split(" ")
        path, _, query = target.partition("?")
        if path not in (ORDER, OPEN, TRADES, ALL):
            return await super().send(family, request, terms)
        params = dict(pair.split("=", 1) for pair in query.split("&"))
        await self.clock.sleep(self.rng.choice((0.001, 0.02, 0.3)))
        if not terms.wanted():
            raise NotSent("no longer wanted")
        if method == "POST":
            return await self._order(params)
        if not self.calm and self.rng.random() < 0.1:
            raise Lost("a read")
        return self._answer(*self._read(path, params))

    def _now_ms(self) -> int:
        return self.clock.wall_ns() // 1_000_000

    def _answer(self, status: int, body: Any) -> VenueReply:
        now = self.clock.monotonic_ns()
        return VenueReply(status, {}, _encode(body), now, now)

    # -- orders

    async def _order(self, params: Mapping[str, str]) -> VenueReply:
        fate = "answered" if self.calm else self.rng.choices(list(_FATES), list(_FATES.values()))[0]
        if fate == "not_sent":
            raise NotSent("no connection")
        number = len(self.requests)
        self.requests.append((params["newClientOrderId"], self._now_ms()))
        if fate == "refused":
            return self._answer(400, {"code": -1013, "msg": "Filter failure: NOTIONAL"})
        if fate == "late":
            self._later(params, number)
        elif fate != "dropped":
            self._execute(params, number)
        if fate in ("dropped", "unanswered", "late"):
            await self.clock.sleep(self.rng.choice((0.01, 1.0, 12.0)))
            raise Lost(fate)
        if fate == "unknown":
            return self._answer(503, {"code": -1000, "msg": "Unknown error, please check your request or try again."})
        born = self._find(params["newClientOrderId"], self._now_ms())
        if fate == "duplicate" or born is None or born.request != number:
            return self._answer(400, {"code": -2010, "msg": "Duplicate order sent."})
        return self._answer(200, self._shown(born))

    def _later(self, params: Mapping[str, str], number: int) -> None:
        """It arrives when it is barely young enough, and is worked on for as long as that may take."""
        stamp_ms, window_ms = int(params["timestamp"]), int(params["recvWindow"])
        last_ms = stamp_ms + window_ms + SKEW_MS
        arrives_ms = self.rng.choice((self._now_ms() + 5, last_ms - 1, last_ms, last_ms + 1))
        if arrives_ms <= last_ms:
            done_ms = arrives_ms + self.rng.choice((1, BACKEND_MS // 2, BACKEND_MS))
            self.clock.call_later((done_ms - self._now_ms()) / 1000, lambda: self._execute(params, number))

    def _execute(self, params: Mapping[str, str], number: int) -> None:
        name = params["newClientOrderId"]
        if any(order.client_id == name and order.status == "NEW" for order in self.born):
            return
        status = self.rng.choice(("NEW", "FILLED"))
        self.born.append(Born(name, params["symbol"], number, self._now_ms(), status))

    # -- reads

    def _find(self, name: str, as_of_ms: int) -> Born | None:
        return next((one for one in reversed(self.born) if one.client_id == name and one.at_ms <= as_of_ms), None)

    def _read(self, path: str, params: Mapping[str, str]) -> tuple[int, Any]:
        """What was true up to two seconds ago."""
        as_of_ms = self._now_ms() - self.rng.choice((0, LAG_MS // 2, LAG_MS))
        if path == ORDER:
            found = self._find(params["origClientOrderId"], as_of_ms)
            return (
                (400, {"code": -2013, "msg": "Order does not exist."}) if found is None else (200, self._shown(found))
            )
        since_ms = int(params.get("startTime", "0"))
        rows = [one for one in self.born if one.symbol == params["symbol"] and since_ms <= one.at_ms <= as_of_ms]
        if path == OPEN:
            rows = [one for one in rows if one.status == "NEW"]
        if path == TRADES:
            return 200, [{"orderId": one.request} for one in rows if one.status == "FILLED"]
        return 200, [self._shown(one) for one in rows]

    @staticmethod
    def _shown(one: Born) -> dict[str, Any]:
        return {"symbol": one.symbol, "orderId": one.request, "clientOrderId": one.client_id, "side": "BUY",
                "status": one.status, "time": one.at_ms}  # fmt: skip

    def _body(self, method: str, path: str, params: Mapping[str, str]) -> Any:
        if path.endswith("/exchangeInfo"):
            rule = {"baseAsset": "S", "quoteAsset": "USDT", "status": "TRADING"}
            return {"symbols": [{"symbol": name, **rule} for name in SYMBOLS]}
        if path.endswith("/ticker/price"):
            return [{"symbol": name, "price": "1.00"} for name in SYMBOLS]
        return super()._body(method, path, params)
