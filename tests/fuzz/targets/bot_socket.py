"""A bot's WebSocket: the texts are those of RFC 6455 as we read it, in whatever pieces; what we say is well formed."""

from __future__ import annotations

from typing import Any

from tests.fuzz.references import frames
from tests.fuzz.tools import Wire, cuttings

from counterseal.adapters.virtual_clock import VirtualClock
from counterseal.gateway.streams.socket import MAX_FRAGMENTS, MAX_MESSAGE, BotSocket

_MASK = b"mask"


def _frame(first: int, payload: bytes) -> bytes:
    """Give one masked frame as a bot sends it."""
    size = len(payload)
    head = bytes((first, 0x80 | size)) if size < 126 else bytes((first, 0xFE, size >> 8, size & 0xFF))
    return head + _MASK + bytes(byte ^ _MASK[place & 3] for place, byte in enumerate(payload))


_HI = _frame(0x81, b'{"id":1,"method":"ping"}')
COVERED = (
    "counterseal.gateway.streams.socket",
    "counterseal.core.streams.frames",
    "counterseal.core.streams.pieces",
    "websockets.frames",
    "websockets.protocol",
)
SEEDS = (
    _HI, _HI * 4, _frame(0x81, b"x" * 130), _frame(0x01, b"a") + _frame(0x80, b"b"), _frame(0x89, b"p") + _HI,
    _frame(0x8A, b"") + _HI, _frame(0x88, b"\x03\xe8bye") + _HI, _frame(0x82, b"a") + _HI, b"\x81\x01a", b"\x81\x80",
    _frame(0x01, "币".encode()[:1]) + _frame(0x89, b"") + _frame(0x80, "币".encode()[1:]), _frame(0x81, b"\xff") + _HI,
    _frame(0x01, b"a") * 2, _frame(0x80, b"a"), _frame(0xC1, b"a"), b"\x81\xff" + b"\xff" * 8 + _MASK, _frame(0x88,
    b"a"),
    _frame(0x01, b"") + _frame(0x00, b"") * 20 + _frame(0x80, b"") + _HI, _frame(0x83, b""), _frame(0x09, b"") + _HI,
)  # fmt: skip
TOKENS = (
    b"\x81\x80", b"\x81\x81", b"\x82\x80", b"\x01\x80", b"\x80\x80", b"\x00\x80", b"\x88\x80", b"\x88\x82", b"\x89\x80",
    b"\x8a\x80", b"\x81\xfe\x00\x7e", b"\x81\xff", _MASK, b"\x00\x00\x00\x00", b"\xe5\xb8\x81", b"\xed\xa0\x80",
    b"\xff",
)  # fmt: skip


class _Sender:
    """What all sockets share."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.readers: dict[Any, None] = {}
        self.dropped = self.cut = 0

    def tell(self, **_fields: Any) -> None:
        """Nobody listens."""

    def write_soon(self, reader: Any) -> None:
        reader.write()


class _Socket(BotSocket):
    """Notes texts and answers each."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.wire = Wire()
        super().__init__(_Sender(), self.wire, None, lambda _: None)  # type: ignore[arg-type]  # stand-ins

    def on_text(self, text: str) -> None:
        self.texts.append(text)
        self.send(b"{}")


def target(data: bytes) -> None:
    """Feed it whole and in pieces."""
    whole = _read([data])
    for pieces in cuttings(data):
        found = _read(pieces)
        assert found.texts == whole.texts and found.is_open == whole.is_open, "the pieces decide"
        _check_said(_said(found), _said(whole))
    expected = frames.read(data, is_masked=True, most=MAX_MESSAGE)
    texts = [text.decode() for text in expected.texts]
    if _most_pieces(data) < MAX_FRAGMENTS:
        assert whole.texts == texts
        assert whole.is_open != (expected.is_closed or expected.is_broken)
    else:
        assert whole.texts == texts[: len(whole.texts)]
    said = _said(whole)
    assert not said.is_broken and not said.rest and said.is_closed != whole.is_open
    assert said.texts == [b"{}"] * len(whole.texts)


def _check_said(one: frames.Heard, other: frames.Heard) -> None:
    """The same but for the words of a goodbye, and for pongs to what came in one piece with what it is said for."""
    assert (one.texts, one.is_closed) == (other.texts, other.is_closed)
    assert one.is_closed or one.pongs == other.pongs


def _read(pieces: list[bytes]) -> _Socket:
    socket = _Socket()
    socket.open()
    for piece in pieces:
        if not socket.wire.is_over:
            socket.data_received(piece)
    return socket


def _said(socket: _Socket) -> frames.Heard:
    """What it said, in which order ever: a pong may come before the answer to a text that came before the ping."""
    return frames.read(socket.wire.written, is_masked=False, most=MAX_MESSAGE)


def _most_pieces(data: bytes) -> int:
    """A message in many pieces ends a connection although the protocol allows it: each frame has six bytes at least."""
    return len(data) // 6
