"""Replies have the documented fields: held against the corpus of documented replies."""

import json
import os
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.paper.harness import START_MS, Rig

from counterseal.paper import endpoints

FOLDER = Path(os.environ.get("COUNTERSEAL_CORPORA", "")) / "exchange-replies"
FILES = ("spot", "derivatives_trading_usds_futures", "derivatives_trading_coin_futures", "wallet", "margin_trading",
         "sub_account", "derivatives_trading_portfolio_margin")  # fmt: skip
SYMBOL = {"symbol": "BTCUSDT"}
INVERSE = {"symbol": "BTCUSD_PERP"}
EMAIL = "desk@example.com"

pytestmark = pytest.mark.skipif(
    "COUNTERSEAL_CORPORA" not in os.environ or not FOLDER.is_dir(), reason="COUNTERSEAL_CORPORA names no corpora"
)

# fields that the documentation shows on some orders only, and those that left the API in 2026
CONDITIONAL = {
    "preventedMatchId", "preventedQuantity", "strategyId", "strategyType", "trailingDelta", "trailingTime", "usedSor",
    "workingFloor", "pegPriceType", "pegOffsetType", "pegOffsetValue", "peggedPrice", "expiryReason", "stopPrice",
    "icebergQty", "activatePrice", "priceRate", "code", "msg", "cumBase", "pair", "count", "delistTime", "sors",
    "maxQty", "minQty", "stepSize", "limit", "notional", "multiplierUp", "multiplierDown", "multiplierDecimal",
    "priceExponent", "actualType", "actualQty", "baseQty", "isRPITrade", "fills", "discount", "cumQty", "listStatus",
    "externalCalculationId", "cumQuote", "rateLimits", "qtyExponent", "symbolRules", "goodTillDate", "HEDGE",
    "contingencyType", "listStatusType", "listOrderStatus", "listClientOrderId", "transactionTime", "orders",
    "orderReports", "asset", "isolatedSymbol",
}  # fmt: skip

# path: what its calls need beside nothing; `*` is the default of a method and family
PARAMS: dict[str, dict[str, str]] = {
    "GET /fapi": {}, "GET /dapi": {}, "GET /api": SYMBOL, "GET /sapi": {}, "GET /papi": {},
    "GET /api/v3/time": {}, "GET /api/v3/ping": {}, "GET /api/v3/account": {}, "GET /api/v3/openOrders": {},
    "GET /api/v3/openOrderList": {}, "GET /api/v3/allOrderList": {}, "GET /api/v3/rateLimit/order": {},
    "GET /api/v3/orderList": {"origClientOrderId": "oco"}, "GET /api/v3/exchangeInfo": SYMBOL,
    "GET /api/v3/order": SYMBOL | {"origClientOrderId": "spot"}, "GET /api/v3/historicalBlockTrades":
        SYMBOL | {"fromId": "1"},
    "GET /api/v3/klines": SYMBOL | {"interval": "1m"}, "GET /api/v3/uiKlines": SYMBOL | {"interval": "1m"},
    "GET /api/v3/order/amendments": SYMBOL | {"orderId": "$amended"},
    "GET /api/v3/myPreventedMatches": SYMBOL | {"preventedMatchId": "1"},
    "GET /sapi/v1/margin/order": SYMBOL | {"origClientOrderId": "margin"}, "GET /sapi/v1/margin/openOrders": SYMBOL,
    "DELETE /sapi/v1/margin/order": SYMBOL | {"origClientOrderId": "margin"},
    "DELETE /sapi/v1/margin/openOrders": SYMBOL, "GET /sapi/v1/margin/allOrders": SYMBOL,
    "GET /sapi/v1/margin/myTrades": SYMBOL, "GET /sapi/v1/margin/borrow-repay": {"type": "BORROW"},
    "POST /sapi/v1/margin/order": SYMBOL | {"side": "SELL", "type": "MARKET", "quantity": "3",
                                            "sideEffectType": "MARGIN_BUY"},
    "POST /sapi/v1/margin/borrow-repay": {"asset": "BTC", "isIsolated": "FALSE", "amount": "0.1", "type": "REPAY"},
    "GET /sapi/v1/margin/maxTransferable": {"asset": "BTC"},
    "GET /sapi/v1/margin/priceIndex": SYMBOL, "GET /sapi/v1/margin/maxBorrowable": {"asset": "BTC"},
    "GET /sapi/v1/sub-account/subAccountApi": {"email": EMAIL},
    "GET /sapi/v1/sub-account/subAccountApi/ipRestriction": {"email": EMAIL, "subAccountApiKey": "$sub"},
    "POST /sapi/v1/sub-account/virtualSubAccount": {"subAccountString": "desk"},
    "POST /sapi/v1/sub-account/subAccountApi": {"email": EMAIL, "apiName": "k", "status": "1"},
    "DELETE /sapi/v1/sub-account/subAccountApi": {"email": EMAIL, "subAccountApiKey": "$sub"},
    "POST /sapi/v1/sub-account/subAccountApiPermission": {"email": EMAIL, "subAccountApiKey": "$sub",
                                                          "canTrade": "true"},
    "POST /sapi/v2/sub-account/subAccountApi/ipRestriction": {"email": EMAIL, "subAccountApiKey": "$sub",
                                                              "status": "2", "ipAddress": "192.0.2.1"},
    "DELETE /sapi/v1/sub-account/subAccountApi/ipRestriction/ipList": {"email": EMAIL, "subAccountApiKey": "$sub",
                                                                       "ipAddress": "192.0.2.1"},
    "POST /api/v3/order": SYMBOL | {"side": "BUY", "type": "MARKET", "quantity": "0.01"},
    "POST /api/v3/order/test": SYMBOL | {"side": "BUY", "type": "MARKET", "quantity": "0.01",
                                         "computeCommissionRates": "true"},
    "POST /api/v3/sor/order": SYMBOL | {"side": "BUY", "type": "MARKET", "quantity": "0.01"},
    "POST /api/v3/sor/order/test": SYMBOL | {"side": "BUY", "type": "MARKET", "quantity": "0.01",
                                             "computeCommissionRates": "true"},
    "DELETE /api/v3/order": SYMBOL | {"origClientOrderId": "spot"}, "DELETE /api/v3/openOrders": SYMBOL,
    "DELETE /api/v3/orderList": SYMBOL | {"listClientOrderId": "oco"},
    "PUT /api/v3/order/amend/keepPriority": SYMBOL | {"origClientOrderId": "spot", "newQty": "0.005"},
    "POST /api/v3/order/cancelReplace": SYMBOL | {
        "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "95000",
        "cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrigClientOrderId": "spot"},
    "POST /api/v3/orderList/oco": SYMBOL | {
        "side": "SELL", "quantity": "1", "aboveType": "LIMIT_MAKER", "abovePrice": "110000", "belowType": "STOP_LOSS",
        "belowStopPrice": "90000"},
    "POST /api/v3/order/oco": SYMBOL | {"side": "SELL", "quantity": "1", "price": "110000", "stopPrice": "90000"},
    "POST /api/v3/orderList/oto": SYMBOL | {
        "workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "90000", "workingQuantity": "1",
        "workingTimeInForce": "GTC", "pendingType": "MARKET", "pendingSide": "SELL", "pendingQuantity": "1"},
    "POST /api/v3/orderList/opo": SYMBOL | {
        "workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "90000", "workingQuantity": "1",
        "workingTimeInForce": "GTC", "pendingType": "MARKET", "pendingSide": "SELL"},
    "POST /api/v3/orderList/otoco": SYMBOL | {
        "workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "90000", "workingQuantity": "1",
        "workingTimeInForce": "GTC", "pendingSide": "SELL", "pendingQuantity": "1", "pendingAboveType": "LIMIT_MAKER",
        "pendingAbovePrice": "110000", "pendingBelowType": "STOP_LOSS", "pendingBelowStopPrice": "80000"},
    "POST /api/v3/orderList/opoco": SYMBOL | {
        "workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "90000", "workingQuantity": "1",
        "workingTimeInForce": "GTC", "pendingSide": "SELL", "pendingAboveType": "LIMIT_MAKER",
        "pendingAbovePrice": "110000", "pendingBelowType": "STOP_LOSS", "pendingBelowStopPrice": "80000"},
}  # fmt: skip
FUTURES: dict[str, dict[str, str]] = {
    **{f"GET {name}": {"symbol": "$"} for name in (
        "depth", "trades", "historicalTrades", "aggTrades", "ticker/24hr", "ticker/price", "ticker/bookTicker",
        "openInterest", "constituents", "fundingRate", "commissionRate", "userTrades", "allOrders", "orderAmendment",
        "premiumIndex", "rpiDepth", "allAlgoOrders", "symbolAdlRisk", "insuranceBalance")},
    **{f"GET {name}": {"symbol": "$", "interval": "1m", "limit": "3"} for name in (
        "klines", "markPriceKlines", "premiumIndexKlines")},
    "GET positionMargin/history": {"symbol": "$isolated"},
    "GET continuousKlines": {"pair": "$pair", "contractType": "PERPETUAL", "interval": "1m", "limit": "3"},
    "GET indexPriceKlines": {"pair": "$pair", "interval": "1m", "limit": "3"},
    "GET order": {"symbol": "$", "origClientOrderId": "futures"},
    "GET openOrder": {"symbol": "$", "origClientOrderId": "futures"},
    "GET algoOrder": {"clientAlgoId": "algo"}, "DELETE algoOrder": {"clientAlgoId": "algo"},
    "DELETE algoOpenOrders": {"symbol": "$"}, "GET assetIndex": {"symbol": "BTCUSD"},
    "POST order": {"symbol": "$", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1",
                   "price": "96000"},
    "POST order/test": {"symbol": "$", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1",
                        "price": "96000"},
    "PUT order": {"symbol": "$", "side": "BUY", "quantity": "2", "price": "97000", "origClientOrderId": "futures"},
    "DELETE order": {"symbol": "$", "origClientOrderId": "futures"}, "DELETE allOpenOrders": {"symbol": "$"},
    "POST batchOrders": {"batchOrders": '[{"symbol":"$","side":"BUY","type":"LIMIT","timeInForce":"GTC",'
                                        '"quantity":"1","price":"96000"}]'},
    "PUT batchOrders": {"batchOrders": '[{"symbol":"$","side":"BUY","quantity":"2","price":"97000",'
                                       '"origClientOrderId":"futures"}]'},
    "DELETE batchOrders": {"symbol": "$", "origClientOrderIdList": '["futures"]'},
    "POST leverage": {"symbol": "$", "leverage": "21"}, "POST marginType": {"symbol": "$flat",
                                                                             "marginType": "ISOLATED"},
    "POST positionMargin": {"symbol": "$isolated", "amount": "0.1", "type": "1"},
    "POST countdownCancelAll": {"symbol": "$", "countdownTime": "1000"},
    "POST algoOrder": {"symbol": "$", "algoType": "CONDITIONAL", "side": "SELL", "type": "STOP_MARKET",
                       "quantity": "1", "triggerPrice": "90000"},
    "POST feeBurn": {"feeBurn": "true"}, "POST multiAssetsMargin": {"multiAssetsMargin": "true"},
}  # fmt: skip
PORTFOLIO_ORDERS = ("order", "openOrder", "openOrders", "allOrders", "allOpenOrders", "userTrades")
UNREACHABLE = {
    ("POST", "/fapi/v1/positionSide/dual"): "refused while the account holds something; looked at below",
    ("POST", "/dapi/v1/positionSide/dual"): "refused while the account holds something; looked at below",
    ("POST", "/fapi/v1/multiAssetsMargin"): "refused while the account has open orders; looked at below",
}


def table() -> list[tuple[str, str]]:
    return sorted(endpoints.load())


def wanted(method: str, path: str) -> dict[str, str]:
    """The parameters of a call, for the whole table."""
    exact = PARAMS.get(f"{method} {path}")
    if exact is not None:
        return exact
    family = path.split("/")[1]
    if family in ("fapi", "dapi"):
        return FUTURES.get(f"{method} {path.split('/', 3)[3]}", {})
    if family == "papi" and path.endswith("commissionRate"):
        return SYMBOL if "/um/" in path else INVERSE
    if family == "papi" and "/rateLimit/" not in path and path.split("/")[-1] in PORTFOLIO_ORDERS:
        return FUTURES.get(f"{method} {path.split('/')[-1]}", {})
    return PARAMS.get(f"{method} /{family}", {})


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
def busy(rig: Rig) -> dict[str, str]:
    """An account with trades, positions, open orders, lists, a liquidation and sub-account keys; names to fill in."""
    rig.order(type="MARKET")
    rig.order(newClientOrderId="spot")
    rig.signed("POST", "/api/v3/orderList/oco", **SYMBOL, side="SELL", quantity="1", aboveType="LIMIT_MAKER",
               abovePrice="110000", belowType="STOP_LOSS", belowStopPrice="90000", listClientOrderId="oco")  # fmt: skip
    amended = rig.order(quantity="0.02").body["orderId"]
    rig.signed("PUT", "/api/v3/order/amend/keepPriority", **SYMBOL, orderId=amended, newQty="0.01")
    rig.order(side="SELL", price="96000", type="LIMIT", quantity="0.01", timeInForce="IOC")
    rig.order(price="100000", quantity="3")
    rig.order(type="MARKET", side="SELL", quantity="3", selfTradePreventionMode="EXPIRE_TAKER")
    rig.signed("POST", "/api/v3/sor/order", **SYMBOL, side="BUY", type="MARKET", quantity="0.01")
    for root, name, isolated, size in (
        ("/fapi", "BTCUSDT", "SOLUSDT", "0.1"),
        ("/dapi", "BTCUSD_PERP", "SOLUSD_PERP", "10"),
    ):
        trade = {"symbol": name, "side": "BUY", "type": "MARKET", "quantity": size}
        rig.signed("POST", f"{root}/v1/order", **trade)
        rig.signed("POST", f"{root}/v1/marginType", symbol=isolated, marginType="ISOLATED")
        rig.signed("POST", f"{root}/v1/order", **{**trade, "symbol": isolated, "quantity": "10"})
        rig.signed("POST", f"{root}/v1/positionMargin", symbol=isolated, amount="0.01", type="1")
        rig.raw("POST", f"{root}/v1/listenKey", {"X-MBX-APIKEY": rig.key.api_key})
        order = {"symbol": name, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "96000",
                 "quantity": "1", "newClientOrderId": "futures"}  # fmt: skip
        rig.signed("POST", f"{root}/v1/order", **order)
        rig.signed("PUT", f"{root}/v1/order", symbol=name, side="BUY", quantity="3", price="95500",
                   origClientOrderId="futures")  # fmt: skip
        rig.signed("POST", f"{root}/v1/algoOrder", algoType="CONDITIONAL", symbol=name, side="SELL", type="STOP_MARKET",
                   quantity="1", triggerPrice="95000", clientAlgoId="algo")  # fmt: skip
    rig.futures_order(symbol="ETHUSDT", price="3900", quantity="0.1")
    rig.exchange.admin.run({"do": "deposit", "market": "margin", "asset": "USDT", "amount": "200000"})
    loan = {"asset": "BTC", "isIsolated": "FALSE", "amount": "1", "type": "BORROW"}
    rig.signed("POST", "/sapi/v1/margin/borrow-repay", **loan)
    margin = {**SYMBOL, "side": "SELL", "quantity": "0.1"}
    rig.signed("POST", "/sapi/v1/margin/order", **margin, type="MARKET")
    rig.signed("POST", "/sapi/v1/margin/order", **margin, type="LIMIT", timeInForce="GTC", price="105000",
               newClientOrderId="margin")  # fmt: skip
    sub = rig.add_key(EMAIL)
    rig.signed("POST", "/sapi/v2/sub-account/subAccountApi/ipRestriction", email=EMAIL, subAccountApiKey=sub.api_key,
               status=2, ipAddress="192.0.2.1,192.0.2.2")  # fmt: skip
    for market, name, price in ((rig.exchange.usdm, "SOLUSDT", "150"), (rig.exchange.coinm, "SOLUSD_PERP", "150")):
        market.shift(name, Decimal(price), rig.now_ms)
    for root, name, size in (("/fapi", "SOLUSDT", "10"), ("/dapi", "SOLUSD_PERP", "10")):
        rig.signed("POST", f"{root}/v1/order", symbol=name, side="BUY", type="MARKET", quantity=size)
    return {"$amended": str(amended), "$sub": sub.api_key}


def filled(path: str, params: dict[str, str], names: dict[str, str]) -> dict[str, str]:
    is_usdm = path.startswith(("/fapi", "/papi/v1/um"))
    words = {"$pair": "BTCUSDT" if is_usdm else "BTCUSD", "$flat": "LTCUSDT" if is_usdm else "XRPUSD_PERP",
             "$isolated": "SOLUSDT" if is_usdm else "SOLUSD_PERP", **names}  # fmt: skip
    found = {name: words.get(value, value) for name, value in params.items()}
    symbol = "BTCUSDT" if is_usdm else "BTCUSD_PERP"
    return {name: value.replace("$", symbol) for name, value in found.items()}


@pytest.mark.parametrize(("method", "path"), table(), ids=lambda part: part)
def test_a_reply_has_the_documented_fields_and_types(rig: Rig, busy: dict[str, str], method: str, path: str) -> None:
    if (method, path) not in documented():
        pytest.skip("the corpus has no reply of this endpoint")
    if (method, path) in UNREACHABLE:
        pytest.skip(UNREACHABLE[method, path])
    params = filled(path, wanted(method, path), busy)
    endpoint = rig.exchange._table[method, path]
    if endpoint.signed:
        answer = rig.signed(method, path, **params)
    else:
        query = urlencode(params)
        answer = rig.raw(method, path + (f"?{query}" if query else ""), {"X-MBX-APIKEY": rig.key.api_key})
    assert answer.status == 200, answer.body
    assert rig.now_ms == START_MS
    assert list(differences(documented()[method, path], answer.body)) == []
    if method == "GET" and isinstance(documented()[method, path], list) and path not in EMPTY:
        assert answer.body, "the sample is no sample when nothing is in the list"


EMPTY = {"/api/v3/historicalBlockTrades"}


@pytest.mark.parametrize(
    ("path", "params"),
    [("/fapi/v1/positionSide/dual", {"dualSidePosition": "true"}),
     ("/dapi/v1/positionSide/dual", {"dualSidePosition": "true"}),
     ("/fapi/v1/multiAssetsMargin", {"multiAssetsMargin": "true"})],
)  # fmt: skip
def test_what_only_an_empty_account_may_change(rig: Rig, path: str, params: dict[str, str]) -> None:
    answer = rig.signed("POST", path, **params)
    assert answer.status == 200, answer.body
    assert list(differences(documented()["POST", path], answer.body)) == []
