"""A fan-out as one writes it with the `websockets` library: the peer of `ws_run.py`.

    python bench/ws_peers.py WAY PORT UPSTREAM_PORT CA

One connection to the upstream, whose messages go to all who asked for their stream by `/stream?streams=...`.
Ways: `broadcast` is the library's own `broadcast`, a call a message, on asyncio's loop, which suits it better than
uvloop; `batched` gathers a turn's messages and gives each connection its frames in one piece, on uvloop.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from collections import defaultdict
from urllib.parse import parse_qs, urlsplit

import msgspec
import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, broadcast, serve

HOST = "stream.binance.com"


class Envelope(msgspec.Struct):
    """A message as far as it is looked at."""

    stream: str | None = None


_decode = msgspec.json.Decoder(Envelope).decode


class FanOut:
    """Who asked for what."""

    def __init__(self, upstream: ClientConnection, *, is_batched: bool) -> None:
        self._upstream = upstream
        self._listeners: defaultdict[str, set[ServerConnection]] = defaultdict(set)
        self._is_batched = is_batched
        self._pending: list[tuple[str, bytes]] = []

    async def listen(self, connection: ServerConnection) -> None:
        """Serve one subscriber until it goes."""
        names = parse_qs(urlsplit(connection.request.path).query)["streams"][0].split("/")
        new = [name for name in names if not self._listeners[name]]
        for name in names:
            self._listeners[name].add(connection)
        await self._tell("SUBSCRIBE", new)
        await connection.wait_closed()
        for name in names:
            self._listeners[name].discard(connection)
        await self._tell("UNSUBSCRIBE", [name for name in names if not self._listeners[name]])

    async def _tell(self, verb: str, names: list[str]) -> None:
        if names:
            await self._upstream.send(json.dumps({"method": verb, "params": names, "id": 1}))

    async def relay(self) -> None:
        """Pass everything on."""
        while True:
            message = await self._upstream.recv(decode=False)
            name = _decode(message).stream
            if name is None:
                continue
            if self._is_batched:
                self._gather(name, message)
            else:
                broadcast(self._listeners[name], message, text=True)

    def _gather(self, name: str, message: bytes) -> None:
        if not self._pending:
            asyncio.get_running_loop().call_soon(self._flush)
        self._pending.append((name, message))

    def _flush(self) -> None:
        pending, self._pending = self._pending, []
        mine: defaultdict[ServerConnection, list[bytes]] = defaultdict(list)
        for name, message in pending:
            for connection in self._listeners[name]:
                mine[connection].append(message)
        for connection, messages in mine.items():
            protocol = connection.protocol
            for message in messages:
                protocol.send_text(message)
            connection.transport.write(b"".join(protocol.data_to_send()))


async def run(way: str, port: int, upstream_port: int, ca: str) -> None:
    """Serve until ended. No compression, no bound on what waits: the library at its fastest."""
    context = ssl.create_default_context(cafile=ca)
    where = {"host": "127.0.0.1", "port": upstream_port, "server_hostname": HOST}
    plain = {"compression": None, "max_queue": None, "ping_interval": None}
    async with connect(f"wss://{HOST}/stream", ssl=context, proxy=None, **where, **plain) as upstream:
        fan_out = FanOut(upstream, is_batched=way == "batched")
        async with serve(fan_out.listen, "127.0.0.1", port, backlog=1024, **plain):
            await fan_out.relay()


if __name__ == "__main__":
    runner = uvloop.run if sys.argv[1] == "batched" else asyncio.run
    runner(run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))
