"""Pushed messages and WebSocket-API replies have the documented fields and types."""

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from tests.paper.harness import Rig
from tests.paper.test_documented_shapes import CONDITIONAL, FOLDER, differences, pytestmark  # noqa: F401
from tests.paper.ws_harness import Api, Client, run

FUTURES = "fstream.binance.com"
USDM = "derivatives_trading_usds_futures"
# Streams of the table, and where they are; None is silent here, because what it tells does not happen.
SPOT_STREAMS = {
    "/<symbol>@aggTrade": "btcusdt@aggTrade", "/!ticker_<windowSize>@arr": "!ticker_1h@arr",
    "/!miniTicker@arr": "!miniTicker@arr", "/<symbol>@avgPrice": "btcusdt@avgPrice", "/<symbol>@blockTrade": None,
    "/<symbol>@bookTicker": "btcusdt@bookTicker", "/<symbol>@depth@<updateSpeed>": "btcusdt@depth@100ms",
    "/<symbol>@kline_<interval>": "btcusdt@kline_1s", "/<symbol>@kline_<interval>@+08:00": "btcusdt@kline_1d@+08:00",
    "/<symbol>@miniTicker": "btcusdt@miniTicker", "/<symbol>@depth<levels>@<updateSpeed>": "btcusdt@depth20@100ms",
    "/<symbol>@referencePrice": "btcusdt@referencePrice", "/<symbol>@ticker_<windowSize>": "btcusdt@ticker_4h",
    "/<symbol>@ticker": "btcusdt@ticker", "/<symbol>@trade": "btcusdt@trade",
}  # fmt: skip
USDM_STREAMS = {
    "/<symbol>@aggTrade": "market/btcusdt@aggTrade", "/!forceOrder@arr": "market/!forceOrder@arr",
    "/!miniTicker@arr": "market/!miniTicker@arr", "/!ticker@arr": "market/!ticker@arr",
    "/!assetIndex@arr": "market/!assetIndex@arr", "/<symbol>@compositeIndex": None,
    "/<pair>_<contractType>@continuousKline_<interval>": "market/btcusdt_perpetual@continuousKline_1m",
    "/!contractInfo": "market/!contractInfo", "/<symbol>@miniTicker": "market/btcusdt@miniTicker",
    "/<symbol>@ticker": "market/btcusdt@ticker", "/<symbol>@kline_<interval>": "market/btcusdt@kline_1m",
    "/<symbol>@forceOrder": "market/btcusdt@forceOrder",
    "/<symbol>@markPrice@<updateSpeed>": "market/btcusdt@markPrice@1s",
    "/!markPrice@arr@<updateSpeed>": "market/!markPrice@arr@1s", "/tradingSession": "market/tradingSession",
    "/!bookTicker": "public/!bookTicker", "/<symbol>@depth@<updateSpeed>": "public/btcusdt@depth@100ms",
    "/<symbol>@bookTicker": "public/btcusdt@bookTicker",
    "/<symbol>@depth<levels>@<updateSpeed>": "public/btcusdt@depth10@100ms",
    "/<symbol>@rpiDepth@500ms": "public/btcusdt@rpiDepth@500ms",
}  # fmt: skip
LIMIT = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.01",
    "price": "96000",
}
OCO = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "1", "aboveType": "LIMIT_MAKER", "abovePrice": "110000",
       "belowType": "STOP_LOSS", "belowStopPrice": "90000"}  # fmt: skip
BTC = {"symbol": "BTCUSDT"}
SPOT_CALLS: dict[str, dict[str, Any]] = {
    "ping": {}, "time": {}, "exchangeInfo": BTC, "depth": BTC, "klines": {**BTC, "interval": "1m"},
    "uiKlines": {**BTC, "interval": "1m"}, "avgPrice": BTC, "ticker": BTC, "ticker.24hr": BTC, "ticker.book": BTC,
    "ticker.price": BTC, "trades.aggregate": BTC, "trades.historical": BTC, "trades.recent": BTC,
    "account.status": {}, "account.commission": BTC, "account.rateLimits.orders": {}, "allOrders": BTC,
    "allOrderLists": {}, "myTrades": BTC, "openOrderLists.status": {}, "openOrders.status": BTC,
    "order.status": {**BTC, "origClientOrderId": "spot"}, "orderList.status": {"origClientOrderId": "list"},
    "order.place": LIMIT, "order.test": LIMIT, "order.cancel": {**BTC, "origClientOrderId": "spot"},
    "order.cancelReplace": {**LIMIT, "cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrigClientOrderId": "spot"},
    "openOrders.cancelAll": BTC, "orderList.place.oco": OCO, "orderList.cancel": {**BTC, "listClientOrderId": "list"},
    "session.status": {}, "session.subscriptions": {}, "userDataStream.subscribe.signature": {},
}  # fmt: skip
USDM_CALLS: dict[str, dict[str, Any]] = {
    "depth": BTC, "ticker.book": BTC, "ticker.price": BTC, "account.status": {}, "account.balance": {},
    "account.position": BTC, "order.place": LIMIT, "order.status": {**BTC, "origClientOrderId": "usdm"},
    "order.cancel": {**BTC, "origClientOrderId": "usdm"},
    "order.modify": {**BTC, "side": "BUY", "origClientOrderId": "usdm", "quantity": "0.02", "price": "95000"},
    "algoOrder.place": {**BTC, "algoType": "CONDITIONAL", "side": "SELL", "type": "STOP_MARKET", "quantity": "0.01",
                        "triggerPrice": "90000"},
    "algoOrder.cancel": {"clientAlgoId": "algo"}, "userDataStream.start": {}, "userDataStream.ping": {},
    "userDataStream.stop": {},
}  # fmt: skip


@lru_cache(maxsize=4)
def documented(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text("utf-8").splitlines()]


def sample(file: str, field: str, value: str) -> Any:
    return next(row["expected_response"] for row in documented(file) if row.get(field) == value)


def fixed(found: list[str], sample_: Any) -> list[str]:
    """Differences that are the documents' own: futures order books stand beside the `result` there."""
    return [text for text in found if text.split(" ")[0] not in (".bids", ".asks") or "result" not in sample_]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path, volatility=100)
    yield made
    made.journal.close()


def test_every_documented_stream_is_here() -> None:
    for file, table in ((f"{USDM}.websocket_streams", USDM_STREAMS), ("spot.websocket_streams", SPOT_STREAMS)):
        assert {row["stream"] for row in documented(file) if "stream" in row} == set(table)


@pytest.mark.parametrize(("pattern", "name"), SPOT_STREAMS.items())
def test_a_spot_stream(rig: Rig, pattern: str, name: str | None) -> None:
    client = Client(rig, f"/ws/{name or 'btcusdt@blockTrade'}")
    run(rig, 2000)
    messages = client.read()
    assert bool(messages) == (name is not None)
    for message in messages:
        assert list(differences(sample("spot.websocket_streams", "stream", pattern), message)) == []


@pytest.mark.parametrize(("pattern", "name"), USDM_STREAMS.items())
def test_a_usdm_stream(rig: Rig, pattern: str, name: str | None) -> None:
    route, _, stream = (name or "market/btcusdt@compositeIndex").partition("/")
    client = Client(rig, f"/{route}/ws/{stream}", FUTURES)
    if "forceOrder" in stream:
        liquidate(rig)
    if "contractInfo" in stream:
        rig.exchange.realtime.mixed.announce("BTCUSDT", rig.now_ms)
    run(rig, 6000)
    messages = client.read()
    assert bool(messages) == (name is not None)
    for message in messages:
        assert list(differences(sample(f"{USDM}.websocket_streams", "stream", pattern), message)) == []


def liquidate(rig: Rig) -> None:
    """A forced order, without waiting for an account to get there."""
    rig.futures_order(type="MARKET", newClientOrderId="autoclose-1")


@pytest.fixture
def busy(rig: Rig) -> Rig:
    rig.order(newClientOrderId="spot")
    rig.order(type="MARKET")
    rig.signed("POST", "/api/v3/orderList/oco", **OCO, listClientOrderId="list")
    rig.futures_order(type="MARKET")
    rig.futures_order(newClientOrderId="usdm")
    rig.signed("POST", "/fapi/v1/algoOrder", **USDM_CALLS["algoOrder.place"], clientAlgoId="algo")
    return rig


@pytest.mark.parametrize("method", SPOT_CALLS)
def test_a_spot_method(busy: Rig, method: str) -> None:
    api = Api(busy)
    signed = api._socket is not None and busy.exchange.realtime.methods["spot", method].endpoint.signed
    answer = (api.signed if signed else api.call)(method, **SPOT_CALLS[method])
    assert answer["status"] == 200, answer
    expected = sample("spot.websocket_api", "ws_method", method)
    assert list(differences(expected, answer)) == []


@pytest.mark.parametrize("method", USDM_CALLS)
def test_a_usdm_method(busy: Rig, method: str) -> None:
    api = Api(busy, "usdm")
    endpoint = busy.exchange.realtime.methods["usdm", method].endpoint
    if endpoint.needs_key and not endpoint.signed:
        api.call("userDataStream.start", apiKey=busy.key.api_key)
        answer = api.call(method, apiKey=busy.key.api_key)
    else:
        answer = (api.signed if endpoint.signed else api.call)(method, **USDM_CALLS[method])
    assert answer["status"] == 200, answer
    expected = sample(f"{USDM}.websocket_api", "ws_method", method)
    found = list(differences(expected, answer))
    assert fixed(found, expected) == []
    assert CONDITIONAL
