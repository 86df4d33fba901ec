"""python-binance, unmodified: a depth cache goes on for a while. Prints how its updates and errors followed."""

import asyncio
import json
import sys

from binance import AsyncClient, BinanceSocketManager
from binance.ws.depthcache import DepthCacheManager

LAST_S = 14


async def main() -> None:
    place = f"127.0.0.1:{json.load(sys.stdin)['port']}"
    AsyncClient.API_URL = f"http://{place}/api"
    BinanceSocketManager.STREAM_URL = f"ws://{place}/"
    client = AsyncClient("", "")
    seen = []
    try:
        async with DepthCacheManager(client, symbol="BTCUSDT", ws_interval=100) as stream:
            ends = asyncio.get_running_loop().time() + LAST_S
            while asyncio.get_running_loop().time() < ends:
                kept = await asyncio.wait_for(stream.recv(), 10)
                if isinstance(kept, dict):
                    seen.append(kept["type"])
                elif kept.get_bids()[0][0] < kept.get_asks()[0][0]:
                    seen.append("book")
                else:
                    seen.append("crossed")
    finally:
        await client.close_connection()
    print(json.dumps(seen))


asyncio.run(main())
