"""A connection to the exchange's streams: its texts are those of RFC 6455 as we read it, in whatever pieces."""

from __future__ import annotations

import base64
import hashlib
import re

from tests.fuzz.references import frames
from tests.fuzz.tools import Wire, cuttings, on_loop

from counterseal.adapters.stream_link import MAX_MESSAGE, StreamLink
from counterseal.adapters.virtual_clock import VirtualClock
from counterseal.core.streams.frames import text_frame

_TEXT = text_frame(b'{"stream":"a@trade","data":{}}')
COVERED = (
    "counterseal.adapters.stream_link",
    "counterseal.core.streams.frames",
    "counterseal.core.streams.pieces",
    "websockets.frames",
    "websockets.protocol",
)
SEEDS = (
    _TEXT, _TEXT * 3, text_frame(b"x" * 126), text_frame("币".encode()), b"\x89\x01a" + _TEXT, b"\x8a\x00" + _TEXT,
    b"\x88\x02\x03\xe8" + _TEXT, b"\x01\x01{\x80\x01}", b"\x01\x02\xe5\xb8\x89\x00\x80\x01\x81" + _TEXT,
    b"\x82\x01a" + _TEXT,
    b"\x81\x02\xff\xff" + _TEXT, b"\x81\x7f" + bytes(5) + b"\x01\x00\x00", b"\x81\xff" + b"\xff" * 8, b"\x81\x81aaaaa",
    b"\x81\x7e\x00\x01a" + _TEXT, b"\xc1\x01a", b"\x80\x01a" + _TEXT, b"\x01\x01a" + _TEXT, b"\x88\x01a",
    b"\x88\x02\x03\xec",
    b"\x09\x00" + _TEXT, b"\x89\x7e\x00\x7e" + b"a" * 126, b"\x83\x00", b"\x88\x03\x03\xe8\xff",
)  # fmt: skip
TOKENS = (
    b"\x81", b"\x82", b"\x01", b"\x80", b"\x00", b"\x88\x00", b"\x89\x00", b"\x8a\x00", b"\x81\x7e\x00\x7e",
    b"\x81\x7f",
    b"\x88\x02\x03\xe8", b"\xe5\xb8\x81", b"\xed\xa0\x80", b"\xff", b"\x81\x01a", b"\x01\x01a", b"\x80\x01a",
    b"\x8a\x011",
)  # fmt: skip
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class _Side:
    """The link, its transport and its owner."""

    def __init__(self) -> None:
        self.wire = Wire()
        self.link = StreamLink(VirtualClock(), "stream.binance.com", "/stream", self)
        self.texts: list[bytes] = []
        self.lost: list[str] = []
        self.opened = 0

    def on_open(self, _link: StreamLink) -> None:
        self.opened += 1

    def on_text(self, _link: StreamLink, text: bytes) -> None:
        assert self.opened == 1
        self.texts.append(text)

    def on_lost(self, _link: StreamLink, why: str) -> None:
        self.lost.append(why)

    def shake(self) -> bytes:
        """Connect; gives the answer to the handshake, written by hand."""
        self.link.connection_made(self.wire)
        asked = re.search(rb"Sec-WebSocket-Key: (\S+)", self.wire.written)
        assert asked is not None
        proof = base64.b64encode(hashlib.sha1(asked[1] + _GUID).digest())
        lines = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + proof
        self.wire.written = b""
        return b"HTTP/1.1 101 Switching Protocols\r\n" + lines + b"\r\n\r\n"


def target(data: bytes) -> None:
    """Behind a good handshake, on a loop of our own."""
    on_loop(_target(data))


async def _target(data: bytes) -> None:
    whole = _read([data], in_one=True)
    for pieces in cuttings(data):
        found = _read(pieces, in_one=False)
        assert found.texts == whole.texts and bool(found.lost) == bool(whole.lost), "the pieces decide"
    expected = frames.read(data, is_masked=False, most=MAX_MESSAGE)
    assert whole.texts == expected.texts
    assert bool(whole.lost) == (expected.is_closed or expected.is_broken) and len(whole.lost) <= 1
    pongs = frames.read(whole.wire.written, is_masked=True, most=MAX_MESSAGE).pongs
    # A ping behind which it broke need not be answered.
    assert pongs == expected.pings or (whole.lost and pongs == expected.pings[: len(pongs)])
    _check_hello(data)


def _read(pieces: list[bytes], *, in_one: bool) -> _Side:
    side = _Side()
    hello = side.shake()
    pieces = [hello + b"".join(pieces)] if in_one else [hello, *pieces]
    for piece in pieces:
        if not side.wire.is_over and not side.lost:
            side.link.data_received(piece)
    return side


def _check_hello(data: bytes) -> None:
    """The same bytes in the handshake's place: whatever they are, no text comes of them, and at most one end."""
    side = _Side()
    side.shake()
    side.link.data_received(data)
    side.link.connection_lost(None)
    assert not side.texts and not side.opened and len(side.lost) == 1
    assert side.link.retry_after_s >= 0
