"""User data: what happens to an account is told, completely, in order, and to its owner only."""

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.paper.harness import Rig
from tests.paper.ws_harness import Api, Client, idle, run

FUTURES = "fstream.binance.com"
FIELDS = Path(os.environ.get("COUNTERSEAL_CORPORA", "")).parent / "binance" / "user_event_fields.json"


@pytest.fixture
def spot(rig: Rig) -> Api:
    api = Api(rig)
    assert api.signed("userDataStream.subscribe.signature")["status"] == 200
    return api


def listen_key(rig: Rig) -> str:
    answer = rig.raw("POST", "/fapi/v1/listenKey", {"X-MBX-APIKEY": rig.key.api_key})
    return str(answer.body["listenKey"])


@pytest.fixture
def usdm(rig: Rig) -> Client:
    return Client(rig, f"/private/ws?listenKey={listen_key(rig)}", FUTURES)


def told(api: Client) -> list[Any]:
    return [row.get("event", row) for row in api.read()]


def kinds(rows: list[Any]) -> list[str]:
    return [f"{row['e']}:{row['x']}" if "x" in row else row["e"] for row in rows]


# spot


def test_an_order_s_life(rig: Rig, spot: Api) -> None:
    rig.order(newClientOrderId="a1")
    rows = told(spot)
    assert kinds(rows) == ["executionReport:NEW", "outboundAccountPosition"]
    assert (rows[0]["c"], rows[0]["X"], rows[0]["w"], rows[0]["N"]) == ("a1", "NEW", True, None)
    assert {row["a"]: row["l"] for row in rows[1]["B"]} == {"BTC": "0.00000000", "USDT": "960.00000000"}
    rig.signed("DELETE", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="a1", newClientOrderId="c1")
    rows = told(spot)
    assert kinds(rows) == ["executionReport:CANCELED", "outboundAccountPosition"]
    assert (rows[0]["C"], rows[0]["c"], rows[0]["X"], rows[0]["w"]) == ("a1", "c1", "CANCELED", False)


def test_fills_add_up_to_the_balance(rig: Rig, spot: Api) -> None:
    rig.order(type="MARKET", quantity="2")
    rows = told(spot)
    fills = [row for row in rows if row.get("x") == "TRADE"]
    assert len(fills) > 1
    assert [row["X"] for row in fills] == ["PARTIALLY_FILLED"] * (len(fills) - 1) + ["FILLED"]
    assert fills[-1]["z"] == fills[-1]["q"]
    assert len({row["t"] for row in fills}) == len(fills)
    assert len({row["I"] for row in rows if "I" in row}) == len(fills) + 1
    free, locked = rig.balance("BTC")
    assert {"a": "BTC", "f": free, "l": locked} in rows[-1]["B"]


def test_an_order_by_quote_amount_ends_filled(rig: Rig, spot: Api) -> None:
    rig.order(type="MARKET", quantity=None, quoteOrderQty="150000")
    fills = [row for row in told(spot) if row.get("x") == "TRADE"]
    assert [row["X"] for row in fills][-1] == "FILLED"
    assert all(row["Q"] == "150000.00000000" for row in fills)


def test_what_expires(rig: Rig, spot: Api) -> None:
    rig.order(timeInForce="IOC")
    assert kinds(told(spot))[:2] == ["executionReport:NEW", "executionReport:EXPIRED"]


def test_a_market_order_without_enough_on_the_other_side_says_why(tmp_path: Path) -> None:
    rig = Rig(tmp_path, balances={"LTC": Decimal(100_000)})
    api = Api(rig)
    api.signed("userDataStream.subscribe.signature")
    rig.order(symbol="LTCBTC", side="SELL", type="MARKET", quantity="2000")
    rig.order(symbol="LTCBTC", side="SELL", type="MARKET", quantity="2000")
    for _ in range(20):
        rig.order(symbol="LTCBTC", side="SELL", type="MARKET", quantity="2000")
    last = [row for row in told(api) if row.get("x") == "EXPIRED"][-1]
    assert (last["X"], last["eR"]) == ("EXPIRED", "INSUFFICIENT_LIQUIDITY")
    rig.journal.close()


def test_an_amended_order_tells_both_ids(rig: Rig, spot: Api) -> None:
    rig.order(newClientOrderId="a1")
    told(spot)
    answer = rig.signed("PUT", "/api/v3/order/amend/keepPriority", symbol="BTCUSDT", origClientOrderId="a1",
                        newClientOrderId="a2", newQty="0.005")  # fmt: skip
    assert answer.status == 200, answer.body
    row = told(spot)[0]
    assert (row["x"], row["C"], row["c"], row["q"]) == ("REPLACED", "a1", "a2", "0.00500000")


def test_self_trade_prevention_is_told(rig: Rig, spot: Api) -> None:
    price = rig.public("/api/v3/ticker/bookTicker", symbol="BTCUSDT").body["bidPrice"]
    rig.order(price=price, quantity="0.5", newClientOrderId="maker")
    rig.order(side="SELL", type="MARKET", quantity="0.1", newClientOrderId="taker")
    rows = told(spot)
    assert ("maker", "TRADE_PREVENTION") in [(row.get("c"), row.get("x")) for row in rows]


def test_a_stop_tells_when_it_starts_to_work(rig: Rig, spot: Api) -> None:
    rig.order(side="SELL", type="STOP_LOSS_LIMIT", price="98000", stopPrice="99000", newClientOrderId="stop")
    assert [row["w"] for row in told(spot) if row["e"] == "executionReport"] == [False]
    rig.set_price("spot", "BTCUSDT", "98900")
    rig.exchange.advance()
    rows = [row for row in told(spot) if row["e"] == "executionReport"]
    assert [row["x"] for row in rows][:2] == ["NEW", "TRADE"]
    assert rows[0]["w"] is True


def test_an_order_list_tells_its_beginning_and_its_end(rig: Rig, spot: Api) -> None:
    rig.signed("POST", "/api/v3/orderList/oco", symbol="BTCUSDT", side="SELL", quantity="1", aboveType="LIMIT_MAKER",
               abovePrice="110000", belowType="STOP_LOSS", belowStopPrice="90000", listClientOrderId="l1")  # fmt: skip
    rows = told(spot)
    assert kinds(rows) == ["executionReport:NEW", "executionReport:NEW", "listStatus", "outboundAccountPosition"]
    assert (rows[2]["C"], rows[2]["l"], rows[2]["L"], len(rows[2]["O"])) == ("l1", "EXEC_STARTED", "EXECUTING", 2)
    assert {row["i"] for row in rows[2]["O"]} == {row["i"] for row in rows[:2]}
    rig.signed("DELETE", "/api/v3/orderList", symbol="BTCUSDT", listClientOrderId="l1", newClientOrderId="c1")
    rows = told(spot)
    assert kinds(rows)[-2:] == ["listStatus", "outboundAccountPosition"]
    assert (rows[-2]["l"], rows[-2]["L"]) == ("ALL_DONE", "ALL_DONE")
    assert [row["c"] for row in rows if row.get("x") == "CANCELED"] == ["c1", "c1"]


def test_money_from_outside(rig: Rig, spot: Api) -> None:
    rig.exchange.spot.wallets.of("main").receive("BNB", 3)  # type: ignore[arg-type]
    rig.exchange.spot.feed.balance("main", "BNB", 3, rig.now_ms)  # type: ignore[arg-type]
    rig.exchange.spot.feed.flush(rig.now_ms)
    rows = told(spot)
    assert kinds(rows) == ["balanceUpdate", "outboundAccountPosition"]
    assert (rows[0]["a"], rows[0]["d"]) == ("BNB", "3.00000000")


def test_nobody_else_hears_it(rig: Rig, spot: Api) -> None:
    other = Api(rig)
    other.signed("userDataStream.subscribe.signature", rig.add_key("second"))
    rig.order()
    assert len(told(spot)) == 2
    assert told(other) == []


def test_resting_orders_are_told_when_the_market_meets_them(rig: Rig, spot: Api) -> None:
    rig.order(price="99000")
    told(spot)
    rig.set_price("spot", "BTCUSDT", "98000")
    rig.exchange.advance()
    rows = told(spot)
    assert (rows[0]["x"], rows[0]["X"], rows[0]["m"]) == ("TRADE", "FILLED", True)


# USD-M


def test_a_fill_tells_wallet_and_position_before_the_order(rig: Rig, usdm: Client) -> None:
    rig.futures_order(type="MARKET", newClientOrderId="f1")
    rows = told(usdm)
    assert [row["e"] for row in rows] == ["ORDER_TRADE_UPDATE", "TRADE_LITE", "ACCOUNT_UPDATE", "ORDER_TRADE_UPDATE"]
    assert [row["o"]["x"] for row in rows if "o" in row] == ["NEW", "TRADE"]
    position, balance = rows[2]["a"]["P"][0], rows[2]["a"]["B"][0]
    assert (position["pa"], position["ps"], position["mt"], rows[2]["a"]["m"]) == ("0.010", "BOTH", "cross", "ORDER")
    risk = rig.signed("GET", "/fapi/v2/positionRisk", symbol="BTCUSDT").body[0]
    assert (position["ep"], position["pa"]) == (risk["entryPrice"], risk["positionAmt"])
    wallet = next(row for row in rig.signed("GET", "/fapi/v3/balance").body if row["asset"] == "USDT")
    assert balance["wb"] == wallet["balance"]


def test_cancel_modify_and_expiry(rig: Rig, usdm: Client) -> None:
    rig.futures_order(newClientOrderId="f1")
    rig.signed("PUT", "/fapi/v1/order", symbol="BTCUSDT", side="BUY", origClientOrderId="f1", quantity="0.02",
               price="95000", modifyId=7)  # fmt: skip
    rig.signed("DELETE", "/fapi/v1/order", symbol="BTCUSDT", origClientOrderId="f1")
    rig.futures_order(timeInForce="IOC")
    rows = [row["o"] for row in told(usdm)]
    assert [row["x"] for row in rows] == ["NEW", "AMENDMENT", "CANCELED", "NEW", "EXPIRED"]
    assert (rows[1]["q"], rows[1].get("M")) == ("0.020", 7)


def test_a_conditional_order_s_life(rig: Rig, usdm: Client) -> None:
    rig.futures_order(type="MARKET")
    told(usdm)
    rig.signed("POST", "/fapi/v1/algoOrder", algoType="CONDITIONAL", symbol="BTCUSDT", side="SELL", type="STOP_MARKET",
               triggerPrice="99000", closePosition="true", clientAlgoId="g1")  # fmt: skip
    rig.set_price("usdm", "BTCUSDT", "98500")
    rig.exchange.advance()
    rows = told(usdm)
    states = [row["o"]["X"] for row in rows if row["e"] == "ALGO_UPDATE"]
    assert states == ["NEW", "TRIGGERED", "FINISHED"]
    last = [row["o"] for row in rows if row["e"] == "ALGO_UPDATE"][-1]
    assert (last["caid"], last["cp"], last["act"]) == ("g1", True, "MARKET")
    assert any(row["e"] == "ORDER_TRADE_UPDATE" and row["o"]["x"] == "TRADE" for row in rows)
    rig.signed("POST", "/fapi/v1/algoOrder", algoType="CONDITIONAL", symbol="BTCUSDT", side="SELL", type="STOP_MARKET",
               triggerPrice="90000", quantity="0.01", clientAlgoId="g2")  # fmt: skip
    rig.signed("DELETE", "/fapi/v1/algoOrder", clientAlgoId="g2")
    assert [row["o"]["X"] for row in told(usdm)] == ["NEW", "CANCELED"]


def test_settings_are_told(rig: Rig, usdm: Client) -> None:
    rig.signed("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=7)
    rig.signed("POST", "/fapi/v1/multiAssetsMargin", multiAssetsMargin="true")
    rows = told(usdm)
    assert [row["e"] for row in rows] == ["ACCOUNT_CONFIG_UPDATE"] * 2
    assert (rows[0]["ac"], rows[1]["ai"]) == ({"s": "BTCUSDT", "l": 7}, {"j": True})


def test_isolated_margin_that_moves_is_told(rig: Rig, usdm: Client) -> None:
    rig.signed("POST", "/fapi/v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
    rig.futures_order(type="MARKET", quantity="0.1")
    told(usdm)
    rig.signed("POST", "/fapi/v1/positionMargin", symbol="BTCUSDT", amount="100", type=1)
    update = told(usdm)[-1]
    assert (update["e"], update["a"]["m"], update["a"]["P"][0]["mt"]) == (
        "ACCOUNT_UPDATE",
        "MARGIN_TRANSFER",
        "isolated",
    )


def test_only_the_events_that_were_asked_for(rig: Rig) -> None:
    client = Client(rig, f"/private/ws?listenKey={listen_key(rig)}&events=ORDER_TRADE_UPDATE/ALGO_UPDATE", FUTURES)
    rig.futures_order(type="MARKET")
    assert {row["e"] for row in told(client)} == {"ORDER_TRADE_UPDATE"}


def test_listen_keys_in_every_place_where_they_may_stand(rig: Rig) -> None:
    key = listen_key(rig)
    raw = [Client(rig, f"/private/ws/{key}", FUTURES), Client(rig, f"/private/ws?listenKey={key}", FUTURES),
           Client(rig, "/private/ws", FUTURES)]  # fmt: skip
    combined = [Client(rig, f"/private/stream?streams={key}", FUTURES), Client(rig, "/private/stream", FUTURES)]
    for client in (raw[2], combined[1]):
        assert client.ask({"method": "SUBSCRIBE", "params": [key], "id": 1})["result"] is None
    wrong = [Client(rig, f"/{path}/{key}", FUTURES) for path in ("ws", "public/ws", "market/ws")]
    wrong += [Client(rig, "/private/ws/unknown", FUTURES)]
    rig.futures_order()
    assert all(client.read()[0]["e"] == "ORDER_TRADE_UPDATE" for client in raw)
    assert all(client.read()[0]["stream"] == key for client in combined)
    assert all(client.status == 101 and client.read() == [] for client in wrong)


def test_a_listen_key_lives_an_hour_unless_it_is_extended(rig: Rig) -> None:
    key = listen_key(rig)
    client = Client(rig, f"/private/ws/{key}", FUTURES)
    idle(rig, 3_000_000, 60_000)
    rig.raw("PUT", "/fapi/v1/listenKey", {"X-MBX-APIKEY": rig.key.api_key})
    idle(rig, 3_540_000, 60_000)
    assert told(client) == []
    idle(rig, 60_000, 60_000)
    assert told(client) == [{"e": "listenKeyExpired", "E": rig.now_ms, "listenKey": key}]
    rig.futures_order()
    assert told(client) == []
    assert rig.raw("PUT", "/fapi/v1/listenKey", {"X-MBX-APIKEY": rig.key.api_key}).code == -1125


def test_deleting_a_key_ends_it_for_everybody(rig: Rig, usdm: Client) -> None:
    rig.raw("DELETE", "/fapi/v1/listenKey", {"X-MBX-APIKEY": rig.key.api_key})
    run(rig, 100)
    assert [row["e"] for row in told(usdm)] == ["listenKeyExpired"]
    rig.futures_order()
    assert told(usdm) == []


def test_liquidation_is_told_to_the_account_and_to_everybody(tmp_path: Path) -> None:
    rig = Rig(tmp_path, usdm_balances={"USDT": Decimal(2000)})
    mine = Client(rig, f"/private/ws/{listen_key(rig)}", FUTURES)
    everybody = Client(rig, "/market/ws/btcusdt@forceOrder/!forceOrder@arr", FUTURES)
    rig.signed("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=100)
    assert rig.futures_order(type="MARKET", quantity="1").status == 200
    told(mine)
    rig.set_price("usdm", "BTCUSDT", "97000")
    run(rig, 40_000, 500)
    rows = told(mine)
    forced = [row["o"] for row in rows if row["e"] == "ORDER_TRADE_UPDATE" and row["o"]["c"].startswith("autoclose-")]
    assert forced[-1]["X"] == "FILLED"
    assert any(row["e"] == "ACCOUNT_UPDATE" and row["a"]["m"] == "INSURANCE_CLEAR" for row in rows)
    public = everybody.read()
    assert {row["e"] for row in public} == {"forceOrder"}
    assert public[0]["o"]["S"] == "SELL"
    rig.journal.close()


# fields


@pytest.mark.skipif(not FIELDS.is_file(), reason="the table of user event fields is not beside the corpora")
def test_every_event_has_only_documented_fields_and_all_that_are_always_there(
    rig: Rig, spot: Api, usdm: Client
) -> None:
    table = json.loads(FIELDS.read_text("utf-8"))
    test_an_order_list_tells_its_beginning_and_its_end(rig, spot)
    rig.order(type="MARKET", quantity="2")
    rig.order(timeInForce="IOC", strategyId=3, strategyType=1_000_000)
    test_a_conditional_order_s_life(rig, usdm)
    rig.futures_order(type="MARKET", quantity="0.5")
    rig.signed("POST", "/fapi/v1/leverage", symbol="ETHUSDT", leverage=9)
    spot_rows, usdm_rows = told(spot), told(usdm)
    assert {row["e"] for row in spot_rows} >= {"executionReport", "outboundAccountPosition"}
    for row in spot_rows:
        check_fields(row, table["spot"], {"executionReport": "ExecutionReport", "listStatus": "ListStatus",
                                          "outboundAccountPosition": "OutboundAccountPosition"}[row["e"]])  # fmt: skip
    names = {"ORDER_TRADE_UPDATE": "OrderTradeUpdate", "TRADE_LITE": "TradeLite", "ACCOUNT_UPDATE": "AccountUpdate",
             "ACCOUNT_CONFIG_UPDATE": "AccountConfigUpdate", "ALGO_UPDATE": "AlgoUpdate"}  # fmt: skip
    for row in usdm_rows:
        check_fields(row, table["derivatives_trading_usds_futures"], names[row["e"]])


# fields that some events lack (the table says "only" of most of them), and `ma`, which the futures documents add
SOMETIMES = {
    "C", "v", "d", "D", "j", "J", "A", "B", "u", "U", "Cs", "pl", "pL", "pY", "b", "a", "k", "uS", "gP", "gOT", "gOV",
    "gp", "eR", "W", "M", "AP", "cr", "S", "ap", "aq", "act", "ia", "ai", "ac", "N",
}  # fmt: skip


def check_fields(row: dict[str, Any], table: dict[str, dict[str, str]], name: str) -> None:
    known = set(table[name])
    assert set(row) - known - {"e", "ma"} == set(), (name, row)
    assert known - set(row) - SOMETIMES == set(), (name, row)
    for field, value in row.items():
        for inner in (f"{name}{field.upper()}", f"{name}{field.capitalize()}", f"{name}{field.upper()}Inner"):
            if inner in table:
                for item in value if isinstance(value, list) else [value]:
                    check_fields(item, table, inner)
