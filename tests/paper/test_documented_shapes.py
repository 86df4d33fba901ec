"""Replies have the documented fields: held against the corpus of documented replies."""

import json
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from tests.paper.harness import START_MS, Rig

FOLDER = Path(os.environ.get("COUNTERSEAL_CORPORA", "")) / "exchange-replies"
FILES = ("spot", "derivatives_trading_usds_futures", "wallet", "margin_trading")
SYMBOL = {"symbol": "BTCUSDT"}
LIMIT = {**SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "96000"}

pytestmark = pytest.mark.skipif(
    "COUNTERSEAL_CORPORA" not in os.environ or not FOLDER.is_dir(), reason="COUNTERSEAL_CORPORA names no corpora"
)

# fields that the documentation shows on some orders only, and those that left the API in 2026
CONDITIONAL = {
    "preventedMatchId", "preventedQuantity", "strategyId", "strategyType", "trailingDelta", "trailingTime", "usedSor",
    "workingFloor", "pegPriceType", "pegOffsetType", "pegOffsetValue", "peggedPrice", "expiryReason", "stopPrice",
    "icebergQty", "activatePrice", "priceRate", "code", "msg", "cumBase", "pair", "count", "delistTime", "sors",
    "maxQty", "minQty", "stepSize", "limit", "notional", "multiplierUp", "multiplierDown", "multiplierDecimal",
    "priceExponent", "actualType", "actualQty", "baseQty", "isRPITrade", "fills", "discount", "cumQty",
}  # fmt: skip

READS: list[tuple[str, dict[str, str]]] = [
    ("/api/v3/time", {}), ("/api/v3/depth", SYMBOL), ("/api/v3/trades", SYMBOL), ("/api/v3/aggTrades", SYMBOL),
    ("/api/v3/avgPrice", SYMBOL), ("/api/v3/ticker/24hr", SYMBOL), ("/api/v3/ticker", SYMBOL),
    ("/api/v3/exchangeInfo", SYMBOL), ("/api/v3/account", {}), ("/api/v3/account/commission", SYMBOL),
    ("/api/v3/myTrades", SYMBOL), ("/api/v3/openOrders", {}), ("/api/v3/allOrders", SYMBOL),
    ("/api/v3/openOrderList", {}), ("/api/v3/rateLimit/order", {}),
    ("/sapi/v1/account/apiRestrictions", {}), ("/sapi/v1/account/apiTradingStatus", {}),
    ("/sapi/v1/account/status", {}), ("/sapi/v1/asset/tradeFee", {}), ("/sapi/v1/capital/config/getall", {}),
    ("/sapi/v1/margin/allPairs", {}), ("/sapi/v1/margin/isolated/allPairs", {}),
    ("/fapi/v1/time", {}), ("/fapi/v1/depth", SYMBOL), ("/fapi/v1/trades", SYMBOL), ("/fapi/v1/aggTrades", SYMBOL),
    ("/fapi/v1/exchangeInfo", {}), ("/fapi/v1/ticker/24hr", SYMBOL), ("/fapi/v1/ticker/price", SYMBOL),
    ("/fapi/v2/ticker/price", SYMBOL), ("/fapi/v1/ticker/bookTicker", SYMBOL), ("/fapi/v1/premiumIndex", SYMBOL),
    ("/fapi/v1/fundingRate", SYMBOL), ("/fapi/v1/fundingInfo", {}), ("/fapi/v1/openInterest", SYMBOL),
    ("/fapi/v2/balance", {}), ("/fapi/v3/balance", {}), ("/fapi/v2/account", {}), ("/fapi/v3/account", {}),
    ("/fapi/v2/positionRisk", {}), ("/fapi/v3/positionRisk", {}), ("/fapi/v1/accountConfig", {}),
    ("/fapi/v1/symbolConfig", {}), ("/fapi/v1/leverageBracket", {}), ("/fapi/v1/commissionRate", SYMBOL),
    ("/fapi/v1/income", {}), ("/fapi/v1/rateLimit/order", {}), ("/fapi/v1/openOrders", {}),
    ("/fapi/v1/allOrders", SYMBOL), ("/fapi/v1/userTrades", SYMBOL), ("/fapi/v1/openAlgoOrders", {}),
    ("/fapi/v1/positionSide/dual", {}), ("/fapi/v1/multiAssetsMargin", {}),
]  # fmt: skip

WRITES: list[tuple[str, str, dict[str, str]]] = [
    ("POST", "/api/v3/order", {**SYMBOL, "side": "BUY", "type": "MARKET", "quantity": "0.01"}),
    ("DELETE", "/api/v3/order", {**SYMBOL, "origClientOrderId": "spot"}),
    ("DELETE", "/api/v3/openOrders", SYMBOL),
    ("POST", "/fapi/v1/order", LIMIT),
    ("GET", "/fapi/v1/order", {**SYMBOL, "origClientOrderId": "usdm"}),
    ("GET", "/fapi/v1/openOrder", {**SYMBOL, "origClientOrderId": "usdm"}),
    ("PUT", "/fapi/v1/order", {**SYMBOL, "side": "BUY", "quantity": "0.02", "price": "97000",
                               "origClientOrderId": "usdm"}),
    ("DELETE", "/fapi/v1/order", {**SYMBOL, "origClientOrderId": "usdm"}),
    ("DELETE", "/fapi/v1/allOpenOrders", SYMBOL),
    ("POST", "/fapi/v1/leverage", {**SYMBOL, "leverage": "21"}),
    ("POST", "/fapi/v1/countdownCancelAll", {**SYMBOL, "countdownTime": "1000"}),
    ("POST", "/fapi/v1/algoOrder", {**SYMBOL, "algoType": "CONDITIONAL", "side": "SELL", "type": "STOP_MARKET",
                                    "quantity": "0.01", "triggerPrice": "90000"}),
    ("GET", "/fapi/v1/algoOrder", {"clientAlgoId": "algo"}),
    ("DELETE", "/fapi/v1/algoOrder", {"clientAlgoId": "algo"}),
]  # fmt: skip


@lru_cache(maxsize=1)
def documented() -> dict[tuple[str, str], Any]:
    found: dict[tuple[str, str], Any] = {}
    for name in FILES:
        for line in (FOLDER / f"{name}.rest_api.jsonl").read_text("utf-8").splitlines():
            row = json.loads(line)
            found.setdefault((row["method"], row["path"]), row.get("expected_response"))
    return found


def differences(sample: Any, reply: Any, where: str = "") -> Iterator[str]:
    """Fields that are documented and missing, and values of another JSON type."""
    if isinstance(sample, list):
        assert isinstance(reply, list), where
        if sample and reply:
            yield from differences(sample[0], reply[0], where + "[]")
    elif isinstance(sample, dict) and isinstance(reply, dict):
        for name in sample.keys() - reply.keys() - CONDITIONAL:
            yield f"{where}.{name} is missing"
        for name in sample.keys() & reply.keys():
            yield from differences(sample[name], reply[name], f"{where}.{name}")
    elif sample is not None and reply is not None and kind(sample) != kind(reply) and sample != "None":
        yield f"{where}: {sample!r} is documented, {reply!r} was sent"


def kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else type(value).__name__


@pytest.fixture
def busy(rig: Rig) -> Rig:
    """An account with trades, positions, open orders and a list."""
    rig.order(type="MARKET")
    rig.order(newClientOrderId="spot")
    rig.signed("POST", "/api/v3/orderList/oco", symbol="BTCUSDT", side="SELL", quantity="1", aboveType="LIMIT_MAKER",
               abovePrice="110000", belowType="STOP_LOSS", belowStopPrice="90000")  # fmt: skip
    rig.futures_order(type="MARKET", symbol="ETHUSDT", quantity="1")
    rig.futures_order(type="MARKET")
    rig.futures_order(newClientOrderId="usdm")
    rig.signed("POST", "/fapi/v1/algoOrder", algoType="CONDITIONAL", symbol="BTCUSDT", side="SELL", type="STOP_MARKET",
               quantity="0.01", triggerPrice="95000", clientAlgoId="algo")  # fmt: skip
    return rig


def check(rig: Rig, method: str, path: str, params: dict[str, str]) -> None:
    answer = rig.signed(method, path, **params) if needs_signature(rig, method, path) else rig.raw(
        method, path + ("?symbol=BTCUSDT" if params else ""), {"X-MBX-APIKEY": rig.key.api_key})  # fmt: skip
    assert answer.status == 200, answer.body
    assert rig.now_ms == START_MS
    assert list(differences(documented()[method, path], answer.body)) == []


def needs_signature(rig: Rig, method: str, path: str) -> bool:
    return rig.exchange._table[method, path].signed


@pytest.mark.parametrize(("path", "params"), READS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_read(busy: Rig, path: str, params: dict[str, str]) -> None:
    check(busy, "GET", path, params)


@pytest.mark.parametrize(
    ("method", "path", "params"), WRITES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_write(busy: Rig, method: str, path: str, params: dict[str, str]) -> None:
    check(busy, method, path, params)
