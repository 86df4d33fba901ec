"""One bot's WebSocket: frames in by the `websockets` library, frames out as the hub made them."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN, SERVER, Protocol

from counterseal.core.streams import commands
from counterseal.core.streams.allowance import Allowance
from counterseal.core.streams.backlog import Backlog
from counterseal.core.streams.commands import Command, Refused
from counterseal.core.streams.frames import text_frame
from counterseal.core.streams.routes import MOST_STREAMS, Opening
from counterseal.gateway.streams.hub import Hub

MAX_MESSAGE, MAX_FRAGMENTS = 64 << 10, 16
# Messages a second that the exchange takes from a client, pings and pongs among them.
MESSAGES = {"spot": 5, "usdm": 10, "coinm": 10}
PING_S, PONG_S = 20.0, 60.0
# A bot that does not read for so long is cut; what waits for it meanwhile is bounded in bytes.
STUCK_S, BACKLOG = 7.0, 1 << 20
GOODBYE_S = 2.0
# The smallest frame has 6 bytes: so few are read before the flood is noticed.
SLICE = 256
HIGH_WATER = 256 << 10
GOING_AWAY, UNSUPPORTED, INVALID_DATA, POLICY, TRY_LATER = 1001, 1003, 1007, 1008, 1013


class BotStream(asyncio.Protocol):
    """A connection after its handshake. `on_end` is called once when it is over."""

    def __init__(self, hub: Hub, opening: Opening, transport: asyncio.Transport, on_end: Callable[[Any], None]) -> None:
        self._hub = hub
        self._family, self._unit = opening.family, opening.unit
        self.is_combined = opening.is_combined
        self._transport = transport
        self._on_end = on_end
        self._protocol = Protocol(SERVER, state=OPEN, max_size=MAX_MESSAGE)
        self._allowance = Allowance(MESSAGES[opening.family], 1000)
        self._names: dict[str, None] = {}
        self._parts: list[bytes] = []
        self._out: list[bytes] = []
        self._backlog = Backlog(BACKLOG)
        self._full = False
        self._stuck_ns: int | None = None
        now_ns = hub.clock.monotonic_ns()
        self._ping_ns, self._pong_by_ns = now_ns + int(PING_S * 1e9), 0
        self._abort_ns = 0
        self._is_open = True

    def start(self, names: tuple[str, ...], early: bytes) -> None:
        """Listen to the names of the address, and read what came behind the handshake."""
        self._hub.readers[self] = None
        if self._transport.get_write_buffer_size():
            # Who spoke on this connection before may have been told that it is full: nobody is told twice.
            self.pause_writing()
            self._transport.set_write_buffer_limits(high=0)
        else:
            self._transport.set_write_buffer_limits(high=HIGH_WATER)
        if not self._join(names):
            self.close(TRY_LATER, "The gateway holds as many streams as it may")
        elif early:
            self.data_received(early)

    # -- asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        """Read frames, a few at a time: what floods must cost us little."""
        for start in range(0, len(data), SLICE):
            if not self._is_open:
                return
            self._protocol.receive_data(data[start : start + SLICE])
            for event in self._protocol.events_received():
                if isinstance(event, Frame) and self._is_open:
                    self._take(event)
            self._pump()

    def connection_lost(self, _error: Exception | None) -> None:
        """It is over."""
        self._is_open = False
        self._forget()
        self._on_end(self)

    def pause_writing(self) -> None:
        """The bot does not read: from now on its frames wait, or are replaced by newer ones."""
        self._stuck_ns = self._hub.clock.monotonic_ns()

    def resume_writing(self) -> None:
        """It has read."""
        self._stuck_ns = None
        self._transport.set_write_buffer_limits(high=HIGH_WATER)
        if self._is_open and self._backlog:
            self._write_out()
            self._transport.write(b"".join(self._backlog.take()))

    # -- in

    def _take(self, frame: Frame) -> None:
        if not self._allowance.take(self._hub.clock.monotonic_ns() // 1_000_000) and frame.opcode is not Opcode.CLOSE:
            self.close(POLICY, "Too many requests")
        elif frame.opcode is Opcode.PONG:
            self._pong_by_ns = 0
        elif frame.opcode is Opcode.BINARY:
            self.close(UNSUPPORTED, "Binary messages are not supported")
        elif frame.opcode in (Opcode.TEXT, Opcode.CONT):
            self._parts.append(bytes(frame.data))
            if frame.fin:
                text, self._parts = b"".join(self._parts), []
                self._read(text)
            elif len(self._parts) >= MAX_FRAGMENTS:
                self.close(POLICY, "Too many fragments")

    def _read(self, text: bytes) -> None:
        try:
            answer = self._carry_out(commands.read(text.decode()))
        except UnicodeDecodeError:
            self.close(INVALID_DATA, "Not UTF-8")
            return
        except Refused as refused:
            answer = refused.text
        self._send(answer)

    def _carry_out(self, command: Command) -> bytes:
        if command.method == "SUBSCRIBE":
            self._subscribe(command)
        elif command.method == "UNSUBSCRIBE":
            for name in command.names:
                if name in self._names:
                    self._leave(name)
        elif command.method == "LIST_SUBSCRIPTIONS":
            return commands.result(command.id, list(self._names))
        elif command.method == "GET_PROPERTY":
            return commands.result(command.id, self.is_combined)
        else:
            self.is_combined = command.value
        return commands.result(command.id)

    def _subscribe(self, command: Command) -> None:
        """All of the names, or none of them."""
        names = commands.wanted(self._family, command)
        added = [name for name in dict.fromkeys(names) if name not in self._names]
        if len(self._names) + len(added) > MOST_STREAMS:
            raise Refused(2, f"Invalid request: more than {MOST_STREAMS} streams on a connection", command.id)
        if not self._join(added):
            raise Refused(2, "Invalid request: the gateway holds as many streams as it may", command.id)

    def _join(self, names: Sequence[str]) -> bool:
        for number, name in enumerate(names):
            if not self._hub.join(self, self._family, self._unit, name):
                for joined in names[:number]:
                    self._leave(joined)
                return False
            self._names[name] = None
        return True

    def _leave(self, name: str) -> None:
        del self._names[name]
        self._hub.leave(self, self._family, self._unit, name)

    def _forget(self) -> None:
        self._hub.readers.pop(self, None)
        for name in list(self._names):
            self._leave(name)

    # -- out

    def push(self, frame: bytes, key: str | None) -> None:
        """Send a frame at the end of this turn, or when the bot reads again."""
        if self._stuck_ns is None:
            self._out.append(frame)
            self._hub.write_soon(self)
            return
        before = self._backlog.dropped
        self._full = self._full or not self._backlog.put(frame, key)
        self._hub.dropped += self._backlog.dropped - before
        if self._full:
            # Not here: whoever relays is walking through the listeners.
            self._hub.write_soon(self)

    def write(self) -> None:
        """Write what this turn brought, in one piece."""
        if self._full and self._is_open:
            self._cut("more waits than may")
        if self._is_open:
            self._write_out()

    def _send(self, text: bytes) -> None:
        """Answer a command, in order with what was pushed before."""
        self.push(text_frame(text), None)

    def _pump(self) -> None:
        """Write what the library wants written: pongs, its own goodbye."""
        for data in self._protocol.data_to_send():
            if data:
                self._transport.write(data)
        if self._is_open and self._protocol.state is not OPEN:
            self._end()

    # -- the end

    def close(self, code: int, reason: str) -> None:
        """Say goodbye and hang up; what the bot sends from now on is not read."""
        if self._is_open:
            self._write_out()
            # The library may have said goodbye already, to a later frame of the same bytes.
            if self._protocol.state is OPEN:
                self._protocol.send_close(code, reason)
            self._pump()

    def _write_out(self) -> None:
        """Write what was pushed in this turn, before anything else is."""
        out, self._out = self._out, []
        if out:
            self._transport.write(out[0] if len(out) == 1 else b"".join(out))

    def _end(self) -> None:
        self._is_open = False
        self._forget()
        self._abort_ns = self._hub.clock.monotonic_ns() + int(GOODBYE_S * 1e9)
        self._transport.close()

    def _cut(self, why: str) -> None:
        """A bot that does not read misses messages that cannot be left out: it is told, and starts anew."""
        self._hub.cut += 1
        self._hub.tell(what="stream_reader_cut", why=why, streams=len(self._names), waited=self._backlog.dropped)
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
            self._protocol.send_ping(str(now_ns).encode())
            self._pump()
