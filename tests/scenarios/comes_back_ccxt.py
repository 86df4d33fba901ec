"""ccxt.pro, unmodified: books and trades go on for a while, asked again after an error as its examples do.

Prints what each came to, in order.
"""

import asyncio
import json
import sys
from typing import Any

import ccxt.pro
from streams_ccxt import point

LAST_S = 14


async def follow(seen: list[str], ask: Any) -> None:
    ends = asyncio.get_running_loop().time() + LAST_S
    while asyncio.get_running_loop().time() < ends:
        try:
            found = await asyncio.wait_for(ask("BTC/USDT"), 10)
        except ccxt.NetworkError as error:
            seen.append(type(error).__name__)
            await asyncio.sleep(0.5)
        else:
            crossed = isinstance(found, dict) and found["bids"][0][0] >= found["asks"][0][0]
            seen.append("crossed" if crossed else "data")


async def main() -> None:
    place = f"127.0.0.1:{json.load(sys.stdin)['port']}"
    options = {"defaultType": "spot", "fetchCurrencies": False, "fetchMargins": False}
    client = ccxt.pro.binance({"options": options})
    point(client, place)
    books: list[str] = []
    trades: list[str] = []
    try:
        await asyncio.gather(follow(books, client.watch_order_book), follow(trades, client.watch_trades))
    finally:
        await client.close()
    print(json.dumps([books, trades]))


if __name__ == "__main__":
    asyncio.run(main())
