"""A process that serves an echo on the real bot's WebSocket, behind the gateway's handshake; prints its port.

It has no bound on messages a second, as a connection of the exchange would have one that no test suite keeps to.
"""

import asyncio
import secrets
import sys
from collections.abc import Callable
from typing import Any, cast

import uvloop

from counterseal.adapters.stream_link import StreamLink
from counterseal.adapters.system_clock import SystemClock
from counterseal.adapters.tasks import Tasks
from counterseal.core.http1 import Bad, read_head
from counterseal.core.streams import handshake as handshakes
from counterseal.gateway.listener import SWEEP_S
from counterseal.gateway.streams.hub import Hub
from counterseal.gateway.streams.socket import BotSocket
from counterseal.gateway.streams.upgrade import _SWITCHING


class Echo(BotSocket):
    """Says what it hears."""

    def on_text(self, text: str) -> None:
        """Say it."""
        self.send(text.encode())


class Greeting(asyncio.Protocol):
    """A connection until its handshake is answered, then an `Echo`."""

    def __init__(self, sender: Hub, held: set[BotSocket]) -> None:
        self._sender, self._held = sender, held
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the request."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Answer a sound handshake; hang up on anything else."""
        self._buffer += data
        read = read_head(self._buffer)
        if read is None:
            return
        if isinstance(read, Bad) or read[0].handshake is None or handshakes.fault_of(read[0].handshake):
            self._transport.close()
            return
        self._transport.write(_SWITCHING + handshakes.accept(read[0].handshake.key or b"") + b"\r\n\r\n")
        echo = Echo(self._sender, self._transport, None, self._held.discard)
        self._held.add(echo)
        self._transport.set_protocol(echo)
        echo.open(self._buffer[read[1] :])


async def serve(announce: Callable[[int], Any]) -> None:
    """Serve until the process is ended."""
    clock = SystemClock()

    async def dial(_family: str, _link: StreamLink) -> None:
        raise NotImplementedError("nobody listens to a stream here")

    hub = Hub(
        clock,
        {},
        dial,
        secrets.randbelow,
        Tasks(lambda _name, fault: print(fault, file=sys.stderr)),
        lambda **_fields: None,
    )
    held: set[BotSocket] = set()
    server = await asyncio.get_running_loop().create_server(lambda: Greeting(hub, held), "127.0.0.1", 0)
    announce(server.sockets[0].getsockname()[1])
    while True:
        await asyncio.sleep(SWEEP_S)
        for echo in list(held):
            echo.check_deadline(clock.monotonic_ns())


if __name__ == "__main__":
    uvloop.run(serve(lambda port: print(port, flush=True)))
