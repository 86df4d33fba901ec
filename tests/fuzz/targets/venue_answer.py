"""What comes on a connection to the exchange: one sound answer or none, the same in whatever pieces; then what it
proves, and what the bot gets of it: one HTTP answer without our keys."""

from __future__ import annotations

import html
import re
from typing import Any

import httptools
from tests.fuzz.references import http
from tests.fuzz.targets.outcome import check_outcomes
from tests.fuzz.tools import Wire, cuttings, json_in, on_loop

from counterseal.adapters.upstream import UpstreamConnection
from counterseal.adapters.virtual_clock import VirtualClock
from counterseal.core.messages import HeldKey
from counterseal.gateway import answers
from counterseal.gateway import reply as replies
from counterseal.gateway.wsapi import answering
from counterseal.ports.venue import Lost, VenueReply

KEY = "Kf9" * 21 + "K"
KEYS = {"main": HeldKey("main", KEY, "hmac", "paper")}


def _answer(body: bytes, status: bytes = b"200 OK", lines: bytes = b"") -> bytes:
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\n%b\r\n%b" % (status, len(body), lines, body)


_ORDER = b'{"symbol":"BTCUSDT","orderId":1,"clientOrderId":"mine","status":"NEW"}'
_ERROR = b'{"code":-2010,"msg":"Duplicate order sent."}'
_NESTED = b'{"code":-1013,"x":' + b"[" * 700 + b"]" * 700 + b"}"
_HIDDEN = b'{"a":NaN,"k":"\\u004b%b"}' % KEY[1:].encode()
COVERED = (
    "counterseal.adapters.upstream",
    "counterseal.gateway.answers",
    "counterseal.gateway.reply",
    "counterseal.gateway.wsapi.answering",
    "counterseal.core.redact",
    "counterseal.core.outcome",
)
SEEDS = (
    _answer(_ORDER), _answer(_ERROR, b"400 Bad Request"), _answer(b"<html>", b"403 Forbidden"), _answer(_ORDER) * 2,
    _answer(_ORDER) + b"x", _answer(b"", b"204 No Content"), b"HTTP/1.1 100 Continue\r\n\r\n" + _answer(_ORDER),
    _answer(b'{"code":-1008,"msg":"Request throttled by system-level protection."}', b"503 x", b"Retry-After: 5\r\n"),
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n2\r\n1}\r\n0\r\n\r\n", _answer(_NESTED,
    b"400 "),
    b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}", b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    _answer(_HIDDEN),
    _answer(b"[" + _ORDER + b"," + _ERROR + b"]", lines=b"X-MBX-USED-WEIGHT-1M: 7\r\nDate: x\r\n"), b"HTTP/1.1 200",
    _answer(b'{"code":-1015,"msg":"IP 1.2.3.4 %b"}' % KEY.encode(), b"429 x", b"retry-after: \x801\r\n"),
    _answer(b'{"code":-2022,"msg":"","data":{"cancelResult":"FAILURE","newOrderResult":"NOT_ATTEMPTED",'
            b'"cancelResponse":{"code":-2011,"msg":""},"newOrderResponse":null}}', b"400 x"),
    _answer(b"", b"101 x", b"Upgrade: websocket\r\nConnection: Upgrade\r\n"), _answer(b"1" * 400),
    _answer(b'"\\ud800"'),
)  # fmt: skip
TOKENS = (
    b"HTTP/1.1 ", b"HTTP/1.0 ", b"200 OK\r\n", b"400 x\r\n", b"503 x\r\n", b"429 x\r\n", b"418 x\r\n", b"409 x\r\n",
    b"Content-Length: ", b"Transfer-Encoding: chunked\r\n", b"\r\n", b"\r\n\r\n", b"0\r\n\r\n",
    b"Connection: close\r\n",
    b'{"code":', b'"msg":"', b"-2010", b"-1007", b"-4116", b"Duplicate order sent.", b"Retry-After: ", b"\\u004b",
    b"X-MBX-USED-WEIGHT-1M: ", b"Set-Cookie: a\r\n", b"\n", b"\x00", b"\x80", KEY.encode(), b"NaN", b"[[[[", b"]]]]",
    *[_part.encode() for _part in ("BTCUSDT", "mine", "clientOrderId", "symbol", "data", "cancelResult", "SUCCESS")],
)  # fmt: skip


class _Line:
    """A connection with one request in flight."""

    def __init__(self) -> None:
        self.connection = UpstreamConnection(VirtualClock())
        self.connection.connection_made(Wire())
        self.waiter = self.connection.send(b"x")

    def hear(self, data: bytes) -> None:
        at = 0
        while at < len(data) and self.connection.open:
            buffer = self.connection.get_buffer(-1)
            size = min(len(buffer), len(data) - at)
            buffer[:size] = data[at : at + size]
            self.connection.buffer_updated(size)
            at += size

    def end(self) -> VenueReply | None:
        """The exchange hangs up: give the answer, None for none."""
        self.connection.connection_lost(None)
        assert self.waiter.done()
        try:
            return self.waiter.result()
        except Lost:
            return None


def target(data: bytes) -> None:
    """Hear it on a loop of our own."""
    on_loop(_target(data))


async def _target(data: bytes) -> None:
    whole, (first, taken) = _heard([data]), _first(data)
    expected = http.read_response(data)
    if expected is not None and expected.taken == len(data):
        assert whole is not None and (whole.status, whole.body) == (expected.status, expected.body)
    # What comes behind an answer spoils it, if it comes in the same piece.
    assert whole is None or _said(whole) == _said(first)
    if first is None:
        return
    for pieces in cuttings(data[:taken]):
        assert _said(_heard(pieces)) == _said(first), "the pieces decide"
    _check_lengths(data[:taken])
    check_outcomes(answers.parse(first), first.body)
    _check_given(first)


def _heard(pieces: list[bytes]) -> VenueReply | None:
    line = _Line()
    for piece in pieces:
        line.hear(piece)
    return line.end()


def _first(data: bytes) -> tuple[VenueReply | None, int]:
    """Hear byte by byte: give the answer as soon as it is there, and how many bytes it took."""
    line = _Line()
    for at in range(len(data)):
        line.hear(data[at : at + 1])
        if line.waiter.done():
            return line.end(), at + 1
    return line.end(), len(data)


def _said(reply: VenueReply | None) -> Any:
    return None if reply is None else (reply.status, reply.headers, reply.body)


def _check_lengths(data: bytes) -> None:
    """Nothing is taken whose end two readers could see in two places."""
    head = data.partition(b"\r\n\r\n")[0]
    names = [line.partition(b":")[0].strip().lower() for line in head.split(b"\n")[1:]]
    assert not (b"content-length" in names and b"transfer-encoding" in names)
    assert names.count(b"content-length") <= 1


def _check_given(reply: VenueReply) -> None:
    """Over REST and over the WebSocket API the bot gets one answer, and nothing of ours in it."""
    given = answers.passed_on(reply, KEYS)
    data = replies.to_bytes(given, close=False)
    read = http.read_response(data)
    assert read is None or (read.status, read.body, read.taken) == (given.status, given.body, len(data))
    parser = _Parser()
    parser.parser.feed_data(data)
    assert parser.count == 1 or given.status in (204, 304)
    assert given.status >= 200 and KEY.encode() not in data
    assert KEY not in _plain(data.decode("latin-1")), "our key, escaped"
    assert given.status >= 300 or given.body == reply.body or KEY in _plain(reply.body.decode("latin-1"))
    text = answering.frame(answering.Asked('"a"', "spot", True), given, lambda _: 1, 1)
    shown = json_in(text)
    assert shown is None or (shown["id"], {"result", "error"} & shown.keys()) in (("a", {"result"}), ("a", {"error"}))
    assert shown is not None or given.status < 300


def _plain(text: str) -> str:
    """What a lenient reader of JSON, or of a page, shows."""
    return html.unescape(re.sub(r"\\u00([0-9A-Fa-f]{2})", lambda found: chr(int(found[1], 16)), text))


class _Parser:
    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.count = 0

    def on_message_complete(self) -> None:
        self.count += 1
