"""The rim that faces bots: bytes in, requests out, one at a time on each connection, deadlines on all of it."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address
from typing import Protocol, cast

from counterseal.adapters.tasks import Tasks
from counterseal.core import http1
from counterseal.core.http1 import Bad, Head
from counterseal.gateway import reply as replies
from counterseal.gateway.admission import Admitted, Entry, Inquiry
from counterseal.gateway.handler import HELD_BACK_S, Handler
from counterseal.gateway.reply import Reply
from counterseal.gateway.state import Source
from counterseal.gateway.streams.upgrade import Upgrades
from counterseal.gateway.turn import Turn
from counterseal.gateway.ways import Way
from counterseal.ports.clock import Clock

HEAD_S, BODY_S, IDLE_S, WRITE_S = 5.0, 10.0, 75.0, 10.0
SWEEP_S = 0.25
LARGE = 64 << 10
MAX_BUFFER = http1.MAX_HEAD + http1.MAX_BODY


@lru_cache(maxsize=4096)
def address_of(text: str) -> Source:
    """One object for one address."""
    return ip_address(text)


class Held(Protocol):
    """A connection that is open, whatever it carries."""

    def check_deadline(self, now_ns: int) -> None:
        """End the connection when its deadline has passed."""
        ...

    def drain(self) -> None:
        """End the connection as soon as it may."""
        ...


@dataclass(slots=True)
class Door:
    """What all connections share."""

    handler: Handler
    turn: Turn
    clock: Clock
    tasks: Tasks
    max_per_source: int
    per_source: Counter[str] = field(default_factory=Counter)
    open: set[Held] = field(default_factory=set)
    streams: Upgrades | None = None

    def enter(self, source: str) -> tuple[str, bool]:
        """Count a connection of this address: gives the name it is counted under and whether it is within the cap."""
        # Every address of the loopback network is this host.
        name = "loopback" if address_of(source).is_loopback else source
        self.per_source[name] += 1
        return name, self.per_source[name] <= self.max_per_source

    def leave(self, name: str) -> None:
        """Give the place of one connection back."""
        self.per_source[name] -= 1
        if self.per_source[name] <= 0:
            del self.per_source[name]

    def start(self) -> None:
        """Look at the connections' deadlines from now on: one timer for all of them costs requests nothing."""
        self.clock.call_later(SWEEP_S, self._sweep)

    def _sweep(self) -> None:
        now_ns = self.clock.monotonic_ns()
        for connection in list(self.open):
            connection.check_deadline(now_ns)
        self.start()


class BotConnection(asyncio.Protocol):
    """One connection of a bot. Credentials belong to requests, never to connections."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._transport: asyncio.Transport | None = None
        self._source_text = ""
        self._counted_as = ""
        self._source: Source = ip_address("0.0.0.0")
        # None: by the plain base URL. gateway/connect.py sets it for connections under the exchange's own names.
        self._way: Way | None = None
        self._buffer = b""
        # In so many bytes of it no end of a head was found.
        self._sought = 0
        self._head: Head | None = None
        self._inquiry: Inquiry | None = None
        self._closing = False
        self._expires_ns = 0
        self._partial = False
        self._stuck = False

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection; over the cap it is answered and closed."""
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self._source_text = str(transport.get_extra_info("peername")[0])
        self._source = address_of(self._source_text)
        self._door.open.add(self)
        self._counted_as, within = self._door.enter(self._source_text)
        if within:
            self._deadline(IDLE_S)
        else:
            self._refuse("too_many_connections")

    def connection_lost(self, _error: Exception | None) -> None:
        """A request that has not left yet is dropped."""
        self._closing = True
        self._transport = None
        self._no_deadline()
        self._door.open.discard(self)
        self._door.leave(self._counted_as)
        if self._inquiry is not None:
            self._inquiry.gone = True

    def data_received(self, data: bytes) -> None:
        """Collect; while a request is in flight nothing of the next one is looked at."""
        if self._closing:
            return
        self._buffer = self._buffer + data if self._buffer else data
        if self._inquiry is None and not self._stuck:
            self._advance()
        elif len(self._buffer) > MAX_BUFFER and self._transport is not None:
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        """A bot that does not read its answer gets ten seconds, and none of its next requests is begun."""
        self._stuck = True
        self._deadline(WRITE_S)

    def resume_writing(self) -> None:
        """It has read."""
        self._stuck = False
        self._deadline(IDLE_S)
        if self._inquiry is None and self._transport is not None and not self._closing:
            self._transport.resume_reading()
            self._advance()

    # -- reading

    def _advance(self) -> None:
        """Take one request from the buffer if it is there whole."""
        if self._head is None:
            if not self._buffer:
                return
            read = http1.read_head(self._buffer, self._sought)
            if read is None:
                self._sought = len(self._buffer)
                self._deadline_once(HEAD_S)
                return
            self._sought = 0
            if isinstance(read, Bad):
                self._refuse(read.reason)
                return
            self._head, taken = read
            self._buffer = self._buffer[taken:]
            self._partial = False
        if len(self._buffer) < self._head.length:
            self._deadline_once(BODY_S)
            return
        self._start(self._head)

    def _start(self, head: Head) -> None:
        body, self._buffer = self._buffer[: head.length], self._buffer[head.length :]
        self._head = None
        self._no_deadline()
        inquiry = Inquiry(head, body, self._source, self._way)
        self._inquiry = inquiry
        shed = self._door.handler.shed(inquiry)
        if shed is not None:
            self._door.clock.call_later(HELD_BACK_S, lambda: self._give(inquiry, shed))
            return
        judged = self._door.handler.begin(inquiry)
        if isinstance(judged, Admitted):
            self._door.tasks.spawn(self._finish(inquiry, judged), "request")
        elif isinstance(judged, Entry):
            self._become(judged)
        else:
            self._door.turn.answer(lambda: self._give(inquiry, judged))

    def _become(self, entry: Entry) -> None:
        """From here on the connection is a stream's; it goes on counting among its source's."""
        transport, door, counted_as = self._transport, self._door, self._counted_as
        self._closing, self._transport = True, None
        door.open.discard(self)
        if transport is not None and door.streams is not None:
            door.streams.accept(entry, transport, self._buffer, door.open, lambda: door.leave(counted_as))

    async def _finish(self, inquiry: Inquiry, admitted: Admitted) -> None:
        try:
            reply = await self._door.handler.finish(inquiry, admitted)
        except Exception:
            self._door.turn.answer(lambda: self._give(inquiry, replies.unknown()))
            raise
        self._door.turn.answer(lambda: self._give(inquiry, reply))

    # -- answering

    def _give(self, inquiry: Inquiry, reply: Reply) -> None:
        self._inquiry = None
        if self._transport is None:
            return
        close = reply.close or not inquiry.head.keep_alive or self._closing
        # Before the write: one that does not fit into the socket's buffers sets its own, shorter deadline.
        self._deadline(IDLE_S)
        self._write(reply, close)
        if not close and not self._stuck:
            self._transport.resume_reading()
            self._advance()

    def _refuse(self, reason: str) -> None:
        """Answer bytes that are no request and end the connection: nobody knows where the next one would start."""
        self._closing = True
        self._no_deadline()
        reply = self._door.handler.refuse(reason, self._source_text)
        self._door.turn.answer(lambda: self._write(reply, close=True))

    def _write(self, reply: Reply, close: bool) -> None:
        if self._transport is None:
            return
        if "Date" not in reply.headers:
            reply.headers["Date"] = replies.http_date(self._door.clock.wall_ns())
        if len(reply.body) <= LARGE:
            self._transport.write(replies.to_bytes(reply, close=close))
        else:
            # As it is: one large answer to a read goes to many, and who does not read it must not have it copied.
            self._transport.write(replies.head_bytes(reply, close=close))
            self._transport.write(reply.body)
        if close:
            self._closing = True
            # A bot that does not read would keep a closing connection for ever.
            self._deadline(WRITE_S)
            self._transport.close()

    def drain(self) -> None:
        """End the connection after the request in flight, at once when there is none."""
        self._closing = True
        if self._inquiry is None and self._transport is not None:
            self._transport.close()

    # -- deadlines

    def _deadline(self, seconds: float) -> None:
        self._expires_ns = self._door.clock.monotonic_ns() + int(seconds * 1e9)
        self._partial = False

    def _deadline_once(self, seconds: float) -> None:
        """The deadline of a head or a body runs from its first byte; more bytes do not extend it."""
        if not self._partial:
            self._deadline(seconds)
            self._partial = True

    def _no_deadline(self) -> None:
        self._partial = False
        self._expires_ns = 0

    def check_deadline(self, now_ns: int) -> None:
        """End the connection when its deadline has passed; a request in flight has its own deadlines further on."""
        if not self._expires_ns or now_ns < self._expires_ns or self._transport is None:
            return
        self._no_deadline()
        if self._closing or self._transport.get_write_buffer_size():
            self._transport.abort()
        elif self._buffer or self._head is not None:
            self._refuse("header_timeout")
        elif self._inquiry is None:
            self._transport.close()
