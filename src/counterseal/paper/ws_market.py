"""One connection to market streams, or with listen keys to the user data of futures."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from counterseal.paper.errors import Json
from counterseal.paper.faults import Fault
from counterseal.paper.streams import fan_out
from counterseal.paper.ws_socket import Socket, text_frame
from counterseal.paper.ws_terms import MOST_STREAMS, Service

if TYPE_CHECKING:
    from counterseal.paper.ws_realtime import RealTime

encode = msgspec.json.Encoder().encode
METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")


class Invalid(Exception):
    """A command that cannot be carried out: one of the stream protocol's own small codes, and a text."""

    def __init__(self, code: int, msg: str) -> None:
        super().__init__(code, msg)
        self.code = code
        self.msg = msg


class MarketSession:
    """Serves one socket: the names it listens to, and the commands that change them."""

    def __init__(self, realtime: RealTime, socket: Socket, service: Service) -> None:
        self._realtime = realtime
        self._socket = socket
        self._service = service
        self._unit = 1000 if _is_micro(service) else 1
        self._names: dict[str, Callable[[], None] | None] = {}  # with what ends a listen key's events
        self.is_combined = service.is_combined

    def start(self, now_ms: int) -> None:
        """Listen to the names of the URL."""
        events = frozenset((self._service.asked("events") or "").split("/")) - {""}
        for name in self._service.names:
            self._join(name, events, now_ms)

    # out

    def push(self, frame: bytes) -> None:
        self._socket.send(frame)

    def suffer(self, fault: Fault) -> None:
        self._realtime.suffer(self._socket, fault)

    def shut_down(self, now_ms: int) -> None:
        """Tell that the server is about to go (spot; nothing is known of futures)."""
        if self._service.market == "spot":
            fan_out("!serverShutdown", {"e": "serverShutdown", "E": now_ms * self._unit}, {self: None})

    def on_closed(self) -> None:
        for name in list(self._names):
            self._leave(name)
        self._realtime.forget(self)

    def tick(self, now_ms: int) -> None:
        """Nothing waits here: streams are pushed by the hub."""

    # in

    def on_text(self, text: bytes, now_ms: int) -> None:
        asked: object = None
        try:
            request = _decode(text)
            asked = _id(request)
            result = self._run(request, now_ms)
            reply: Json = {"result": result, "id": asked}
        except Invalid as error:
            reply = {"error": {"code": error.code, "msg": error.msg}, "id": asked}
        self._socket.send(text_frame(encode(reply)))

    def _run(self, request: Json, now_ms: int) -> object:
        method = request.get("method")
        if method is None:
            raise Invalid(2, "Invalid request: missing field `method`")
        if method not in METHODS:
            raise Invalid(2, f"Invalid request: unknown variant {method}, expected one of {', '.join(METHODS)}")
        params = request.get("params", [])
        if not isinstance(params, list):
            raise Invalid(2, "Invalid request: params must be an array")
        shown = [self._service.shown(str(name)) for name in params]
        self._realtime.note(self._service, str(method), shown, now_ms)
        if method in ("SUBSCRIBE", "UNSUBSCRIBE"):
            self._change(method == "SUBSCRIBE", params, now_ms)
            return None
        if method == "LIST_SUBSCRIPTIONS":
            return list(self._names)
        return self._property(method == "SET_PROPERTY", params)

    def _change(self, is_join: bool, params: list[object], now_ms: int) -> None:
        if not all(isinstance(name, str) for name in params):
            raise Invalid(2, "Invalid request: stream names must be strings")
        names = [str(name) for name in params]
        if is_join and len(self._names.keys() | set(names)) > MOST_STREAMS:
            raise Invalid(2, f"Invalid request: more than {MOST_STREAMS} streams on a connection")
        for name in names:
            if is_join:
                self._join(name, frozenset(), now_ms)
            else:
                self._leave(name)

    def _join(self, name: str, events: frozenset[str], now_ms: int) -> None:
        if name in self._names:
            return
        self._names[name] = None
        market, route = self._service.market, self._service.route
        if self._service.is_listen_key(name):
            keys = self._realtime.listen_keys[market]
            self._names[name] = keys.connect(name, events, self._user_push(name), now_ms)
        else:
            self._realtime.hub.join(self, market, route, name, self._unit, now_ms)

    def _user_push(self, key: str) -> Callable[[Json], None]:
        def push(payload: Json) -> None:
            for event in self._realtime.disturber.messages(str(payload["e"]), payload, [self]):
                fan_out(key, event, {self: None})

        return push

    def _leave(self, name: str) -> None:
        if name not in self._names:
            return
        end = self._names.pop(name)
        if end is not None:
            end()
        self._realtime.hub.leave(self, self._service.market, self._service.route, name, self._unit)

    def _property(self, is_set: bool, params: list[object]) -> object:
        if len(params) != (2 if is_set else 1):
            raise Invalid(2, "Invalid request: too many parameters" if params else "Invalid request: property name")
        if not isinstance(params[0], str):
            raise Invalid(2, "Invalid request: property name must be a string")
        if params[0] != "combined":
            raise Invalid(0, "Unknown property")
        if not is_set:
            return self.is_combined
        if not isinstance(params[1], bool):
            raise Invalid(1, "Invalid value type: expected Boolean")
        self.is_combined = params[1]
        return None


def _is_micro(service: Service) -> bool:
    return service.market == "spot" and (service.asked("timeUnit") or "").upper() == "MICROSECOND"


def _decode(text: bytes) -> Json:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise Invalid(3, "Invalid JSON: expected value at line 1 column 1") from None
    if not isinstance(found, dict):
        raise Invalid(2, "Invalid request: expected an object")
    return found


def _id(request: Json) -> object:
    """An unsigned integer, a text of at most 36 characters, or null."""
    value = request.get("id")
    if value is None or (isinstance(value, str) and len(value) <= 36):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63:
        return value
    raise Invalid(2, "Invalid request: request ID must be an unsigned integer")
