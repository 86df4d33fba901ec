"""The rim that faces bots under the exchange's own names: CONNECT or TLS at once, then the very same requests.

A connection is greeted here (which host? is it one of ours? is it TLS?) and becomes a `BotConnection` when its TLS
session stands. Until then it has a deadline for each step and counts among its source's connections.
"""

import asyncio
import errno
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from counterseal.adapters.tls_server import ServerTls
from counterseal.core.binance.hosts import BotHost
from counterseal.core.http1 import MAX_HEAD, Bad
from counterseal.core.tunnel import Target, read_connect
from counterseal.gateway import reply as replies
from counterseal.gateway.listener import HEAD_S, BotConnection, Door
from counterseal.gateway.ways import Way, make_way

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
TLS_S, GOODBYE_S, LAST_WORDS_S = 5.0, 3.0, 1.0
REFRESH_S = 2.0
ACCEPT_AT_ONCE = 64
BREATH_S = 0.5
_HANDSHAKE = b"\x16"
# What a client says that does not know the CA or does not like the certificate.
_DISTRUST = ("UNKNOWN_CA", "BAD_CERTIFICATE", "CERTIFICATE_UNKNOWN", "CERTIFICATE_EXPIRED", "UNSUPPORTED_CERTIFICATE")


class Named(NamedTuple):
    """The listening sockets of connections that name their host: by CONNECT (`proxy`), by TLS at once (`tls`)."""

    proxy: socket.socket | None = None
    tls: tuple[socket.socket, ...] = ()

    def __bool__(self) -> bool:
        return self.proxy is not None or bool(self.tls)


UNNAMED = Named()


@dataclass(slots=True, eq=False)
class Guest:
    """A connection that is being greeted. `way` is known after CONNECT, else by the TLS server name."""

    sock: socket.socket
    source: str
    counted_as: str
    way: Way | None = None
    counted: bool = True


class NamedConnection(BotConnection):
    """A bot's connection whose host is known before its first request."""

    def __init__(self, front: "Front", guest: Guest) -> None:
        super().__init__(front.door)
        self._front, self._guest = front, guest

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Bind the connection to the host that TLS names, which must be the one of CONNECT."""
        if transport.get_extra_info("peername") is None:
            # It has gone already; nothing that it still sent is looked at.
            self._closing = True
            return
        # One step: the place that the guest held is the connection's now.
        self._front.leave(self._guest)
        super().connection_made(transport)
        self._way = self._front.way_of(transport.get_extra_info("ssl_object"), self._guest)
        if self._way is None and not self._closing:
            self._refuse("server_name_mismatch")

    def drain(self) -> None:
        """End it, and do not wait for a TLS goodbye: idle clients do not read and so never answer ours."""
        super().drain()
        transport = self._transport
        if self._inquiry is None and transport is not None and not transport.get_write_buffer_size():
            transport.abort()


class Front:
    """Greets what connects to the proxy's and to the TLS sockets. `hosts` are the environment's."""

    def __init__(self, door: Door, tls: ServerTls, hosts: Mapping[str, BotHost], log: Any) -> None:
        self.door = door
        self._tls, self._log = tls, log
        self._ways = {host: make_way(host, known) for host, known in hosts.items()}
        self._targets = {Target(host, port): self._ways[host] for host, known in hosts.items() for port in known.ports}
        self._listening: dict[socket.socket, bool] = {}
        self._guests: set[asyncio.Task[None]] = set()
        self._draining = False

    # -- life

    def open(self, named: Named) -> None:
        """Accept on the listening sockets from now on, and look for new leaf certificates."""
        self._listening = dict.fromkeys(named.tls, False) | ({named.proxy: True} if named.proxy else {})
        for listener in self._listening:
            listener.setblocking(False)
            self._resume(listener)
        self.door.clock.call_later(REFRESH_S, self._refresh)

    def drain(self) -> None:
        """Accept nothing new and send away who is still being greeted."""
        self._draining = True
        for listener in self._listening:
            asyncio.get_running_loop().remove_reader(listener.fileno())
        for task in list(self._guests):
            task.cancel()

    def _refresh(self) -> None:
        if self._tls.refresh(lambda why: self._log.critical("the new certificate is not taken up", why=why)):
            self._log.info("new certificate in use", end_ms=self._tls.end_ms)
        if not self._draining:
            self.door.clock.call_later(REFRESH_S, self._refresh)

    # -- accepting

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(ACCEPT_AT_ONCE):
            try:
                sock, address = listener.accept()
            except BlockingIOError:
                return
            except OSError as fault:
                self._hold_off(listener, fault)
                return
            sock.setblocking(False)
            self._receive(sock, str(address[0]), self._listening[listener])

    def _hold_off(self, listener: socket.socket, fault: OSError) -> None:
        """A client that has gone already is nothing; without free descriptors accepting waits a moment."""
        if fault.errno in (errno.ECONNABORTED, errno.EPROTO):
            return
        self._log.error("connections cannot be accepted", why=fault.strerror)
        loop = asyncio.get_running_loop()
        loop.remove_reader(listener.fileno())
        self.door.clock.call_later(BREATH_S, lambda: self._resume(listener))

    def _resume(self, listener: socket.socket) -> None:
        if not self._draining:
            asyncio.get_running_loop().add_reader(listener.fileno(), self._accept, listener)

    def _receive(self, sock: socket.socket, source: str, is_proxy: bool) -> None:
        counted_as, within = self.door.enter(source)
        if not within:
            self.door.leave(counted_as)
            self._turn_away(sock, source)
            return
        guest = Guest(sock, source, counted_as)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = self.door.tasks.spawn(self._greet(guest, is_proxy), "greeting")
        self._guests.add(task)
        task.add_done_callback(self._guests.discard)

    def _turn_away(self, sock: socket.socket, source: str) -> None:
        """Say at once that there are too many, and wait for nothing: who is over the cap gets no place to wait in."""
        with sock:
            try:
                sock.send(self._refusal("too_many_connections", source))
            except OSError:
                return  # it has gone, or does not read

    def leave(self, guest: Guest) -> None:
        """Give the guest's place among its source's connections back, once."""
        if guest.counted:
            guest.counted = False
            self.door.leave(guest.counted_as)

    # -- greeting

    async def _greet(self, guest: Guest, is_proxy: bool) -> None:
        handed_over = False
        try:
            reason = await self._question(guest, is_proxy)
            if reason:
                await self._send_away(guest, reason)
            else:
                handed_over = True
                await self._take_in(guest)
        except OSError:
            pass  # it has gone
        finally:
            self.leave(guest)
            if not handed_over:
                guest.sock.close()

    async def _question(self, guest: Guest, is_proxy: bool) -> str | None:
        """Find out what is wanted; gives the reason of a refusal."""
        try:
            if is_proxy:
                async with asyncio.timeout(HEAD_S):
                    target = await _read_target(guest.sock)
                if isinstance(target, Bad):
                    return target.reason
                guest.way = self._targets.get(target)
                if guest.way is None:
                    return "connect_target_refused"
            async with asyncio.timeout(TLS_S):
                if is_proxy:
                    await asyncio.get_running_loop().sock_sendall(guest.sock, ESTABLISHED)
                first = await _first_byte(guest.sock)
        except TimeoutError:
            return "header_timeout"
        return None if first == _HANDSHAKE else "tls_expected"

    async def _send_away(self, guest: Guest, reason: str) -> None:
        """Answer in plain HTTP and hang up so that the answer is read, not lost to a reset."""
        answer, loop = self._refusal(reason, guest.source), asyncio.get_running_loop()
        try:
            async with asyncio.timeout(LAST_WORDS_S):
                await loop.sock_sendall(guest.sock, answer)
                guest.sock.shutdown(socket.SHUT_WR)
                while await loop.sock_recv(guest.sock, MAX_HEAD):
                    pass  # read and thrown away until it hangs up
        except TimeoutError:
            return

    def _refusal(self, reason: str, source: str) -> bytes:
        reply = self.door.handler.refuse(reason, source)
        reply.headers["Date"] = replies.http_date(self.door.clock.wall_ns())
        return replies.to_bytes(reply, close=True)

    async def _take_in(self, guest: Guest) -> None:
        """Do the TLS handshake; its success makes the bot's connection."""
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: NamedConnection(self, guest),
                guest.sock,
                ssl=self._tls.context,
                ssl_handshake_timeout=TLS_S,
                ssl_shutdown_timeout=GOODBYE_S,
            )
        except ssl.SSLError as fault:
            distrusted = any(word in (fault.reason or "") for word in _DISTRUST)
            self.door.handler.refuse("ca_not_trusted" if distrusted else "tls_failed", guest.source)
        except OSError:
            self.door.handler.refuse("tls_failed", guest.source)

    # -- which host

    def way_of(self, connection: ssl.SSLObject, guest: Guest) -> Way | None:
        """Give the way of a connection by its server name; None when there is none or CONNECT named another."""
        name = self._tls.names.pop(connection, None)
        way = self._ways.get(name.lower()) if name else None
        return way if guest.way in (None, way) else None


async def _readable(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(sock.fileno(), ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(sock.fileno())


async def _read_target(sock: socket.socket) -> Target | Bad:
    """Read a CONNECT head and not one byte more: what follows belongs to TLS. Raises OSError at the end."""
    head = b""
    while True:
        await _readable(sock)
        seen = sock.recv(MAX_HEAD, socket.MSG_PEEK)
        if not seen:
            raise ConnectionResetError
        read = read_connect(head + seen)
        if isinstance(read, Bad):
            return read
        head += sock.recv(len(seen) if read is None else read[1] - len(head))
        if read is not None:
            return read[0]


async def _first_byte(sock: socket.socket) -> bytes:
    await _readable(sock)
    first = sock.recv(1, socket.MSG_PEEK)
    if not first:
        raise ConnectionResetError
    return first
