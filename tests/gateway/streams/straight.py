"""The column without a gateway: the same bots connected to the paper exchange itself; and its REST side for both.

A bot that follows a book reads it once by REST when it (re)connects, as SDKs do.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any, cast

import httptools
from tests.gateway.rig import HOST, MONDAY_MS
from tests.gateway.streams.rig import BotWire, Exchange, Rig

from counterseal.adapters.virtual_clock import VirtualClock
from counterseal.core import http1
from counterseal.core.http1 import Bad
from counterseal.gateway.admission import Inquiry
from counterseal.paper.http import RequestReader
from counterseal.paper.wire import Request
from counterseal.paper.ws_socket import Socket
from counterseal.ports.venue import ORDINARY, Terms, Unreachable, VenueReply

ADDRESS = "127.0.0.1"
ATTEMPTS = ("spot_ws_attempts", "futures_ws_attempts")
WEIGHTS = ("spot_weight", "futures_weight")
DEPTH = "/api/v3/depth"


class StraightConnection(asyncio.Protocol):
    """One bot's connection to the exchange, without anything between."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._wire: BotWire | None = None
        self.socket: Socket | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what the exchange is to write to."""
        self._wire = cast(BotWire, transport)

    def data_received(self, data: bytes) -> None:
        """A handshake first, frames afterwards; nobody answers when the exchange is down."""
        assert self._wire is not None
        if self.socket is not None:
            self.socket.receive(data, self._exchange.now_ms)
        elif self._exchange.is_down:
            self._wire.abort()
        else:
            requests: list[Request] = []
            with suppress(httptools.HttpParserUpgrade):
                RequestReader(ADDRESS, lambda request, _: requests.append(request)).feed(data)
            self._exchange.dialled += 1
            self.socket = self._exchange.exchange.realtime.open(requests[0], self._wire)

    def connection_lost(self, _error: Exception | None) -> None:
        """The bot has gone."""
        if self.socket is not None:
            self.socket.lost()


class StraightRig(Rig):
    """Bots and the exchange, one address, nothing between."""

    def __init__(self, home: Path) -> None:  # what `Rig` makes of a gateway is not made here
        self.clock = VirtualClock(MONDAY_MS)
        self.exchange = Exchange(home, self.clock)
        self.bots = []

    def connection(self) -> asyncio.Protocol:
        """What a bot connects to."""
        return StraightConnection(self.exchange)

    async def end(self) -> None:
        """Nothing runs."""


class PaperRest:
    """The paper exchange's REST side as the gateway's Venue. `statuses` are those of all answers it gave."""

    def __init__(self, exchange: Exchange, clock: VirtualClock) -> None:
        self._exchange, self._clock = exchange, clock
        self.statuses: list[int] = []

    async def send(self, _family: str, request: bytes, _terms: Terms = ORDINARY) -> VenueReply:
        """Answer a request of the gateway, one turn of the loop later, or be unreachable."""
        if self._exchange.is_down:
            raise Unreachable("down")
        found: list[Request] = []
        RequestReader(ADDRESS, lambda one, _: found.append(one)).feed(request)
        now_ns = self._clock.monotonic_ns()
        status, headers, body = self.answer(found[0])
        await asyncio.sleep(0)
        return VenueReply(status, {name.lower(): value for name, value in headers.items()}, body, now_ns, now_ns)

    def answer(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        """Answer a request whoever it is from."""
        reply = self._exchange.exchange.handle(request)
        self.statuses.append(reply.status)
        return reply.status, reply.headers, reply.body


class Books:
    """Reads books by REST, straight or through a gateway. `given` counts answers by status."""

    def __init__(self, rig: Rig) -> None:
        self._rig, self._rest = rig, PaperRest(rig.exchange, rig.clock)
        self.given: dict[int, int] = {}
        if not isinstance(rig, StraightRig):
            rig.gateway.venue.send = self._rest.send  # type: ignore[method-assign]  # this rig's alone

    @property
    def statuses(self) -> list[int]:
        """What the exchange answered, in order."""
        return self._rest.statuses

    def read(self, symbol: str) -> None:
        """Ask for the book of a symbol, weight 50."""
        target = f"{DEPTH}?symbol={symbol}&limit=1000"
        if isinstance(self._rig, StraightRig):
            if not self._rig.exchange.is_down:
                request = Request("GET", target.encode(), {"host": HOST}, ["host"], b"", ADDRESS)
                self._count(self._rest.answer(request)[0])
        else:
            self._rig.gateway.tasks.spawn(self._through(target), "a bot's book")

    async def _through(self, target: str) -> None:
        head = f"GET {target} HTTP/1.1\r\nHost: {HOST}\r\nX-MBX-APIKEY: {'V' * 64}\r\n\r\n"
        read = http1.read_head(head.encode())
        assert read is not None and not isinstance(read, Bad)
        reply = await self._rig.gateway.finish(Inquiry(read[0], b"", ip_address("127.0.0.1")))
        self._count(reply.status)

    def _count(self, status: int) -> None:
        self.given[status] = self.given.get(status, 0) + 1


def spent(exchange: Exchange, pools: tuple[str, ...]) -> dict[str, int]:
    """What our address has used of each pool in the window that counts now."""
    windows: Any = exchange.exchange.windows
    return {pool: windows.used(pool, ADDRESS, exchange.now_ms) for pool in pools}
