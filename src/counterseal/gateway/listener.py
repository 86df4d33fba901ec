"""The rim that faces bots: bytes in, requests out, one at a time on each connection, deadlines on all of it."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import cast

from counterseal.adapters.tasks import Tasks
from counterseal.core import http1
from counterseal.core.http1 import Bad, Head
from counterseal.gateway import reply as replies
from counterseal.gateway.admission import Admitted, Inquiry
from counterseal.gateway.handler import Handler
from counterseal.gateway.reply import Reply
from counterseal.gateway.state import Source
from counterseal.gateway.turn import Turn
from counterseal.ports.clock import Clock, Timer

HEAD_S, BODY_S, IDLE_S, WRITE_S = 5.0, 10.0, 75.0, 10.0
MAX_BUFFER = http1.MAX_HEAD + http1.MAX_BODY


@dataclass(slots=True)
class Door:
    """What all connections share."""

    handler: Handler
    turn: Turn
    clock: Clock
    tasks: Tasks
    max_per_source: int
    per_source: Counter[str] = field(default_factory=Counter)
    open: "set[BotConnection]" = field(default_factory=set)


class BotConnection(asyncio.Protocol):
    """One connection of a bot. Credentials belong to requests, never to connections."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._transport: asyncio.Transport | None = None
        self._source_text = ""
        self._source: Source = ip_address("0.0.0.0")
        self._buffer = b""
        self._head: Head | None = None
        self._inquiry: Inquiry | None = None
        self._closing = False
        self._timer: Timer | None = None

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection; over the cap it is answered and closed."""
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self._source_text = str(transport.get_extra_info("peername")[0])
        self._source = ip_address(self._source_text)
        self._door.open.add(self)
        self._door.per_source[self._source_text] += 1
        if self._door.per_source[self._source_text] > self._door.max_per_source:
            self._refuse("too_many_connections")
        else:
            self._deadline(IDLE_S)

    def connection_lost(self, _error: Exception | None) -> None:
        """A request that has not left yet is dropped."""
        self._closing = True
        self._transport = None
        self._stop_timer()
        self._door.open.discard(self)
        self._door.per_source[self._source_text] -= 1
        if self._door.per_source[self._source_text] <= 0:
            del self._door.per_source[self._source_text]
        if self._inquiry is not None:
            self._inquiry.gone = True

    def data_received(self, data: bytes) -> None:
        """Collect; while a request is in flight nothing of the next one is looked at."""
        if self._closing:
            return
        self._buffer = self._buffer + data if self._buffer else data
        if self._inquiry is None:
            self._advance()
        elif len(self._buffer) > MAX_BUFFER and self._transport is not None:
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        """A bot that does not read its answer gets ten seconds."""
        self._deadline(WRITE_S)

    def resume_writing(self) -> None:
        """It has read."""
        self._deadline(IDLE_S)

    # -- reading

    def _advance(self) -> None:
        """Take one request from the buffer if it is there whole."""
        if self._head is None:
            if not self._buffer:
                return
            read = http1.read_head(self._buffer)
            if read is None:
                self._deadline_once(HEAD_S)
                return
            if isinstance(read, Bad):
                self._refuse(read.reason)
                return
            self._head, taken = read
            self._buffer = self._buffer[taken:]
        if len(self._buffer) < self._head.length:
            self._deadline(BODY_S)
            return
        self._start(self._head)

    def _start(self, head: Head) -> None:
        body, self._buffer = self._buffer[: head.length], self._buffer[head.length :]
        self._head = None
        self._stop_timer()
        begun_ns = self._door.clock.monotonic_ns()
        inquiry = Inquiry(head, body, self._source)
        self._inquiry = inquiry
        judged = self._door.handler.begin(inquiry)
        if isinstance(judged, Admitted):
            self._door.tasks.spawn(self._finish(inquiry, judged, begun_ns), "request")
        else:
            self._door.turn.answer(lambda: self._give(inquiry, judged))

    async def _finish(self, inquiry: Inquiry, admitted: Admitted, begun_ns: int) -> None:
        try:
            reply = await self._door.handler.finish(inquiry, admitted, begun_ns)
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
        self._write(reply, close)
        if not close:
            self._transport.resume_reading()
            self._deadline(IDLE_S)
            self._advance()

    def _refuse(self, reason: str) -> None:
        """Answer bytes that are no request and end the connection: nobody knows where the next one would start."""
        self._closing = True
        self._stop_timer()
        reply = self._door.handler.refuse(reason, self._source_text)
        self._door.turn.answer(lambda: self._write(reply, close=True))

    def _write(self, reply: Reply, close: bool) -> None:
        if self._transport is None:
            return
        if "Date" not in reply.headers:
            reply.headers["Date"] = replies.http_date(self._door.clock.wall_ns())
        self._transport.write(replies.to_bytes(reply, close=close))
        if close:
            self._closing = True
            self._transport.close()

    def drain(self) -> None:
        """End the connection after the request in flight, at once when there is none."""
        self._closing = True
        if self._inquiry is None and self._transport is not None:
            self._transport.close()

    # -- deadlines

    def _deadline(self, seconds: float) -> None:
        self._stop_timer()
        self._timer = self._door.clock.call_later(seconds, self._expired)
        self._partial = False

    def _deadline_once(self, seconds: float) -> None:
        """The head's deadline runs from its first byte; more bytes do not extend it."""
        if not getattr(self, "_partial", False):
            self._deadline(seconds)
            self._partial = True

    def _stop_timer(self) -> None:
        self._partial = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expired(self) -> None:
        if self._transport is None:
            return
        if self._buffer or self._head is not None:
            self._refuse("header_timeout")
        elif self._inquiry is None:
            self._transport.abort() if self._transport.get_write_buffer_size() else self._transport.close()
