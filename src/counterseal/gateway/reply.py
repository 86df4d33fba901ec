"""What a bot gets: bytes of an HTTP answer, built from a fixed set of headers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from counterseal.core.reasons import REASONS

# Headers of the exchange that SDKs read; nothing else is passed on.
PASSED = (
    "date", "retry-after", "x-mbx-used-weight", "x-mbx-used-weight-1m", "x-mbx-order-count-10s", "x-mbx-order-count-1m",
    "x-mbx-order-count-1d", "x-sapi-used-ip-weight-1m", "x-sapi-used-uid-weight-1m",
)  # fmt: skip
# When the state began that a refusal rests on, in milliseconds of exchange time.
SINCE = "X-Counterseal-Since"
_UPPER = frozenset({"mbx", "ip", "uid"})


def _shown(name: str) -> str:
    return "-".join(part.upper() if part in _UPPER else part.capitalize() for part in name.split("-"))


_SHOWN = {name: _shown(name) for name in PASSED}
_JSON = b"Content-Type: application/json;charset=UTF-8\r\n"


@dataclass(slots=True)
class Reply:
    """An answer before its bytes. `headers` are already in their shown form."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    close: bool = False


def denial(
    code: str, *, retry_after_s: int | None = None, until_ms: int | None = None, since_ms: int | None = None
) -> Reply:
    """Give the answer to a refusal: the exchange's error shape, and our reason in a header.

    `until_ms` is when it is over, in exchange time, for messages that say it; `since_ms` is when what it rests on
    began.
    """
    reason = REASONS[code]
    headers = {"X-Counterseal-Reason": code}
    if since_ms is not None:
        headers[SINCE] = str(since_ms)
    if retry_after_s is not None:
        headers["Retry-After"] = str(retry_after_s)
    message = reason.message if until_ms is None else reason.message.replace("%s", str(until_ms))
    return Reply(reason.status, _error_body(reason.exchange_code, message), headers, reason.closes)


def unknown() -> Reply:
    """Give the answer to a request whose outcome nobody can prove: as the exchange says it, with our state."""
    reply = denial("outcome_unknown")
    reply.headers["X-Counterseal-State"] = "UNKNOWN"
    return reply


def error(status: int, code: int, message: str) -> Reply:
    """Give an error of the exchange in its shape."""
    return Reply(status, _error_body(code, message))


def passed_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Pick the exchange's headers that SDKs read; a value with a control character is left out."""
    return {shown: headers[name] for name, shown in _SHOWN.items() if name in headers and headers[name].isprintable()}


def shared_headers(how: str, age_ms: int) -> dict[str, str]:
    """Give what an answer says of itself that was not asked for by this request: "hit" or "joined", and its age."""
    return {"Age": str(age_ms // 1000), "X-Counterseal-Age-Ms": str(age_ms), "X-Counterseal-Cache": how}


@lru_cache(maxsize=512)
def _error_body(code: int, message: str) -> bytes:
    return json.dumps({"code": code, "msg": message}, separators=(",", ":")).encode()


def to_bytes(reply: Reply, *, close: bool) -> bytes:
    """Give the bytes of the answer."""
    return head_bytes(reply, close=close) + reply.body


def head_bytes(reply: Reply, *, close: bool) -> bytes:
    """Give what stands before the body."""
    head = _status_line(reply.status) + _JSON
    lines = "".join([f"{name}: {value}\r\n" for name, value in reply.headers.items()])
    end = "Connection: close\r\n\r\n" if close else "\r\n"
    return b"%bContent-Length: %d\r\n%b%b" % (head, len(reply.body), lines.encode("latin-1"), end.encode())


@lru_cache(maxsize=64)
def _status_line(status: int) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown"
    return f"HTTP/1.1 {status} {phrase}\r\n".encode()


def http_date(wall_ns: int) -> str:
    """Give a Date header for an answer of our own."""
    return formatdate(wall_ns / 1e9, usegmt=True)
