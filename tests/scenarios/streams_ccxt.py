"""ccxt.pro, unmodified: trades, candles, tickers and books. Reads the gateway's port, prints what it saw."""

import asyncio
import json
import re
import sys
from typing import Any

import ccxt.pro

TIMEOUT_S = 30


def point(client: Any, place: str) -> None:
    """Every address; spot streams are known to ccxt by `/stream` in the address."""
    http, socket = f"http://{place}", f"ws://{place}"

    def moved(url: str, base: str) -> str:
        return re.sub(r"^\w+://[^/]+", base, url)

    api = client.urls["api"]
    for name, url in api.items():
        if isinstance(url, str):
            api[name] = moved(url, http)
    for name, url in api["ws"].items():
        if isinstance(url, str):
            api["ws"][name] = moved(url, socket + ("/stream.binance.com" if name in ("spot", "margin") else ""))
        else:
            api["ws"][name] = {route: moved(each, socket) for route, each in url.items()}


async def soon(awaitable: Any) -> Any:
    return await asyncio.wait_for(awaitable, TIMEOUT_S)


async def main() -> None:
    place, seen = f"127.0.0.1:{json.load(sys.stdin)['port']}", {}
    for kind, symbol in (("spot", "BTC/USDT"), ("future", "BTC/USDT:USDT")):
        options = {"defaultType": kind, "fetchCurrencies": False, "fetchMargins": False}
        client = (ccxt.pro.binance if kind == "spot" else ccxt.pro.binanceusdm)({"options": options})
        point(client, place)
        try:
            book = await soon(client.watch_order_book(symbol))
            seen[kind] = {
                "trades": len(await soon(client.watch_trades(symbol))),
                "candle": len((await soon(client.watch_ohlcv(symbol, "1m")))[-1]),
                "last": (await soon(client.watch_ticker(symbol)))["last"],
                "crossed": book["bids"][0][0] >= book["asks"][0][0],
            }
        finally:
            await client.close()
    print(json.dumps(seen))


asyncio.run(main())
