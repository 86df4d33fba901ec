"""The whole exchange without a socket: a request in, a reply out, on an injected clock."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from email.utils import formatdate

import msgspec

from counterseal.paper import endpoints, faulted, symbols, wire
from counterseal.paper.admin import Admin
from counterseal.paper.auth import Gatekeeper
from counterseal.paper.call import Call
from counterseal.paper.canned import Canned
from counterseal.paper.charging import Charging
from counterseal.paper.clock import PaperClock
from counterseal.paper.director import Director
from counterseal.paper.endpoints import Endpoint
from counterseal.paper.errors import ApiError, unknown_path
from counterseal.paper.executions import Executions
from counterseal.paper.faulted import Reply
from counterseal.paper.faults import Asked, Fault, Faults
from counterseal.paper.futures_market import FuturesMarket
from counterseal.paper.journal import Journal
from counterseal.paper.keys import KeyFile
from counterseal.paper.limits import OrderCounts, WeightGuard, Windows
from counterseal.paper.margin_accounts import MarginAccounts
from counterseal.paper.options import Options
from counterseal.paper.routes import Handler, routes
from counterseal.paper.spot_market import SpotMarket
from counterseal.paper.spot_replies import journal as order_row
from counterseal.paper.sub_accounts import SubAccounts
from counterseal.paper.time_unit import scaled, wants_microseconds
from counterseal.paper.wire import Payload, Request
from counterseal.paper.ws_realtime import RealTime

DEFAULT_ACCOUNT = "main"
MARKETS = {"api": "spot", "fapi": "usdm", "dapi": "usdm"}
encode = msgspec.json.Encoder().encode


class Exchange:
    """All markets, keys and limits of one paper exchange."""

    def __init__(self, options: Options, keys: KeyFile, journal: Journal, now_ns: Callable[[], int]) -> None:
        listing = symbols.load()
        self.options = options
        self.journal = journal
        self.faults = Faults(options.seed)
        self.clock = PaperClock(now_ns, options.clock_offset_ms, options.clock_drift_ppm)
        self.windows = Windows(options.limits)
        rules = options.limit_rules
        self.guard = WeightGuard(self.windows, options.ban_after, options.ban_s, tells_wait=rules.retry_after)
        self.charging = Charging(self.windows, self.guard, rules)
        self.keys = keys
        self._gate = Gatekeeper(keys, options.default_recv_window_ms)
        self.counts = OrderCounts(self.windows, rules.taker_gives_back, rules.maker_gives_back)
        self.spot = SpotMarket(listing, options, self.counts)
        self.usdm = FuturesMarket(listing, options)
        self.coinm = FuturesMarket(listing, options, "coinm", self.usdm.modes)
        self._table = endpoints.load()
        accounts = SubAccounts(keys, self.usdm.token, options.sub_keys_need_ip)
        self.margin = MarginAccounts(self.spot, options.margin_balances)
        every = (self.spot, self.usdm, self.coinm)
        self._routes: dict[tuple[str, str], Handler] = routes(every, self.counts, self.windows, accounts, self.margin)
        self._date = (0, "")
        self._other = b"{}"  # the last reply, for the fault that mixes replies up
        self.executions = {name: Executions(name) for name in self.markets()}
        for name, market in self.markets().items():
            market.feed.listen(self.executions[name])
        self.admin = Admin(self)
        walks = {name: market.walks for name, market in self.markets().items()}
        self.director = Director(walks, self.windows, options.step_ms, options.seed, self.admin.run)
        self._canned = Canned(self.clock) if options.canned else None
        self.realtime = RealTime(self, keys, self._gate)

    def markets(self) -> dict[str, SpotMarket | FuturesMarket]:
        """What trades here, by name."""
        return {"spot": self.spot, "usdm": self.usdm, "coinm": self.coinm}

    def now_ms(self) -> int:
        return self.clock() // 1_000_000

    def advance(self) -> None:
        """Let time pass in all markets (called before each request and by the server's timer)."""
        now_ms = self.now_ms()
        self.director.advance(now_ms)
        self.spot.advance(now_ms)
        self.usdm.advance(now_ms)
        self.coinm.advance(now_ms)
        for row in self._executed():
            self.journal.happened(now_ms, "execution", **row)
        for market in self.markets().values():
            market.feed.flush(now_ms)

    def tick(self) -> None:
        """Let time pass in the markets and for everybody who is connected by WebSocket (the server's timer)."""
        self.advance()
        self.realtime.tick(self.now_ms())

    def end_transaction(self, line: dict[str, object], now_ms: int) -> None:
        """What a request did is complete: put it in its journal line, and pass the user events on."""
        rows = self._executed()
        if rows:
            line["executions"] = rows
        for market in self.markets().values():
            market.feed.flush(now_ms)

    @staticmethod
    def touched(call: Call) -> dict[str, object]:
        """The orders of a call for its journal line."""
        return _touched(call)

    def handler(self, method: str, path: str) -> Handler | None:
        """What serves a REST endpoint, for the WebSocket API's methods."""
        return self._routes.get((method, path))

    def _executed(self) -> list[dict[str, object]]:
        return [row for listener in self.executions.values() for row in listener.drain()]

    def handle(self, request: Request, *, is_late: bool = False) -> Reply:
        """Answer one request.  The journal has its line before this returns.

        `is_late` marks a request that a fault held back: the checks before matching see it now.
        """
        if self._canned is not None:
            found = self._canned.answer(request)
            if found is not None:
                return found
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
        fault = None if is_late or self.faults.is_idle else self._fault_of(request, path, line)
        if fault is not None and fault.kind == "late":
            return Reply(0, b"", action="hold", delay_ms=int(fault.argument))
        if fault is not None and fault.when == "before":
            reply = faulted.unexecuted()
        else:
            reply = self._answer(request, path, now_ms, line, is_late)
            self.end_transaction(line, now_ms)
        whole = reply.body
        if fault is not None:
            faulted.apply(fault, reply, line, now_ms, self._other)
        self._other = whole
        self.journal.answered(line, reply.action, reply.body, self.clock.skew_ms())
        return reply

    def _fault_of(self, request: Request, path: str, line: dict[str, object]) -> Fault | None:
        """The fault of a request; its parameters are in the journal also when it is not executed."""
        try:
            pairs = wire.read(request).pairs
        except ApiError:
            pairs = []
        key = request.headers.get("x-mbx-apikey", "")
        fault = self.faults.next_for(request.method, path, Asked(request.method, path, key, tuple(pairs), request.peer))
        if fault is not None:
            line["params"] = pairs
        return fault

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

    def note_reset(self, method: str, path: str) -> None:
        """Journal a request whose connection was reset while it was still coming in."""
        row: dict[str, object] = {"host": None, "params": [], "key": None, "headers": [], "status": None, "code": None}
        self.journal.write({"t": self.now_ms(), "method": method, "path": path, **row, "fault": "reset_during",
                            "executed": False})  # fmt: skip

    def _control(self, request: Request) -> Reply:
        try:
            return Reply(200, encode(self.admin.over_http(request.path, request.body)))
        except ApiError as error:
            return Reply(error.status, encode(error.body()))

    def _answer(self, request: Request, path: str, now_ms: int, line: dict[str, object], is_late: bool) -> Reply:
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
            if is_late and code == -1021:
                self._count_late(request, path, now_ms)
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
        self.charging.check_ban(endpoint.family, request.peer, now_ms)
        params = payload.merged()
        charge = self.charging.by_address(endpoint, params, request.peer, now_ms, headers)
        account, key = DEFAULT_ACCOUNT, None
        if endpoint.needs_key:
            key = self._gate.admit(endpoint, request, payload, params, now_ms)
            account = key.account
            self.charging.by_account(endpoint, params, account, now_ms, headers)
        self._check(endpoint, payload, params)
        call = Call(request.method, path, params, now_ms, account, key)
        result = handler(call)
        if endpoint.is_free_on_success:
            self.charging.give_back(endpoint, charge, request.peer, now_ms, headers)
        if wants_microseconds(request, endpoint.family):
            result = scaled(result)
        return result, call.headers, _touched(call)

    def run_foreign(self, account: str, method: str, path: str, params: dict[str, str]) -> tuple[object, Call]:
        """Do what somebody else does on an account: a second program, a person.  ApiError as for anybody."""
        handler = self._routes.get((method, path))
        if handler is None:
            raise unknown_path(method, path)
        call = Call(method, path, params, self.now_ms(), account, None)
        return handler(call), call

    def _count_late(self, request: Request, path: str, now_ms: int) -> None:
        """Assumption: a new order that a late check refuses has been counted."""
        endpoint, key = (
            self._table.get((request.method, path)),
            self.keys.find(request.headers.get("x-mbx-apikey", "")),
        )
        if not (self.options.limit_rules.late_counts and key and endpoint and endpoint.security == "TRADE"):
            return
        if request.method == "POST" and endpoint.family in MARKETS:
            self.counts.add(MARKETS[endpoint.family], key.account, (1, 1), now_ms)

    @staticmethod
    def _check(endpoint: Endpoint, payload: Payload, params: dict[str, str]) -> None:
        if endpoint.spec.is_strict:
            if payload.has_duplicates and "permissions" not in params:
                raise ApiError(-1101, "Duplicate values for a parameter detected.")
            if payload.signature is not None and not endpoint.signed:
                params = params | {"signature": payload.signature}
        endpoint.spec.check(params)

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
