"""The stand-in exchange's streams for `ws_run.py`: a small producer that is never the slowest part.

    python bench/ws_upstream.py PORT CERTIFICATE KEY PROGRESS

TLS 1.3, the combined form, SUBSCRIBE and UNSUBSCRIBE with answers. Each message is due on the next of the subscribed
streams in turn; all have the same length, a number without gaps, and the moment they were made (CLOCK_MONOTONIC, which
is one clock for all processes). `GET /bench?rate=N` sets the messages a second, 0 for none. -N means as many as arrive:
N are on their way, no more, by the number that the subscribers keep in the file PROGRESS.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from urllib.parse import parse_qs, urlsplit

import uvloop
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import OPEN
from websockets.server import ServerProtocol
from ws_messages import Progress, frame

TICK_S = 0.001
# Where as many are sent as arrive, so many are written at once.
CHUNK = 16


class Exchange:
    """What is sent to whom: the one listener's streams, at the rate of the moment."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.listener: Connection | None = None
        self.names: dict[str, None] = {}
        self.rate = self.number = 0
        self._began, self._sent, self._base = 0.0, 0, 0
        self._ring: list[str] = []

    def set_rate(self, rate: int) -> None:
        self.rate, self._began, self._sent, self._base = rate, time.monotonic(), 0, self.number

    def subscribe(self, verb: str, names: list[str]) -> None:
        for name in names:
            self.names.pop(name, None)
            if verb == "SUBSCRIBE":
                self.names[name] = None
        self._ring = list(self.names)

    def tick(self) -> None:
        """Send what is due by the rate, each message as a TLS record of its own, as an exchange does."""
        asyncio.get_running_loop().call_later(TICK_S, self.tick)
        if self.listener is None or not self.rate:
            return
        if self.rate < 0:
            self._pour(self.listener)
            return
        due = int((time.monotonic() - self._began) * self.rate) - self._sent
        self._sent += due
        for _ in range(due):
            self.listener.write(self._next())

    def _pour(self, listener: Connection) -> None:
        """Send as fast as it arrives."""
        while self.number + CHUNK <= max(self._progress.count, self._base) - self.rate:
            listener.write(b"".join([self._next() for _ in range(CHUNK)]))

    def _next(self) -> bytes:
        self.number += 1
        return frame(self._ring[self.number % len(self._ring)], self.number, time.monotonic_ns())


class Connection(asyncio.Protocol):
    """A request, or a listener."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._frames = ServerProtocol(max_size=None)
        self._head: bytes | None = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def connection_lost(self, _error: Exception | None) -> None:
        if self._exchange.listener is self:
            self._exchange.listener, self._exchange.names = None, {}

    def write(self, data: bytes) -> None:
        self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        if self._head is not None:
            self._head += data
            if b"\r\n\r\n" not in self._head:
                return
            data, self._head = self._head, None
            target = data.split(b" ", 2)[1].decode()
            if not target.startswith("/stream"):
                self._answer(target)
                return
        self._frames.receive_data(data)
        for event in self._frames.events_received():
            if isinstance(event, Request):
                self._frames.send_response(self._frames.accept(event))
            elif isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                self._obey(json.loads(event.data))
        for out in self._frames.data_to_send():
            self._transport.write(out) if out else self._transport.close()

    def _obey(self, command: dict[str, object]) -> None:
        self._exchange.listener = self
        self._exchange.subscribe(str(command["method"]), list(command["params"]))
        if self._frames.state is OPEN:
            self._frames.send_text(json.dumps({"result": None, "id": command["id"]}).encode())

    def _answer(self, target: str) -> None:
        """Answer REST: our own verb, the time, nothing else."""
        asked = urlsplit(target)
        status, body = "200 OK", {"serverTime": time.time_ns() // 1_000_000}
        if asked.path == "/bench":
            self._exchange.set_rate(int(parse_qs(asked.query)["rate"][0]))
            body = {"streams": len(self._exchange.names), "number": self._exchange.number}
        elif not asked.path.endswith("/time"):
            status, body = "404 Not Found", {"code": -1, "msg": "not here"}
        text = json.dumps(body).encode()
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n"
        self._transport.write(head.encode() + b"Connection: close\r\n\r\n" + text)
        self._transport.close()


async def serve(port: int, certificate: str, key: str, progress: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(certificate, key)
    exchange = Exchange(Progress(progress))
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(exchange), "127.0.0.1", port, ssl=context
    )
    exchange.tick()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), *sys.argv[2:5]))
