"""COIN-M over WebSockets: its streams, its user data by listen key, and its API, which weighs with REST."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.paper.harness import Rig
from tests.paper.test_coinm import order
from tests.paper.test_documented_shapes import differences
from tests.paper.test_documented_shapes import pytestmark as needs_corpus
from tests.paper.test_ws_shapes import documented, sample
from tests.paper.test_ws_users import FIELDS, check_fields, told
from tests.paper.ws_harness import Api, Client, run

HOST = "dstream.binance.com"
COINM = "derivatives_trading_coin_futures"
BTC = {"symbol": "BTCUSD_PERP"}
STREAMS = {
    "/<symbol>@aggTrade": "btcusd_perp@aggTrade", "/!bookTicker": "!bookTicker", "/!forceOrder@arr": "!forceOrder@arr",
    "/!miniTicker@arr": "!miniTicker@arr", "/!ticker@arr": "!ticker@arr",
    "/<pair>_<contractType>@continuousKline_<interval>": "btcusd_perpetual@continuousKline_1m",
    "/!contractInfo": "!contractInfo", "/<symbol>@depth@<updateSpeed>": "btcusd_perp@depth@100ms",
    "/<pair>@indexPriceKline_<interval>": "btcusd@indexPriceKline_1m",
    "/<pair>@indexPrice@<updateSpeed>": "btcusd@indexPrice@1s", "/<symbol>@bookTicker": "btcusd_perp@bookTicker",
    "/<symbol>@miniTicker": "btcusd_perp@miniTicker", "/<symbol>@ticker": "btcusd_perp@ticker",
    "/<symbol>@kline_<interval>": "btcusd_perp@kline_1m",
    "/<symbol>@markPriceKline_<interval>": "btcusd_perp@markPriceKline_1m",
    "/<pair>@markPrice@<updateSpeed>": "btcusd@markPrice@1s",
    "/<symbol>@markPrice@<updateSpeed>": "btcusd_perp@markPrice@1s", "/<symbol>@forceOrder": "btcusd_perp@forceOrder",
    "/<symbol>@depth<levels>@<updateSpeed>": "btcusd_perp@depth10@100ms",
}  # fmt: skip
LIMIT = {**BTC, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "10", "price": "90000"}
CALLS: dict[str, dict[str, Any]] = {
    "account.status": {}, "account.balance": {}, "account.position": {}, "order.place": LIMIT,
    "order.status": {**BTC, "origClientOrderId": "mine"}, "order.cancel": {**BTC, "origClientOrderId": "mine"},
    "order.modify": {**BTC, "side": "BUY", "origClientOrderId": "mine", "quantity": "11", "price": "89000"},
    "userDataStream.start": {}, "userDataStream.ping": {}, "userDataStream.stop": {},
}  # fmt: skip


@pytest.fixture
def moving(tmp_path: Path) -> Rig:
    return Rig(tmp_path, volatility=100)


def listen_key(rig: Rig) -> str:
    answer = rig.raw("POST", "/dapi/v1/listenKey", {"X-MBX-APIKEY": rig.key.api_key})
    return str(answer.body["listenKey"])


@pytest.fixture
def user(rig: Rig) -> Client:
    return Client(rig, f"/ws/{listen_key(rig)}", HOST)


# shapes


@needs_corpus
def test_every_documented_stream_is_here() -> None:
    assert {row["stream"] for row in documented(f"{COINM}.websocket_streams") if "stream" in row} == set(STREAMS)


@needs_corpus
@pytest.mark.parametrize(("pattern", "name"), STREAMS.items())
def test_a_stream(moving: Rig, pattern: str, name: str) -> None:
    client = Client(moving, f"/ws/{name}", HOST)
    if "forceOrder" in name:
        order(moving, newClientOrderId="autoclose-1")
    if "contractInfo" in name:
        moving.exchange.realtime.mixed.announce("BTCUSD_PERP", moving.now_ms)
    run(moving, 4000)
    messages = client.read()
    assert messages
    expected = sample(f"{COINM}.websocket_streams", "stream", pattern)
    for message in messages:
        assert list(differences(expected, own(message, expected))) == []


def own(message: Any, expected: Any) -> Any:
    """Of the streams that carry both markets, the rows of this one: those of USD-M have shapes of their own."""
    if isinstance(message, list) and isinstance(expected, list):
        assert message
        return [row for row in message if row["s"].endswith("_PERP")]
    return message


@needs_corpus
@pytest.mark.parametrize("method", CALLS)
def test_a_method(rig: Rig, method: str) -> None:
    order(rig, type="LIMIT", timeInForce="GTC", price="90000", newClientOrderId="mine")
    order(rig)
    api = Api(rig, "coinm")
    endpoint = rig.exchange.realtime.methods["coinm", method].endpoint
    if endpoint.signed:
        answer = api.signed(method, **CALLS[method])
    else:
        api.call("userDataStream.start", apiKey=rig.key.api_key)
        answer = api.call(method, apiKey=rig.key.api_key)
    assert answer["status"] == 200, answer
    assert list(differences(sample(f"{COINM}.websocket_api", "ws_method", method), answer)) == []


@needs_corpus
def test_every_documented_method_is_here() -> None:
    assert {row["ws_method"] for row in documented(f"{COINM}.websocket_api") if "ws_method" in row} == set(CALLS)


# streams


def test_what_only_usdm_has_is_silent_here_and_the_other_way_round(moving: Rig) -> None:
    here = "btcusd_perp@rpiDepth@500ms/btcusd_perp@compositeIndex/!assetIndex@arr/tradingSession"
    there = "btcusdt@indexPrice/btcusdt@indexPriceKline_1m/btcusdt@markPriceKline_1m/btcusdt_perp@kline_1m"
    silent = [Client(moving, f"/ws/{here}/btcusdt@ticker/!markPrice@arr", HOST),
              Client(moving, f"/market/ws/{there}/btcusd_perp@ticker", "fstream.binance.com")]  # fmt: skip
    run(moving, 3000)
    assert [client.read() for client in silent] == [[], []]


@pytest.mark.parametrize(("host", "path"), [("fstream.binance.com", "/market/ws/"), (HOST, "/ws/")])
@pytest.mark.parametrize("name", ["!ticker@arr", "!miniTicker@arr"])
def test_tickers_of_all_symbols_carry_both_markets_on_both_addresses(
    moving: Rig, host: str, path: str, name: str
) -> None:
    client = Client(moving, path + name, host)
    run(moving, 1000)
    rows = client.read()[-1]
    assert {row["s"]: row["st"] for row in rows} == {
        **dict.fromkeys(moving.exchange.usdm.symbols, 1), **dict.fromkeys(moving.exchange.coinm.symbols, 2)
    }  # fmt: skip
    assert next(row["ps"] for row in rows if row["s"] == "BTCUSD_PERP") == "BTCUSD"


def test_liquidations_of_either_market_are_told_on_both(rig: Rig) -> None:
    clients = [Client(rig, "/ws/!forceOrder@arr", HOST),
               Client(rig, "/market/ws/!forceOrder@arr", "fstream.binance.com")]  # fmt: skip
    order(rig, newClientOrderId="autoclose-1")
    rig.futures_order(type="MARKET", newClientOrderId="autoclose-2")
    run(rig, 1000)
    for client in clients:
        assert {(row["o"]["s"], row["st"]) for row in client.read()} == {("BTCUSD_PERP", 2), ("BTCUSDT", 1)}


def test_best_prices_of_all_come_when_they_change(rig: Rig) -> None:
    client = Client(rig, "/ws/!bookTicker", HOST)
    run(rig, 200)
    everything = len(rig.exchange.usdm.symbols) + len(rig.exchange.coinm.symbols)
    assert len(client.read()) == everything
    run(rig, 400)
    client.read()
    rig.futures_order(price=rig.public("/fapi/v1/ticker/bookTicker", symbol="BTCUSDT").body["bidPrice"])
    run(rig, 100)
    assert [row["s"] for row in client.read()] == ["BTCUSDT"]


@pytest.mark.parametrize(("name", "path", "query"), [
    ("btcusd_perp@markPriceKline_1m", "markPriceKlines", BTC),
    ("btcusd@indexPriceKline_1m", "indexPriceKlines", {"pair": "BTCUSD"}),
    ("btcusd_perp@kline_1m", "klines", BTC),
])  # fmt: skip
def test_a_closed_candle_is_that_of_rest(moving: Rig, name: str, path: str, query: dict[str, str]) -> None:
    client = Client(moving, f"/ws/{name}", HOST)
    run(moving, 61_000)
    closed = next(row["k"] for row in client.read() if row["k"]["x"])
    rest = moving.public(f"/dapi/v1/{path}", interval="1m", startTime=closed["t"], limit=1, **query).body[0]
    assert [closed[field] for field in ("t", "o", "h", "l", "c", "v")] == rest[:6]


# user data


def test_fills_are_told_in_coins_without_trade_lite(rig: Rig, user: Client) -> None:
    order(rig, newClientOrderId="mine")
    rows = told(user)
    assert {row["e"] for row in rows} == {"ACCOUNT_UPDATE", "ORDER_TRADE_UPDATE"}
    assert [row["e"] for row in rows][:3] == ["ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "ORDER_TRADE_UPDATE"]
    last = rows[-1]["o"]
    assert (last["c"], last["X"], last["N"], last["ma"]) == ("mine", "FILLED", "BTC", "BTC")
    assert {row["i"] for row in rows} == {rig.signed("GET", "/dapi/v1/balance").body[0]["accountAlias"]}
    wallet = rig.signed("GET", "/dapi/v1/balance").body
    told_wallet = [row for row in rows if row["e"] == "ACCOUNT_UPDATE"][-1]["a"]["B"][0]
    assert told_wallet["wb"] == next(row["balance"] for row in wallet if row["asset"] == told_wallet["a"])


def test_events_go_to_their_own_market_s_key_only(rig: Rig, user: Client) -> None:
    rig.futures_order(type="MARKET")
    run(rig, 500)
    assert user.read() == []
    other = rig.raw("POST", "/fapi/v1/listenKey", {"X-MBX-APIKEY": rig.key.api_key}).body["listenKey"]
    assert other != listen_key(rig)
    stranger = Client(rig, f"/ws/{other}", HOST)
    order(rig)
    assert stranger.read() == []
    assert user.read()


def test_a_leverage_a_conditional_order_and_a_margin_call_are_told(tmp_path: Path) -> None:
    rig = Rig(tmp_path, coinm_balances={"BTC": Decimal("0.01")})
    user = Client(rig, f"/stream?streams={listen_key(rig)}", HOST)
    rig.signed("POST", "/dapi/v1/leverage", **BTC, leverage=50)
    order(rig, quantity="300")
    answer = rig.signed("POST", "/dapi/v1/algoOrder", **BTC, algoType="CONDITIONAL", side="SELL", type="STOP_MARKET",
                        quantity="10", triggerPrice="80000")  # fmt: skip
    assert answer.status == 200, answer.body
    price = Decimal(rig.public("/dapi/v1/ticker/price", **BTC).body[0]["price"])
    rig.set_price("coinm", "BTCUSD_PERP", str((price * Decimal("0.9728")).quantize(Decimal(1))))
    run(rig, 60_000)
    seen = {row["data"]["e"]: row["data"] for row in user.read()}
    assert {"ACCOUNT_CONFIG_UPDATE", "ALGO_UPDATE", "MARGIN_CALL"} <= set(seen)
    assert seen["ACCOUNT_CONFIG_UPDATE"]["ac"] == {"s": "BTCUSD_PERP", "l": 50}
    assert (seen["ALGO_UPDATE"]["o"]["s"], seen["MARGIN_CALL"]["p"][0]["s"]) == ("BTCUSD_PERP", "BTCUSD_PERP")
    rig.journal.close()


@pytest.mark.skipif(not FIELDS.is_file(), reason="the table of user event fields is not beside the corpora")
def test_events_have_the_documented_fields(tmp_path: Path) -> None:
    rig = Rig(tmp_path, coinm_balances={"BTC": Decimal("0.01")})
    user = Client(rig, f"/ws/{listen_key(rig)}", HOST)
    table = json.loads(FIELDS.read_text("utf-8"))[COINM]
    rig.signed("POST", "/dapi/v1/leverage", **BTC, leverage=50)
    order(rig, quantity="300")
    order(rig, type="LIMIT", timeInForce="GTC", price="90000", quantity="1")
    price = Decimal(rig.public("/dapi/v1/ticker/price", **BTC).body[0]["price"])
    rig.set_price("coinm", "BTCUSD_PERP", str((price * Decimal("0.9728")).quantize(Decimal(1))))
    run(rig, 60_000)
    names = {"ORDER_TRADE_UPDATE": "OrderTradeUpdate", "ACCOUNT_UPDATE": "AccountUpdate", "MARGIN_CALL": "MarginCall",
             "ACCOUNT_CONFIG_UPDATE": "AccountConfigUpdate"}  # fmt: skip
    rows = user.read()
    assert {row["e"] for row in rows} == set(names)
    for row in rows:
        check_fields(row, table, names[row["e"]])
    rig.journal.close()


def test_a_key_that_ends_says_so_and_is_in_no_journal(rig: Rig) -> None:
    key = listen_key(rig)
    client = Client(rig, f"/ws/{key}", HOST)
    client.ask({"method": "SUBSCRIBE", "params": ["btcusd_perp@kline_1m"], "id": 1})
    client.ask({"method": "UNSUBSCRIBE", "params": ["btcusd_perp@kline_1m"], "id": 2})
    rig.raw("DELETE", "/dapi/v1/listenKey", {"X-MBX-APIKEY": rig.key.api_key})
    run(rig, 200)
    assert client.read() == [{"e": "listenKeyExpired", "E": rig.now_ms - 100, "listenKey": key}]
    assert key not in (rig.home / "journal.jsonl").read_text("utf-8")


# the API


def test_it_weighs_with_rest_of_both_markets_and_the_other_api_apart(rig: Rig) -> None:
    rig.public("/fapi/v1/ping")
    api = Api(rig, "coinm")
    answer = api.signed("account.status")
    assert answer["rateLimits"] == [
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400, "count": 11}
    ]
    assert rig.public("/dapi/v1/ping").headers["X-MBX-USED-WEIGHT-1M"] == "12"
    assert Api(rig, "usdm").signed("account.status")["rateLimits"][0]["count"] == 10
    assert rig.public("/fapi/v1/ping").headers["X-MBX-USED-WEIGHT-1M"] == "13"


def test_orders_count_together_and_a_ban_reaches_here(tmp_path: Path) -> None:
    rig = Rig(tmp_path, limits={"futures_orders_10s": 2, "futures_weight": 20}, ban_after=1)
    api = Api(rig, "coinm")
    rig.futures_order()
    answer = api.signed("order.place", **LIMIT)
    assert [row["count"] for row in answer["rateLimits"]] == [2, 2, 5]
    assert api.signed("order.place", **LIMIT)["error"]["code"] == -1015
    statuses = [api.signed("account.status")["status"] for _ in range(6)]
    assert statuses == [200, 200, 200, 429, 418, 418]
    assert rig.public("/fapi/v1/ping").status == 418
    assert Client(rig, "/ws/btcusd_perp@kline_1m", HOST).status == 418
    rig.journal.close()


def test_what_spot_has_is_no_method_here(rig: Rig) -> None:
    api = Api(rig, "coinm")
    assert api.call("depth", **BTC)["error"]["code"] == -1020
    assert api.call("session.status")["result"]["apiKey"] is None
