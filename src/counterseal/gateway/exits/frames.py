"""A signed cancel as a request of the WebSocket API, and its answer as one of REST."""

from typing import Any
from urllib.parse import parse_qsl

import msgspec

from counterseal.core.binance.socket_cancel import METHOD

_NUMBERS = ("orderId", "recvWindow", "timestamp")


class _Frame(msgspec.Struct):
    id: int | str | None = None
    status: int | None = None
    result: msgspec.Raw = msgspec.Raw(b"")
    error: Any = None


class Said(msgspec.Struct, frozen=True):
    """An answer: whose, its status, its body as REST has it, until when to stay away (exchange ms; None: not said)."""

    id: int
    status: int
    body: bytes
    until_ms: int | None


_read = msgspec.json.Decoder(_Frame).decode
_encode = msgspec.json.Encoder().encode


def request(number: int, query: bytes) -> bytes:
    """Give the request of this number, made of a signed payload and its signature."""
    params: dict[str, str | int] = dict(parse_qsl(query.decode(), strict_parsing=True))
    params.update({name: int(params[name]) for name in _NUMBERS if name in params})
    return _encode({"id": number, "method": METHOD, "params": params})


def read(text: bytes) -> Said | None:
    """Read an answer; None for what is none. What an answer lacks is missing in its body too, and proves nothing."""
    try:
        frame = _read(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(frame.id, int) or frame.status is None or not 200 <= frame.status <= 599:
        return None
    if frame.status < 300:
        return Said(frame.id, frame.status, bytes(frame.result), None)
    error = frame.error if isinstance(frame.error, dict) else {}
    body = _encode({name: error[name] for name in ("code", "msg") if name in error})
    return Said(frame.id, frame.status, body, _until_ms(error.get("data")))


def _until_ms(data: Any) -> int | None:
    until_ms = data.get("retryAfter") if isinstance(data, dict) else None
    return until_ms if isinstance(until_ms, int) else None
