"""One WebSocket connection to the exchange: handshake, frames, pings, and what it hears of the other side."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, cast

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import OPEN
from websockets.uri import WebSocketURI

from counterseal.adapters.upstream import CONNECT_TIMEOUT_S, Target, reach
from counterseal.ports.clock import Clock

# The largest messages are all tickers of a market: some hundred KiB.
MAX_MESSAGE = 8 << 20
# Unless something came, so long after it the other side is asked whether it lives, and so long after it is given up.
ASK_S, LOST_S = 30.0, 45.0
HELLO_S = 5.0


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
    """One connection. `host` goes into the handshake; the TLS name is verified below."""

    def __init__(self, clock: Clock, host: str, path: str, listener: Listener) -> None:
        self._clock = clock
        self._listener = listener
        self._protocol = ClientProtocol(WebSocketURI(True, host, 443, path, ""), max_size=MAX_MESSAGE)
        self._transport: asyncio.Transport | None = None
        self._parts: list[bytes] = []
        self._asked = False
        self._over = False
        self.born_ns = self.heard_ns = clock.monotonic_ns()
        # How long the exchange wants to be left alone, when it refused the handshake for that.
        self.retry_after_s = 0
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
        """Read frames; pings are answered by the library."""
        self.heard_ns, self._asked = self._clock.monotonic_ns(), False
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Response):
                self._greeted(event)
            elif isinstance(event, Frame) and not self._over:
                self._take(event)
        self._pump()
        if self.is_open and self._protocol.state is not OPEN:
            self.end("closed by the exchange")

    def connection_lost(self, _error: Exception | None) -> None:
        """It is over."""
        self._transport = None
        self.end("connection closed")

    # -- ours

    def send_text(self, text: bytes) -> None:
        """Send one message."""
        self._protocol.send_text(text)
        self._pump()

    def end(self, why: str) -> None:
        """End the connection at once."""
        if self._over:
            return
        self._over, self.is_open = True, False
        if self._transport is not None:
            self._transport.abort()
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
        if isinstance(fault, InvalidStatus) and response.status_code in (418, 429):
            told = response.headers.get("Retry-After", "")
            self.retry_after_s = int(told) if told.isdecimal() else 60
        self.end(f"handshake refused: {response.status_code}")

    def _take(self, frame: Frame) -> None:
        if frame.opcode not in (Opcode.TEXT, Opcode.CONT):
            return
        self._parts.append(bytes(frame.data))
        if frame.fin:
            text, self._parts = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts), []
            self._listener.on_text(self, text)

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
