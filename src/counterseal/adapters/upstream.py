"""Kept-alive TLS connections to the exchange. One request at a time on each, never repeated.

What the exchange sends outside an answer (a second answer, surplus bytes, an informational answer) ends the connection:
the next answer could belong to another request.
"""

import asyncio
import ssl
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import httptools

from counterseal.adapters.egress import family_of, is_of_this_host
from counterseal.adapters.exit_line import ExitLine
from counterseal.core.binance.sizes import USUAL
from counterseal.ports.clock import Clock
from counterseal.ports.venue import ORDINARY, Busy, Lost, NotSent, Terms, Unbound, Unreachable, VenueReply

CONNECT_TIMEOUT_S = 5.0
# The exchange's own limit is 10 s; what has not come 2 s later is not going to be told.
ANSWER_TIMEOUT_S = 12.0
IDLE_S = 25.0
SWEEP_S = 0.25
MAX_HEADERS = 64 << 10
# For each egress address: one whose way hangs takes no places from the others.
MAX_CONNECTIONS = 64
KEPT_FOR_EXITS = 8
# How long an exit waits when these are in use too.
EXIT_WAIT_S = 1.0
# All connections receive into one buffer: what is in it is parsed before the loop does anything else.
_RECEIVE = memoryview(bytearray(1 << 18))
# What a connection that has ended reads with: it knows no connection.
_NO_PARSER = httptools.HttpResponseParser(object())


# Headers that somebody reads: an answer comes with some twenty others, which cost time and say nothing. No answer has
# more that are read, or longer names.
MOST_READ, LONGEST_NAME = 64, 64
_READ = ("connection", "content-encoding", "content-length", "date", "retry-after", "transfer-encoding")
_READ_PREFIXES = ("x-mbx-", "x-sapi-")
# How a body may be told to be written: as it is. No other form was asked for, and none is ever undone.
_PLAIN = {"content-encoding": (b"", b"identity"), "transfer-encoding": (b"", b"chunked")}


@lru_cache(maxsize=256)
def _kept_as(name: bytes) -> str:
    """Give a header's name in lower case, "" for one that nobody reads."""
    lower = name.decode("latin-1").lower()
    return lower if lower in _READ or lower.startswith(_READ_PREFIXES) else ""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a family's host is: the address to connect to, the name that its certificate must have, the TLS context."""

    host: str
    port: int
    name: str
    context: ssl.SSLContext


async def reach(target: Target, egress: str, protocol: asyncio.BaseProtocol) -> None:
    """Connect `protocol` over verified TLS, from the address `egress` ("": any of this host's). Raises Unreachable."""
    # Bound to an address, it looks for none of the exchange's that it could not reach.
    leaving: dict[str, Any] = {"local_addr": (egress, 0), "family": family_of(egress)} if egress else {}
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await asyncio.get_running_loop().create_connection(
                lambda: protocol,
                target.host,
                target.port,
                ssl=target.context,
                server_hostname=target.name,
                **leaving,
            )
    except (OSError, TimeoutError) as error:
        raise Unreachable(f"cannot connect: {type(error).__name__}") from None


class UpstreamConnection(asyncio.BufferedProtocol):
    """One connection; `send` gives a future with the answer."""

    def __init__(self, clock: Clock, egress: str = "") -> None:
        self._clock = clock
        self.egress = egress
        self._transport: asyncio.WriteTransport | None = None
        self._waiter: asyncio.Future[VenueReply] | None = None
        self._answer_by_ns = 0
        # The first piece of the body; and, where there is a second one, all of it.
        self._body = b""
        self._whole: bytearray | None = None
        self._is_coded = self._is_too_large = False
        self.idle_since_ns = 0
        self.open = False

    # -- asyncio.BufferedProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The handshake is verified."""
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast(asyncio.WriteTransport, transport)
        self.open = True
        self._reset()

    def connection_lost(self, _error: Exception | None) -> None:
        """An answer that is complete has been given already; anything else is lost."""
        self.open = False
        self._fail("connection closed")
        # Else both would hold each other, and a quarter of a megabyte: such rings are looked for very rarely.
        self._transport = None
        self._parser = _NO_PARSER

    def get_buffer(self, _sizehint: int) -> memoryview:
        """Receive into the common buffer."""
        return _RECEIVE

    def buffer_updated(self, nbytes: int) -> None:
        """Feed the parser; whatever is not one sound answer ends the connection."""
        if self._waiter is None:
            self.kill("bytes outside an answer")
            return
        self._size += nbytes
        try:
            self._parser.feed_data(_RECEIVE[:nbytes])
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.kill("answer is no HTTP")
            return
        # Before what is complete is looked at: an answer that is told to be larger ends before its body comes.
        if self._is_too_large or self._size > (self._most if self._has_head else 0) + MAX_HEADERS:
            self._give_up()
        elif self._complete:
            self._finish()

    # -- httptools

    def on_message_begin(self) -> None:
        """A second beginning is an answer nobody asked for."""
        self._begun += 1

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header that somebody reads; what stands behind the body is none."""
        kept = _kept_as(name) if len(name) <= LONGEST_NAME else ""
        if not kept or self._has_head:
            return
        if kept in _PLAIN:
            self._is_coded = self._is_coded or value.strip().lower() not in _PLAIN[kept]
        elif len(self._headers) < MOST_READ:
            self._headers[kept] = value.decode("latin-1")
        else:
            self._is_too_large = True

    def on_headers_complete(self) -> None:
        """The body comes; the parser has made sure that a length is a number."""
        self._has_head = True
        told = self._headers.get("content-length", "0")
        self._is_too_large = self._is_too_large or int(told) > self._most

    def on_body(self, body: bytes) -> None:
        """Collect body bytes: most come in one piece, and many small pieces must not cost more than their bytes."""
        if self._whole is not None:
            self._whole += body
        elif self._body:
            self._whole = bytearray(self._body + body)
        else:
            self._body = body

    def on_message_complete(self) -> None:
        """The answer has its last byte."""
        self._complete = True

    # -- ours

    def send(self, request: bytes, most: int = USUAL) -> "asyncio.Future[VenueReply]":
        """Write one request; the future fails with Lost from here on. `most` bounds the answer's body in bytes."""
        waiter: asyncio.Future[VenueReply] = asyncio.get_running_loop().create_future()
        self._waiter, self._most = waiter, most
        self._sent_ns = self._clock.monotonic_ns()
        self._answer_by_ns = self._sent_ns + int(ANSWER_TIMEOUT_S * 1e9)
        if self._transport is not None:
            self._transport.write(request)
        return waiter

    def kill(self, why: str) -> None:
        """End the connection; a request in flight is lost."""
        self.open = False
        self._fail(why)
        if self._transport is not None:
            self._transport.abort()

    def check_deadline(self, now_ns: int) -> None:
        """Give up on an answer that is late."""
        if self._waiter is not None and now_ns >= self._answer_by_ns:
            self.kill("no answer in time")

    def _reset(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._body, self._whole = b"", None
        self._begun = 0
        self._size = 0
        self._most = USUAL
        self._has_head = self._complete = False
        self._is_coded = self._is_too_large = False
        self.idle_since_ns = self._clock.monotonic_ns()

    def _finish(self) -> None:
        waiter, status = self._waiter, self._parser.get_status_code()
        # The parser's own answer to this is about the next message once this one is complete.
        keep = self._parser.get_http_version() == "1.1" and "close" not in self._headers.get("connection", "").lower()
        if self._begun > 1 or status < 200:
            self.kill("an answer nobody asked for")
            return
        if self._is_coded:
            self._give_up()
            return
        body = self._body if self._whole is None else bytes(self._whole)
        reply = VenueReply(status, self._headers, body, self._sent_ns, self._clock.monotonic_ns())
        self._settle()
        self._reset()
        if not keep:
            self.kill("not kept alive")
        if waiter is not None and not waiter.done():
            waiter.set_result(reply)

    def _give_up(self) -> None:
        """End what is too large, or in a form that was not asked for.

        Of a refusal the status counts, whatever its text: after 418 nothing may be sent.
        """
        waiter, status = self._waiter, self._parser.get_status_code()
        if not self._has_head or self._begun > 1 or status < 400:
            self.kill("answer too large, or in a form that was not asked for")
            return
        reply = VenueReply(status, self._headers, b"", self._sent_ns, self._clock.monotonic_ns())
        self._settle()
        self.kill("answer given up")
        if waiter is not None and not waiter.done():
            waiter.set_result(reply)

    def _settle(self) -> None:
        self._waiter = None

    def _fail(self, why: str) -> None:
        waiter = self._waiter
        self._settle()
        # Connection and parser hold each other: what came of an answer would stay until both are looked for.
        self._body, self._whole = b"", None
        if waiter is not None and not waiter.done():
            waiter.set_exception(Lost(why))


def _tell_nobody(_what: str, **_fields: Any) -> None:
    pass


class UpstreamPool:
    """The Venue port: connections per egress address and family, the one used last is used next.

    `warn` takes a sentence and fields: it is told once of each egress address that is none of this host's.
    """

    def __init__(self, targets: Mapping[str, Target], clock: Clock, warn: Callable[..., None] = _tell_nobody) -> None:
        self._targets = targets
        self._clock = clock
        self._warn = warn
        self._idle: dict[tuple[str, str], deque[UpstreamConnection]] = {}
        self._all: set[UpstreamConnection] = set()
        self._connecting: Counter[str] = Counter()
        self._missing: set[str] = set()
        self._exits: ExitLine[UpstreamConnection] = ExitLine(clock, self._keep)

    def start(self) -> None:
        """Look at the answers' deadlines from now on."""
        self._clock.call_later(SWEEP_S, self._sweep)

    def _sweep(self) -> None:
        now_ns = self._clock.monotonic_ns()
        for connection in list(self._all):
            connection.check_deadline(now_ns)
        for idle in self._idle.values():
            self._end_old(idle, now_ns)
        self.start()

    def _end_old(self, idle: deque[UpstreamConnection], now_ns: int) -> None:
        """Part with what nobody has used for long: after a burst there are many. The one used last is the last."""
        while idle and (not idle[0].open or idle[0].idle_since_ns < now_ns - int(IDLE_S * 1e9)):
            connection = idle.popleft()
            connection.kill("idle too long")
            self._all.discard(connection)

    async def send(self, family: str, request: bytes, terms: Terms = ORDINARY) -> VenueReply:
        """Send one request once. Raises NotSent (Unreachable, Unbound) or Lost."""
        route = (terms.egress, family)
        connection = self._take(route) or await self._get(route, terms)
        if not terms.wanted():
            self._keep(route, connection)
            raise NotSent("no longer wanted")
        try:
            reply = await connection.send(request, terms.most)
        except (Lost, asyncio.CancelledError):
            connection.kill("given up")
            self._keep(route, connection)
            raise
        self._keep(route, connection)
        return reply

    async def _get(self, route: tuple[str, str], terms: Terms) -> UpstreamConnection:
        """Connect; an exit that finds all places taken waits for one. Raises NotSent."""
        wait_until_ns = self._clock.monotonic_ns() + int(EXIT_WAIT_S * 1e9)
        while True:
            try:
                return await self._connect(route[1], terms)
            except Busy:
                wait_s = (wait_until_ns - self._clock.monotonic_ns()) / 1e9
                if not terms.is_exit:
                    raise
                if wait_s <= 0 or not terms.wanted():
                    raise NotSent("all connections to the exchange are in use") from None
            connection = await self._exits.wait(route, wait_s) or self._take(route)
            if connection is not None:
                return connection

    def _keep(self, route: tuple[str, str], connection: UpstreamConnection) -> None:
        if self._exits.waiting and self._exits.hand_on(route, connection):
            return
        if not connection.open:
            self._all.discard(connection)
            return
        idle = self._idle.get(route)
        if idle is None:
            idle = self._idle[route] = deque()
        idle.append(connection)

    def _take(self, route: tuple[str, str]) -> UpstreamConnection | None:
        idle = self._idle.get(route)
        oldest = self._clock.monotonic_ns() - int(IDLE_S * 1e9)
        while idle:
            connection = idle.pop()
            if connection.open and connection.idle_since_ns >= oldest:
                return connection
            connection.kill("idle too long")
            self._all.discard(connection)
        return None

    async def _connect(self, family: str, terms: Terms) -> UpstreamConnection:
        target, egress = self._targets.get(family), terms.egress
        if target is None:
            raise NotSent(f"no host for {family} in this environment")
        self._all = {connection for connection in self._all if connection.open}
        bound = MAX_CONNECTIONS if terms.is_exit else MAX_CONNECTIONS - KEPT_FOR_EXITS
        there = sum(each.egress == egress for each in self._all) + self._connecting[egress]
        if there >= bound and not self._part_with_idle(egress):
            raise Busy("all connections to the exchange are in use")
        self._check(egress)
        self._connecting[egress] += 1
        try:
            connection = await self._open(target, egress)
        finally:
            self._connecting[egress] -= 1
        self._all.add(connection)
        return connection

    def _part_with_idle(self, egress: str) -> bool:
        """Close the connection of an address that was idle longest, whatever its family; False without one."""
        lines = [idle for (of, _), idle in self._idle.items() if of == egress]
        found = [(each.idle_since_ns, id(each), each, idle) for idle in lines for each in idle if each.open]
        if not found:
            return False
        _, _, connection, idle = min(found)
        idle.remove(connection)
        connection.kill("idle longest")
        self._all.discard(connection)
        return True

    def _check(self, egress: str) -> None:
        """Refuse at once what cannot be bound: before any name is looked up."""
        if not egress or is_of_this_host(egress):
            self._missing.discard(egress)
            return
        if egress not in self._missing:
            self._missing.add(egress)
            self._warn("nothing can leave from an egress address that is none of this host's", egress=egress)
        raise Unbound(f"{egress} is no address of this host")

    async def _open(self, target: Target, egress: str) -> UpstreamConnection:
        connection = UpstreamConnection(self._clock, egress)
        await reach(target, egress, connection)
        return connection

    async def close(self) -> None:
        """Close all connections."""
        for connection in list(self._all):
            connection.kill("closing")
        self._all.clear()
