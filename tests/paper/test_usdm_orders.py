"""USD-M orders: both modes, reduce-only, changes, batches, the countdown."""

import json

import pytest
from tests.paper.harness import Answer, Rig

SYMBOL = {"symbol": "BTCUSDT"}


def position(rig: Rig, side: str = "BOTH") -> dict[str, str]:
    rows = rig.signed("GET", "/fapi/v2/positionRisk", **SYMBOL).body
    return next(row for row in rows if row["positionSide"] == side)


def hedge(rig: Rig) -> None:
    assert rig.signed("POST", "/fapi/v1/positionSide/dual", dualSidePosition="true").body["code"] == 200


def test_a_market_order_acks_new_and_is_filled_when_asked(rig: Rig) -> None:
    ack = rig.futures_order(type="MARKET").body
    assert (ack["status"], ack["executedQty"]) == ("NEW", "0.000")
    assert "avgPrice" not in ack
    found = rig.signed("GET", "/fapi/v1/order", **SYMBOL, orderId=ack["orderId"]).body
    assert (found["status"], found["executedQty"], found["avgPrice"]) == ("FILLED", "0.010", "100000.1")
    result = rig.futures_order(type="MARKET", newOrderRespType="RESULT").body
    assert (result["status"], result["executedQty"]) == ("FILLED", "0.010")


def test_place_query_change_cancel(rig: Rig) -> None:
    placed = rig.futures_order(newClientOrderId="mine").body
    order = {**SYMBOL, "origClientOrderId": "mine"}
    assert (placed["price"], placed["origQty"], placed["status"]) == ("96000.0", "0.010", "NEW")
    assert rig.signed("GET", "/fapi/v1/openOrder", **order).body["status"] == "NEW"
    changed = rig.signed("PUT", "/fapi/v1/order", **order, side="BUY", quantity="0.02", price="97000").body
    assert (changed["price"], changed["origQty"]) == ("97000.0", "0.020")
    again = rig.signed("PUT", "/fapi/v1/order", **order, side="BUY", quantity="0.02", price="97000")
    assert again.code == -5027
    assert rig.signed("DELETE", "/fapi/v1/order", **order).body["status"] == "CANCELED"
    assert rig.signed("DELETE", "/fapi/v1/order", **order).code == -2011
    assert rig.signed("GET", "/fapi/v1/openOrder", **order).code == -2013
    assert rig.signed("GET", "/fapi/v1/order", **order).body["status"] == "CANCELED"


def test_a_change_that_crosses_trades_at_once(rig: Rig) -> None:
    rig.futures_order(newClientOrderId="mine")
    changed = rig.signed("PUT", "/fapi/v1/order", **SYMBOL, origClientOrderId="mine", side="BUY", quantity="0.01",
                         price="101000").body  # fmt: skip
    assert changed["status"] == "FILLED"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"symbol": "NOPE"}, -1121), ({"side": "UP"}, -1117), ({"type": "STOP_MARKET"}, -4120),
        ({"type": "TRAILING_STOP_MARKET"}, -4120), ({"type": "FISH"}, -1116), ({"timeInForce": None}, -1102),
        ({"price": None}, -1102), ({"quantity": None}, -1102), ({"quantity": "0"}, -4003),
        ({"quantity": "0.0001"}, -1111), ({"price": "96000.01"}, -1111), ({"quantity": "1001"}, -4005),
        ({"price": "0"}, -4001), ({"price": "1000001"}, -4002), ({"price": "105001"}, -4016),
        ({"side": "SELL", "price": "94999"}, -4024), ({"quantity": "0.001"}, -4164),
        ({"quantity": "900"}, -2027), ({"positionSide": "LONG"}, -4061), ({"positionSide": "UP"}, -4060),
        ({"reduceOnly": "true"}, -2022), ({"timeInForce": "GTX", "price": "101000"}, -5022),
        ({"timeInForce": "FOK"}, -5021), ({"timeInForce": "GTD"}, -1102),
        ({"timeInForce": "GTD", "goodTillDate": "1795000001000"}, -5040),
        ({"type": "MARKET", "price": "1"}, -1106), ({"priceMatch": "OPPONENT"}, -1106),
        ({"selfTradePreventionMode": "MAYBE"}, -1130),
    ],
)  # fmt: skip
def test_a_bad_order_is_refused_and_leaves_nothing(rig: Rig, changes: dict[str, object], code: int) -> None:
    answer = rig.futures_order(**changes)
    assert (answer.status, answer.code) == (400, code), answer.body
    assert rig.signed("GET", "/fapi/v1/allOrders", **SYMBOL).body == []


def test_a_duplicate_client_id_is_4116(rig: Rig) -> None:
    rig.futures_order(newClientOrderId="x")
    assert rig.futures_order(newClientOrderId="x").code == -4116


def test_margin_bounds_what_can_be_ordered(rig: Rig) -> None:
    rig.exchange.usdm.account("main").wallet["USDT"] *= 0
    assert rig.futures_order().code == -2019
    assert rig.signed("GET", "/fapi/v1/openOrders").body == []


def test_leverage_changes_what_an_order_takes(rig: Rig) -> None:
    rig.signed("POST", "/fapi/v1/leverage", **SYMBOL, leverage="10")
    rig.futures_order(quantity="1", price="96000")
    account = rig.signed("GET", "/fapi/v3/account").body
    assert account["totalOpenOrderInitialMargin"] == "9600.00000000"
    assert account["availableBalance"] == "9990400.00000000"


# one-way positions


def test_profit_is_realised_on_closing(rig: Rig) -> None:
    rig.futures_order(type="MARKET", quantity="1")
    rig.set_price("usdm", "BTCUSDT", "101000")
    held = position(rig)
    assert (held["positionAmt"], held["entryPrice"]) == ("1.000", "100000.1")
    assert float(held["unRealizedProfit"]) == pytest.approx(1000, abs=2)
    rig.futures_order(type="MARKET", side="SELL", quantity="1", reduceOnly="true")
    assert position(rig)["positionAmt"] == "0.000"
    kinds = {row["incomeType"] for row in rig.signed("GET", "/fapi/v1/income").body}
    assert kinds == {"REALIZED_PNL", "COMMISSION"}
    pnl = sum(float(row["realizedPnl"]) for row in rig.signed("GET", "/fapi/v1/userTrades", **SYMBOL).body)
    fees = sum(float(row["commission"]) for row in rig.signed("GET", "/fapi/v1/userTrades", **SYMBOL).body)
    balance = float(rig.signed("GET", "/fapi/v3/balance").body[0]["balance"])
    assert balance == pytest.approx(10_000_000 + pnl - fees, abs=1e-6)


def test_a_position_can_flip_in_one_way_mode(rig: Rig) -> None:
    rig.futures_order(type="MARKET", quantity="0.01")
    rig.futures_order(type="MARKET", side="SELL", quantity="0.03")
    assert position(rig)["positionAmt"] == "-0.020"


def test_reduce_only_never_turns_the_position(rig: Rig) -> None:
    rig.futures_order(type="MARKET", quantity="0.01")
    answer = rig.futures_order(
        type="MARKET", side="SELL", quantity="0.05", reduceOnly="true", newOrderRespType="RESULT"
    )
    assert (answer.body["status"], answer.body["executedQty"]) == ("EXPIRED", "0.010")
    assert position(rig)["positionAmt"] == "0.000"
    assert rig.futures_order(type="MARKET", side="SELL", quantity="0.01", reduceOnly="true").code == -2022


def test_resting_reduce_only_orders_end_with_the_position(rig: Rig) -> None:
    rig.futures_order(type="MARKET", quantity="0.01")
    rig.futures_order(side="SELL", price="104000", reduceOnly="true", newClientOrderId="tp")
    rig.futures_order(type="MARKET", side="SELL", quantity="0.01")
    found = rig.signed("GET", "/fapi/v1/order", **SYMBOL, origClientOrderId="tp").body
    assert found["status"] == "EXPIRED"


# hedge mode


def test_hedge_mode_holds_both_sides(rig: Rig) -> None:
    hedge(rig)
    assert rig.futures_order(type="MARKET").code == -4061
    rig.futures_order(type="MARKET", positionSide="LONG", quantity="0.02")
    rig.futures_order(type="MARKET", side="SELL", positionSide="SHORT", quantity="0.03")
    assert (position(rig, "LONG")["positionAmt"], position(rig, "SHORT")["positionAmt"]) == ("0.020", "-0.030")
    rig.futures_order(type="MARKET", side="SELL", positionSide="LONG", quantity="0.02")
    assert position(rig, "LONG")["positionAmt"] == "0.000"
    assert rig.signed("POST", "/fapi/v1/positionSide/dual", dualSidePosition="false").code == -4068


def test_hedge_mode_takes_no_reduce_only_and_no_overclose(rig: Rig) -> None:
    hedge(rig)
    rig.futures_order(type="MARKET", positionSide="LONG", quantity="0.02")
    close = {"type": "MARKET", "side": "SELL", "positionSide": "LONG"}
    assert rig.futures_order(**close, quantity="0.02", reduceOnly="true").code == -1106
    assert rig.futures_order(**close, quantity="0.03").code == -2022


# several at once


def batch(rig: Rig, method: str, legs: list[dict[str, object]]) -> Answer:
    return rig.signed(method, "/fapi/v1/batchOrders", batchOrders=json.dumps(legs))


def test_each_leg_of_a_batch_stands_alone(rig: Rig) -> None:
    leg = {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.01",
        "price": 96000,
    }
    rows = batch(rig, "POST", [leg, {**leg, "quantity": "0.00001"}, {**leg, "side": "UP"}, {"symbol": "BTCUSDT"}]).body
    assert [row.get("code") for row in rows] == [None, -1111, -1117, -1102]
    order_id = rows[0]["orderId"]
    changes = [{"symbol": "BTCUSDT", "side": "BUY", "orderId": order_id, "quantity": "0.02", "price": "96000"},
               {"symbol": "BTCUSDT", "side": "BUY", "orderId": 1, "quantity": "0.02", "price": "96000"}]  # fmt: skip
    assert [row.get("code") for row in batch(rig, "PUT", changes).body] == [None, -2013]
    cancelled = rig.signed("DELETE", "/fapi/v1/batchOrders", **SYMBOL, orderidlist=f"[{order_id},1]").body
    assert [row.get("code") for row in cancelled] == [None, -2011]
    assert batch(rig, "POST", [leg] * 6).code == -4082
    assert rig.signed("POST", "/fapi/v1/batchOrders", batchOrders="fish").code == -1130


def test_cancel_all_and_the_countdown(rig: Rig) -> None:
    rig.futures_order()
    assert rig.signed("DELETE", "/fapi/v1/allOpenOrders", **SYMBOL).body["code"] == 200
    assert rig.signed("GET", "/fapi/v1/openOrders").body == []
    rig.futures_order()
    timer = rig.signed("POST", "/fapi/v1/countdownCancelAll", **SYMBOL, countdownTime=5000).body
    assert timer == {"symbol": "BTCUSDT", "countdownTime": "5000"}
    rig.wait(4999)
    assert len(rig.signed("GET", "/fapi/v1/openOrders").body) == 1
    rig.wait(1)
    assert rig.signed("GET", "/fapi/v1/openOrders").body == []


def test_a_countdown_of_zero_disarms(rig: Rig) -> None:
    rig.futures_order()
    rig.signed("POST", "/fapi/v1/countdownCancelAll", **SYMBOL, countdownTime=5000)
    rig.signed("POST", "/fapi/v1/countdownCancelAll", **SYMBOL, countdownTime=0)
    rig.wait(60_000)
    assert len(rig.signed("GET", "/fapi/v1/openOrders").body) == 1


def test_a_good_till_date_ends_an_order(rig: Rig) -> None:
    rig.futures_order(timeInForce="GTD", goodTillDate=rig.now_ms + 601_000, newClientOrderId="g")
    rig.wait(602_000)
    assert rig.signed("GET", "/fapi/v1/order", **SYMBOL, origClientOrderId="g").body["status"] == "EXPIRED"


def test_price_match_takes_the_price_from_the_book(rig: Rig) -> None:
    body = rig.futures_order(price=None, priceMatch="QUEUE").body
    assert (body["price"], body["priceMatch"]) == ("99999.9", "QUEUE")
    assert rig.futures_order(price=None, priceMatch="OPPONENT", newOrderRespType="RESULT").body["status"] == "FILLED"
