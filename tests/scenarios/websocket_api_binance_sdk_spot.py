"""The official Python SDK, unmodified: a session where the key can log on, orders with a signature or in it."""

import asyncio
import json
import sys
from typing import Any

from binance_common.configuration import ConfigurationWebSocketAPI
from binance_sdk_spot.spot import Spot
from binance_sdk_spot.websocket_api.models import OrderPlaceSideEnum, OrderPlaceTimeInForceEnum, OrderPlaceTypeEnum

SYMBOL = "BTCUSDT"


async def main() -> None:
    job = json.load(sys.stdin)
    address = f"ws://127.0.0.1:{job['port']}/ws-api/v3"
    print(json.dumps({key["kind"]: await drive(address, key) for key in job["keys"]}))


async def drive(address: str, key: dict[str, str]) -> dict[str, Any]:
    secret = {"api_secret": key["secret"]} if key["kind"] == "hmac" else {"private_key": key["secret"]}
    client = Spot(config_ws_api=ConfigurationWebSocketAPI(api_key=key["key"], stream_url=address, **secret))
    connection = await client.websocket_api.create_connection()
    try:
        return await trade(connection, key)
    finally:
        await connection.close_connection(close_session=True)


async def trade(connection: Any, key: dict[str, str]) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    if key["kind"] == "ed25519":
        seen["logon"] = result(await connection.session_logon()).api_key == key["key"]
    price = float(result(await connection.ticker_price(symbol=SYMBOL)).price)
    answer = await connection.order_place(
        symbol=SYMBOL, side=OrderPlaceSideEnum.BUY, type=OrderPlaceTypeEnum.LIMIT,
        time_in_force=OrderPlaceTimeInForceEnum.GTC, quantity=0.001, price=round(price * 0.9, 2),
    )  # fmt: skip
    number = result(answer).order_id
    seen["limits"] = [str(limit.rateLimitType) for limit in answer.rate_limits]
    seen["spot"] = [
        result(await connection.order_status(symbol=SYMBOL, order_id=number)).status,
        result(await connection.order_cancel(symbol=SYMBOL, order_id=number)).status,
    ]
    if key["kind"] == "ed25519":
        seen["status"] = result(await connection.session_status()).api_key == key["key"]
        seen["logout"] = result(await connection.session_logout()).api_key is None
    return seen


def result(answer: Any) -> Any:
    found = answer.data()
    while getattr(found, "actual_instance", None) is not None:
        found = found.actual_instance
    return found.result


asyncio.run(main())
