"""OCO lists: money held once, one leg ending the other."""

import pytest
from tests.paper.harness import Answer, Rig

SELL = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "1", "aboveType": "LIMIT_MAKER", "abovePrice": "110000",
        "belowType": "STOP_LOSS_LIMIT", "belowStopPrice": "90000", "belowPrice": "89000",
        "belowTimeInForce": "GTC"}  # fmt: skip
BUY = {"symbol": "BTCUSDT", "side": "BUY", "quantity": "1", "aboveType": "STOP_LOSS", "aboveStopPrice": "110000",
       "belowType": "LIMIT_MAKER", "belowPrice": "90000"}  # fmt: skip


def place(rig: Rig, base: dict[str, str], **changes: str) -> Answer:
    return rig.signed("POST", "/api/v3/orderList/oco", **{**base, **changes})


def test_the_money_of_two_legs_is_held_once(rig: Rig) -> None:
    body = place(rig, SELL).body
    assert (body["contingencyType"], body["listOrderStatus"]) == ("OCO", "EXECUTING")
    assert [report["type"] for report in body["orderReports"]] == ["STOP_LOSS_LIMIT", "LIMIT_MAKER"]
    assert rig.balance("BTC") == ("99.00000000", "1.00000000")
    place(rig, BUY)
    assert rig.balance("USDT")[1] == "110000.00000000"


@pytest.mark.parametrize(("base", "asset"), [(SELL, "BTC"), (BUY, "USDT")])
@pytest.mark.parametrize("price", ["111000", "89500", "80000"])
def test_one_leg_ends_the_other_and_all_money_is_settled(
    rig: Rig, base: dict[str, str], asset: str, price: str
) -> None:
    list_id = place(rig, base).body["orderListId"]
    rig.set_price("spot", "BTCUSDT", price)
    for _ in range(10):
        rig.wait(500)
        rig.public("/api/v3/ping")
    found = rig.signed("GET", "/api/v3/orderList", orderListId=list_id).body
    states = sorted(row["status"] for row in rig.signed("GET", "/api/v3/allOrders", symbol="BTCUSDT").body)
    if (asset, price) == ("BTC", "80000"):  # the stop's limit stays above the market
        assert (found["listOrderStatus"], states) == ("EXECUTING", ["EXPIRED", "NEW"])
        assert rig.balance("BTC")[1] == "1.00000000"
    else:
        assert (found["listOrderStatus"], states) == ("ALL_DONE", ["EXPIRED", "FILLED"])
        assert rig.balance(asset)[1] == "0.00000000"


@pytest.mark.parametrize("way", ["list", "leg", "all"])
def test_cancelling_any_part_cancels_both_legs(rig: Rig, way: str) -> None:
    body = place(rig, SELL).body
    if way == "list":
        answer = rig.signed("DELETE", "/api/v3/orderList", symbol="BTCUSDT", orderListId=body["orderListId"]).body
    elif way == "leg":
        answer = rig.signed("DELETE", "/api/v3/order", symbol="BTCUSDT", orderId=body["orders"][1]["orderId"]).body
    else:
        answer = rig.signed("DELETE", "/api/v3/openOrders", symbol="BTCUSDT").body[0]
    assert answer["listOrderStatus"] == "ALL_DONE"
    assert [row["status"] for row in answer["orderReports"]] == ["CANCELED", "CANCELED"]
    assert rig.balance("BTC") == ("100.00000000", "0.00000000")
    assert rig.signed("GET", "/api/v3/openOrderList").body == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"abovePrice": "95000"}, -2010), ({"belowStopPrice": "101000"}, -2010), ({"aboveType": "STOP_LOSS"}, -1197),
        ({"belowType": "LIMIT_MAKER", "belowStopPrice": ""}, -1168), ({"aboveType": "MARKET"}, -1158),
        ({"quantity": "0.000001"}, -1013), ({"aboveClientOrderId": "a", "belowClientOrderId": "a"}, -2010),
    ],
)  # fmt: skip
def test_a_list_that_is_refused_leaves_nothing(rig: Rig, changes: dict[str, str], code: int) -> None:
    params = {name: value for name, value in {**SELL, **changes}.items() if value}
    answer = rig.signed("POST", "/api/v3/orderList/oco", **params)
    assert answer.code == code
    assert rig.signed("GET", "/api/v3/openOrders").body == []
    assert rig.balance("BTC") == ("100.00000000", "0.00000000")


def test_the_old_form_makes_the_same_list(rig: Rig) -> None:
    body = rig.signed("POST", "/api/v3/order/oco", symbol="BTCUSDT", side="SELL", quantity="1", price="110000",
                      stopPrice="90000", stopLimitPrice="89000", stopLimitTimeInForce="GTC").body  # fmt: skip
    assert [report["type"] for report in body["orderReports"]] == ["STOP_LOSS_LIMIT", "LIMIT_MAKER"]
    assert rig.signed("GET", "/api/v3/openOrderList").body[0]["orderListId"] == body["orderListId"]
    assert len(rig.signed("GET", "/api/v3/allOrderList").body) == 1
    short = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "1", "price": "110000", "stopPrice": "90000"}
    assert rig.signed("POST", "/api/v3/order/oco", **short, stopLimitPrice="89000").code == -1102
