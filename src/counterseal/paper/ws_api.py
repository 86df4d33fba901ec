"""One connection to the WebSocket API: requests in, replies and user events out, sessions in between."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from counterseal.paper import faulted, ws_params
from counterseal.paper.call import Call
from counterseal.paper.errors import ApiError, Json
from counterseal.paper.faulted import Reply
from counterseal.paper.faults import Asked, Fault
from counterseal.paper.keys import ApiKey
from counterseal.paper.params import Params
from counterseal.paper.streams_faults import METHOD
from counterseal.paper.time_unit import scaled
from counterseal.paper.ws_methods import Method
from counterseal.paper.ws_sessions import Sessions
from counterseal.paper.ws_socket import Socket, text_frame
from counterseal.paper.ws_terms import Service

if TYPE_CHECKING:
    from counterseal.paper.ws_realtime import RealTime

encode = msgspec.json.Encoder().encode
# methods that count as orders
COUNTED = ("order.place", "order.modify", "order.cancelReplace", "orderList.place", "algoOrder.place",
           "sor.order.place")  # fmt: skip


@dataclass(slots=True)
class Asking:
    """One request on its way: what the reply and the journal need of it."""

    id: int | str | None = None
    method: str = ""
    params: Params = field(default_factory=dict)
    wants_limits: bool = True
    key: str = ""
    counted: str | None = None  # the account whose order counts the reply shows


class ApiSession:
    """Serves one socket.  A session that logged on may leave out apiKey and signature."""

    def __init__(self, realtime: RealTime, socket: Socket, service: Service, peer: str, now_ms: int) -> None:
        self._realtime = realtime
        self._exchange = realtime.exchange
        self._socket = socket
        self._service = service
        self._peer = peer
        self._wants_limits = (service.asked("returnRateLimits") or "true").lower() != "false"
        self._unit = 1000 if (service.asked("timeUnit") or "").upper() == "MICROSECOND" else 1
        self._late: list[tuple[int, Callable[[], None]]] = []
        self.sessions = Sessions(realtime, self.push_event, now_ms)

    def push_event(self, number: int, payload: Json) -> None:
        """A user event of one subscription, unless a fault swallows it."""
        shown: object = scaled_event(payload) if self._unit != 1 else payload
        for event in self._realtime.disturber.messages(str(payload["e"]), shown, [self]):
            self._socket.send(text_frame(encode({"subscriptionId": number, "event": event})))

    def suffer(self, fault: Fault) -> None:
        self._realtime.suffer(self._socket, fault)

    def shut_down(self, now_ms: int) -> None:
        """Tell that the server is about to go (spot; nothing is known of futures)."""
        if self._service.market == "spot":
            event = {"e": "serverShutdown", "E": now_ms * self._unit}
            self._socket.send(text_frame(encode({"event": event})))

    def on_closed(self) -> None:
        self.sessions.close()
        self._realtime.forget(self)

    def tick(self, now_ms: int) -> None:
        """Replies that a fault delays, and keys that were deleted."""
        due = [run for at_ms, run in self._late if at_ms <= now_ms]
        self._late = [(at_ms, run) for at_ms, run in self._late if at_ms > now_ms]
        for run in due:
            run()
        self.sessions.check_keys(now_ms)

    # requests

    def on_text(self, text: bytes, now_ms: int) -> None:
        self._exchange.advance()
        asking = Asking(wants_limits=self._wants_limits)
        line = self._line(now_ms)
        fault: Fault | None = None
        try:
            self._read(text, asking)
            line.update(path=asking.method, key=asking.key[:8] or None, params=shown_pairs(asking.params))
            fault = self._fault_of(asking)
            if fault is not None and fault.kind == "late":
                self._late.append((now_ms + int(fault.argument), lambda: self._run_late(asking, line)))
                return
            is_kept = fault is not None and fault.when == "before"
            reply = faulted.unexecuted() if is_kept else self._run(asking, line, now_ms)
        except ApiError as error:
            reply = self._refused(error, line)
        self._send(asking, reply, fault, line, now_ms)

    def _run_late(self, asking: Asking, line: Json) -> None:
        now_ms = self._exchange.now_ms()
        self._send(asking, self._run(asking, line, now_ms), None, line, now_ms)

    def _line(self, now_ms: int) -> Json:
        return {"t": now_ms, "method": METHOD, "path": None, "host": self._service.market, "params": [], "key": None,
                "headers": []}  # fmt: skip

    def _read(self, text: bytes, asking: Asking) -> None:
        """Fill in what a request says; raises ApiError when it cannot be read."""
        request = ws_params.decode(text)
        asking.id = ws_params.request_id(request.get("id"))
        asking.method = str(request.get("method", ""))
        params = request.get("params", {})
        if not isinstance(params, dict):
            raise ApiError(-1135, "JSON sent for parameter 'params' is not valid")
        asking.params = ws_params.texts(params)
        wanted = asking.params.pop("returnRateLimits", None)
        if wanted is not None:
            # it is signed like any other parameter, so it stays there for the signature
            asking.wants_limits = wanted.lower() != "false"
            asking.params["returnRateLimits"] = wanted
        asking.key = asking.params.get("apiKey", "")

    def _fault_of(self, asking: Asking) -> Fault | None:
        faults = self._exchange.faults
        if faults.is_idle:
            return None
        pairs = tuple(asking.params.items())
        return faults.next_for(METHOD, asking.method, Asked(METHOD, asking.method, asking.key, pairs, self._peer))

    def _run(self, asking: Asking, line: Json, now_ms: int) -> Reply:
        try:
            result = self._answer(asking, line, now_ms)
            line.update(status=200, code=None)
            return Reply(200, encode(result))
        except ApiError as error:
            if error.code == -2015 and self.sessions.is_revoked(asking.key):
                asking.id = None  # the session ends with its key
                self.sessions.revoke(now_ms)
                error.status = 401
            return self._refused(error, line)
        except Exception:  # noqa: BLE001 - whatever breaks inside is the exchange's -1000, never a dead server
            traceback.print_exc(file=sys.stderr)
            unknown = ApiError(-1000, "An unknown error occurred while processing the request.", 500)
            return self._refused(unknown, line)
        finally:
            self._exchange.end_transaction(line, now_ms)

    @staticmethod
    def _refused(error: ApiError, line: Json) -> Reply:
        line.update(status=error.status, code=error.code)
        return Reply(error.status, encode(error.body()), dict(error.headers))

    def _answer(self, asking: Asking, line: Json, now_ms: int) -> object:
        method = self._realtime.methods.get((self._service.market, asking.method))
        if method is None:
            raise ApiError(-1020, "This operation is not supported.")
        self._realtime.limits.charge(method, asking.params, self._peer, now_ms)
        params = {name: value for name, value in asking.params.items() if name not in ("apiKey", "returnRateLimits")}
        if method.rest is None:
            return self.sessions.run(method, asking.params, params, self._peer, now_ms, self._wants_limits)
        handler = self._exchange.handler(*method.rest)
        if handler is None:
            raise ApiError(-1020, "This operation is not supported.")
        key = self.sessions.identify(method, asking.params, self._peer, now_ms)
        method.endpoint.spec.check(params)
        call = self._call(method, params, key, now_ms)
        asking.counted = call.account if method.name.startswith(COUNTED) else None
        result = handler(call)
        if method.endpoint.is_free_on_success:
            self._realtime.limits.refund(method, asking.params, self._peer, now_ms)
        line.update(self._exchange.touched(call))
        return scaled(result) if self._unit != 1 else result

    def _call(self, method: Method, params: Params, key: ApiKey | None, now_ms: int) -> Call:
        account = key.account if key is not None else self._realtime.default_account
        verb, path = method.rest or ("", "")
        return Call(verb, path, params, now_ms, account, key)

    # replies

    def _send(self, asking: Asking, reply: Reply, fault: Fault | None, line: Json, now_ms: int) -> None:
        retry_s = reply.headers.get("Retry-After")
        if fault is not None:
            faulted.apply(fault, reply, line, now_ms, b"{}")
            retry_s = reply.headers.get("Retry-After", retry_s)
        frame = text_frame(self._body(asking, reply, retry_s, now_ms))
        line.setdefault("status", reply.status)
        line.setdefault("code", None)
        self._exchange.journal.answered(line, reply.action, frame, self._exchange.clock.skew_ms())
        if reply.action == "stall":
            return
        if reply.action in ("close", "steps"):
            self._socket.close(1001 if fault is not None and fault.kind == "close" else 1006, "")
        elif reply.delay_ms:
            self._late.append((now_ms + reply.delay_ms, lambda: self._socket.send(frame)))
        else:
            self._socket.send(frame)

    def _body(self, asking: Asking, reply: Reply, retry_s: str | None, now_ms: int) -> bytes:
        """The frame's text.  The result's bytes go in as they are: a fault may have spoiled them."""
        inner, word = reply.body, b"result"
        if reply.status != 200:
            word = b"error"
            inner = self._error(inner, retry_s, now_ms)
        parts = [b'"id":' + encode(asking.id), b'"status":%d' % reply.status, b'"%b":%b' % (word, inner)]
        if asking.wants_limits:
            rows = self._realtime.limits.shown(self._service.market, self._peer, asking.counted, now_ms)
            parts.append(b'"rateLimits":' + encode(rows))
        return b"{" + b",".join(parts) + b"}"

    @staticmethod
    def _error(body: bytes, retry_s: str | None, now_ms: int) -> bytes:
        """429 and 418 say when to come back, as an instant."""
        try:
            found = msgspec.json.decode(body, type=dict)
        except msgspec.MsgspecError:
            return encode({"code": -1000, "msg": body.decode("utf-8", "replace")})
        if retry_s is not None:
            found["data"] = {"serverTime": now_ms, "retryAfter": now_ms + int(retry_s) * 1000}
        return encode(found)


def shown_pairs(params: Params) -> list[tuple[str, str]]:
    """Parameters as the journal keeps them: no signature, no API key."""
    return [(name, value) for name, value in params.items() if name not in ("signature", "apiKey", "listenKey")]


def scaled_event(payload: Json) -> object:
    """A user event with its times in microseconds."""
    times = ("E", "T", "O", "W", "D", "u")
    return {
        name: value * 1000 if name in times and isinstance(value, int) and value > 0 else value
        for name, value in payload.items()
    }
