"""The rim: TLS connections on an asyncio loop, one request at a time on each, a timer for the market."""

from __future__ import annotations

import asyncio
import signal
import ssl
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import cast

import httptools

from counterseal.paper import admin_socket, dns, ending
from counterseal.paper.exchange import Exchange
from counterseal.paper.faulted import Reply
from counterseal.paper.http import RequestReader, TooLarge, to_bytes
from counterseal.paper.rim import Rim
from counterseal.paper.wire import Request
from counterseal.paper.ws_realtime import RealTime
from counterseal.paper.ws_socket import Socket

TICK_MS = 100


class Connection(asyncio.Protocol):
    """One client.  Requests that arrive while an answer waits are queued in order."""

    def __init__(self, exchange: Exchange, live: set[Connection]) -> None:
        self._exchange = exchange
        self._live = live
        self._waiting: deque[tuple[Request, bool]] = deque()
        self._is_busy = False
        self._is_silent = False
        self._transport: asyncio.Transport | None = None
        self._reader: RequestReader | None = None
        self._socket: Socket | None = None  # once the connection has become a WebSocket
        self._early: bytes | None = None  # what came in behind a handshake that is not answered yet

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's has the methods, not the class
        peer = transport.get_extra_info("peername")
        self._reader = RequestReader(str(peer[0]) if peer else "127.0.0.1", self._on_request, self._on_head)
        self._live.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._socket is not None:
            self._socket.lost()
        self._waiting.clear()
        self._live.discard(self)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def reset(self) -> None:
        """End the connection with a RST."""
        if self._transport is not None:
            ending.reset(self._transport)

    def fall_silent(self) -> None:
        """Go on existing without reading or answering anything: half open, as seen from the other side."""
        self._is_silent = True
        if self._socket is not None:
            self._socket.is_stalled = True
        if self._transport is not None:
            self._transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        if self._reader is None or self._is_silent:
            return
        if self._socket is not None:
            self._socket.receive(data, self._exchange.now_ms())
            return
        if self._early is not None:
            self._early += data
            return
        try:
            self._reader.feed(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._after_head(data[upgrade.args[0] :])
        except (httptools.HttpParserError, TooLarge):
            self._exchange.note_malformed()
            self._send(Reply(400, b'{"code":-1000,"msg":"Bad Request"}'), False)

    def _after_head(self, rest: bytes) -> None:
        """Bytes behind a request that asked for another protocol: the new one's, if it was granted."""
        if self._socket is not None:
            if rest:
                self._socket.receive(rest, self._exchange.now_ms())
        elif any(RealTime.is_wanted(request) for request, _ in self._waiting):
            self._early = rest
        elif rest:
            self.data_received(rest)

    def _upgrade(self, request: Request) -> None:
        if self._transport is None:
            return
        self._socket = self._exchange.realtime.open(request, self._transport)
        if self._socket is not None and self._early:
            self._socket.receive(self._early, self._exchange.now_ms())

    def _on_request(self, request: Request, keep_alive: bool) -> None:
        if self._transport is None or self._transport.is_closing():
            return  # pipelined behind a request that ended the connection
        if self._is_busy:
            self._waiting.append((request, keep_alive))
        else:
            self._serve(request, keep_alive)

    def _on_head(self, method: str, path: str, peer: str) -> None:
        """The request line and headers are in, the body may not be."""
        if not self._exchange.faults.is_idle and self._exchange.faults.resets_during(method, path, peer):
            self._exchange.note_reset(method, path)
            self.reset()

    def _serve(self, request: Request, keep_alive: bool, is_late: bool = False) -> None:
        if RealTime.is_wanted(request):
            self._upgrade(request)
            return
        reply = self._exchange.handle(request, is_late=is_late)
        loop = asyncio.get_running_loop()
        if reply.action == "close":
            self.reset()
        elif reply.action == "stall":
            self._is_busy = True
        elif reply.action == "hold":
            self._is_busy = True
            loop.call_later(reply.delay_ms / 1000, self._serve_late, request, keep_alive)
        elif reply.action == "steps":
            self._is_busy = True
            if self._transport is not None:
                ending.follow(self._transport, reply.steps, self._go_on)
        elif reply.delay_ms:
            self._is_busy = True
            loop.call_later(reply.delay_ms / 1000, self._send_late, reply, keep_alive)
        else:
            self._send(reply, keep_alive)

    def _serve_late(self, request: Request, keep_alive: bool) -> None:
        """A request that was held back is executed now, whether or not the caller still waits."""
        self._is_busy = False
        self._serve(request, keep_alive, is_late=True)
        if not self._is_busy:
            self._go_on()

    def _send_late(self, reply: Reply, keep_alive: bool) -> None:
        self._send(reply, keep_alive)
        self._go_on()

    def _go_on(self) -> None:
        """Serve what has arrived meanwhile."""
        self._is_busy = False
        while self._waiting and not self._is_busy:
            self._serve(*self._waiting.popleft())

    def _send(self, reply: Reply, keep_alive: bool) -> None:
        if self._transport is None or self._is_silent:
            return
        self._transport.write(to_bytes(reply.status, reply.headers, reply.body, keep_alive))
        if not keep_alive:
            self._transport.close()


async def serve(
    exchange: Exchange,
    context: ssl.SSLContext | None,
    host: str,
    port: int,
    on_ready: Callable[[int, int | None], None],
    home: Path | None = None,
    dns_port: int | None = None,
) -> None:
    """Listen until SIGTERM or SIGINT.  `on_ready` gets the port, and the name server's when there is one, once
    connections are taken; `home` has the admin socket.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    live: set[Connection] = set()
    tick_ms = max(10, min(TICK_MS, exchange.options.step_ms))
    rim = Rim(lambda: Connection(exchange, live), context, home, lambda: live)
    admin_server = await admin_socket.listen(home, exchange.admin) if home is not None else None
    exchange.admin.rim = rim
    named = await dns.listen(host, dns_port, host) if dns_port is not None else None
    rim.names = named[1] if named is not None else None
    on_ready(await rim.open(host, port), named[2] if named is not None else None)
    try:
        while not stop.is_set():
            exchange.tick()
            try:
                # on the exchange's clock, so that steps and streams are looked at when they are due
                await asyncio.wait_for(stop.wait(), (tick_ms - exchange.now_ms() % tick_ms) / 1000)
            except TimeoutError:
                continue
    finally:
        rim.close()
        if named is not None:
            named[0].close()
        if admin_server is not None:
            admin_server.close()
        exchange.realtime.shut_down(0)
        exchange.tick()
        for connection in list(live):
            connection.close()
        await asyncio.sleep(0)
