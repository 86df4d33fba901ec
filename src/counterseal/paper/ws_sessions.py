"""Who a WebSocket-API connection is: session.logon, and its user data subscriptions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from counterseal.paper import ws_params
from counterseal.paper.errors import ApiError, Json, mandatory
from counterseal.paper.keys import ApiKey
from counterseal.paper.params import Params, integer
from counterseal.paper.wire import Request
from counterseal.paper.ws_methods import Method

if TYPE_CHECKING:
    from counterseal.paper.ws_realtime import RealTime

MOST_AT_ONCE, MOST_EVER = 1000, 65_535
CHECK_MS = 1000


@dataclass(slots=True)
class Subscription:
    """One account's events on this connection; `is_session` when it came by the logged-on key."""

    key: ApiKey
    is_session: bool
    end: Callable[[], None]


class Sessions:
    """The logged-on key of one connection (one at a time) and the subscriptions made on it."""

    def __init__(self, realtime: RealTime, push: Callable[[int, Json], None], now_ms: int) -> None:
        self._realtime = realtime
        self._push = push
        self._connected_ms = now_ms
        self._checked_ms = now_ms
        self._logon: tuple[ApiKey, int] | None = None
        self._subscriptions: dict[int, Subscription] = {}
        self._next = 0

    # who asks

    def identify(self, method: Method, params: Params, peer: str, now_ms: int) -> ApiKey | None:
        """The key behind a request: its own, else the session's.  None for public methods."""
        if not method.endpoint.needs_key:
            return None
        gate = self._realtime.gate
        if "apiKey" not in params:
            if self._logon is None:
                raise mandatory("apiKey")
            return gate.admit_logged_on(method.endpoint, self._logon[0].api_key, peer, params, now_ms)
        request = Request("GET", b"/", {"x-mbx-apikey": params["apiKey"]}, [], b"", peer)
        return gate.admit(method.endpoint, request, ws_params.payload(params), params, now_ms)

    def is_revoked(self, own_key: str) -> bool:
        """Whether a -2015 was about the session's key."""
        return self._logon is not None and not own_key

    def revoke(self, now_ms: int) -> None:
        """The session's key is gone, and with it the session."""
        self._end(lambda item: item.is_session, now_ms)
        self._logon = None

    def check_keys(self, now_ms: int) -> None:
        """End the subscriptions of keys that were deleted, looking once a second."""
        if now_ms - self._checked_ms < CHECK_MS or not self._subscriptions:
            return
        self._checked_ms = now_ms
        self._end(lambda item: self._realtime.keys.find(item.key.api_key) is None, now_ms)

    def close(self) -> None:
        """The connection is gone."""
        for item in self._subscriptions.values():
            item.end()
        self._subscriptions.clear()

    # methods that only a WebSocket has

    def run(self, method: Method, asked: Params, params: Params, peer: str, now_ms: int, wants_limits: bool) -> object:
        """Carry out one of them; `asked` has apiKey and signature, `params` has not."""
        method.endpoint.spec.check(params)
        if method.name == "session.logon":
            self._log_on(method, asked, peer, now_ms)
        elif method.name == "session.logout":
            self.revoke(now_ms)
        if method.name.startswith("session.") and method.name != "session.subscriptions":
            return self._status(now_ms, wants_limits)
        if method.name == "session.subscriptions":
            return [{"subscriptionId": number} for number in self._subscriptions]
        if method.name == "userDataStream.unsubscribe":
            return self._unsubscribe(integer(params, "subscriptionId"), now_ms)
        if method.name == "userDataStream.subscribe.listenToken":
            raise ApiError(-1209, "Invalid listenToken.")  # margin accounts are not served, so no token is good
        return self._subscribe(method, asked, peer, now_ms)

    def _log_on(self, method: Method, asked: Params, peer: str, now_ms: int) -> None:
        if "apiKey" not in asked:
            raise mandatory("apiKey")
        key = self.identify(method, asked, peer, now_ms)
        if key is None or key.kind != "ed25519":
            raise ApiError(-1020, "This operation is not supported.")
        self._logon = (key, now_ms)

    def _status(self, now_ms: int, wants_limits: bool) -> Json:
        key, since = self._logon if self._logon is not None else (None, None)
        return {
            "apiKey": key.api_key if key else None, "authorizedSince": since, "connectedSince": self._connected_ms,
            "returnRateLimits": wants_limits, "serverTime": now_ms,
            "userDataStream": any(item.is_session for item in self._subscriptions.values()),
        }  # fmt: skip

    def _subscribe(self, method: Method, asked: Params, peer: str, now_ms: int) -> Json:
        is_session = method.name == "userDataStream.subscribe" or "apiKey" not in asked
        if is_session and self._logon is None:
            raise ApiError(-1002, "You are not authorized to execute this request.")
        key = self._logon[0] if is_session and self._logon else self.identify(method, asked, peer, now_ms)
        if key is None:
            raise ApiError(-1002, "You are not authorized to execute this request.")
        if any(item.key.account == key.account for item in self._subscriptions.values()):
            raise ApiError(-2035, "User Data Stream subscription already active.")
        return {"subscriptionId": self._begin(key, is_session)}

    def _begin(self, key: ApiKey, is_session: bool) -> int:
        if len(self._subscriptions) >= MOST_AT_ONCE:
            text = f"Too many subscriptions. Connection may create up to '{MOST_AT_ONCE}' subscriptions at a time."
            raise ApiError(-1191, text)
        if self._next >= MOST_EVER:
            raise ApiError(-2042, "Maximum subscription ID reached for this connection.")
        number, self._next = self._next, self._next + 1
        end = self._realtime.spot_users.subscribe(key.account, lambda payload: self._push(number, payload))
        self._subscriptions[number] = Subscription(key, is_session, end)
        return number

    def _unsubscribe(self, number: int | None, now_ms: int) -> Json:
        """One subscription, or without a number all of them."""
        if number is None:
            self._end(lambda item: True, now_ms)
            return {}
        if number not in self._subscriptions:
            raise ApiError(-2036, "User Data Stream subscription not active.")
        chosen = self._subscriptions[number]
        self._end(lambda item: item is chosen, now_ms)
        return {}

    def _end(self, is_chosen: Callable[[Subscription], bool], now_ms: int) -> None:
        """End subscriptions and say so on each."""
        for number, item in list(self._subscriptions.items()):
            if is_chosen(item):
                item.end()
                del self._subscriptions[number]
                self._push(number, {"e": "eventStreamTerminated", "E": now_ms})
