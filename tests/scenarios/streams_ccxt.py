"""ccxt.pro, unmodified: trades, candles, tickers and books, by both ways in. Reads the job, prints what it heard."""

import asyncio
import json
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import ccxt.pro

LEVELS = 5


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


def clients(job: dict[str, Any], family: str) -> dict[str, Any]:
    """One for each way in."""
    kind = ccxt.pro.binance if family == "spot" else ccxt.pro.binanceusdm
    market = "spot" if family == "spot" else "future"
    options = {"options": {"defaultType": market, "fetchCurrencies": False, "fetchMargins": False}}
    by_address, proxy = kind(options), f"http://127.0.0.1:{job['proxy_port']}"
    point(by_address, f"127.0.0.1:{job['port']}")
    return {"A": by_address, "C": kind({**options, "httpsProxy": proxy, "wssProxy": proxy, "cafile": job["ca"]})}


async def listen(client: Any, symbol: str, family: str, seconds: float, heard: dict[str, list[Any]]) -> None:
    """Watch everything for so long."""

    async def watch(name: str, call: Callable[..., Any], kept: Callable[[Any], list[Any]], *more: str) -> None:
        messages = heard.setdefault(f"{family} {name}", [])
        while True:
            messages.extend(kept(await call(symbol, *more)))

    def book(found: Any) -> list[Any]:
        return [[found["nonce"], *([list(row[:2]) for row in found[side][:LEVELS]] for side in ("bids", "asks"))]]

    await client.load_markets()
    everything = asyncio.gather(
        watch("trade", client.watch_trades, lambda found: [each["info"] for each in found]),
        watch("ticker", client.watch_ticker, lambda found: [found["info"]]),
        watch("candle", client.watch_ohlcv, lambda found: [found[-1]], "1m"),
        watch("book", client.watch_order_book, book),
    )
    try:
        with suppress(TimeoutError):
            await asyncio.wait_for(everything, seconds)
    finally:
        await client.close()


async def main() -> None:
    job = json.load(sys.stdin)
    heard: dict[str, dict[str, list[Any]]] = {"A": {}, "C": {}}
    await asyncio.gather(
        *(
            listen(client, symbol, family, job["seconds"], heard[way])
            for family, symbol in (("spot", "BTC/USDT"), ("usdm", "BTC/USDT:USDT"))
            for way, client in clients(job, family).items()
        )
    )
    print(json.dumps(heard))


if __name__ == "__main__":
    asyncio.run(main())
