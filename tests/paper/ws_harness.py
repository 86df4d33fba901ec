"""WebSocket clients in process, on the clock that only the test moves: the `websockets` library without a socket."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import httptools
from tests.paper.harness import Rig, sign
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.uri import parse_uri

from counterseal.paper.http import RequestReader
from counterseal.paper.keys import ApiKey
from counterseal.paper.wire import Request

MOST_RAW = 1 << 16  # of the bytes that came, so much is kept


class Client:
    """One connection.  `read` gives the messages since the last call; pings are answered unless `is_mute`."""

    def __init__(self, rig: Rig, path: str, host: str = "stream.binance.com", peer: str = "127.0.0.1") -> None:
        self.rig = rig
        self.is_mute = False
        self.is_dropped = False
        self.pings: list[bytes] = []
        self._frames: list[Frame] = []
        self.response: Response | None = None
        self.raw = b""
        self._protocol = ClientProtocol(parse_uri(f"wss://{host}{path}"), max_size=None)
        self._protocol.send_request(self._protocol.connect())
        requests: list[Request] = []
        reader = RequestReader(peer, lambda request, _: requests.append(request))
        with suppress(httptools.HttpParserUpgrade):  # the parser says so when the head is complete
            reader.feed(b"".join(self._protocol.data_to_send()))
        self._socket = rig.exchange.realtime.open(requests[0], self)

    # the sink that the exchange writes to

    def write(self, data: bytes) -> None:
        self.raw = (self.raw + data)[-MOST_RAW:]
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Response):
                self.response = event
            elif event.opcode is Opcode.PING:
                self.pings.append(bytes(event.data))
            elif event.opcode is Opcode.TEXT:
                self._frames.append(event)
        data_out = self._protocol.data_to_send()
        if not self.is_mute and self.pings:
            self.give(b"".join(data_out))

    def close(self) -> None:
        self.is_dropped = True

    def abort(self) -> None:
        self.is_dropped = True

    def get_write_buffer_size(self) -> int:
        return 0

    # what a test does

    @property
    def status(self) -> int:
        return self.response.status_code if self.response is not None else 0

    @property
    def close_code(self) -> int | None:
        return self._protocol.close_rcvd.code if self._protocol.close_rcvd is not None else None

    @property
    def is_open(self) -> bool:
        return self._socket is not None and self._socket.is_open

    def give(self, data: bytes) -> None:
        if data and self._socket is not None and self._socket.is_open:
            self._socket.receive(data, self.rig.now_ms)

    def send(self, value: Any) -> None:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        self._protocol.send_text(text.encode("utf-8", "surrogatepass"))
        self.give(b"".join(self._protocol.data_to_send()))

    def pong(self, payload: bytes) -> None:
        self._protocol.send_pong(payload)
        self.give(b"".join(self._protocol.data_to_send()))

    def read(self) -> list[Any]:
        frames, self._frames = self._frames, []
        return [json.loads(bytes(frame.data)) for frame in frames]

    def ask(self, value: Any) -> Any:
        """Send, and give the last message that came: replies come at once, behind the events they cause."""
        self.send(value)
        return self.read()[-1]


class Api(Client):
    """A WebSocket-API client that signs."""

    number = 0

    def __init__(self, rig: Rig, market: str = "spot", query: str = "", peer: str = "127.0.0.1") -> None:
        path, host = {"spot": ("/ws-api/v3", "ws-api.binance.com"), "usdm": ("/ws-fapi/v1", "ws-fapi.binance.com"),
                      "coinm": ("/ws-dapi/v1", "ws-dapi.binance.com")}[market]  # fmt: skip
        super().__init__(rig, path + query, host, peer)

    def call(self, method: str, **params: Any) -> Any:
        """An unsigned request."""
        self.number += 1
        return self.ask({"id": f"r{self.number}", "method": method, "params": params})

    def signed(self, method: str, key: ApiKey | None = None, **params: Any) -> Any:
        key = key or self.rig.key
        params = {"apiKey": key.api_key, "timestamp": self.rig.now_ms} | params
        payload = "&".join(f"{name}={_text(params[name])}" for name in sorted(params))
        return self.call(method, **params, signature=sign(key, payload))


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def run(rig: Rig, ms: int, tick_ms: int = 100) -> None:
    """Let time pass as the server's timer does."""
    for _ in range(ms // tick_ms):
        rig.wait(tick_ms)
        rig.exchange.tick()


def idle(rig: Rig, ms: int, tick_ms: int) -> None:
    """Let time pass for connections only: nothing happens in the markets."""
    for _ in range(ms // tick_ms):
        rig.wait(tick_ms)
        rig.exchange.realtime.tick(rig.now_ms)
