"""python-binance, unmodified: two bots of one account follow their orders. Reads port and keys, prints ids."""

import asyncio
import json
import os
import sys
from typing import Any

from binance import AsyncClient, BinanceSocketManager

TIMEOUT_S = 30


def point(place: str) -> None:
    """The class attributes that hold the exchange's addresses."""
    for name, path in (("API_URL", "/api"), ("FUTURES_URL", "/fapi")):
        setattr(AsyncClient, name, f"http://{place}{path}")
    AsyncClient.WS_API_URL = f"ws://{place}/ws-api/v3"
    BinanceSocketManager.STREAM_URL = f"ws://{place}/"
    BinanceSocketManager.FSTREAM_URL = f"ws://{place}/"


async def heard(stream: Any, order: Any, ids: list[str]) -> list[str]:
    """Place an order; add the client order ids of all events until it was filled."""
    placed = await order()
    while True:
        event = await asyncio.wait_for(stream.recv(), TIMEOUT_S)
        event = event.get("event", event)
        shown = event["o"] if isinstance(event.get("o"), dict) else event
        if event["e"] in ("executionReport", "ORDER_TRADE_UPDATE"):
            ids.append(shown["c"])
            if shown["i"] == placed["orderId"] and shown["X"] == "FILLED":
                return sorted(set(ids))


async def follow(socket: Any, order: Any, between: Any) -> list[list[str]]:
    """Two orders, and something between them."""
    ids: list[str] = []
    stream = await socket.__aenter__()
    first = await heard(stream, order, ids)
    await between()
    return [first, await heard(stream, order, ids)]


async def both(kind: str, clients: dict[str, Any]) -> dict[str, Any]:
    """Between beta's orders alpha ends its listen key."""
    is_spot = kind == "spot"

    def order(client: Any) -> Any:
        make = client.create_order if is_spot else client.futures_create_order
        return lambda: make(symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.01")

    def socket(client: Any) -> Any:
        manager = BinanceSocketManager(client)
        return manager.user_socket() if is_spot else manager.futures_user_socket()

    alpha, beta = clients["alpha"], clients["beta"]

    async def end() -> None:
        if not is_spot:
            await alpha.futures_stream_close(await alpha.futures_stream_get_listen_key())

    async def only_one() -> list[str]:
        return await heard(await socket(alpha).__aenter__(), order(alpha), [])

    first, (before, second) = await asyncio.gather(only_one(), follow(socket(beta), order(beta), end))
    return {"first": [first, before], "before": before, "second": second}


async def main() -> None:
    told = json.load(sys.stdin)
    point(f"127.0.0.1:{told['port']}")
    clients = {name: AsyncClient(key["key"], key["secret"]) for name, key in told["keys"].items()}
    kinds = ("spot", "future")
    seen = await asyncio.gather(*[both(kind, clients) for kind in kinds])
    print(json.dumps(dict(zip(kinds, seen, strict=True))), flush=True)
    # The library takes ten seconds to end each of its sockets.
    os._exit(0)


asyncio.run(main())
