"""Spot orders from placing to their end, and the account's money along the way."""

from decimal import Decimal

import pytest
from tests.paper.harness import Rig


def test_a_resting_order_holds_money_and_a_cancel_gives_it_back(rig: Rig) -> None:
    before = rig.balance("USDT")
    placed = rig.order(newClientOrderId="mine")
    assert placed.body["status"] == "NEW"
    assert placed.body["price"] == "96000.00000000"
    assert rig.balance("USDT") == ("9999040.00000000", "960.00000000")
    cancelled = rig.signed("DELETE", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="mine")
    assert cancelled.body["status"] == "CANCELED"
    assert cancelled.body["origClientOrderId"] == "mine"
    assert cancelled.body["clientOrderId"] != "mine"
    assert rig.balance("USDT") == before


def test_a_market_buy_fills_around_the_price_and_pays_a_fee_in_base(rig: Rig) -> None:
    answer = rig.order(type="MARKET", quantity="0.01")
    fill = answer.body["fills"][0]
    assert answer.body["status"] == "FILLED"
    assert fill["price"] == "100000.01000000"
    assert fill["commission"] == "0.00001000"
    assert fill["commissionAsset"] == "BTC"
    assert rig.balance("BTC") == ("100.00999000", "0.00000000")
    assert rig.balance("USDT") == ("9998999.99990000", "0.00000000")


def test_a_market_order_by_quote_amount_spends_no_more_than_that(rig: Rig) -> None:
    answer = rig.order(type="MARKET", quantity=None, quoteOrderQty="100")
    assert answer.body["status"] == "FILLED"
    assert Decimal("98") < Decimal(answer.body["cummulativeQuoteQty"]) <= 100
    assert answer.body["origQty"] == answer.body["executedQty"]
    assert rig.balance("USDT")[1] == "0.00000000"


def test_a_market_order_beyond_the_book_fills_in_part_and_expires(rig: Rig) -> None:
    held = rig.public("/api/v3/depth", symbol="BTCUSDT", limit=5000).body["bids"]
    there = sum(Decimal(qty) for _, qty in held)
    rig.exchange.spot.wallets.of("main").free["BTC"] = Decimal(100_000)
    answers = [rig.order(type="MARKET", side="SELL", quantity="90") for _ in range(int(there / 90) + 1)]
    assert answers[-1].body["status"] == "EXPIRED"
    sold = sum(Decimal(answer.body["executedQty"]) for answer in answers)
    assert sold == there


@pytest.mark.parametrize(
    ("changes", "status", "executed"),
    [
        ({"timeInForce": "IOC"}, "EXPIRED", "0.00000000"),
        ({"timeInForce": "FOK"}, "EXPIRED", "0.00000000"),
        ({"timeInForce": "IOC", "price": "101000"}, "FILLED", "0.01000000"),
        ({"timeInForce": "FOK", "price": "101000"}, "FILLED", "0.01000000"),
        ({"timeInForce": "GTC", "price": "101000"}, "FILLED", "0.01000000"),
        ({"timeInForce": "FOK", "price": "100000.01", "quantity": "50"}, "EXPIRED", "0.00000000"),
    ],
)
def test_time_in_force(rig: Rig, changes: dict[str, str], status: str, executed: str) -> None:
    answer = rig.order(**changes)
    assert (answer.body["status"], answer.body["executedQty"]) == (status, executed)
    assert rig.balance("USDT")[1] == "0.00000000"


@pytest.mark.parametrize(
    ("kind", "asked", "has"),
    [("LIMIT", None, "fills"), ("LIMIT", "ACK", None), ("LIMIT", "RESULT", "status"), ("LIMIT_MAKER", None, None)],
)
def test_response_types(rig: Rig, kind: str, asked: str | None, has: str | None) -> None:
    tif = "GTC" if kind == "LIMIT" else None
    body = rig.order(type=kind, timeInForce=tif, newOrderRespType=asked).body
    assert ("fills" in body, "status" in body) == (has == "fills", has is not None)


def test_a_client_id_is_free_again_once_its_order_is_done(rig: Rig) -> None:
    assert rig.order(newClientOrderId="x").status == 200
    duplicate = rig.order(newClientOrderId="x")
    assert (duplicate.code, duplicate.body["msg"]) == (-2010, "Duplicate order sent.")
    rig.signed("DELETE", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="x")
    assert rig.order(newClientOrderId="x").status == 200


def test_insufficient_balance_changes_nothing(rig: Rig) -> None:
    answer = rig.order(symbol="ETHUSDT", side="SELL", quantity="2000", price="4100")
    assert (answer.code, answer.body["msg"]) == (-2010, "Account has insufficient balance for requested action.")
    assert rig.balance("ETH") == ("1000.00000000", "0.00000000")
    assert rig.signed("GET", "/api/v3/allOrders", symbol="ETHUSDT").body == []


def test_unknown_orders(rig: Rig) -> None:
    assert rig.signed("GET", "/api/v3/order", symbol="BTCUSDT", orderId=1).code == -2013
    assert rig.signed("DELETE", "/api/v3/order", symbol="BTCUSDT", orderId=1).code == -2011
    assert rig.signed("GET", "/api/v3/order", symbol="BTCUSDT").code == -1102
    placed = rig.order(newClientOrderId="a").body
    wrong = rig.signed("GET", "/api/v3/order", symbol="BTCUSDT", orderId=placed["orderId"], origClientOrderId="b")
    assert wrong.code == -2013


def test_another_account_sees_nothing(rig: Rig) -> None:
    placed = rig.order(newClientOrderId="a").body
    other = rig.add_key("other")
    assert rig.signed("GET", "/api/v3/order", key=other, symbol="BTCUSDT", orderId=placed["orderId"]).code == -2013
    assert rig.signed("DELETE", "/api/v3/order", key=other, symbol="BTCUSDT", origClientOrderId="a").code == -2011
    assert rig.signed("GET", "/api/v3/openOrders", key=other).body == []


def test_order_test_places_nothing(rig: Rig) -> None:
    params = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}
    assert rig.signed("POST", "/api/v3/order/test", **params).body == {}
    assert rig.signed("POST", "/api/v3/order/test", **{**params, "quantity": "0.000001"}).code == -1013
    assert rig.signed("GET", "/api/v3/allOrders", symbol="BTCUSDT").body == []


def test_a_limit_maker_that_would_take_is_refused(rig: Rig) -> None:
    answer = rig.order(type="LIMIT_MAKER", timeInForce=None, price="101000")
    assert (answer.code, answer.body["msg"]) == (-2010, "Order would immediately match and take.")


def test_a_resting_order_fills_as_maker_when_the_price_comes(rig: Rig) -> None:
    order = rig.order(newClientOrderId="rest").body
    rig.set_price("spot", "BTCUSDT", "95000")
    found = rig.signed("GET", "/api/v3/order", symbol="BTCUSDT", orderId=order["orderId"]).body
    trade = rig.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT", orderId=order["orderId"]).body[0]
    assert found["status"] == "FILLED"
    assert (trade["price"], trade["isMaker"], trade["isBuyer"]) == ("96000.00000000", True, True)
    assert rig.balance("USDT") == ("9999040.00000000", "0.00000000")


def test_a_large_resting_order_fills_in_parts(rig: Rig) -> None:
    rig.order(quantity="50", price="99000")
    rig.set_price("spot", "BTCUSDT", "98999.5")
    first = rig.signed("GET", "/api/v3/openOrders").body[0]
    assert first["status"] == "PARTIALLY_FILLED"
    rig.wait(500)
    second = rig.signed("GET", "/api/v3/openOrders").body[0]
    assert Decimal(second["executedQty"]) > Decimal(first["executedQty"])
    left = (Decimal(50) - Decimal(second["executedQty"])) * 99000
    assert Decimal(rig.balance("USDT")[1]) == left


@pytest.mark.parametrize(
    ("kind", "side", "stop", "move"),
    [
        ("STOP_LOSS", "SELL", "95000", "94999"), ("STOP_LOSS", "BUY", "105000", "105001"),
        ("TAKE_PROFIT", "SELL", "105000", "105001"), ("TAKE_PROFIT", "BUY", "95000", "94999"),
    ],
)  # fmt: skip
def test_a_stop_waits_for_its_price(rig: Rig, kind: str, side: str, stop: str, move: str) -> None:
    order = rig.order(type=kind, side=side, timeInForce=None, price=None, stopPrice=stop, newOrderRespType="RESULT")
    assert (order.body["status"], order.body["workingTime"]) == ("NEW", -1)
    rig.set_price("spot", "BTCUSDT", move)
    found = rig.signed("GET", "/api/v3/order", symbol="BTCUSDT", orderId=order.body["orderId"]).body
    assert (found["status"], found["isWorking"]) == ("FILLED", True)
    assert rig.balance("USDT")[1] == rig.balance("BTC")[1] == "0.00000000"


def test_a_stop_whose_price_is_there_already_is_refused(rig: Rig) -> None:
    answer = rig.order(type="STOP_LOSS", side="SELL", timeInForce=None, price=None, stopPrice="101000")
    assert (answer.code, answer.body["msg"]) == (-2010, "Order would trigger immediately.")


@pytest.mark.parametrize(
    ("mode", "maker", "taker"),
    [("EXPIRE_MAKER", "EXPIRED_IN_MATCH", "FILLED"), ("EXPIRE_TAKER", "NEW", "EXPIRED_IN_MATCH"),
     ("EXPIRE_BOTH", "EXPIRED_IN_MATCH", "EXPIRED_IN_MATCH"), ("NONE", "FILLED", "FILLED")],
)  # fmt: skip
def test_self_trade_prevention(rig: Rig, mode: str, maker: str, taker: str) -> None:
    resting = rig.order(side="SELL", price="100000.01").body
    taking = rig.order(price="101000", selfTradePreventionMode=mode).body
    found = rig.signed("GET", "/api/v3/order", symbol="BTCUSDT", orderId=resting["orderId"]).body
    assert (found["status"], taking["status"]) == (maker, taker)


def test_two_accounts_trade_in_price_and_time_order(rig: Rig) -> None:
    other = rig.add_key("other")
    sell = {"symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}
    ids = [rig.signed("POST", "/api/v3/order", key=other, price=price, **sell).body["orderId"]
           for price in ("100000.01", "100000.01", "100000")]  # fmt: skip
    answer = rig.order(price="101000", quantity="0.02")
    states = [rig.signed("GET", "/api/v3/order", key=other, symbol="BTCUSDT", orderId=order_id).body["status"]
              for order_id in ids]  # fmt: skip
    assert [fill["price"] for fill in answer.body["fills"]] == ["100000.00000000", "100000.01000000"]
    assert states == ["FILLED", "NEW", "FILLED"]


def test_cancel_all_of_a_symbol(rig: Rig) -> None:
    assert rig.signed("DELETE", "/api/v3/openOrders", symbol="BTCUSDT").code == -2011
    rig.order()
    rig.order()
    rig.order(symbol="ETHUSDT", price="3900", quantity="1")
    assert len(rig.signed("DELETE", "/api/v3/openOrders", symbol="BTCUSDT").body) == 2
    assert [row["symbol"] for row in rig.signed("GET", "/api/v3/openOrders").body] == ["ETHUSDT"]


@pytest.mark.parametrize(
    ("target", "mode", "quantity", "status", "code", "results"),
    [
        ("a", "STOP_ON_FAILURE", "0.02", 200, None, ("SUCCESS", "SUCCESS")),
        ("zz", "STOP_ON_FAILURE", "0.02", 400, -2022, ("FAILURE", "NOT_ATTEMPTED")),
        ("zz", "ALLOW_FAILURE", "0.02", 409, -2021, ("FAILURE", "SUCCESS")),
        ("a", "STOP_ON_FAILURE", "0.000001", 409, -2021, ("SUCCESS", "FAILURE")),
        ("zz", "ALLOW_FAILURE", "0.000001", 400, -2022, ("FAILURE", "FAILURE")),
    ],
)  # fmt: skip
def test_cancel_replace(rig: Rig, target: str, mode: str, quantity: str, status: int, code: int | None,
                        results: tuple[str, str]) -> None:  # fmt: skip
    rig.order(newClientOrderId="a")
    answer = rig.signed("POST", "/api/v3/order/cancelReplace", symbol="BTCUSDT", side="BUY", type="LIMIT",
                        timeInForce="GTC", quantity=quantity, price="96000", cancelReplaceMode=mode,
                        cancelOrigClientOrderId=target)  # fmt: skip
    body = answer.body if status == 200 else answer.body["data"]
    assert (answer.status, answer.code) == (status, code)
    assert (body["cancelResult"], body["newOrderResult"]) == results


def test_cancel_restrictions(rig: Rig) -> None:
    order = {"symbol": "BTCUSDT", "orderId": rig.order().body["orderId"]}
    only_partly = rig.signed("DELETE", "/api/v3/order", cancelRestrictions="ONLY_PARTIALLY_FILLED", **order)
    assert only_partly.body["msg"] == "Order was not canceled due to cancel restrictions."
    assert rig.signed("DELETE", "/api/v3/order", cancelRestrictions="FISH", **order).code == -1145
    assert rig.signed("DELETE", "/api/v3/order", cancelRestrictions="ONLY_NEW", **order).status == 200
