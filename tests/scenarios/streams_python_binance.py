"""python-binance, unmodified: sockets and both depth caches, by both ways in. Reads the job, prints what it heard.

By the proxy, with the exchange's own addresses, it takes proxy and CA of the environment: its own setting of a proxy
wants a package of its own.
"""

import asyncio
import json
import os
import ssl
import sys
from contextlib import suppress
from typing import Any

JOB = json.load(sys.stdin)
os.environ |= {"HTTPS_PROXY": f"http://127.0.0.1:{JOB['proxy_port']}", "SSL_CERT_FILE": JOB["ca"]}

from binance import AsyncClient, BinanceSocketManager  # noqa: E402 - after the environment is set
from binance.ws.depthcache import DepthCacheManager, FuturesDepthCacheManager  # noqa: E402

LEVELS = 5
PLACE = f"127.0.0.1:{JOB['port']}"


class MovedClient(AsyncClient):
    """The class attributes that hold the exchange's addresses."""

    API_URL, FUTURES_URL = f"http://{PLACE}/api", f"http://{PLACE}/fapi"


class MovedManager(BinanceSocketManager):
    """As above."""

    STREAM_URL, FSTREAM_URL = f"ws://{PLACE}/", f"ws://{PLACE}/fstream.binance.com/"


async def listen(client: Any, manager: Any) -> dict[str, list[Any]]:
    """Everything at once, for so long."""
    caches = {
        "spot book": DepthCacheManager(client, symbol="BTCUSDT", bm=manager, ws_interval=100),
        "usdm top": FuturesDepthCacheManager(client, symbol="BTCUSDT", bm=manager),
    }
    sockets = {
        "spot trade": manager.trade_socket("BTCUSDT"),
        "spot ticker": manager.symbol_ticker_socket("BTCUSDT"),
        "spot candle": manager.kline_socket("BTCUSDT"),
        "spot multiplex": manager.multiplex_socket(["ethusdt@bookTicker", "btcusdt@avgPrice"]),
        "usdm aggTrade": manager.aggtrade_futures_socket("BTCUSDT"),
        "usdm mark": manager.symbol_mark_price_socket("BTCUSDT"),
    }
    heard: dict[str, list[Any]] = {name: [] for name in (*caches, *sockets)}

    async def keep(name: str, source: Any) -> None:
        async with source as stream:
            while True:
                message = await stream.recv()
                heard[name].append(book(source, message) if name in caches else message.get("data", message))

    try:
        with suppress(TimeoutError):
            everything = asyncio.gather(*(keep(name, source) for name, source in (caches | sockets).items()))
            await asyncio.wait_for(everything, JOB["seconds"])
    finally:
        await client.close_connection()
    return heard


def book(manager: Any, cache: Any) -> list[Any]:
    """What tells the moment, and the best levels of both sides."""
    mark = cache.update_time if manager._last_update_id is None else manager._last_update_id
    return [mark, cache.get_bids()[:LEVELS], cache.get_asks()[:LEVELS]]


async def main() -> None:
    moved = MovedClient("", "")
    kept = AsyncClient(
        "", "", session_params={"trust_env": True},
        requests_params={"ssl": ssl.create_default_context(cafile=JOB["ca"])},
    )  # fmt: skip
    found = await asyncio.gather(listen(moved, MovedManager(moved)), listen(kept, BinanceSocketManager(kept)))
    print(json.dumps(dict(zip("AC", found, strict=True))))


asyncio.run(main())
