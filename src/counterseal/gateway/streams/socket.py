"""A bot's WebSocket, whatever it carries: frames in by the `websockets` library, frames out as they were made."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN, SERVER
from websockets.protocol import Protocol as Frames

from counterseal.core.streams.allowance import Allowance
from counterseal.core.streams.backlog import Backlog
from counterseal.core.streams.frames import text_frame
from counterseal.core.streams.pieces import Pieces
from counterseal.gateway.streams.reader import Parcel, Reader
from counterseal.ports.clock import Clock

MAX_MESSAGE, MAX_FRAGMENTS = 64 << 10, 16
PING_S, PONG_S = 20.0, 60.0
# A bot that does not read for so long is cut; what waits for it meanwhile is bounded in bytes.
STUCK_S, BACKLOG = 7.0, 1 << 20
GOODBYE_S, LAST_BYTES = 2.0, 256 << 10
# The smallest frame has 6 bytes: so few are read before the flood is noticed.
SLICE = 256
HIGH_WATER = 256 << 10
GOING_AWAY, UNSUPPORTED, INVALID_DATA, POLICY, TRY_LATER = 1001, 1003, 1007, 1008, 1013


class Sender(Protocol):
    """What all bots' WebSockets share. `tell` puts on record what an operator must know."""

    clock: Clock
    tell: Callable[..., None]
    readers: dict[Reader, None]
    dropped: int
    cut: int

    def write_soon(self, reader: Reader) -> None:
        """Have `reader.write` called at the end of this turn of the loop."""
        ...


class BotSocket(asyncio.Protocol):
    """A connection after its handshake. `on_end` is called once when it is over.

    `messages_per_s` is what the exchange takes from a client in any second, pings and pongs among them; None for no
    bound of that kind.
    """

    is_combined = False

    def __init__(
        self,
        sender: Sender,
        transport: asyncio.Transport,
        messages_per_s: int | None,
        on_end: Callable[[Any], None],
    ) -> None:
        self._sender = sender
        self._transport = transport
        self._on_end = on_end
        self._frames = Frames(SERVER, state=OPEN, max_size=MAX_MESSAGE)
        self._allowance = None if messages_per_s is None else Allowance(messages_per_s, 1000)
        self._pieces = Pieces()
        self._out: list[bytes] = []
        self._backlog = Backlog(BACKLOG)
        self._full = False
        self._stuck_ns: int | None = None
        now_ns = sender.clock.monotonic_ns()
        self._ping_ns, self._pong_by_ns = now_ns + int(PING_S * 1e9), 0
        self._abort_ns = self._disregarded = 0
        self.is_open = True

    # -- what a kind of connection does

    def on_text(self, text: str) -> None:
        """A whole text message came."""

    def on_over(self) -> None:
        """Nothing more is sent to the bot: let go of what was held for it. May be called twice."""

    def describe(self) -> dict[str, Any]:
        """Tell what an operator must know of a connection that is cut."""
        return {}

    # -- asyncio.Protocol

    def open(self, early: bytes = b"") -> None:
        """Begin, and read what came behind the handshake."""
        self._sender.readers[self] = None
        if self._transport.get_write_buffer_size():
            # Who spoke on this connection before may have been told that it is full: nobody is told twice.
            self.pause_writing()
            self._transport.set_write_buffer_limits(high=0)
        else:
            self._transport.set_write_buffer_limits(high=HIGH_WATER)
        if early:
            self.data_received(early)

    def data_received(self, data: bytes) -> None:
        """Read frames, a few at a time: what floods must cost us little."""
        if not self.is_open:
            self._disregard(len(data))
        for start in range(0, len(data), SLICE):
            if not self.is_open:
                return
            self._frames.receive_data(data[start : start + SLICE])
            for event in self._frames.events_received():
                if isinstance(event, Frame) and self.is_open:
                    self._take(event)
            self._pump()

    def connection_lost(self, _error: Exception | None) -> None:
        """It is over."""
        self.is_open = False
        self._forget()
        self._on_end(self)

    def pause_writing(self) -> None:
        """The bot does not read: from now on its frames wait, or are replaced by newer ones."""
        self._stuck_ns = self._sender.clock.monotonic_ns()

    def resume_writing(self) -> None:
        """It has read."""
        self._stuck_ns = None
        self._transport.set_write_buffer_limits(high=HIGH_WATER)
        if self.is_open and self._backlog:
            self._write_out()
            self._transport.write(b"".join(self._backlog.take()))

    # -- in

    def _take(self, frame: Frame) -> None:
        if not self._is_allowed() and frame.opcode is not Opcode.CLOSE:
            self.close(POLICY, "Too many requests")
        elif frame.opcode is Opcode.PONG:
            self._pong_by_ns = 0
        elif frame.opcode is Opcode.BINARY:
            self.close(UNSUPPORTED, "Binary messages are not supported")
        elif frame.opcode in (Opcode.TEXT, Opcode.CONT):
            self._read(frame)

    def _is_allowed(self) -> bool:
        return self._allowance is None or self._allowance.take(self._sender.clock.monotonic_ns() // 1_000_000)

    def _read(self, frame: Frame) -> None:
        try:
            text = self._pieces.add(bytes(frame.data), is_last=frame.fin)
        except UnicodeDecodeError:
            self.close(INVALID_DATA, "Not UTF-8")
            return
        if text is not None:
            self.on_text(text.decode())
        elif len(self._pieces) >= MAX_FRAGMENTS:
            self.close(POLICY, "Too many fragments")

    # -- out

    def send(self, text: bytes) -> None:
        """Send a message, in order with what was pushed before."""
        self.push(text_frame(text), None)

    def catch_up(self) -> None:
        """Put what is on its way to the bot: what it is sent next comes behind that."""

    def push(self, frame: bytes, key: str | None) -> None:
        """Send a frame at the end of this turn, or when the bot reads again."""
        self.catch_up()
        self.put(frame, key)

    def deliver(self, parcel: Parcel) -> None:
        """Write what a turn brought: to most it is one object, and one call."""
        if self._stuck_ns is None and not self._out:
            self._transport.write(parcel.data)
            return
        for place in parcel.places:
            self.put(parcel.frames[place], parcel.keys[place])

    def put(self, frame: bytes, key: str | None) -> None:
        """As `push`, where what comes before it has been put already."""
        if self._stuck_ns is None:
            self._out.append(frame)
            self._sender.write_soon(self)
            return
        before = self._backlog.dropped
        self._full = self._full or not self._backlog.put(frame, key)
        self._sender.dropped += self._backlog.dropped - before
        if self._full:
            # Not here: whoever relays is walking through the listeners.
            self._sender.write_soon(self)

    def write(self) -> None:
        """Write what this turn brought, in one piece."""
        if self._full and self.is_open:
            self._cut("more waits than may")
        if self.is_open:
            self._write_out()

    def _write_out(self) -> None:
        """Write what was pushed in this turn, before anything else is."""
        out, self._out = self._out, []
        if out:
            self._transport.write(out[0] if len(out) == 1 else b"".join(out))

    def _pump(self) -> None:
        """Write what the library wants written: pongs, its own goodbye, behind the answers to what came before it."""
        if self.is_open and self._frames.state is not OPEN:
            self.catch_up()
            self._write_out()
        for data in self._frames.data_to_send():
            if data:
                self._transport.write(data)
        if self.is_open and self._frames.state is not OPEN:
            self._end()

    # -- the end

    def close(self, code: int, reason: str) -> None:
        """Say goodbye and hang up; what the bot sends from now on is not looked at."""
        if self.is_open:
            # The library may have said goodbye already, to a later frame of the same bytes.
            if self._frames.state is OPEN:
                self._frames.send_close(code, reason)
            self._pump()

    def _end(self) -> None:
        self.is_open = False
        self._forget()
        self._abort_ns = self._sender.clock.monotonic_ns() + int(GOODBYE_S * 1e9)
        if self._transport.can_write_eof() and not self._transport.is_closing():
            # Half of it: a connection closed with unread bytes is reset, and the goodbye may be lost with it.
            self._transport.write_eof()
        else:
            self._transport.close()

    def _disregard(self, size: int) -> None:
        """Throw away what comes behind the goodbye; who goes on and on is not listened to."""
        self._disregarded += size
        if self._disregarded > LAST_BYTES:
            self._transport.abort()

    def _forget(self) -> None:
        self._sender.readers.pop(self, None)
        self.on_over()

    def _cut(self, why: str) -> None:
        """A bot that does not read misses messages that cannot be left out: it is told, and starts anew."""
        self._sender.cut += 1
        self._sender.tell(what="stream_reader_cut", why=why, waited=self._backlog.dropped, **self.describe())
        self.close(TRY_LATER, "Slow reader: " + why)

    def drain(self) -> None:
        """The gateway stops."""
        self.close(GOING_AWAY, "The gateway is going away")

    def check_deadline(self, now_ns: int) -> None:
        """Ping, and end what does not answer, does not read or does not go."""
        if self._abort_ns:
            if now_ns >= self._abort_ns:
                self._transport.abort()
        elif self._stuck_ns is not None and now_ns - self._stuck_ns >= STUCK_S * 1e9:
            self._cut("nothing was read for seconds")
        elif self._pong_by_ns and now_ns >= self._pong_by_ns:
            self.close(POLICY, "Pong timeout")
        elif now_ns >= self._ping_ns:
            self._ping_ns = now_ns + int(PING_S * 1e9)
            self._pong_by_ns = self._pong_by_ns or now_ns + int(PONG_S * 1e9)
            self._frames.send_ping(str(now_ns).encode())
            self._pump()
