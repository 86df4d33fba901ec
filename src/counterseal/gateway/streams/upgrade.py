"""From an HTTP request that asks for another protocol to a bot's stream, on a connection that may have carried REST."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from counterseal.core.http1 import Bad
from counterseal.core.judge import Denial
from counterseal.core.streams import handshake as handshakes
from counterseal.core.streams.routes import Opening, locate
from counterseal.core.wsapi.opening import ApiOpening
from counterseal.gateway.admission import Entry, Inquiry
from counterseal.gateway.state import ANONYMOUS
from counterseal.gateway.streams.bot import BotStream
from counterseal.gateway.streams.hub import Hub
from counterseal.gateway.streams.socket import BotSocket
from counterseal.gateway.userdata.bot import UserStreams
from counterseal.gateway.wsapi.socket import ApiSocket, Desk

# No extension and no subprotocol is taken up, whatever was offered.
_SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "


class Upgrades:
    """Judges handshakes and carries them out. `hosts` are the environment's stream hosts with their families.

    Without `users` no listen key is taken, without `api` no connection to a WebSocket API.
    """

    def __init__(self, hub: Hub, hosts: Mapping[str, str], log: Any, users: UserStreams | None = None) -> None:
        self.users = users
        self.api: Desk | None = None
        self._hub = hub
        self._hosts = hosts
        self._log = log

    def judge(self, inquiry: Inquiry) -> Entry | Denial:
        """Judge a handshake: public data for whom it may be, or user data, at an address that means something."""
        head, handshake = inquiry.head, inquiry.head.handshake
        if handshake is None or handshake.key is None or head.method != "GET" or handshakes.fault_of(handshake):
            return Denial("websocket_handshake")
        if handshakes.is_foreign(handshake, head.host):
            return Denial("cross_site")
        inquiry.bot = ANONYMOUS
        opening = locate(self._hosts, inquiry.way.host if inquiry.way else None, head.path, head.query)
        if isinstance(opening, ApiOpening):
            # Who asks is judged at each request.
            if self.api is None:
                return Denial("websocket_not_available")
            return Entry(opening, handshake.key, inquiry.source, head.caller)
        if not inquiry.source.is_loopback and (isinstance(opening, Bad) or _is_public(opening)):
            return Denial("anonymous_not_allowed")
        if isinstance(opening, Bad):
            return Denial(opening.reason)
        return self._users_refuse(inquiry, opening) or Entry(opening, handshake.key, inquiry.source)

    def _users_refuse(self, inquiry: Inquiry, opening: Opening) -> Denial | None:
        if not opening.keys and not opening.is_private:
            return None
        if self.users is None:
            return Denial("websocket_not_available")
        bot, refusal = self.users.judge(opening.keys, inquiry.source, opening.family if opening.is_bound else "")
        inquiry.bot = bot or inquiry.bot
        return refusal

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

        def end(ended: BotSocket) -> None:
            held.discard(ended)
            leave()

        def answer(bot: BotSocket) -> None:
            held.add(bot)
            transport.write(_SWITCHING + handshakes.accept(entry.key) + b"\r\n\r\n")
            transport.set_protocol(bot)
            transport.resume_reading()

        if isinstance(entry.opening, ApiOpening):
            if self.api is not None:
                self._log.info("ws_api", decision="allow", family=entry.opening.family)
                socket = ApiSocket(self.api, entry.opening, entry.source, transport, end, entry.caller)
                answer(socket)
                socket.open(early)
            return
        stream = BotStream(self._hub, entry.opening, transport, end, entry.source, self.users)
        answer(stream)
        self._log.info("stream", decision="allow", family=entry.opening.family, streams=len(entry.opening.names))
        stream.start(entry.opening, early)


def _is_public(opening: Opening) -> bool:
    """Tell whether an address asks for public data: then nobody but this host is served without a credential.

    One for user data alone may be opened first and name its listen key afterwards.
    """
    return bool(opening.names) or not (opening.keys or opening.is_private)
