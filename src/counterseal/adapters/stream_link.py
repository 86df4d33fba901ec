"""One WebSocket connection to the exchange: handshake, frames, pings, and what it hears of the other side."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, cast

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import OPEN
from websockets.uri import WebSocketURI

from counterseal.adapters.upstream import CONNECT_TIMEOUT_S, Target, reach
from counterseal.core.streams.frames import Cutter, text_frame
from counterseal.core.streams.pieces import Pieces, is_utf_8
from counterseal.core.venue_wall import DEFAULT_BACKOFF_S, MAX_WAIT_S, seconds_of
from counterseal.ports.clock import Clock

# The largest messages are all tickers of a market: some hundred KiB.
MAX_MESSAGE, MAX_FRAGMENTS = 8 << 20, 128 << 10
# An answer to a handshake that is longer is none.
MAX_HELLO = 64 << 10
# When so much came at once, what it brought is written before more is read.
MUCH = 64 << 10
# Unless something came, so long after it the other side is asked whether it lives, and so long after it is given up.
ASK_S, LOST_S = 30.0, 45.0
HELLO_S, GOODBYE_S = 5.0, 2.0

# The library would log addresses and frames where somebody asks for it, and they can hold a listen key.
_silent = logging.Logger("nobody", logging.CRITICAL)


class Listener(Protocol):
    """Whoever owns a link."""

    def on_open(self, link: "StreamLink") -> None:
        """The handshake is done."""
        ...

    def on_text(self, link: "StreamLink", text: bytes) -> None:
        """A whole text message, as received."""
        ...

    def on_lost(self, link: "StreamLink", why: str) -> None:
        """It has ended, whoever ended it; called once."""
        ...


class StreamLink(asyncio.Protocol):
    """One connection. `host` goes into the handshake; the TLS name is verified below. The path may hold a secret."""

    def __init__(self, clock: Clock, host: str, path: str, listener: Listener) -> None:
        self._clock = clock
        self._listener = listener
        address = WebSocketURI(True, host, 443, path, "")
        self._protocol = ClientProtocol(address, max_size=MAX_MESSAGE, logger=_silent)
        self._transport: asyncio.Transport | None = None
        self._hello: bytes | None = b""
        self._cutter = Cutter(MAX_MESSAGE)
        self._pieces = Pieces()
        self._asked = False
        self._questions = 0
        self._over = False
        self.born_ns = self.heard_ns = clock.monotonic_ns()
        # How long the exchange wants to be left alone, when it refused the handshake for that.
        self.retry_after_s = 0
        # The status that the handshake was refused with; 0 for one that was not.
        self.refused_with = 0
        # The exchange has refused the handshake, for another reason than too many requests.
        self.is_refused = False
        # What `ask` asked last has been answered.
        self.has_answered = False
        self.is_open = False

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TLS stands: ask for the other protocol."""
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        if self._over:
            self._transport.abort()
            return
        self._protocol.send_request(self._protocol.connect())
        self._pump()

    def data_received(self, data: bytes) -> None:
        """Read frames. Whole texts are nearly all there is: the library is asked about everything else."""
        self.heard_ns, self._asked = self._clock.monotonic_ns(), False
        if len(data) >= MUCH:
            self._pause()
        if self._hello is not None:
            data = self._greet(data)
        if self._protocol.state is not OPEN:
            self._ask_library(data)
            return
        for is_text, piece in self._cutter.feed(data):
            if self._over:
                return
            if is_text and not self._pieces and is_utf_8(piece):
                self._listener.on_text(self, piece)
            else:
                self._ask_library(text_frame(piece) if is_text else piece)

    def _pause(self) -> None:
        """Let everybody else have a turn: the loop would go on reading as long as there is something."""
        if self._transport is not None and not self._over:
            self._transport.pause_reading()
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        if self._transport is not None and not self._over:
            self._transport.resume_reading()

    def _greet(self, data: bytes) -> bytes:
        """Collect the answer to the handshake and have it read; gives what came behind it."""
        hello = (self._hello or b"") + data
        end = hello.find(b"\r\n\r\n") + 4
        if end < 4 and len(hello) <= MAX_HELLO:
            self._hello = hello
            return b""
        end = end if end >= 4 else len(hello)
        self._hello = None
        self._ask_library(hello[:end])
        return hello[end:]

    def _ask_library(self, data: bytes) -> None:
        """Have the library read what is no whole text; it answers pings, and knows what is wrong."""
        if data:
            self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Response):
                self._greeted(event)
            elif isinstance(event, Frame) and not self._over:
                self._take(event)
        self._pump()
        if self.is_open and self._protocol.state is not OPEN:
            self._part()

    def connection_lost(self, _error: Exception | None) -> None:
        """It is over."""
        self._transport = None
        self.end("connection closed")

    # -- ours

    def send_text(self, text: bytes) -> None:
        """Send one message; none where the other side, or we, have said goodbye: its end is told soon."""
        if self._protocol.state is OPEN:
            self._protocol.send_text(text)
            self._pump()

    def ask(self) -> None:
        """Have the other side answer behind all that it has written so far: then `has_answered` is set."""
        self._questions, self.has_answered = self._questions + 1, False
        if self._protocol.state is OPEN:
            self._protocol.send_ping(b"%d" % self._questions)
            self._pump()

    def end(self, why: str) -> None:
        """End the connection at once."""
        if self._over:
            return
        if self._transport is not None:
            self._transport.abort()
        self._lose(why)

    def _part(self) -> None:
        """A goodbye has been written, ours or the answer to theirs: hang up when it has left."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()
            self._clock.call_later(GOODBYE_S, transport.abort)
        self._lose("closed by the exchange" if self._protocol.close_rcvd else "the exchange broke the protocol")

    def _lose(self, why: str) -> None:
        self._over, self.is_open = True, False
        self._listener.on_lost(self, why)

    def tick(self, now_ns: int) -> None:
        """Find out whether the other side still lives."""
        silent_s = (now_ns - self.heard_ns) / 1e9
        if not self.is_open:
            if now_ns - self.born_ns > (CONNECT_TIMEOUT_S + HELLO_S) * 1e9:
                self.end("no answer to the handshake")
        elif silent_s >= LOST_S:
            self.end("silent")
        elif silent_s >= ASK_S and not self._asked:
            self._asked = True
            self._protocol.send_ping(b"")
            self._pump()

    def _greeted(self, response: Response) -> None:
        fault = self._protocol.handshake_exc
        if fault is None and self._protocol.state is OPEN:
            self.is_open = True
            self._listener.on_open(self)
            return
        self.refused_with = response.status_code
        if isinstance(fault, InvalidStatus) and response.status_code in (418, 429):
            told = seconds_of(response.headers.get("Retry-After", ""))
            self.retry_after_s = DEFAULT_BACKOFF_S if told is None else min(told, MAX_WAIT_S)
        elif isinstance(fault, InvalidStatus):
            self.is_refused = 400 <= response.status_code < 500
        self.end(f"handshake refused: {response.status_code}")

    def _take(self, frame: Frame) -> None:
        if frame.opcode is Opcode.BINARY:
            self._protocol.fail(CloseCode.UNSUPPORTED_DATA, "Binary messages are not supported")
        elif frame.opcode in (Opcode.TEXT, Opcode.CONT):
            try:
                text = self._pieces.add(bytes(frame.data), is_last=frame.fin)
            except UnicodeDecodeError:
                self._protocol.fail(CloseCode.INVALID_DATA, "Not UTF-8")
                return
            if text is not None:
                self._listener.on_text(self, text)
            elif len(self._pieces) >= MAX_FRAGMENTS:
                # Their sizes are bounded in sum, which says nothing of empty ones.
                self._protocol.fail(CloseCode.MESSAGE_TOO_BIG, "Too many fragments")
        elif frame.opcode is Opcode.PONG and frame.data == b"%d" % self._questions:
            self.has_answered = True

    def _pump(self) -> None:
        for data in self._protocol.data_to_send():
            if self._transport is not None and data:
                self._transport.write(data)


Dial = Callable[[str, StreamLink], Awaitable[None]]


def dialler(targets: Mapping[str, Target], egress: str) -> Dial:
    """Give what connects a link to a family's host, from the address `egress` ("" for any of this host's)."""

    async def dial(family: str, link: StreamLink) -> None:
        """Connect and verify. Raises Unreachable."""
        await reach(targets[family], egress, link)

    return dial
