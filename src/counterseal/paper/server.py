"""The rim: TLS connections on an asyncio loop, one request at a time on each, a timer for the market."""

from __future__ import annotations

import asyncio
import signal
import ssl
from collections import deque
from collections.abc import Callable
from typing import cast

import httptools

from counterseal.paper.exchange import Exchange, Reply
from counterseal.paper.http import RequestReader, TooLarge, to_bytes
from counterseal.paper.wire import Request

TICK_S = 0.1


class Connection(asyncio.Protocol):
    """One client.  Requests that arrive while an answer waits are queued in order."""

    def __init__(self, exchange: Exchange, live: set[Connection]) -> None:
        self._exchange = exchange
        self._live = live
        self._waiting: deque[tuple[Request, bool]] = deque()
        self._is_busy = False
        self._transport: asyncio.Transport | None = None
        self._reader: RequestReader | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's has the methods, not the class
        peer = transport.get_extra_info("peername")
        self._reader = RequestReader(str(peer[0]) if peer else "127.0.0.1", self._on_request)
        self._live.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._waiting.clear()
        self._live.discard(self)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        if self._reader is None:
            return
        try:
            self._reader.feed(data)
        except (httptools.HttpParserError, TooLarge):
            self._exchange.note_malformed()
            self._send(Reply(400, b'{"code":-1000,"msg":"Bad Request"}'), False)

    def _on_request(self, request: Request, keep_alive: bool) -> None:
        if self._transport is None or self._transport.is_closing():
            return  # pipelined behind a request that ended the connection
        if self._is_busy:
            self._waiting.append((request, keep_alive))
        else:
            self._serve(request, keep_alive)

    def _serve(self, request: Request, keep_alive: bool) -> None:
        reply = self._exchange.handle(request)
        if reply.action == "close":
            if self._transport is not None:
                self._transport.abort()
        elif reply.action == "stall":
            self._is_busy = True
        elif reply.delay_ms:
            self._is_busy = True
            asyncio.get_running_loop().call_later(reply.delay_ms / 1000, self._send_late, reply, keep_alive)
        else:
            self._send(reply, keep_alive)

    def _send_late(self, reply: Reply, keep_alive: bool) -> None:
        self._send(reply, keep_alive)
        self._is_busy = False
        while self._waiting and not self._is_busy:
            self._serve(*self._waiting.popleft())

    def _send(self, reply: Reply, keep_alive: bool) -> None:
        if self._transport is None:
            return
        self._transport.write(to_bytes(reply.status, reply.headers, reply.body, keep_alive))
        if not keep_alive:
            self._transport.close()


async def serve(
    exchange: Exchange, context: ssl.SSLContext | None, host: str, port: int, on_ready: Callable[[int], None]
) -> None:
    """Listen until SIGTERM or SIGINT.  `on_ready` gets the port once connections are taken."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    live: set[Connection] = set()
    server = await loop.create_server(lambda: Connection(exchange, live), host, port, ssl=context, backlog=1024)
    on_ready(server.sockets[0].getsockname()[1])
    try:
        while not stop.is_set():
            exchange.advance()
            try:
                await asyncio.wait_for(stop.wait(), TICK_S)
            except TimeoutError:
                continue
    finally:
        server.close()
        for connection in list(live):
            connection.close()
        await asyncio.sleep(0)
