"""core.streams.names: what is a market stream, and what could be anything else."""

import pytest

from counterseal.core.streams.names import FAMILIES, Stream, find, is_nothing


@pytest.mark.parametrize(
    ("family", "name", "route", "newest_only"),
    [
        ("spot", "btcusdt@aggTrade", "", False),
        ("spot", "btcusdt@trade", "", False),
        ("spot", "btcusdt@blockTrade", "", False),
        ("spot", "btcusdt@kline_1s", "", False),
        ("spot", "btcusdt@kline_1M", "", False),
        ("spot", "btcusdt@kline_1d@+08:00", "", False),
        ("spot", "btcusdt@depth", "", False),
        ("spot", "btcusdt@depth@100ms", "", False),
        ("spot", "btcusdt@depth20@1000ms", "", True),
        ("spot", "btcusdt@bookTicker", "", True),
        ("spot", "btcusdt@ticker_4h", "", True),
        ("spot", "btcusdt@avgPrice", "", True),
        ("spot", "btcusdt@referencePrice", "", True),
        ("spot", "!miniTicker@arr", "", False),
        ("spot", "!ticker_1h@arr", "", False),
        ("spot", "币安人生usdt@trade", "", False),
        ("usdm", "btcusdt@aggTrade", "market", False),
        ("usdm", "btcusdt@markPrice@1s", "market", True),
        ("usdm", "btcusdt@markPrice", "market", True),
        ("usdm", "!markPrice@arr@1s", "market", False),
        ("usdm", "btcusdt_perpetual@continuousKline_1m", "market", False),
        ("usdm", "btcusdt@compositeIndex", "market", True),
        ("usdm", "!assetIndex@arr", "market", False),
        ("usdm", "!contractInfo", "market", False),
        ("usdm", "tradingSession", "market", False),
        ("usdm", "btcusdt@bookTicker", "public", True),
        ("usdm", "!bookTicker", "public", False),
        ("usdm", "btcusdt@depth@500ms", "public", False),
        ("usdm", "btcusdt@depth10@250ms", "public", True),
        ("usdm", "btcusdt@rpiDepth@500ms", "public", False),
        ("coinm", "btcusd_perp@depth@500ms", "", False),
        ("coinm", "btcusd@indexPrice@1s", "", True),
        ("coinm", "btcusd@markPrice", "", False),
        ("coinm", "btcusd_next_quarter@continuousKline_1h", "", False),
        ("coinm", "btcusd@indexPriceKline_1m", "", False),
        ("coinm", "!forceOrder@arr", "", False),
    ],
)
def test_a_documented_name_is_known(family: str, name: str, route: str, newest_only: bool) -> None:
    """With the route that it is served on, and whether a newer message makes an older one worthless."""
    assert find(family, name) == Stream(route, newest_only)


@pytest.mark.threat(25)
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "name",
    [
        "pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1",
        "a" * 64,
        "btcusdt",
        "btcusdt@",
        "@trade",
        "btcusdt@userData",
        "BTCUSDT@trade",
        "btcusdt@Trade",
        "btcusdt@depth7",
        "btcusdt@depth@10ms",
        "btcusdt@kline_7m",
        "btcusdt@kline_1m@+09:00",
        "btcusdt@trade\n",
        "btcusdt@trade@trade",
        "btc usdt@trade",
        'btc"usdt@trade',
        "!userData@arr",
        "a" * 41 + "@trade",
        "a" * 120 + "@trade",
        "0@",
    ],
)
def test_what_could_be_a_listen_key_or_anything_else_is_unknown(family: str, name: str) -> None:
    """Only names of documented streams leave."""
    assert find(family, name) is None


def test_families_differ() -> None:
    """A stream of one market is none of another."""
    assert find("spot", "btcusdt@markPrice") is None
    assert find("usdm", "btcusdt@kline_1s") is None
    assert find("coinm", "btcusdt@rpiDepth@500ms") is None


@pytest.mark.parametrize(("name", "nothing"), [("", True), ("0", True), ("17", True), ("btcusdt@trade", False)])
def test_names_that_mean_nothing(name: str, nothing: bool) -> None:
    """ccxt numbers its connections where the exchange expects a stream."""
    assert bool(is_nothing(name)) is nothing
