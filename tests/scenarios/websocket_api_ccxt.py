"""ccxt.pro, unmodified: orders by the WebSocket API, spot and USD-M. Reads the job, prints what it saw."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import ccxt.pro

sys.path.append(str(Path(__file__).resolve().parent))
from streams_ccxt import point


async def main() -> None:
    job, seen = json.load(sys.stdin), {}
    [key] = job["keys"]
    for kind, symbol in (("spot", "BTC/USDT"), ("future", "BTC/USDT:USDT")):
        options = {"defaultType": kind, "fetchCurrencies": False, "fetchMargins": False}
        make = ccxt.pro.binance if kind == "spot" else ccxt.pro.binanceusdm
        client = make({"apiKey": key["key"], "secret": key["secret"], "options": options})
        point(client, f"127.0.0.1:{job['port']}")
        try:
            seen[kind] = await trade(client, symbol)
        finally:
            await client.close()
    print(json.dumps(seen))


async def trade(client: Any, symbol: str) -> list[str]:
    await client.load_markets()
    price = float((await client.fetch_ticker(symbol))["last"])
    wanted = (symbol, "limit", "buy", 0.002, float(client.price_to_precision(symbol, price * 0.9)))
    placed = await client.create_order_ws(*wanted)
    # The library names such an order's id twice, once under a name that the exchange does not read.
    named = await client.create_order_ws(*wanted, {"clientOrderId": f"my:{placed['id']}"})
    found = await client.fetch_order_ws(placed["id"], symbol)
    gone = [await client.cancel_order_ws(each["id"], symbol) for each in (placed, named)]
    return [placed["status"], found["status"], *(each["status"] for each in gone)]


asyncio.run(main())
