"""From an HTTP request that asks for another protocol to a bot's stream, on a connection that may have carried REST."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from counterseal.core.http1 import Bad
from counterseal.core.judge import Denial
from counterseal.core.streams import handshake as handshakes
from counterseal.core.streams.routes import locate
from counterseal.gateway.admission import Entry, Inquiry
from counterseal.gateway.state import ANONYMOUS
from counterseal.gateway.streams.bot import BotStream
from counterseal.gateway.streams.hub import Hub

# No extension and no subprotocol is taken up, whatever was offered.
_SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "


class Upgrades:
    """Judges handshakes and carries them out. `hosts` are the environment's stream hosts with their families."""

    def __init__(self, hub: Hub, hosts: Mapping[str, str], log: Any) -> None:
        self._hub = hub
        self._hosts = hosts
        self._log = log

    def judge(self, inquiry: Inquiry) -> Entry | Denial:
        """Judge a handshake: market data, for whom it may be public, at an address that means something."""
        head, handshake = inquiry.head, inquiry.head.handshake
        if handshake is None or handshake.key is None or head.method != "GET" or handshakes.fault_of(handshake):
            return Denial("websocket_handshake")
        if handshakes.is_foreign(handshake, head.host):
            return Denial("cross_site")
        inquiry.bot = ANONYMOUS
        if not inquiry.source.is_loopback:
            return Denial("anonymous_not_allowed")
        opening = locate(self._hosts, inquiry.way.host if inquiry.way else None, head.path, head.query)
        return Denial(opening.reason) if isinstance(opening, Bad) else Entry(opening, handshake.key)

    def accept(
        self,
        entry: Entry,
        transport: asyncio.Transport,
        early: bytes,
        held: set[Any],
        leave: Callable[[], None],
    ) -> None:
        """Answer the handshake. The stream is `held` until its end, then its place is given back by `leave`.

        `early` is what came in behind the request.
        """

        def end(stream: BotStream) -> None:
            held.discard(stream)
            leave()

        stream = BotStream(self._hub, entry.opening, transport, end)
        held.add(stream)
        transport.write(_SWITCHING + handshakes.accept(entry.key) + b"\r\n\r\n")
        transport.set_protocol(stream)
        transport.resume_reading()
        self._log.info("stream", decision="allow", family=entry.opening.family, streams=len(entry.opening.names))
        stream.start(entry.opening.names, early)
