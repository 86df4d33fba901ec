"""The two ways of a bot to the exchange: straight, or through the gateway. A bot cannot tell which one it has."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import NamedTuple, Protocol

from tests.limits.house import CannotConnect, Network, NoAnswer, key_of

from counterseal.core import http1
from counterseal.core.http1 import Bad
from counterseal.gateway.admission import Admitted, Inquiry
from counterseal.gateway.handler import Handler
from counterseal.ports.clock import Clock

HOSTS = {"api": "api.binance.com", "fapi": "fapi.binance.com"}
GATEWAY_HOST = "127.0.0.1:8180"


@dataclass(slots=True)
class Trip:
    """One request of a bot: when the gateway had it whole, and when its bytes left, each time they did (ns)."""

    begun_ns: int
    left_ns: list[int] = field(default_factory=list)


# The request that this piece of work is for; none for what the gateway does of its own accord.
TRIP: ContextVar[Trip | None] = ContextVar("TRIP", default=None)


class Answer(NamedTuple):
    """What a bot gets. `status` 0 stands for a connection that failed. `trip` only through the gateway."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    trip: Trip | None = None


class Credential(NamedTuple):
    """A key id and its secret."""

    key_id: str
    secret: bytes


class Line(Protocol):
    """A bot's way to the exchange."""

    async def ask(self, credential: Credential, method: str, path: str, query: str, *, signed: bool) -> Answer:
        """Send one request; never raises."""
        ...

    def credential(self, bot: str, account: str) -> Credential:
        """What a bot signs with on this line."""
        ...


def head_of(credential: Credential, method: str, path: str, query: str, host: str, stamp_ms: int | None) -> bytes:
    """Build a request as a client library does; signed for the moment `stamp_ms`, if there is one."""
    if stamp_ms is not None:
        query = f"{query}&timestamp={stamp_ms}" if query else f"timestamp={stamp_ms}"
        query += f"&signature={hmac.new(credential.secret, query.encode(), hashlib.sha256).hexdigest()}"
    target = f"{path}?{query}" if query else path
    length = "" if method == "GET" else "Content-Length: 0\r\n"
    return f"{method} {target} HTTP/1.1\r\nHost: {host}\r\nX-MBX-APIKEY: {credential.key_id}\r\n{length}\r\n".encode()


@dataclass
class Straight:
    """Bots hold the exchange's keys and talk to it."""

    network: Network
    clock: Clock

    def credential(self, bot: str, account: str) -> Credential:
        """The account's own key."""
        key = key_of(account)
        return Credential(key.api_key, key.verifier.encode())

    async def ask(self, credential: Credential, method: str, path: str, query: str, *, signed: bool) -> Answer:
        """Send one request."""
        stamp = self.clock.wall_ns() // 1_000_000 if signed else None
        try:
            reply = await self.network.carry(
                head_of(credential, method, path, query, HOSTS[path.split("/", 2)[1]], stamp)
            )
        except (CannotConnect, NoAnswer):
            return Answer(0, {}, b"")
        return Answer(reply.status, {name.lower(): value for name, value in reply.headers.items()}, reply.body)


@dataclass
class Through:
    """Bots hold virtual credentials and talk to the gateway. They sign for the moment that `stamp_ms` gives."""

    handler: Handler
    clock: Clock
    stamp_ms: Callable[[], int]

    def credential(self, bot: str, account: str) -> Credential:
        """The bot's own."""
        return Credential(f"{bot:V<64}"[:64], f"secret of {bot}".encode().ljust(64, b"S"))

    async def ask(self, credential: Credential, method: str, path: str, query: str, *, signed: bool) -> Answer:
        """Send one request."""
        stamp = self.stamp_ms() if signed else None
        read = http1.read_head(head_of(credential, method, path, query, GATEWAY_HOST, stamp))
        assert read is not None
        assert not isinstance(read, Bad), read
        trip = Trip(self.clock.monotonic_ns())
        token = TRIP.set(trip)
        try:
            inquiry = Inquiry(read[0], b"", ip_address("127.0.0.1"))
            judged = self.handler.begin(inquiry)
            reply = await self.handler.finish(inquiry, judged) if isinstance(judged, Admitted) else judged
        finally:
            TRIP.reset(token)
        return Answer(reply.status, {name.lower(): value for name, value in reply.headers.items()}, reply.body, trip)
