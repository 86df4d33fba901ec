"""A bot's bytes on a connection: the real listener begins the requests of our own grammar and no others, in whatever
pieces they come, and the paper exchange's reader sees the same ones in front (no smuggling: law L4)."""

from __future__ import annotations

from typing import Any

import httptools
from tests.fuzz.references import http
from tests.fuzz.tools import Wire, cuttings

from counterseal.adapters.virtual_clock import VirtualClock
from counterseal.gateway import reply as replies
from counterseal.gateway.admission import Inquiry
from counterseal.gateway.listener import BotConnection, Door
from counterseal.gateway.reply import Reply
from counterseal.paper.http import RequestReader, TooLarge
from counterseal.paper.wire import Request

Seen = tuple[bytes, bytes, bytes, bytes, bytes | None]

_GET = b"GET /api/v3/time HTTP/1.1\r\nHost: a\r\n\r\n"
_POST = b"POST /api/v3/order?a=1 HTTP/1.1\r\nHost: a:1\r\nX-MBX-APIKEY: k\r\nContent-Length: 5\r\n\r\nb=2&c"
COVERED = (
    "counterseal.core.http1",
    "counterseal.core.streams.handshake",
    "counterseal.gateway.listener",
    "counterseal.paper.http",
)
SEEDS = (
    _GET, _POST, _POST + _GET, _GET[:-2], _POST[:-2], b"\r\n" + _GET, _GET.replace(b"\r\n", b"\n"),
    _POST.replace(b"Content-Length: 5", b"Transfer-Encoding: chunked"), _POST.replace(b": 5", b": +5"),
    _POST.replace(b": 5", b": 5\r\nContent-Length: 6"), _POST.replace(b": 5", b":\t5"), _GET.replace(b"1.1", b"1.0"),
    b"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n" + _GET,
    _GET[:-2] + b"Connection: close\r\nCache-Control: no-cache\r\nX: a\r\n b\r\n\r\n" + _GET,
    b"PUT / HTTP/1.1\r\nHost:\r\nExpect: 100-continue\r\nSec-Fetch-Site: none\r\n\r\n",
)  # fmt: skip
TOKENS = (
    b"GET ", b"POST ", b"PUT ", b"DELETE ", b" HTTP/1.1\r\n", b"\r\n", b"\r\n\r\n", b"\n", b"\r", b"Host: ", b"a",
    b"Content-Length: ", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n", b"Expect: ", b"Upgrade: h2c\r\n",
    b"X-MBX-APIKEY: ", b"Content-Type: ", b"\t", b"\x00", b"\x7f", b"\x80", b" :", b": ", b"0", b"65536", b"65537",
)  # fmt: skip


class _Handler:
    """Begins requests and refuses bytes: both are noted."""

    def __init__(self) -> None:
        self.begun: list[Seen] = []
        self.refused: list[str] = []

    def shed(self, _inquiry: Inquiry) -> None:
        """There is never too much to do."""

    def begin(self, inquiry: Inquiry) -> Reply:
        head = inquiry.head
        target = head.path.encode() + (b"?" + head.query if head.query else b"")
        key = None if head.api_key is None else head.api_key.encode()
        self.begun.append((head.method.encode(), target, inquiry.body, head.host.encode(), key))
        return Reply(200, b"{}")

    def refuse(self, reason: str, _source: str) -> Reply:
        self.refused.append(reason)
        return replies.denial(reason)


class _Turn:
    """What is to be answered waits for the end of the turn, as in the gateway."""

    def __init__(self) -> None:
        self.due: list[Any] = []

    def answer(self, give: Any) -> None:
        self.due.append(give)

    def end(self) -> None:
        while self.due:
            self.due.pop(0)()


class _House:
    def __init__(self) -> None:
        self.handler, self.turn, self.wire = _Handler(), _Turn(), Wire()
        clock: Any = VirtualClock()
        door = Door(self.handler, self.turn, clock, None, 9)  # type: ignore[arg-type]  # stand-ins
        self.connection = BotConnection(door)
        self.connection.connection_made(self.wire)

    def feed(self, pieces: list[bytes]) -> tuple[list[Seen], list[str], bool, bytes]:
        for piece in pieces:
            self.connection.data_received(piece)
            self.turn.end()
        return self.handler.begun, self.handler.refused, self.wire.is_over, self.wire.written


def target(data: bytes) -> None:
    """The listener, our grammar and the paper exchange's reader agree."""
    whole = _House().feed([data])
    for pieces in cuttings(data):
        assert _House().feed(pieces) == whole, "the pieces decide"
    begun, refused, is_over, written = whole
    expected, is_refused = http.read_requests(data)
    assert [(r.method, _plain(r.target), r.body, r.value(b"host"), r.value(b"x-mbx-apikey")) for r in expected] == begun
    assert bool(refused) == is_refused and len(refused) <= 1
    assert is_over == (is_refused or bool(expected and expected[-1].closes))
    assert len(_answers(written)) == len(begun) + len(refused)
    _check_paper(begun, data)


def _plain(target: bytes) -> bytes:
    """A question mark with nothing behind it asks nothing."""
    path, _, query = target.partition(b"?")
    return path + (b"?" + query if query else b"")


def _check_paper(begun: list[Seen], data: bytes) -> None:
    """The exchange's reader finds what we began, in front of whatever else it finds."""
    found: list[Request] = []
    reader = RequestReader("127.0.0.1", lambda request, _: found.append(request))
    is_blind = False
    try:
        reader.feed(data)
    except httptools.HttpParserUpgrade:
        is_blind = True  # it takes what comes behind for another protocol
    except (httptools.HttpParserError, TooLarge):
        pass
    seen = [_seen(request) for request in found]
    assert seen[: len(begun)] == begun[: len(seen)], "another request"
    assert is_blind or len(seen) >= len(begun), "fewer requests"


def _seen(request: Request) -> Seen:
    key = request.headers.get("x-mbx-apikey")
    host = request.headers.get("host", "").encode("latin-1")
    # Its parser leaves blanks at the end where they are; what goes upstream has none of a bot's.
    stripped = None if key is None else key.encode("latin-1").strip(b" \t")
    return request.method.encode(), _plain(request.target), request.body, host.strip(b" \t"), stripped


class _Answers:
    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.parser = httptools.HttpResponseParser(self)

    def on_message_complete(self) -> None:
        self.statuses.append(self.parser.get_status_code())


def _answers(written: bytes) -> list[int]:
    found = _Answers()
    found.parser.feed_data(written)
    return found.statuses
