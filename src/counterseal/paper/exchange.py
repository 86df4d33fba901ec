"""The whole exchange without a socket: a request in, a reply out, on an injected clock."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from email.utils import formatdate

import msgspec

from counterseal.paper import endpoints, symbols, wire
from counterseal.paper.auth import Gatekeeper
from counterseal.paper.call import Call
from counterseal.paper.endpoints import Endpoint
from counterseal.paper.errors import ApiError, unknown_path
from counterseal.paper.faults import Fault, Faults, status_reply
from counterseal.paper.journal import Journal
from counterseal.paper.keys import KeyFile
from counterseal.paper.limits import OrderCounts, WeightGuard, Windows
from counterseal.paper.options import Options
from counterseal.paper.routes import Handler, routes
from counterseal.paper.spot_market import SpotMarket
from counterseal.paper.spot_replies import journal as order_row
from counterseal.paper.time_unit import scaled, wants_microseconds
from counterseal.paper.usdm_market import UsdmMarket
from counterseal.paper.wire import Payload, Request

WEIGHT_POOL = {"api": "spot_weight", "fapi": "futures_weight", "dapi": "futures_weight", "sapi": "sapi_ip"}
BAN_SIDE = {"api": "spot", "sapi": "spot", "fapi": "futures", "dapi": "futures"}  # an assumption
DEFAULT_ACCOUNT = "main"
encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Reply:
    """What the server does: send, or drop the connection, or say nothing; after a delay."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    action: str = "send"  # send | close | stall
    delay_ms: int = 0


class Exchange:
    """All markets, keys and limits of one paper exchange."""

    def __init__(self, options: Options, keys: KeyFile, journal: Journal, now_ns: Callable[[], int]) -> None:
        listing = symbols.load()
        self.options = options
        self.journal = journal
        self.faults = Faults()
        self._now_ns = now_ns
        self.windows = Windows(options.limits)
        self._guard = WeightGuard(self.windows, options.ban_after, options.ban_s)
        self._gate = Gatekeeper(keys, options.default_recv_window_ms)
        counts = OrderCounts(self.windows)
        self.spot = SpotMarket(listing, options, counts)
        self.usdm = UsdmMarket(listing, options)
        self._table = endpoints.load()
        self._routes: dict[tuple[str, str], Handler] = routes(self.spot, self.usdm, counts, self.windows, listing)
        self._date = (0, "")

    def now_ms(self) -> int:
        return self._now_ns() // 1_000_000

    def advance(self) -> None:
        """Let time pass in all markets (called before each request and by the server's timer)."""
        now_ms = self.now_ms()
        self.spot.advance(now_ms)
        self.usdm.advance(now_ms)

    def handle(self, request: Request) -> Reply:
        """Answer one request.  The journal has its line before this returns."""
        now_ms = self.now_ms()
        self.advance()
        path = request.path
        line: dict[str, object] = {
            "t": now_ms,
            "method": request.method,
            "path": path,
            "host": request.headers.get("host"),
            "params": [],
            "key": request.headers.get("x-mbx-apikey", "")[:8] or None,
            "headers": request.header_names,
        }
        if self.options.fault_control and path.startswith("/paper/"):
            return self._control(request)
        fault = self.faults.next_for(request.method, path)
        reply = self._faulted(fault, line) if fault is not None else None
        if reply is None:
            reply = self._answer(request, path, now_ms, line)
        if fault is not None:
            _apply_fault(fault, reply, line)
        self.journal.write(line)
        return reply

    def note_malformed(self) -> None:
        """Journal something that came in and was no HTTP request."""
        empty: dict[str, object] = {
            "method": None,
            "path": None,
            "host": None,
            "params": [],
            "key": None,
            "headers": [],
        }
        self.journal.write({"t": self.now_ms(), **empty, "status": 400, "code": None})

    def _control(self, request: Request) -> Reply:
        try:
            if request.path == "/paper/faults":
                return Reply(200, encode(self.faults.order(request.body)))
            if request.path == "/paper/price":
                return Reply(200, encode(self._set_price(request.body)))
            raise unknown_path(request.method, request.path)
        except ApiError as error:
            return Reply(error.status, encode(error.body()))

    def _set_price(self, body: bytes) -> dict[str, object]:
        """`{"market": "spot"|"usdm", "symbol", "price"}` moves a symbol's price at once."""
        try:
            wanted = msgspec.json.decode(body, type=PriceOrder)
            price = Decimal(wanted.price)
        except (msgspec.MsgspecError, InvalidOperation):
            raise ApiError(-1135, "Invalid JSON Request") from None
        market = self.usdm if wanted.market == "usdm" else self.spot
        market.shift(wanted.symbol, price, self.now_ms())
        return {"symbol": wanted.symbol, "price": wanted.price}

    def _faulted(self, fault: Fault, line: dict[str, object]) -> Reply | None:
        """The reply of a fault that keeps the request from being executed."""
        if fault.kind == "status":
            status, body = status_reply(fault)
            line.update(status=status, code=None)
            return Reply(status, body)
        if fault.kind == "reset_before":
            line.update(status=None, code=None)
            return Reply(0, b"")
        return None

    def _answer(self, request: Request, path: str, now_ms: int, line: dict[str, object]) -> Reply:
        headers = {"Date": self._http_date(now_ms)}
        status, code = 200, None
        try:
            payload = wire.read(request)
            line["params"] = payload.pairs
            result, call_headers, touched = self._run(request, payload, path, now_ms, headers)
            headers.update(call_headers)
            line.update(touched)
        except ApiError as error:
            status, code, result = error.status, error.code, error.body()
            headers.update(error.headers)
        except Exception:  # noqa: BLE001 - whatever breaks inside is the exchange's -1000, never a dead server
            traceback.print_exc(file=sys.stderr)
            status, code = 500, -1000
            result = {"code": -1000, "msg": "An unknown error occurred while processing the request."}
        line.update(status=status, code=code)
        return Reply(status, encode(result), headers)

    def _run(
        self, request: Request, payload: Payload, path: str, now_ms: int, headers: dict[str, str]
    ) -> tuple[object, dict[str, str], dict[str, object]]:
        endpoint = self._table.get((request.method, path))
        handler = self._routes.get((request.method, path))
        if endpoint is None or handler is None:
            raise unknown_path(request.method, path)
        self._guard.check_ban(BAN_SIDE[endpoint.family], request.peer, now_ms)
        params = payload.merged()
        cost = self._charge(endpoint, params, request.peer, now_ms, headers)
        account, key = DEFAULT_ACCOUNT, None
        if endpoint.needs_key:
            key = self._gate.admit(endpoint, request, payload, params, now_ms)
            account = key.account
        self._check(endpoint, payload, params)
        call = Call(request.method, path, params, now_ms, account, key)
        result = handler(call)
        if endpoint.is_free_on_success:
            self._refund(endpoint, request.peer, cost, now_ms, headers)
        if wants_microseconds(request, endpoint.family):
            result = scaled(result)
        return result, call.headers, _touched(call)

    @staticmethod
    def _check(endpoint: Endpoint, payload: Payload, params: dict[str, str]) -> None:
        if endpoint.spec.is_strict:
            if payload.has_duplicates and "permissions" not in params:
                raise ApiError(-1101, "Duplicate values for a parameter detected.")
            if payload.signature is not None and not endpoint.signed:
                params = params | {"signature": payload.signature}
        endpoint.spec.check(params)

    def _charge(
        self, endpoint: Endpoint, params: dict[str, str], peer: str, now_ms: int, headers: dict[str, str]
    ) -> int:
        rule = endpoint.rule
        cost = endpoints.weight(rule, params)
        pool, subject = self._pool(endpoint, peer)
        used = self.windows.add(pool, subject, cost, now_ms)
        _show_weight(endpoint.family, used, headers)
        culprit = None if endpoint.family == "sapi" else (BAN_SIDE[endpoint.family], peer)
        self._guard.enforce(pool, used, now_ms, culprit)
        for extra in _raw_pools(endpoint):
            self._guard.enforce(extra, self.windows.add(extra, peer, 1, now_ms), now_ms)
        return cost

    def _refund(self, endpoint: Endpoint, peer: str, cost: int, now_ms: int, headers: dict[str, str]) -> None:
        """A spot order call that succeeded costs nothing."""
        pool, subject = self._pool(endpoint, peer)
        _show_weight(endpoint.family, self.windows.add(pool, subject, -cost, now_ms), headers)

    @staticmethod
    def _pool(endpoint: Endpoint, peer: str) -> tuple[str, str]:
        subject = f"{peer} {endpoint.method} {endpoint.path}" if endpoint.family == "sapi" else peer
        return WEIGHT_POOL[endpoint.family], subject

    def _http_date(self, now_ms: int) -> str:
        second = now_ms // 1000
        if self._date[0] != second:
            self._date = (second, formatdate(second, usegmt=True))
        return self._date[1]


def _touched(call: Call) -> dict[str, object]:
    """The orders of a call for its journal line: `order` for one, `orders` for several, `algo`."""
    rows = [order_row(order) for order in call.orders]
    found: dict[str, object] = {"algo": call.algo} if call.algo is not None else {}
    if rows:
        found["order" if len(rows) == 1 else "orders"] = rows[0] if len(rows) == 1 else rows
    return found


class PriceOrder(msgspec.Struct):
    """Body of `POST /paper/price`."""

    market: str
    symbol: str
    price: str


def _raw_pools(endpoint: Endpoint) -> list[str]:
    """Pools that count requests, whatever they weigh."""
    if endpoint.rule["kind"] == "special_pool":
        return ["futures_funding"]
    return ["spot_raw"] if endpoint.family == "api" else []


def _show_weight(family: str, used: int, headers: dict[str, str]) -> None:
    if family == "sapi":
        headers["X-SAPI-USED-IP-WEIGHT-1M"] = str(used)
        return
    headers["X-MBX-USED-WEIGHT-1M"] = str(used)
    if family == "api":
        headers["X-MBX-USED-WEIGHT"] = str(used)


def _apply_fault(fault: Fault, reply: Reply, line: dict[str, object]) -> None:
    if fault.kind == "status_after_execute":
        reply.status, reply.body = status_reply(fault)
        line.update(status=reply.status, code=None)
    elif fault.kind in ("reset_before", "reset_after_execute"):
        reply.action = "close"
    elif fault.kind == "stall_after_execute":
        reply.action = "stall"
    elif fault.kind == "delay":
        reply.delay_ms = int(fault.argument)
