"""The head of a bot's HTTP/1.1 request, read strictly and without I/O.

A request is either of exactly one form or refused and its connection closed: two readers that disagree about where a
request ends are how requests are smuggled. No Transfer-Encoding, one canonical Content-Length, CRLF only, tokens only,
no folding, no byte above 0x7e. Nothing is normalised. RFC 9112 allows more; no SDK needs more.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from counterseal.core.streams.handshake import Handshake

MAX_HEAD = 16_384
MAX_BODY = 65_536
MAX_HEADERS = 64

_REQUEST_LINE = re.compile(rb"([A-Z]+) (/[\x21-\x7e]*) HTTP/1\.1").fullmatch
header_block = re.compile(rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e]*\r\n)*").fullmatch
_LENGTH = re.compile(rb"(?:0|[1-9][0-9]{0,6})").fullmatch
_METHODS = frozenset({b"GET", b"POST", b"PUT", b"DELETE"})
# What a caller says of itself, its way and its software; none of them holds a secret.
_CALLER = (
    b"user-agent", b"origin", b"referer", b"accept-language", b"via", b"forwarded", b"x-forwarded-for", b"x-real-ip",
)  # fmt: skip
# Names of which a second one could be read differently by two readers.
_SINGLE = frozenset(
    {b"host", b"content-length", b"x-mbx-apikey", b"x-mbx-time-unit", b"content-type", b"upgrade", b"sec-fetch-site"}
)


class Head(NamedTuple):
    """What of a request's head matters to us. `query` is without the question mark; header values are stripped.

    `caller` are the names and values by which a client names itself; nothing is decided by them.
    """

    method: str
    path: str
    query: bytes
    length: int
    host: str
    api_key: str | None
    time_unit: str | None
    keep_alive: bool
    upgrade: bool
    cross_site: bool
    no_cache: bool = False
    handshake: Handshake | None = None
    caller: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Bad:
    """The bytes are no request that we read; `reason` is a reason code. The connection ends after the answer."""

    reason: str


def read_head(buffer: bytes, sought: int = 0) -> tuple[Head, int] | Bad | None:
    """Read one head from the start of `buffer`. In the first `sought` bytes there was no end of one.

    Gives (head, number of bytes it takes), Bad, or None when more bytes are needed.
    """
    end = buffer.find(b"\r\n\r\n", max(0, sought - 3), MAX_HEAD)
    if end < 0:
        return unfinished(buffer)
    line, _, block = buffer[: end + 2].partition(b"\r\n")
    request = _REQUEST_LINE(line)
    if request is None:
        return Bad("malformed_request_line")
    fields = _read_block(block)
    if isinstance(fields, Bad):
        return fields
    head = _head(request[1], request[2], fields)
    return head if isinstance(head, Bad) else (head, end + 4)


def unfinished(buffer: bytes) -> Bad | None:
    """Judge a head that has no end yet: Bad when it can have none any more, None when more bytes may come."""
    # A bare LF can never become a legal head: refuse it now rather than at the deadline. It is looked for before the
    # size, and within the size only, so that the answer does not depend on how the bytes were cut.
    line = buffer.find(b"\n", 0, MAX_HEAD)
    if line >= 0 and buffer[line - 1 : line] != b"\r":
        return Bad("malformed_request_line")
    return Bad("head_too_large") if len(buffer) >= MAX_HEAD else None


@dataclass(frozen=True, slots=True)
class _Fields:
    """What a header block says; the same for every request of a bot, so it is read once."""

    length: int
    host: str
    api_key: str | None
    time_unit: str | None
    keep_alive: bool
    upgrade: bool
    cross_site: bool
    no_cache: bool
    handshake: Handshake | None
    caller: tuple[tuple[str, str], ...]


@lru_cache(maxsize=512)
def _read_block(block: bytes) -> _Fields | Bad:
    if not header_block(block):
        return Bad("malformed_header")
    headers = _headers(block)
    if isinstance(headers, Bad):
        return headers
    fault = _framing_fault(headers)
    if fault:
        return Bad(fault)
    return _Fields(
        length=int(headers.get(b"content-length", b"0")),
        host=headers[b"host"].decode(),
        api_key=_text(headers, b"x-mbx-apikey"),
        time_unit=_text(headers, b"x-mbx-time-unit"),
        keep_alive=b"close" not in headers.get(b"connection", b"").lower(),
        upgrade=b"upgrade" in headers,
        cross_site=headers.get(b"sec-fetch-site", b"none") not in (b"none", b"same-origin"),
        no_cache=b"no-cache" in map(bytes.strip, headers.get(b"cache-control", b"").lower().split(b",")),
        handshake=_handshake(headers) if b"upgrade" in headers else None,
        caller=tuple([(name.decode(), headers[name].decode()) for name in _CALLER if name in headers]),
    )


def _handshake(headers: dict[bytes, bytes]) -> Handshake:
    key, version, origin = map(headers.get, (b"sec-websocket-key", b"sec-websocket-version", b"origin"))
    return Handshake(headers[b"upgrade"], headers.get(b"connection", b""), key, version, origin)


def _headers(block: bytes) -> dict[bytes, bytes] | Bad:
    lines = block.split(b"\r\n")[:-1]
    if len(lines) > MAX_HEADERS:
        return Bad("head_too_large")
    found: dict[bytes, bytes] = {}
    for line in lines:
        name, _, value = line.partition(b":")
        name = name.lower()
        if name in found and name in _SINGLE:
            return Bad("repeated_header")
        # One way to write a length: other readers trim other blanks than we would.
        value = value.removeprefix(b" ") if name == b"content-length" else value.strip(b" \t")
        found[name] = found[name] + b"," + value if name in found else value
    return found


def _text(headers: dict[bytes, bytes], name: bytes) -> str | None:
    value = headers.get(name)
    return None if value is None else value.decode()


def _framing_fault(headers: dict[bytes, bytes]) -> str | None:
    if b"transfer-encoding" in headers:
        return "transfer_encoding"
    if b"expect" in headers:
        return "expectation"
    if b"host" not in headers:
        return "malformed_header"
    length = headers.get(b"content-length", b"0")
    if not _LENGTH(length):
        return "malformed_content_length"
    return "body_too_large" if int(length) > MAX_BODY else None


def _head(method: bytes, target: bytes, fields: _Fields) -> Head | Bad:
    if method not in _METHODS:
        return Bad("unknown_method")
    if fields.length and method == b"GET":
        return Bad("body_on_get")
    path, _, query = target.partition(b"?")
    return Head(
        method.decode(),
        path.decode(),
        query,
        fields.length,
        fields.host,
        fields.api_key,
        fields.time_unit,
        fields.keep_alive,
        fields.upgrade,
        fields.cross_site,
        fields.no_cache,
        fields.handshake,
        fields.caller,
    )
