"""The official Python SDK for spot, unmodified: trades, changes of the book, the ticker."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent))
import streams_official
from binance_sdk_spot.spot import Spot
from binance_sdk_spot.websocket_streams.models import DiffBookDepthUpdateSpeedEnum


async def begin(connection, take) -> None:  # type: ignore[no-untyped-def]  # the SDK's own objects
    fast = DiffBookDepthUpdateSpeedEnum.UPDATE_SPEED_100ms.value
    for name, stream in (
        ("trade", await connection.trade(symbol="btcusdt")),
        ("depth", await connection.diff_book_depth(symbol="btcusdt", update_speed=fast)),
        ("ticker", await connection.ticker(symbol="btcusdt")),
    ):
        stream.on("message", take(f"spot {name}"))


streams_official.main(lambda configuration: Spot(config_ws_streams=configuration), begin)
