"""Conditional orders live apart, trigger at their price, and close what they protect."""

import pytest
from tests.paper.harness import Answer, Rig

SYMBOL = {"symbol": "BTCUSDT"}


def place(rig: Rig, **changes: object) -> Answer:
    base = {"algoType": "CONDITIONAL", "symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET",
            "quantity": "0.01", "triggerPrice": "95000"}  # fmt: skip
    params = {name: value for name, value in {**base, **changes}.items() if value is not None}
    return rig.signed("POST", "/fapi/v1/algoOrder", **params)


def status(rig: Rig, algo_id: int) -> str:
    return str(rig.signed("GET", "/fapi/v1/algoOrder", algoId=algo_id).body["algoStatus"])


def test_it_is_listed_apart_from_plain_orders(rig: Rig) -> None:
    body = place(rig, clientAlgoId="stop").body
    assert (body["algoStatus"], body["triggerPrice"]) == ("NEW", "95000.0")
    assert rig.signed("GET", "/fapi/v1/openOrders").body == []
    assert [row["clientAlgoId"] for row in rig.signed("GET", "/fapi/v1/openAlgoOrders").body] == ["stop"]
    rig.signed("DELETE", "/fapi/v1/allOpenOrders", **SYMBOL)
    assert status(rig, body["algoId"]) == "NEW"
    cancelled = rig.signed("DELETE", "/fapi/v1/algoOrder", clientAlgoId="stop").body
    assert (cancelled["code"], status(rig, body["algoId"])) == ("200", "CANCELED")
    assert rig.signed("DELETE", "/fapi/v1/algoOrder", clientAlgoId="stop").code == -2011


@pytest.mark.parametrize(
    ("side", "kind", "trigger", "price"),
    [("SELL", "STOP_MARKET", "95000", "94999"), ("BUY", "STOP_MARKET", "105000", "105001"),
     ("SELL", "TAKE_PROFIT_MARKET", "105000", "105001"), ("BUY", "TAKE_PROFIT_MARKET", "95000", "94999")],
)  # fmt: skip
def test_it_triggers_at_its_price(rig: Rig, side: str, kind: str, trigger: str, price: str) -> None:
    algo_id = place(rig, side=side, type=kind, triggerPrice=trigger).body["algoId"]
    rig.set_price("usdm", "BTCUSDT", price)
    found = rig.signed("GET", "/fapi/v1/algoOrder", algoId=algo_id).body
    assert found["algoStatus"] == "FINISHED"
    order = rig.signed("GET", "/fapi/v1/order", **SYMBOL, orderId=found["actualOrderId"]).body
    assert (order["status"], order["side"]) == ("FILLED", side)


def test_close_position_closes_all_of_it(rig: Rig) -> None:
    rig.futures_order(type="MARKET", quantity="0.07")
    algo_id = place(rig, quantity=None, closePosition="true").body["algoId"]
    rig.set_price("usdm", "BTCUSDT", "94000")
    assert status(rig, algo_id) == "FINISHED"
    assert rig.signed("GET", "/fapi/v3/positionRisk").body == []


def test_close_position_without_a_position_expires(rig: Rig) -> None:
    algo_id = place(rig, quantity=None, closePosition="true").body["algoId"]
    rig.set_price("usdm", "BTCUSDT", "94000")
    assert status(rig, algo_id) == "EXPIRED"


def test_a_limit_stop_becomes_a_resting_order(rig: Rig) -> None:
    algo_id = place(rig, type="STOP", price="96000", timeInForce="GTC").body["algoId"]
    rig.set_price("usdm", "BTCUSDT", "94000")
    assert status(rig, algo_id) == "FINISHED"
    assert [row["price"] for row in rig.signed("GET", "/fapi/v1/openOrders").body] == ["96000.0"]


def test_a_trailing_stop_follows_and_turns(rig: Rig) -> None:
    algo_id = place(rig, type="TRAILING_STOP_MARKET", triggerPrice=None, callbackRate="1").body["algoId"]
    for price in ("100000", "103000", "102100"):
        rig.set_price("usdm", "BTCUSDT", price)
        assert status(rig, algo_id) == "NEW"
    rig.set_price("usdm", "BTCUSDT", "101900")
    assert status(rig, algo_id) == "FINISHED"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"triggerPrice": "101000"}, -2021), ({"triggerPrice": None}, -1102), ({"quantity": None}, -1102),
        ({"type": "LIMIT"}, -1116), ({"algoType": "VP"}, -1130), ({"type": "STOP"}, -1102),
        ({"closePosition": "true"}, -4137), ({"closePosition": "true", "quantity": None, "reduceOnly": "true"}, -1106),
        ({"type": "STOP", "price": "1", "closePosition": "true", "quantity": None}, -1106),
        ({"type": "TRAILING_STOP_MARKET", "triggerPrice": None, "callbackRate": "20.1"}, -2007),
        ({"quantity": "0.0001"}, -1111), ({"triggerPrice": "95000.01"}, -1111),
    ],
)  # fmt: skip
def test_a_bad_conditional_order(rig: Rig, changes: dict[str, object], code: int) -> None:
    assert place(rig, **changes).code == code
    assert rig.signed("GET", "/fapi/v1/openAlgoOrders").body == []


def test_cancel_all_conditional_orders_of_a_symbol(rig: Rig) -> None:
    place(rig)
    place(rig, symbol="ETHUSDT", triggerPrice="3000", quantity="1")
    rig.signed("DELETE", "/fapi/v1/algoOpenOrders", **SYMBOL)
    assert [row["symbol"] for row in rig.signed("GET", "/fapi/v1/openAlgoOrders").body] == ["ETHUSDT"]
