"""adapters.stream_link: what the exchange sends is read the same, in whatever pieces it comes."""

import asyncio
from typing import Any

import pytest
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import OPEN, SERVER, Protocol
from websockets.server import ServerProtocol

from counterseal.adapters.stream_link import MAX_FRAGMENTS, MAX_HELLO, MAX_MESSAGE, MUCH, StreamLink
from counterseal.adapters.virtual_clock import VirtualClock
from counterseal.core.streams.frames import text_frame

SIZES = [1, 7, 100, 1 << 30]
LONG = b'{"a":"' + b"x" * 70_000 + b'"}'
FOREIGN = '{"s":"\u5e01\u5b89\u4eba\u751fUSDT"}'.encode()


def frame(opcode: Opcode, data: bytes, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=False)


class Side(asyncio.Transport):
    """The link's transport, its owner, and the exchange behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = VirtualClock()
        self.link = StreamLink(self.clock, "stream.binance.com", "/stream", self)
        self.written = b""
        self.texts: list[bytes] = []
        self.lost: list[str] = []
        self.turns: list[str] = []
        self.has_opened = False

    def write(self, data: Any) -> None:
        self.written += data

    def abort(self) -> None:
        """It is over."""

    close = abort

    def pause_reading(self) -> None:
        self.turns.append("pause")

    def resume_reading(self) -> None:
        self.turns.append("resume")

    def on_open(self, _link: StreamLink) -> None:
        self.has_opened = True

    def on_text(self, _link: StreamLink, text: bytes) -> None:
        assert self.has_opened
        self.texts.append(text)

    def on_lost(self, _link: StreamLink, why: str) -> None:
        self.lost.append(why)

    def shake(self) -> bytes:
        """Connect; gives the answer to the handshake."""
        self.link.connection_made(self)
        server = ServerProtocol()
        server.receive_data(self.written)
        request = server.events_received()[0]
        assert isinstance(request, Request)
        server.send_response(server.accept(request))
        self.written = b""
        return b"".join(server.data_to_send())

    def arrive(self, data: bytes, size: int = 1 << 30) -> None:
        for at in range(0, len(data), size):
            self.link.data_received(data[at : at + size])


def read(data: bytes, size: int = 1 << 30) -> Side:
    """Shake hands, then read this; the loop turns once in between."""

    async def run() -> Side:
        side = Side()
        side.arrive(side.shake() + data, size)
        await asyncio.sleep(0)
        return side

    return asyncio.run(run())


@pytest.mark.parametrize("size", SIZES)
def test_texts_come_whole_and_in_order(size: int) -> None:
    """In one frame or in several, with pings between the fragments, directly behind the handshake."""
    fragments = [frame(Opcode.TEXT, b"", fin=False), frame(Opcode.CONT, b"{", fin=False), frame(Opcode.PING, b"?")]
    data = [text_frame(b"{}"), text_frame(LONG), *fragments, frame(Opcode.CONT, b"}"), text_frame(FOREIGN)]
    side = read(b"".join(data), size)
    assert side.texts == [b"{}", LONG, b"{}", FOREIGN]
    assert side.lost == []
    assert side.written[:2] == b"\x8a\x81"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("fault", "why", "code"),
    [
        (frame(Opcode.CLOSE, b"\x03\xe8"), "closed by the exchange", 1000),
        (text_frame(b"{\xff}"), "the exchange broke the protocol", 1007),
        (frame(Opcode.TEXT, b"{", fin=False) + text_frame(b"{}"), "the exchange broke the protocol", 1002),
        (Frame(Opcode.TEXT, b"{}").serialize(mask=True), "the exchange broke the protocol", 1002),
        (b"\xc1\x02{}", "the exchange broke the protocol", 1002),
        (frame(Opcode.BINARY, b"{}"), "the exchange broke the protocol", 1003),
        (b"\x81\x7f" + (1 << 40).to_bytes(8, "big"), "the exchange broke the protocol", 1009),
        (b"\x81\x7f" + (MAX_MESSAGE + 1).to_bytes(8, "big"), "the exchange broke the protocol", 1009),
        (b"\xc1" + text_frame(b"{}")[1:], "the exchange broke the protocol", 1002),
    ],
)
def test_what_is_wrong_ends_it_behind_what_was_right(size: int, fault: bytes, why: str, code: int) -> None:
    """Once, with the right code, and nothing is passed on that comes later."""
    side = read(text_frame(b"1") + fault + text_frame(b"2"), size)
    assert side.texts == [b"1"]
    assert side.lost == [why]
    client = Protocol(SERVER, state=OPEN)
    client.receive_data(side.written)
    assert client.close_rcvd is not None
    assert client.close_rcvd.code == code


def test_fragments_without_end_end_it() -> None:
    """Empty ones add nothing to a message's size, and each takes its place."""
    begin, more = frame(Opcode.TEXT, b"", fin=False), frame(Opcode.CONT, b"", fin=False)
    assert read(begin + more * (MAX_FRAGMENTS - 2)).lost == []
    assert read(begin + more * (MAX_FRAGMENTS - 1)).lost == ["the exchange broke the protocol"]


@pytest.mark.parametrize(("told", "waits"), [("9" * 5_000, 60), ("soon", 60), ("999999999", 3 * 24 * 3600), ("0", 0)])
def test_a_refusal_waits_for_no_nonsense(told: str, waits: int) -> None:
    """No answer closes the way for longer than the exchange's longest ban, and none breaks the reading."""
    side = Side()
    side.shake()
    side.arrive(f"HTTP/1.1 429 Too Many Requests\r\nRetry-After: {told}\r\nContent-Length: 0\r\n\r\n".encode(), 4_096)
    assert (side.lost, side.link.retry_after_s) == (["handshake refused: 429"], waits)


@pytest.mark.parametrize("size", SIZES)
def test_a_refusal_is_understood(size: int) -> None:
    """Also with a body."""
    side = Side()
    side.shake()
    head = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 17\r\nContent-Length: 4\r\n\r\n"
    side.arrive(head + b"slow", size)
    assert (side.lost, side.link.retry_after_s, side.has_opened) == (["handshake refused: 429"], 17, False)


def test_an_endless_answer_to_the_handshake_is_none() -> None:
    """It is not collected for ever; what says so is that no answer came."""
    side = Side()
    side.shake()
    for _ in range(100):
        side.arrive(b"x" * (MAX_HELLO // 10))
    assert not side.has_opened
    assert len(side.link._hello or b"") <= MAX_HELLO
    side.link.tick(side.clock.monotonic_ns() + 20 * 10**9)
    assert side.lost == ["no answer to the handshake"]


def test_much_at_once_leaves_the_others_a_turn() -> None:
    """Reading goes on when what came has been passed on, unless it is over by then."""
    side = read(text_frame(b"{}") * MUCH)
    assert (side.turns, len(side.texts)) == (["pause", "resume"], MUCH)
    side = read(text_frame(b"{}") * MUCH + frame(Opcode.CLOSE, b""))
    assert side.turns == ["pause"]


@pytest.mark.parametrize("size", SIZES)
def test_what_was_asked_last_is_answered_behind_what_came_before(size: int) -> None:
    """By nothing else: neither an earlier question's answer nor one that nobody asked for."""
    side = read(frame(Opcode.PONG, b"") + frame(Opcode.PONG, b"0"))
    for told, is_answered in ((b"", True), (frame(Opcode.PONG, b"1") + frame(Opcode.PONG, b"x"), False)):
        side.written = b""
        side.link.ask()
        assert not side.link.has_answered
        server = Protocol(SERVER, state=OPEN)
        server.receive_data(side.written)
        (ping,) = server.events_received()
        assert isinstance(ping, Frame)
        side.arrive(text_frame(b"{}") + (told or frame(Opcode.PONG, bytes(ping.data))), size)
        assert side.link.has_answered is is_answered
    assert (side.texts, side.lost) == ([b"{}"] * 2, [])


def test_before_the_handshake_nothing_is_asked() -> None:
    side = Side()
    side.shake()
    side.link.ask()
    assert (side.written, side.link.has_answered) == (b"", False)


@pytest.mark.parametrize(("status", "is_refused"), [(403, True), (404, True), (429, False), (418, False), (503, False)])
def test_a_refusal_is_told_from_a_trouble(status: int, *, is_refused: bool) -> None:
    side = Side()
    side.shake()
    side.arrive(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % status)
    assert (side.lost, side.link.is_refused) == ([f"handshake refused: {status}"], is_refused)
