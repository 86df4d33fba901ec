"""A house whose requests leave over TLS, through a real proxy, to an exchange that counts them with paper's reader."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast
from urllib.parse import parse_qsl

from tests.campaign import proxies
from tests.campaign.house import House
from tests.campaign.proxies import TRACE, Proxy
from tests.campaign.smuggling_house import Tap
from tests.gateway.rig import ScriptedVenue

from counterseal.adapters.system_clock import SystemClock
from counterseal.adapters.tls import client_context
from counterseal.adapters.upstream import Target, UpstreamPool
from counterseal.paper.http import RequestReader, to_bytes
from counterseal.paper.tls import server_context
from counterseal.paper.wire import Request
from counterseal.ports.venue import ORDINARY, Terms, VenueReply


class Leaving(Tap):
    """An exchange at the other end of real connections; notes what the gateway writes on them."""

    def __init__(self, venue: ScriptedVenue, pool: UpstreamPool) -> None:
        super().__init__(venue)
        self._pool = pool

    async def send(self, family: str, request: bytes, terms: Terms = ORDINARY) -> VenueReply:
        self.raw.append(request)
        return await self._pool.send(family, request, terms)


@dataclass
class Counter:
    """The exchange: every request it read, as (number of the proxy's, method, target)."""

    read: list[tuple[str, str, str]] = field(default_factory=list)
    malformed: list[str] = field(default_factory=list)
    answers: Tap | None = None

    def answer(self, request: Request) -> bytes:
        """Note a request and give its answer."""
        target = request.target.decode("latin-1")
        self.read.append((request.headers.get(TRACE.lower(), ""), request.method, target))
        path, _, query = target.partition("?")
        told = self.answers.body(request.method, path, dict(parse_qsl(query))) if self.answers else {}
        return to_bytes(200, {}, json.dumps(told).encode(), keep_alive=True)


class Counted(asyncio.Protocol):
    """One connection of the proxy to the exchange."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._reader = RequestReader("127.0.0.1", self._on_request)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._reader.feed(data)
        except Exception as error:  # noqa: BLE001 - whatever the reader makes of it is counted, not raised into the loop
            self._counter.malformed.append(f"{error!r} at {data!r}")
            self._transport.abort()

    def _on_request(self, request: Request, _keep_alive: bool) -> None:
        self._transport.write(self._counter.answer(request))


@dataclass
class Line:
    """A counting exchange, a proxy in front of it, and the gateway's connections to that."""

    proxy: Proxy
    counter: Counter
    pool: UpstreamPool

    async def house(self) -> tuple[House, Leaving]:
        """A fresh house at this end of the line."""
        house = House()
        await house.rig.gateway.warm()
        tap = Leaving(house.venue, self.pool)
        self.counter.answers = tap
        return house, tap


@asynccontextmanager
async def line(name: str, folder: Path) -> AsyncIterator[Line]:
    """Run a counting exchange and a proxy in front of it."""
    folder.mkdir(parents=True)
    server_context(folder, SystemClock().wall_ns())
    counter, loop = Counter(), asyncio.get_running_loop()
    server = await loop.create_server(lambda: Counted(counter), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with proxies.running(name, folder / name, port, folder / "server.pem") as proxy:
        target = Target("127.0.0.1", proxy.port, "api.binance.com", client_context(folder / "ca.pem"))
        pool = UpstreamPool({"spot": target}, SystemClock())
        yield Line(proxy, counter, pool)
        await pool.close()
        # What the proxy still has to write down.
        await asyncio.sleep(0.5)
    server.close()
    await server.wait_closed()
