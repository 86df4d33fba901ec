"""What the paper exchange publishes, heard from itself: beside the gateway, while SDKs listen through it."""

import asyncio
import http.client
import json
import ssl
import threading
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from stack import Stack
from tests.paper.local_book import LocalBook
from websockets.asyncio.client import ClientConnection, connect

LEVELS = 5
ADDRESSES = {
    "spot": ("/stream.binance.com/stream?streams=btcusdt@trade/btcusdt@depth@100ms/btcusdt@ticker/btcusdt@miniTicker"
             "/btcusdt@kline_1m",),
    "usdm": ("/fstream.binance.com/public/stream?streams=btcusdt@trade/btcusdt@depth@100ms/btcusdt@depth10",
             "/fstream.binance.com/market/stream?streams=btcusdt@aggTrade/btcusdt@ticker/btcusdt@miniTicker"
             "/btcusdt@markPrice@1s/btcusdt@markPrice"),
}  # fmt: skip
NUMBERS = {"trade": "t", "aggTrade": "a", "depthUpdate": "u"}
Best = tuple[list[list[float]], list[list[float]]]
Identity = tuple[str, int]


def identity(message: dict[str, Any]) -> Identity:
    """A message's kind, and what tells it from the others of its stream."""
    return message["e"], message[NUMBERS.get(message["e"], "E")]


class Published:
    """Use it as a context manager around those who listen; `messages` are complete when it has ended."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._context = ssl.create_default_context(cafile=stack.paper_ca)
        self._context.check_hostname = False
        self._is_over = threading.Event()
        self._has_begun = threading.Event()
        self.messages: dict[str, dict[Identity, dict[str, Any]]] = {family: {} for family in ADDRESSES}
        # The best levels after each change of the book, and those of partial books by their moment.
        self.books: dict[str, dict[int, Best]] = {family: {} for family in ADDRESSES}
        self.tops: dict[int, Best] = {}
        self._keepers = {family: LocalBook(family != "spot") for family in ADDRESSES}
        self._thread = threading.Thread(target=lambda: asyncio.run(self._listen()))

    def __enter__(self) -> "Published":
        self._thread.start()
        assert self._has_begun.wait(20)
        return self

    def __exit__(self, *_error: object) -> None:
        self._is_over.set()
        self._thread.join(20)

    def order(self, family: str, first: Identity, last: Identity) -> list[Identity]:
        """What was published of one kind from one message to another, in order."""
        known = [each for each in self.messages[family] if each[0] == first[0]]
        return known[known.index(first) : known.index(last) + 1]

    async def _listen(self) -> None:
        base = f"wss://127.0.0.1:{self._stack.paper_port}"
        opened = [
            (family, await connect(base + path, proxy=None, ssl=self._context, max_queue=None))
            for family, paths in ADDRESSES.items()
            for path in paths
        ]
        self._has_begun.set()
        await asyncio.gather(*(self._hear(*each) for each in opened), self._end([each for _, each in opened]))

    async def _end(self, opened: list[ClientConnection]) -> None:
        await asyncio.to_thread(self._is_over.wait)
        # What others have heard already may still be on its way here.
        await asyncio.sleep(1)
        for connection in opened:
            await connection.close()

    async def _hear(self, family: str, connection: ClientConnection) -> None:
        async for text in connection:
            whole = json.loads(text)
            message = whole["data"]
            if "depth10" in whole["stream"]:
                self.tops[message["E"]] = (_levels(message["b"][:LEVELS]), _levels(message["a"][:LEVELS]))
                continue
            self.messages[family].setdefault(identity(message), message)
            if message["e"] == "depthUpdate":
                await self._keep(family, message)

    async def _keep(self, family: str, message: dict[str, Any]) -> None:
        keeper = self._keepers[family]
        keeper.on_event(message)
        if keeper.wants_snapshot:
            keeper.on_snapshot(await asyncio.to_thread(self._snapshot, family))
        if keeper.last_id is not None:
            bids = sorted(keeper.bids.items(), reverse=True)[:LEVELS]
            self.books[family][keeper.last_id] = (_levels(bids), _levels(sorted(keeper.asks.items())[:LEVELS]))

    def _snapshot(self, family: str) -> dict[str, Any]:
        path = ("/api/v3/depth?limit=5000" if family == "spot" else "/fapi/v1/depth?limit=1000") + "&symbol=BTCUSDT"
        connection = http.client.HTTPSConnection("127.0.0.1", self._stack.paper_port, timeout=10, context=self._context)
        try:
            connection.request("GET", path)
            found: dict[str, Any] = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        return found


def _levels(rows: Sequence[Sequence[str | Decimal]]) -> list[list[float]]:
    return [[float(price), float(quantity)] for price, quantity in rows]
