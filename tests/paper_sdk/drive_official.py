"""The official Python SDKs against the paper exchange: every stream kind and the WebSocket API, read by their models.

One file for binance-sdk-spot and for binance-sdk-derivatives-trading-usds-futures and -coin-futures: whichever is
installed.  Reads a job
(JSON: host, port, ca, key, secret) from standard input, prints one JSON object: for each stream the model that a
message became (null when none came), WebSocket-API results, and the warnings that the SDK logged.
"""

import asyncio
import inspect
import json
import logging
import ssl
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

from binance_common.configuration import ConfigurationWebSocketAPI, ConfigurationWebSocketStreams

WAIT_S = 7
# Streams that say nothing here, because what they tell does not happen by itself.
QUIET = {"block_trade", "composite_index_symbol_information_streams", "contract_info_stream",
         "all_market_liquidation_order_streams", "liquidation_order_streams",
         "market_liquidation_order_streams"}  # fmt: skip
ENUMS = {"interval": "1m", "window_size": "1h", "levels": "5"}


class Sdk(NamedTuple):
    """Where one SDK's client is, where the exchange has its services, and what is asked there."""

    module: str
    client: str
    api: str
    streams: str
    symbol: str
    pair: str
    quantity: float
    calls: dict[str, dict[str, Any]]


SDKS = (
    Sdk("binance_sdk_spot.spot", "Spot", "/ws-api/v3", "", "BTCUSDT", "BTCUSDT", 0.01,
        {"depth": {"symbol": "BTCUSDT"}, "account_status": {}}),
    Sdk("binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures",
        "DerivativesTradingUsdsFutures", "/ws-fapi/v1", "", "BTCUSDT", "BTCUSDT", 0.01,
        {"order_book": {"symbol": "BTCUSDT"}, "account_information_v2": {}}),
    Sdk("binance_sdk_derivatives_trading_coin_futures.derivatives_trading_coin_futures",
        "DerivativesTradingCoinFutures", "/ws-dapi/v1", "/dstream.binance.com", "BTCUSD_PERP", "BTCUSD", 1,
        {"position_information": {}, "account_information": {}}),
)  # fmt: skip
SDK = next(sdk for sdk in SDKS if find_spec(sdk.module.split(".")[0]) is not None)
VALUES = {"symbol": SDK.symbol.lower(), "pair": SDK.pair.lower(), "contract_type": "perpetual", "levels": 5}


class Log(logging.Handler):
    """What the SDK complains about."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage()[:300])


def client(job: dict[str, Any]) -> Any:
    place = f"wss://{job['host']}:{job['port']}"
    tls = ssl.create_default_context(cafile=job["ca"])
    api = ConfigurationWebSocketAPI(
        api_key=job["key"], api_secret=job["secret"], stream_url=place + SDK.api, https_agent=tls
    )
    streams = ConfigurationWebSocketStreams(stream_url=place + SDK.streams, https_agent=tls)
    return getattr(import_module(SDK.module), SDK.client)(config_ws_api=api, config_ws_streams=streams)


def argument(name: str, parameter: inspect.Parameter) -> Any:
    """A value for a stream method's parameter: one of the enum's where it is an enum."""
    wanted = ENUMS.get(name, VALUES.get(name))
    kind = parameter.annotation
    for candidate in getattr(kind, "__args__", (kind,)):
        if getattr(candidate, "__members__", None):
            values = [member.value for member in candidate]
            return wanted if wanted in values else values[0]
    return VALUES.get(name, wanted)


def stream_names(connection: Any) -> list[str]:
    """The methods of the connection that subscribe to something public."""
    others = {"subscribe", "unsubscribe", "close_connection", "list_subscribe", "ping_server", "user_data"}
    return [name for name, value in vars(type(connection)).items()
            if inspect.iscoroutinefunction(value) and not name.startswith("_") and name not in others]  # fmt: skip


async def streams(made: Any) -> dict[str, str | None]:
    connection = await made.websocket_streams.create_connection()
    seen: dict[str, str | None] = {}
    for name in stream_names(connection):
        method = getattr(connection, name)
        needed = {
            key: argument(key, parameter)
            for key, parameter in inspect.signature(method).parameters.items()
            if parameter.default is inspect.Parameter.empty
        }
        handle = await method(**needed)
        seen[name] = None
        handle.on("message", lambda data, name=name: seen.update({name: shown(data)}))
        await asyncio.sleep(0.25)  # five (ten) messages a second are allowed on a connection
    await asyncio.sleep(WAIT_S)
    await connection.close_connection(close_session=True)
    return seen


def shown(data: Any) -> str:
    """The model's name; an empty one did not fit."""
    inner = getattr(data, "actual_instance", None) or data
    kind = type(inner).__name__
    return kind if not hasattr(inner, "to_dict") or inner.to_dict() else f"{kind} (empty)"


async def calls(made: Any) -> dict[str, str]:
    connection = await made.websocket_api.create_connection()
    seen: dict[str, str] = {}
    for name, params in SDK.calls.items():
        answer = await getattr(connection, name)(**params)
        seen[name] = shown(answer.data().result)
    place = getattr(connection, "order_place", None) or connection.new_order
    placed = await place(symbol=SDK.symbol, side="BUY", type="MARKET", quantity=SDK.quantity)
    seen["order"] = placed.data().result.status
    await connection.close_connection(close_session=True)
    return seen


async def main() -> None:
    job = json.load(sys.stdin)
    log = Log()
    logging.getLogger().addHandler(log)  # noqa: TID251 - the SDK's own log is what is looked at
    made = client(job)
    print(json.dumps({"streams": await streams(made), "calls": await calls(made), "quiet": sorted(QUIET),
                      "warnings": log.lines}))  # fmt: skip


if __name__ == "__main__":
    asyncio.run(main())
