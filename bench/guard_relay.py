"""What the guard is held against: it passes the same events on, and does nothing else.

    python bench/guard_relay.py FD PORT CA

Packets of the descriptor FD, and messages of the stream of marks, each leave as they came in one request over a TLS
connection that stands: with the same loop, the same library for the stream and the same way out as the guard's.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path

import uvloop

from counterseal.adapters.stream_link import StreamLink, dialler
from counterseal.adapters.system_clock import SystemClock
from counterseal.adapters.tls import client_context
from counterseal.adapters.upstream import Target, reach

ASK = b'{"method":"SUBSCRIBE","params":["!markPrice@arr@1s"],"id":1}'


class Out(asyncio.Protocol):
    """The way out; what it is answered is passed over."""

    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # uvloop's are no subclasses of asyncio's

    def send(self, data: bytes) -> None:
        """Pass something on."""
        self.transport.write(b"POST /relayed HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(data) + data)


class Relay:
    """Listens to the stream."""

    def __init__(self, out: Out) -> None:
        self._out = out

    def on_open(self, link: StreamLink) -> None:
        link.send_text(ASK)

    def on_text(self, _link: StreamLink, text: bytes) -> None:
        if text.startswith(b'{"stream"'):
            self._out.send(text)

    def on_lost(self, _link: StreamLink, why: str) -> None:
        sys.exit(f"lost: {why}")


async def main(fd: int, port: int, ca: Path) -> None:
    """Relay until killed."""
    out, pair = Out(), socket.socket(fileno=fd)
    pair.setblocking(False)
    where = {"usdm": Target("127.0.0.1", port, "fstream.binance.com", client_context(ca))}
    await reach(where["usdm"], "", out)
    link = StreamLink(SystemClock(), "fstream.binance.com", "/market/stream", Relay(out))
    await dialler(where, "")("usdm", link)
    asyncio.get_running_loop().add_reader(fd, lambda: out.send(pair.recv(1 << 18)))
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))
