"""Who asks: key, permission, time window and signature, in the exchange's order (an assumption).

Key format, then the mandatory `timestamp` and `signature`, then the time window, then the key and its
permission, then the signature.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from counterseal.paper import signature, wire
from counterseal.paper.endpoints import Endpoint
from counterseal.paper.errors import ApiError, bad_key_format, bad_signature, illegal, mandatory, rejected_key
from counterseal.paper.keys import ApiKey, KeyFile
from counterseal.paper.params import LONG, Params
from counterseal.paper.wire import Payload, Request

KEY = re.compile(r"[A-Za-z0-9]{64}")
RECV_WINDOW = r"^[0-9]{1,20}(\.[0-9]{1,3})?$"
MOST_RECV_WINDOW = 60_000
AHEAD_MS = 1000
MICROSECONDS_FROM = 10**14


class Gatekeeper:
    """Identifies the caller of an endpoint that needs a key."""

    def __init__(self, keys: KeyFile, default_recv_window_ms: int) -> None:
        self._keys = keys
        self._default = Decimal(default_recv_window_ms)

    def admit(self, endpoint: Endpoint, request: Request, payload: Payload, params: Params, now_ms: int) -> ApiKey:
        """The caller's key; raises -2014, -1102, -1021, -2015 or -1022."""
        name = request.headers.get("x-mbx-apikey", "")
        if not KEY.fullmatch(name):
            raise bad_key_format()
        if endpoint.signed:
            self._check_window(endpoint, payload, params, now_ms)
        key = self._keys.find(name)
        if key is None or not key.is_from(request.peer) or not _is_permitted(endpoint, key, now_ms):
            raise rejected_key(request.peer)
        if endpoint.signed:
            _check_signature(key, payload)
        return key

    def admit_logged_on(self, endpoint: Endpoint, name: str, peer: str, params: Params, now_ms: int) -> ApiKey:
        """The same for a request on a logged-on WebSocket session: it has a `timestamp` and no signature."""
        if endpoint.signed:
            self._check_window(endpoint, Payload([], b"", "session", True, False), params, now_ms)
        key = self._keys.find(name)
        if key is None or not key.is_from(peer) or not _is_permitted(endpoint, key, now_ms):
            raise rejected_key(peer)
        return key

    def _check_window(self, endpoint: Endpoint, payload: Payload, params: Params, now_ms: int) -> None:
        if not params.get("timestamp"):
            raise mandatory("timestamp")
        if not payload.signature:
            raise mandatory("signature")
        sent = _timestamp(params["timestamp"], endpoint.family)
        window = _recv_window(params.get("recvWindow"), self._default)
        if sent >= now_ms + AHEAD_MS:
            raise ApiError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
        if now_ms - sent > window:
            raise ApiError(-1021, "Timestamp for this request is outside of the recvWindow.")


def _timestamp(text: str, family: str) -> Decimal:
    if not re.fullmatch(r"[0-9]{1,20}", text):
        raise illegal("timestamp", LONG)
    value = Decimal(text)
    # microseconds are read on spot only; elsewhere such a value is far ahead of the clock
    return value / 1000 if family == "api" and value >= MICROSECONDS_FROM else value


def _recv_window(text: str | None, default: Decimal) -> Decimal:
    if text is None:
        return default
    if not re.match(RECV_WINDOW, text):
        raise illegal("recvWindow", RECV_WINDOW)
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise illegal("recvWindow", RECV_WINDOW) from None
    if value > MOST_RECV_WINDOW:
        raise ApiError(-1131, f"recvWindow must be less than {MOST_RECV_WINDOW}.")
    return value


def _is_permitted(endpoint: Endpoint, key: ApiKey, now_ms: int) -> bool:
    """Assumption: reading futures needs `read` only, trading needs the market's own permission."""
    if endpoint.security == "TRADE" and not key.may_trade(now_ms):
        return False
    if endpoint.path.startswith("/sapi/v1/margin/") and endpoint.method != "GET":
        return "margin" in key.permissions
    if endpoint.security != "TRADE":
        return "read" in key.permissions
    return ("futures" if endpoint.family in ("fapi", "dapi", "papi") else "trade") in key.permissions


def _check_signature(key: ApiKey, payload: Payload) -> None:
    wire.require_ascii(payload)
    if not signature.is_valid(key.kind, key.verifier, payload.signed, payload.signature or ""):
        raise bad_signature()
