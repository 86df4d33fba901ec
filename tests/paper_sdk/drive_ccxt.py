"""ccxt.pro against the paper exchange: public and private streams, spot and USD-M, and orders by WebSocket.

Reads a job (JSON: host, port, ca, key, secret) from standard input, prints one JSON object of what it saw.
"""

import asyncio
import json
import re
import sys
from typing import Any

import ccxt.pro

TIMEOUT_S = 20


def point(client: Any, place: str) -> None:
    """Send every address of the client to the paper exchange; the host name goes into WebSocket paths."""
    for name, address in client.urls["api"].items():
        if isinstance(address, str):
            client.urls["api"][name] = re.sub(r"^\w+://[^/]+", f"https://{place}", address)
    sockets = client.urls["api"]["ws"]
    for name, address in sockets.items():
        if isinstance(address, dict):
            sockets[name] = {key: _socket(value, place) for key, value in address.items()}
        else:
            sockets[name] = _socket(address, place)


def _socket(address: str, place: str) -> str:
    host, _, path = address.split("://", 1)[1].partition("/")
    return f"wss://{place}/{host.split(':')[0]}/{path}"


def client_of(job: dict[str, Any], kind: str) -> Any:
    options = {"defaultType": kind, "fetchMargins": False}
    made = ccxt.pro.binance({"apiKey": job["key"], "secret": job["secret"], "options": options})
    made.cafile = job["ca"]
    point(made, f"{job['host']}:{job['port']}")
    return made


async def soon(awaitable: Any) -> Any:
    return await asyncio.wait_for(awaitable, TIMEOUT_S)


async def watch(job: dict[str, Any], kind: str, symbol: str) -> dict[str, Any]:
    client = client_of(job, kind)
    try:
        await soon(client.load_markets())
        seen: dict[str, Any] = {"trades": len(await soon(client.watch_trades(symbol)))}
        seen["last"] = (await soon(client.watch_ticker(symbol)))["last"]
        seen["candle"] = len((await soon(client.watch_ohlcv(symbol, "1m")))[0])
        seen["same_books"] = await same_books(client, symbol)
        seen["best"] = (await soon(client.watch_bids_asks([symbol])))[symbol]["bid"]
        seen |= await trade(client, symbol, 1 if kind == "delivery" else 0.01)
        return seen
    finally:
        await client.close()


async def same_books(client: Any, symbol: str) -> int:
    """How often the book kept from the stream was the REST book of the same update id; -1 when it was not once."""
    found = 0
    for _ in range(40):
        kept = await soon(client.watch_order_book(symbol))
        kept = {"nonce": kept["nonce"], "bids": [*kept["bids"]], "asks": [*kept["asks"]]}
        rest = await soon(client.fetch_order_book(symbol, 1000))
        if kept["nonce"] == rest["nonce"]:
            if [kept["bids"], kept["asks"]] != [[*rest["bids"]], [*rest["asks"]]]:
                return -1
            found += 1
        if found == 3:
            break
    return found


async def trade(client: Any, symbol: str, amount: float) -> dict[str, Any]:
    """An order over the WebSocket API is told on the user stream."""
    orders = asyncio.create_task(client.watch_orders(symbol))  # noqa: TID251 - awaited below
    await asyncio.sleep(1)
    placed = await soon(client.create_order_ws(symbol, "market", "buy", amount))
    told = await soon(orders)
    resting = await soon(
        client.create_order_ws(symbol, "limit", "buy", amount, round(float(placed["price"] or 90000) * 0.97))
    )
    cancelled = await soon(client.cancel_order_ws(resting["id"], symbol))
    return {"placed": placed["id"], "told": [row["id"] for row in told], "status": told[-1]["status"],
            "cancelled": cancelled["id"], "resting": resting["id"]}  # fmt: skip


async def main() -> None:
    job = json.load(sys.stdin)
    markets = {"spot": ("spot", "BTC/USDT"), "usdm": ("swap", "BTC/USDT:USDT"), "coinm": ("delivery", "BTC/USD:BTC")}
    print(json.dumps({name: await watch(job, *market) for name, market in markets.items()}))


if __name__ == "__main__":
    asyncio.run(main())
