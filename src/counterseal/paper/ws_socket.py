"""One WebSocket connection: framing by the `websockets` library, the exchange's terms around it.

Nothing here waits: bytes and instants come in, bytes go out through a `Sink`, and `tick` says that time passed.
"""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import formatdate
from typing import Protocol

from websockets.frames import Frame, Opcode
from websockets.http11 import Request as Handshake
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from counterseal.paper.wire import Request

MOST_MESSAGE = 1024 * 1024
MOST_BACKLOG = 8 * 1024 * 1024
PONG = b"\x8a"  # the first byte of such a frame
POLICY, GOING_AWAY, UNSUPPORTED = 1008, 1001, 1003


@dataclass(frozen=True, slots=True)
class Terms:
    """What one of the exchange's services asks of a connection.

    Times in ms.  `messages` and, among them, `controls` (pings and pongs) are what a client may send in a second.
    """

    ping_ms: int
    pong_ms: int
    messages: int
    controls: int
    life_ms: int


class Sink(Protocol):
    """The transport's half that a socket needs."""

    def write(self, data: bytes) -> None: ...

    def close(self) -> None: ...

    def abort(self) -> None: ...

    def get_write_buffer_size(self) -> int: ...


class Session(Protocol):
    """What the connection is for: market streams or the WebSocket API."""

    def on_text(self, text: bytes, now_ms: int) -> None: ...

    def on_closed(self) -> None: ...


def text_frame(payload: bytes) -> bytes:
    """A text message as a server sends it; the same bytes serve every connection."""
    return Frame(Opcode.TEXT, payload).serialize(mask=False)


class Socket:
    """Handshake, ping and pong, limits on what the client sends, and the end after 24 hours."""

    def __init__(self, sink: Sink, terms: Terms, now_ms: int) -> None:
        self._sink = sink
        self._terms = terms
        self._protocol = ServerProtocol(max_size=MOST_MESSAGE)
        self._session: Session | None = None
        self._born_ms = now_ms
        self._next_ping_ms = now_ms + terms.ping_ms
        self._unanswered: dict[bytes, int] = {}  # ping payload to the instant it was sent
        self._second = (-1, 0, 0)  # the client's messages in this second, and its pings and pongs
        self._parts: list[bytes] = []
        self.is_open = False
        self.is_stalled = False  # a fault: nothing more leaves
        self.keeps_pongs = False  # a fault: the client's pings stay unanswered

    def accept(self, request: Request, session: Session, now_ms: int) -> bool:
        """Answer the handshake; False when it was refused (the answer has been sent then)."""
        self._protocol.receive_data(_head(request))
        events = self._protocol.events_received()
        if not events or not isinstance(events[0], Handshake):
            self._pump()
            return False
        response = self._protocol.accept(events[0])
        if "Date" in response.headers:
            del response.headers["Date"]
            response.headers["Date"] = formatdate(now_ms // 1000, usegmt=True)
        self._protocol.send_response(response)
        self._session = session
        self.is_open = self._protocol.state is OPEN
        self._pump()
        return self.is_open

    # in

    def receive(self, data: bytes, now_ms: int) -> None:
        """Bytes from the client."""
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Frame) and self.is_open:
                self._take(event, now_ms)
        self._pump()
        if self._protocol.state is not OPEN:
            self.lost()

    def _take(self, frame: Frame, now_ms: int) -> None:
        if frame.opcode is Opcode.CLOSE:
            return
        if frame.opcode is Opcode.PONG and bytes(frame.data) in self._unanswered:
            self._answered(bytes(frame.data))
        if self._is_flood(frame, now_ms):
            self.close(POLICY, "Too many requests")
        elif frame.opcode is Opcode.BINARY:
            self.close(UNSUPPORTED, "Binary messages are not supported")
        elif frame.opcode in (Opcode.TEXT, Opcode.CONT):
            self._parts.append(bytes(frame.data))
            if frame.fin:
                text, self._parts = b"".join(self._parts), []
                if self._session is not None:
                    self._session.on_text(text, now_ms)

    def _answered(self, payload: bytes) -> None:
        """A pong answers its ping and those before it."""
        sent_ms = self._unanswered[payload]
        self._unanswered = {mark: sent for mark, sent in self._unanswered.items() if sent > sent_ms}

    def _is_flood(self, frame: Frame, now_ms: int) -> bool:
        """Every frame counts: ping, pong and text.  Seconds are those of the clock, an assumption."""
        second, messages, controls = self._second
        if second != now_ms // 1000:
            second, messages, controls = now_ms // 1000, 0, 0
        self._second = second, messages + 1, controls + (frame.opcode in (Opcode.PING, Opcode.PONG))
        return self._second[1] > self._terms.messages or self._second[2] > self._terms.controls

    # out

    def send(self, frame: bytes) -> None:
        """Write a frame made by `text_frame`; a client that does not read is cut off."""
        if not self.is_open or self.is_stalled:
            return
        self._sink.write(frame)
        if self._sink.get_write_buffer_size() > MOST_BACKLOG:
            self.abort()

    def close(self, code: int, reason: str) -> None:
        """Say goodbye; the client's answer ends the connection.  1006 drops it without a word."""
        if code == 1006:
            self.abort()
        elif self.is_open:
            self._protocol.send_close(code, reason)
            self._pump()
            self.lost()
            self._sink.close()

    def abort(self) -> None:
        self.lost()
        self._sink.abort()

    def lost(self) -> None:
        """The connection is over, whoever ended it."""
        if self.is_open:
            self.is_open = False
            if self._session is not None:
                self._session.on_closed()

    def tick(self, now_ms: int) -> None:
        """Ping when it is time, and end what has lived too long or does not answer."""
        if now_ms - self._born_ms >= self._terms.life_ms:
            self.close(GOING_AWAY, "Connection has been open for 24 hours")
        elif self._unanswered and now_ms - min(self._unanswered.values()) >= self._terms.pong_ms:
            self.close(POLICY, "Pong timeout")
        elif now_ms >= self._next_ping_ms:
            self._next_ping_ms = now_ms + self._terms.ping_ms
            payload = str(now_ms).encode()
            self._unanswered[payload] = now_ms
            self._protocol.send_ping(payload)
            self._pump()

    def _pump(self) -> None:
        for data in self._protocol.data_to_send():
            if self.is_stalled or (self.keeps_pongs and data[:1] == PONG):
                continue
            if data:
                self._sink.write(data)
            else:
                self._sink.close()


def _head(request: Request) -> bytes:
    """The request as the library's parser wants it: it was read by the HTTP parser already."""
    lines = [f"{name}: {value}".encode("latin-1") for name, value in request.headers.items()]
    return b"\r\n".join([request.method.encode() + b" " + request.target + b" HTTP/1.1", *lines, b"", b""])
