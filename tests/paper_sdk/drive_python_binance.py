"""python-binance against the paper exchange: sockets, user data, and its depth cache, spot and USD-M.

Reads a job (JSON: host, port, ca, key, secret) from standard input, prints one JSON object of what it saw.  The
`websockets` library inside takes the authority from SSL_CERT_FILE.
"""

import asyncio
import json
import ssl
import sys
from typing import Any

from binance import AsyncClient, BinanceSocketManager
from binance.ws.depthcache import DepthCacheManager, FuturesDepthCacheManager

TIMEOUT_S = 20


async def main() -> None:
    job = json.load(sys.stdin)
    place = f"{job['host']}:{job['port']}"
    point(place)
    context = ssl.create_default_context(cafile=job["ca"])
    client = await AsyncClient.create(job["key"], job["secret"], session_params={}, requests_params={"ssl": context})
    try:
        manager = BinanceSocketManager(client)
        seen = {
            "trade": (await first(manager.trade_socket("BTCUSDT")))["e"],
            "kline": (await first(manager.kline_socket("BTCUSDT")))["k"]["i"],
            "multiplex": (await first(manager.multiplex_socket(["ethusdt@bookTicker"])))["stream"],
            "mark": (await first(manager.symbol_mark_price_socket("BTCUSDT")))["data"]["e"],
            "spot_cache": await cache(DepthCacheManager(client, symbol="BTCUSDT"), client.get_order_book),
            "usdm_cache": await futures_cache(FuturesDepthCacheManager(client, symbol="BTCUSDT"), client),
            "user": await user(manager.user_socket(), client.create_order),
            "futures_user": await user(manager.futures_user_socket(), client.futures_create_order),
            "coin_user": await user(
                manager.coin_futures_user_socket(), client.futures_coin_create_order, "BTCUSD_PERP", 1
            ),
        }
    finally:
        await client.close_connection()
    print(json.dumps(seen))


def point(place: str) -> None:
    """The class attributes that hold the exchange's addresses."""
    for name, path in (("API_URL", "/api"), ("MARGIN_API_URL", "/sapi"), ("FUTURES_URL", "/fapi"),
                       ("FUTURES_DATA_URL", "/futures/data"), ("FUTURES_COIN_URL", "/dapi")):  # fmt: skip
        setattr(AsyncClient, name, f"https://{place}{path}")
    AsyncClient.WS_API_URL = f"wss://{place}/ws-api/v3"
    AsyncClient.WS_FUTURES_URL = f"wss://{place}/ws-fapi/v1"
    BinanceSocketManager.STREAM_URL = f"wss://{place}/"
    BinanceSocketManager.FSTREAM_URL = f"wss://{place}/fstream.binance.com/"
    BinanceSocketManager.DSTREAM_URL = f"wss://{place}/dstream.binance.com/"


async def soon(awaitable: Any) -> Any:
    return await asyncio.wait_for(awaitable, TIMEOUT_S)


async def first(socket: Any) -> Any:
    async with socket as stream:
        return await soon(stream.recv())


async def cache(manager: Any, snapshot: Any) -> int:
    """How often the cache was the REST book of the same update id; -1 when it was not once."""
    found = 0
    async with manager as stream:
        for _ in range(60):
            kept = await soon(stream.recv())
            rest = await soon(snapshot(symbol="BTCUSDT", limit=1000))
            if rest["lastUpdateId"] != kept.update_time and rest["lastUpdateId"] != manager._last_update_id:
                continue
            books = [sorted((float(price), float(qty)) for price, qty in side) for side in (rest["bids"], rest["asks"])]
            mine = [sorted((float(p), float(q)) for p, q in side) for side in (kept.get_bids(), kept.get_asks())]
            if books != mine:
                return -1
            found += 1
            if found == 3:
                break
    return found


async def futures_cache(manager: Any, client: Any) -> int:
    """The futures cache holds the ten best levels of the last message: how often they were REST's."""
    found = 0
    async with manager as stream:
        for _ in range(3):
            kept = await soon(stream.recv())
            rest = await soon(client.futures_order_book(symbol="BTCUSDT", limit=10))
            found += [kept._bids, kept._asks] == [rest["bids"], rest["asks"]]
    return found


async def user(socket: Any, place_order: Any, symbol: str = "BTCUSDT", quantity: float = 0.01) -> list[str]:
    """The events that one market order causes."""
    async with socket as stream:
        await asyncio.sleep(0.5)
        await soon(place_order(symbol=symbol, side="BUY", type="MARKET", quantity=str(quantity)))
        return sorted({(await soon(stream.recv()))["e"] for _ in range(3)})


if __name__ == "__main__":
    asyncio.run(main())
