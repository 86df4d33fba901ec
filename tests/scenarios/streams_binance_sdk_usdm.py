"""The official Python SDK for USD-M, unmodified: aggregate trades, changes of the book, the ticker; two sockets."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent))
import streams_official
from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import DerivativesTradingUsdsFutures
from binance_sdk_derivatives_trading_usds_futures.websocket_streams.models import DiffBookDepthStreamsUpdateSpeedEnum


async def begin(connection, take) -> None:  # type: ignore[no-untyped-def]  # the SDK's own objects
    fast = DiffBookDepthStreamsUpdateSpeedEnum.UPDATE_SPEED_100ms.value
    for name, stream in (
        ("aggTrade", await connection.aggregate_trade_streams(symbol="btcusdt")),
        ("depth", await connection.diff_book_depth_streams(symbol="btcusdt", update_speed=fast)),
        ("ticker", await connection.individual_symbol_ticker_streams(symbol="btcusdt")),
    ):
        stream.on("message", take(f"usdm {name}"))


streams_official.main(lambda configuration: DerivativesTradingUsdsFutures(config_ws_streams=configuration), begin)
