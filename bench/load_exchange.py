"""The stand-in exchange for LOAD-3: the streams of `ws_upstream.py`, and orders whose events come as user data.

    python bench/load_exchange.py PORT CERTIFICATE KEY PROGRESS

`GET /bench?rate=N` sets the messages of streams a second, as there. Each order is answered and told in one
`executionReport` to every connection that has subscribed to user data; `GET /bench/events` tells how many there were.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import uvloop
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import OPEN
from websockets.server import ServerProtocol
from ws_messages import Progress
from ws_upstream import Exchange

BENCH = Path(__file__).resolve().parent
INFO = {
    "/api/v3/exchangeInfo": (BENCH / "upstream" / "exchange_info_spot.json").read_bytes(),
    "/fapi/v1/exchangeInfo": (BENCH / "upstream" / "exchange_info_usdm.json").read_bytes(),
    "/api/v3/ticker/price": b'[{"symbol":"BTCUSDT","price":"100000.00"}]',
    "/fapi/v1/ticker/price": b'[{"symbol":"BTCUSDT","price":"100000.00","time":0}]',
}
ANSWER = (
    '{"symbol":"BTCUSDT","orderId":%d,"orderListId":-1,"clientOrderId":"%s","transactTime":%d,"price":"90000.00000000",'
    '"origQty":"0.00100000","executedQty":"0.00000000","cummulativeQuoteQty":"0.00000000","status":"NEW",'
    '"timeInForce":"GTC","type":"LIMIT","side":"BUY"}'
)
EVENT = (
    '{"subscriptionId":0,"event":{"e":"executionReport","E":%d,"s":"BTCUSDT","c":"%s","S":"BUY","o":"LIMIT","f":"GTC",'
    '"q":"0.00100000","p":"90000.00","x":"NEW","X":"NEW","r":"NONE","i":%d,"l":"0.00000000","z":"0.00000000",'
    '"T":%d,"t":-1,"C":""}}'
)


class Trading:
    """The orders so far, and who is told of them."""

    def __init__(self, streams: Exchange) -> None:
        self.streams = streams
        self.orders = 0
        self.listeners: list[Connection] = []

    def place(self, name: str) -> bytes:
        """Take an order and tell of it."""
        self.orders += 1
        now_ms = time.time_ns() // 1_000_000
        event = (EVENT % (now_ms, name, self.orders, now_ms)).encode()
        for listener in self.listeners:
            listener.say(event)
        return (ANSWER % (self.orders, name, now_ms)).encode()


class Connection(asyncio.Protocol):
    """Requests one after the other, or a WebSocket: of streams, or of the WebSocket API."""

    def __init__(self, trading: Trading) -> None:
        self._trading = trading
        self._frames: ServerProtocol | None = None
        self._is_api = False
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def connection_lost(self, _error: Exception | None) -> None:
        streams = self._trading.streams
        if streams.listener is self:  # type: ignore[comparison-overlap]
            streams.listener, streams.names = None, {}
        if self in self._trading.listeners:
            self._trading.listeners.remove(self)

    def write(self, data: bytes) -> None:
        self._transport.write(data)

    def say(self, text: bytes) -> None:
        """Send a message."""
        if self._frames is not None and self._frames.state is OPEN:
            self._frames.send_text(text)
            self._flush()

    def data_received(self, data: bytes) -> None:
        if self._frames is not None:
            self._hear(data)
            return
        self._data += data
        while self._frames is None and (end := self._data.find(b"\r\n\r\n")) >= 0:
            method, target, _ = self._data.split(b" ", 2)
            head, rest = self._data[: end + 4], self._data[end + 4 :]
            if b"upgrade: websocket" in head.lower():
                self._frames, self._is_api = ServerProtocol(max_size=None), target.startswith(b"/ws-api")
                self._hear(self._data)
                return
            self._data = rest
            self._answer(method.decode(), target.decode())

    # -- WebSockets

    def _hear(self, data: bytes) -> None:
        frames = self._frames
        assert frames is not None
        frames.receive_data(data)
        for event in frames.events_received():
            if isinstance(event, Request):
                frames.send_response(frames.accept(event))
            elif isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                self._obey(json.loads(event.data))
        self._flush()

    def _flush(self) -> None:
        assert self._frames is not None
        for out in self._frames.data_to_send():
            self._transport.write(out) if out else self._transport.close()

    def _obey(self, asked: dict[str, object]) -> None:
        assert self._frames is not None
        if self._is_api:
            self._trading.listeners.append(self)
            self._frames.send_text(
                json.dumps({"id": asked["id"], "status": 200, "result": {"subscriptionId": 0}}).encode()
            )
            return
        self._trading.streams.listener = self  # type: ignore[assignment]
        self._trading.streams.subscribe(str(asked["method"]), list(asked["params"]))  # type: ignore[call-overload]
        self._frames.send_text(json.dumps({"result": None, "id": asked["id"]}).encode())

    # -- REST

    def _answer(self, method: str, target: str) -> None:
        asked = urlsplit(target)
        status, body = "200 OK", self._body(method, asked.path, parse_qs(asked.query))
        if not body:
            status, body = "404 Not Found", b'{"code":-1,"msg":"not here"}'
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)

    def _body(self, method: str, path: str, pairs: dict[str, list[str]]) -> bytes:
        streams = self._trading.streams
        if method == "POST" and path == "/api/v3/order":
            return self._trading.place(pairs["newClientOrderId"][0])
        if path == "/bench/events":
            return b'{"count":%d}' % self._trading.orders
        if path == "/bench":
            streams.set_rate(int(pairs["rate"][0]))
            return json.dumps({"streams": len(streams.names), "number": streams.number}).encode()
        if path.endswith("/time"):
            return b'{"serverTime":%d}' % (time.time_ns() // 1_000_000)
        return INFO.get(path, b"")


async def serve(port: int, certificate: str, key: str, progress: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(certificate, key)
    streams = Exchange(Progress(progress))
    trading = Trading(streams)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(trading), "127.0.0.1", port, ssl=context)
    streams.tick()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), *sys.argv[2:5]))
