"""python-binance, unmodified: sockets and both depth caches. Reads the gateway's port, prints what it saw.

`base` None means the exchange's own addresses, by the proxy and the CA of the environment.
"""

import asyncio
import json
import sys
from typing import Any

from binance import AsyncClient, BinanceSocketManager
from binance.ws.depthcache import DepthCacheManager, FuturesDepthCacheManager

TIMEOUT_S = 30


async def main() -> None:
    point(f"127.0.0.1:{json.load(sys.stdin)['port']}")
    client = AsyncClient("", "")
    try:
        manager = BinanceSocketManager(client)
        seen = {
            "trade": (await first(manager.trade_socket("BTCUSDT")))["e"],
            "kline": (await first(manager.kline_socket("BTCUSDT")))["k"]["i"],
            "multiplex": (await first(manager.multiplex_socket(["ethusdt@bookTicker", "btcusdt@trade"])))["stream"],
            "mark": (await first(manager.symbol_mark_price_socket("BTCUSDT")))["data"]["e"],
            "spot_cache": await cache(DepthCacheManager(client, symbol="BTCUSDT")),
            "usdm_cache": await cache(FuturesDepthCacheManager(client, symbol="BTCUSDT")),
        }
    finally:
        await client.close_connection()
    print(json.dumps(seen))


def point(place: str) -> None:
    """The class attributes that hold the exchange's addresses."""
    for name, path in (("API_URL", "/api"), ("FUTURES_URL", "/fapi")):
        setattr(AsyncClient, name, f"http://{place}{path}")
    BinanceSocketManager.STREAM_URL = f"ws://{place}/"
    BinanceSocketManager.FSTREAM_URL = f"ws://{place}/fstream.binance.com/"


async def first(socket: Any) -> Any:
    async with socket as stream:
        return await asyncio.wait_for(stream.recv(), TIMEOUT_S)


async def cache(manager: Any) -> int:
    """How many updates the book took without a gap that would have made it begin anew."""
    async with manager as stream:
        for count in range(5):
            kept = await asyncio.wait_for(stream.recv(), TIMEOUT_S)
            if not kept.get_bids() or kept.get_bids()[0][0] >= kept.get_asks()[0][0]:
                return -count
    return 5


asyncio.run(main())
