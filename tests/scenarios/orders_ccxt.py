"""ccxt.pro, unmodified: two bots of one account follow their orders. Reads port and keys, prints what each saw."""

import asyncio
import json
import sys
from typing import Any

import ccxt.pro
from streams_ccxt import point

SYMBOLS = {"spot": "BTC/USDT", "future": "BTC/USDT:USDT"}


def client(kind: str, place: str, key: dict[str, str]) -> Any:
    options = {"defaultType": kind, "fetchCurrencies": False, "fetchMargins": False}
    made = (ccxt.pro.binance if kind == "spot" else ccxt.pro.binanceusdm)(
        {"apiKey": key["key"], "secret": key["secret"], "options": options}
    )
    point(made, place)
    return made


async def follow(bot: Any, symbol: str, amount: float) -> list[str]:
    """Place orders until one was heard to be filled; give the client ids of all orders that were heard of.

    One that is placed before the stream stands is not heard of, and the library does not say when it does.
    """
    waiting = asyncio.gather(bot.watch_orders(symbol))
    for _ in range(20):
        await asyncio.sleep(0.5)
        placed = await bot.create_order(symbol, "market", "buy", amount)
        for _ in range(20):
            # What came while nobody waited is kept there.
            heard = list(bot.orders or ())
            if any(order["id"] == placed["id"] and order["status"] == "closed" for order in heard):
                await waiting
                return sorted({order["clientOrderId"] for order in heard})
            await asyncio.sleep(0.05)
    raise TimeoutError(symbol)


async def both(kind: str, place: str, keys: dict[str, dict[str, str]]) -> dict[str, Any]:
    symbol, amount = SYMBOLS[kind], 0.01
    bots = {name: client(kind, place, key) for name, key in keys.items()}
    try:
        first = await asyncio.gather(*[follow(bot, symbol, amount) for bot in bots.values()])
        if kind == "future":
            await bots["alpha"].fapiPrivateDeleteListenKey()
        return {"first": first, "before": first[1], "second": await follow(bots["beta"], symbol, amount)}
    finally:
        for bot in bots.values():
            await bot.close()


async def main() -> None:
    told = json.load(sys.stdin)
    place = f"127.0.0.1:{told['port']}"
    kinds = ("spot", "future")
    seen = await asyncio.gather(*[both(kind, place, told["keys"]) for kind in kinds])
    print(json.dumps(dict(zip(kinds, seen, strict=True))))


if __name__ == "__main__":
    asyncio.run(main())
