"""python-binance, unmodified: orders by the WebSocket API, spot and USD-M. Reads the job, prints what it saw."""

import asyncio
import json
import os
import sys
from typing import Any

from binance import AsyncClient


def signing(key: dict[str, str]) -> dict[str, Any]:
    return {"api_secret": key["secret"]} if key["kind"] == "hmac" else {"private_key": key["secret"]}


async def main() -> None:
    job = json.load(sys.stdin)
    [key] = job["keys"]
    place = f"127.0.0.1:{job['port']}"
    AsyncClient.API_URL = f"http://{place}/api"
    AsyncClient.FUTURES_URL = f"http://{place}/fapi"
    AsyncClient.WS_API_URL = f"ws://{place}/ws-api/v3"
    AsyncClient.WS_FUTURES_URL = f"ws://{place}/ws-fapi/v1"
    client = AsyncClient(key["key"], **signing(key))
    price = float((await client.ws_get_symbol_ticker(symbol="BTCUSDT"))["price"])
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    order |= {"quantity": "0.001", "price": f"{price * 0.9:.2f}"}
    spot = await trade(client.ws_create_order, client.ws_get_order, client.ws_cancel_order, order)
    order |= {"quantity": "0.002", "price": f"{price * 0.9:.1f}"}
    usdm = await trade(
        client.ws_futures_create_order, client.ws_futures_get_order, client.ws_futures_cancel_order, order
    )
    balances = len((await client.ws_get_account())["balances"])
    print(json.dumps({"spot": spot, "usdm": usdm, "balances": balances}), flush=True)
    # Its own way to close waits ten seconds for one more message.
    os._exit(0)


async def trade(create: Any, get: Any, cancel: Any, order: dict[str, str]) -> list[str]:
    placed = await create(**order, newOrderRespType="RESULT")
    named = {"symbol": order["symbol"], "orderId": placed["orderId"]}
    return [placed["status"], (await get(**named))["status"], (await cancel(**named))["status"]]


asyncio.run(main())
