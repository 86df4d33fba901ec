"""The stand-in exchange of `guard_run.py`: accounts with positions, a stream of marks, and when each order's end came.

It runs in the driver's own process, so that what it sends and what it receives are told by one clock. It checks
nothing: what the guard is worth against an exchange that does is what the tests are for.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from websockets.http11 import Request
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

SYMBOLS = 400
ACCOUNTS, HELD = 20, 10
PRICE, SIZE = 100.0, 55
_FILTERS = [
    {"filterType": "LOT_SIZE", "stepSize": "0.001", "minQty": "0.001", "maxQty": "1000000"},
    {"filterType": "PRICE_FILTER", "tickSize": "0.01"},
    {"filterType": "MIN_NOTIONAL", "notional": "5"},
]
# Far more than the exchange's: so many orders in so short a time would spend the guard's part of those.
_LIMITS = [
    {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 240_000},
    {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 30_000},
    {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": 120_000},
]
_ORDER = b"POST /fapi/v1/order?"
_RELAYED = b"POST /relayed "


def symbol_of(number: int) -> str:
    """Name a symbol."""
    return f"S{number:03d}USDT"


def account_of(number: int) -> str:
    """Name an account."""
    return f"a{number:02d}"


@dataclass
class World:
    """What the exchange knows. `on_order` is told account, order and when (ns) its last byte was here."""

    marks: dict[str, float] = field(default_factory=lambda: {symbol_of(n): PRICE for n in range(SYMBOLS)})
    held: dict[str, dict[str, float]] = field(default_factory=dict)
    on_order: Callable[[str, dict[str, str], int], None] = lambda _account, _order, _at_ns: None
    on_relayed: Callable[[int], None] = lambda _at_ns: None
    orders: int = 0
    connections: int = 0
    reads: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        for number in range(ACCOUNTS):
            symbols = [symbol_of(number * HELD + each) for each in range(HELD)]
            self.held[account_of(number)] = dict.fromkeys(symbols, float(SIZE))

    def answer(self, path: str, query: dict[str, str], account: str) -> Any:
        """Give an answer's body."""
        if path.endswith("/time"):
            return {"serverTime": _now_ms()}
        if path.endswith("/exchangeInfo"):
            return self._rules()
        if path.endswith("/premiumIndex"):
            rows = [self._mark(symbol) for symbol in ([query["symbol"]] if "symbol" in query else self.marks)]
            return rows[0] if "symbol" in query else rows
        if path == "/fapi/v3/account":
            positions = [self._held(symbol, amount) for symbol, amount in self.held[account].items()]
            return {"assets": [{"asset": "USDT", "walletBalance": "1000000"}], "positions": positions,
                    "totalMarginBalance": "1000000", "totalMaintMargin": "100"}  # fmt: skip
        if path == "/fapi/v3/positionRisk":
            self.reads[account] += 1
            return [self._held(symbol, amount) for symbol, amount in self.held[account].items()]
        if path.endswith("apiRestrictions"):
            return {"enableReading": True, "enableFutures": True, "enableWithdrawals": False}
        return []

    def order(self, query: dict[str, str], account: str) -> dict[str, Any]:
        """Fill an order."""
        self.orders += 1
        signed = float(query["quantity"]) * (1 if query["side"] == "BUY" else -1)
        self.held[account][query["symbol"]] += signed
        return {"orderId": self.orders, "symbol": query["symbol"], "clientOrderId": query["newClientOrderId"],
                "status": "FILLED", "executedQty": query["quantity"], "side": query["side"]}  # fmt: skip

    def _rules(self) -> dict[str, Any]:
        rows = [
            {"symbol": name, "status": "TRADING", "baseAsset": name[:4], "quoteAsset": "USDT", "filters": _FILTERS}
            for name in self.marks
        ]
        return {"symbols": rows, "rateLimits": _LIMITS}

    def _mark(self, symbol: str) -> dict[str, Any]:
        return {"symbol": symbol, "markPrice": f"{self.marks[symbol]:.8f}", "time": _now_ms()}

    def _held(self, symbol: str, amount: float) -> dict[str, str]:
        mark = self.marks[symbol]
        return {
            "symbol": symbol, "positionSide": "BOTH", "positionAmt": f"{amount:.3f}", "markPrice": f"{mark:.8f}",
            "notional": f"{amount * mark:.8f}", "unrealizedProfit": f"{amount * (mark - PRICE):.8f}",
        }  # fmt: skip


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class Connection(asyncio.Protocol):
    """Requests one after the other, or a listener to streams."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._buffer = bytearray()
        self._socket: ServerProtocol | None = None
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert hasattr(transport, "write")
        self.transport = transport  # type: ignore[assignment]  # uvloop's are no subclasses of asyncio's
        self._exchange.world.connections += 1

    def connection_lost(self, _error: Exception | None) -> None:
        self._exchange.listeners.discard(self)

    def data_received(self, data: bytes) -> None:
        if self._socket is not None:
            self._listen(data)
            return
        self._buffer += data
        while not self._socket and (end := self._buffer.find(b"\r\n\r\n") + 4) >= 4:
            at_ns = time.monotonic_ns()
            head = bytes(self._buffer[:end])
            if b"pgrade: websocket" in head:
                self._socket = ServerProtocol()
                self._listen(bytes(self._buffer))
                return
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            whole = end + int(length or 0)
            if len(self._buffer) < whole:
                return
            del self._buffer[:whole]
            self._answer(head, at_ns)

    def _answer(self, head: bytes, at_ns: int) -> None:
        world = self._exchange.world
        if head.startswith(_RELAYED):
            self._write({})
            world.on_relayed(at_ns)
            return
        _, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        path, _, text = target.partition("?")
        query = {name: values[0] for name, values in parse_qs(text).items()}
        key = head.partition(b"X-MBX-APIKEY: ")[2].partition(b"\r\n")[0].decode()
        account = f"a{key[-2:]}" if key else ""
        if head.startswith(_ORDER):
            self._write(world.order(query, account))
            world.on_order(account, query, at_ns)
            return
        self._write(world.answer(path, query, account))

    def _write(self, body: Any) -> None:
        text = json.dumps(body).encode()
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(text) + text)

    def _listen(self, data: bytes) -> None:
        assert self._socket is not None
        self._socket.receive_data(data)
        for event in self._socket.events_received():
            if isinstance(event, Request):
                self._socket.send_response(self._socket.accept(event))
            elif getattr(event, "data", b"").startswith(b"{"):
                asked = json.loads(event.data)
                self._socket.send_text(json.dumps({"result": None, "id": asked["id"]}).encode())
                self._exchange.listeners.add(self)
        for out in self._socket.data_to_send():
            if out:
                self.transport.write(out)
        if self._socket.state is not OPEN:
            self._exchange.listeners.discard(self)


class Exchange:
    """The server, and those who listen to it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.listeners: set[Connection] = set()
        self.port = 0

    async def start(self, certificate: str, key: str) -> None:
        """Listen on some port of this host."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(certificate, key)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Connection(self), "127.0.0.1", 0, ssl=context)
        self.port = server.sockets[0].getsockname()[1]

    def tell(self, frames: bytes) -> int:
        """Send frames to all who listen; gives the moment (ns) right before."""
        at_ns = time.monotonic_ns()
        for listener in self.listeners:
            listener.transport.write(frames)
        return at_ns


def marks_text(marks: dict[str, float], at_ms: int) -> bytes:
    """Make a message of `!markPrice@arr@1s` with the fields of the exchange's."""
    rows = ",".join(
        f'{{"e":"markPriceUpdate","E":{at_ms},"s":"{symbol}","p":"{price:.8f}","ap":"{price:.8f}","P":"{price:.8f}",'
        f'"i":"{price:.8f}","r":"0.00010000","T":1800000000000,"st":1}}' for symbol, price in marks.items()
    )  # fmt: skip
    return b'{"stream":"!markPrice@arr@1s","data":[' + rows.encode() + b"]}"


def mark_text(symbol: str, price: float, at_ms: int) -> bytes:
    """Make a message of one symbol's mark."""
    return (
        f'{{"stream":"!markPrice@arr@1s","data":{{"e":"markPriceUpdate","E":{at_ms},"s":"{symbol}","p":"{price:.8f}",'
        f'"ap":"{price:.8f}","P":"{price:.8f}","i":"{price:.8f}","r":"0.00010000","T":1800000000000,"st":1}}}}'
    ).encode()


def frame(text: bytes) -> bytes:
    """Make a text frame as a server sends it."""
    if len(text) < 126:
        return bytes((0x81, len(text))) + text
    if len(text) < 1 << 16:
        return bytes((0x81, 126)) + len(text).to_bytes(2, "big") + text
    return bytes((0x81, 127)) + len(text).to_bytes(8, "big") + text
