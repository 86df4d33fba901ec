"""OTO, OTOCO, OPO and OPOCO: pending orders wait for the working one, hold nothing till then, and end with it."""

from decimal import Decimal
from typing import Any

import pytest
from tests.paper.harness import Answer, Rig

ROOT = "/api/v3/orderList"
WORKING = {"symbol": "BTCUSDT", "workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "95000",
           "workingQuantity": "1", "workingTimeInForce": "GTC", "listClientOrderId": "list",
           "workingClientOrderId": "working"}  # fmt: skip
ONE = {"pendingType": "LIMIT", "pendingSide": "SELL", "pendingPrice": "105000", "pendingTimeInForce": "GTC",
       "pendingClientOrderId": "pending"}  # fmt: skip
PAIR = {"pendingSide": "SELL", "pendingAboveType": "LIMIT_MAKER", "pendingAbovePrice": "105000",
        "pendingAboveClientOrderId": "above", "pendingBelowType": "STOP_LOSS", "pendingBelowStopPrice": "90000",
        "pendingBelowClientOrderId": "below"}  # fmt: skip
QUANTITY = {"pendingQuantity": "1"}
KINDS = {"oto": WORKING | ONE | QUANTITY, "opo": WORKING | ONE, "otoco": WORKING | PAIR | QUANTITY,
         "opoco": WORKING | PAIR}  # fmt: skip


def place(rig: Rig, kind: str, **changes: Any) -> Answer:
    params = {name: value for name, value in {**KINDS[kind], **changes}.items() if value is not None}
    return rig.signed("POST", f"{ROOT}/{kind}", **params)


def states(rig: Rig) -> dict[str, str]:
    rows = rig.signed("GET", "/api/v3/allOrders", symbol="BTCUSDT").body
    return {row["clientOrderId"]: row["status"] for row in rows}


def the_list(rig: Rig) -> dict[str, Any]:
    body: dict[str, Any] = rig.signed("GET", ROOT, origClientOrderId="list").body
    return body


@pytest.mark.parametrize("kind", KINDS)
def test_pending_orders_wait_and_hold_nothing(rig: Rig, kind: str) -> None:
    body = place(rig, kind).body
    assert (body["contingencyType"], body["listOrderStatus"]) == ("OTO", "EXECUTING")
    assert [row["status"] for row in body["orderReports"]] == ["NEW"] + ["PENDING_NEW"] * (len(body["orders"]) - 1)
    assert rig.balance("USDT")[1] == "95000.00000000"
    assert rig.balance("BTC")[1] == "0.00000000"
    assert len(rig.signed("GET", "/api/v3/openOrders", symbol="BTCUSDT").body) == len(body["orders"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_filled_working_order_places_them(rig: Rig, kind: str) -> None:
    place(rig, kind)
    rig.set_price("spot", "BTCUSDT", "94000")
    found = states(rig)
    assert found.pop("working") == "FILLED"
    assert set(found.values()) == {"NEW"}
    expected = "0.99900000" if kind.startswith("opo") else "1.00000000"  # an OPO sells what was bought, less the fee
    assert rig.balance("BTC")[1] == expected
    assert the_list(rig)["listOrderStatus"] == "EXECUTING"
    rig.set_price("spot", "BTCUSDT", "106000")
    found = states(rig)
    assert "FILLED" in (found.get("pending"), found.get("above"))
    assert found.get("below") in (None, "EXPIRED")
    assert the_list(rig)["listOrderStatus"] == "ALL_DONE"
    assert rig.balance("BTC")[1] == "0.00000000"


@pytest.mark.parametrize("kind", ["oto", "otoco"])
def test_a_working_order_that_fills_at_once_places_them_at_once(rig: Rig, kind: str) -> None:
    place(rig, kind, workingPrice="101000")
    found = states(rig)
    assert found.pop("working") == "FILLED"
    assert set(found.values()) == {"NEW"}


def test_a_partial_fill_places_nothing(rig: Rig) -> None:
    other = rig.add_key("other")
    ask = Decimal(rig.public("/api/v3/ticker/bookTicker", symbol="BTCUSDT").body["askPrice"])
    place(rig, "oto", workingPrice=str(ask - Decimal("0.01")))
    rig.order(side="SELL", type="MARKET", quantity="0.4", key=other)
    assert states(rig)["working"] == "PARTIALLY_FILLED"
    assert states(rig)["pending"] == "PENDING_NEW"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", ["list", "working", "pending", "all"])
def test_cancelling_any_part_cancels_the_list(rig: Rig, kind: str, way: str) -> None:
    body = place(rig, kind).body
    if way == "list":
        rig.signed("DELETE", ROOT, symbol="BTCUSDT", listClientOrderId="list")
    elif way == "all":
        rig.signed("DELETE", "/api/v3/openOrders", symbol="BTCUSDT")
    else:
        order_id = body["orders"][0 if way == "working" else -1]["orderId"]
        rig.signed("DELETE", "/api/v3/order", symbol="BTCUSDT", orderId=order_id)
    assert set(states(rig).values()) == {"CANCELED"}
    assert the_list(rig)["listOrderStatus"] == "ALL_DONE"
    assert rig.balance("USDT")[1] == "0.00000000"


def test_an_expired_working_order_expires_the_pending_ones(rig: Rig) -> None:
    place(rig, "otoco", workingTimeInForce="FOK", workingPrice="95000")
    assert set(states(rig).values()) == {"EXPIRED"}
    assert the_list(rig)["listOrderStatus"] == "ALL_DONE"


def test_pending_orders_expire_when_nothing_is_left_to_pay_with(rig: Rig) -> None:
    place(rig, "oto", pendingQuantity="50")
    rig.order(side="SELL", type="LIMIT", price="120000", quantity="60")
    rig.set_price("spot", "BTCUSDT", "94000")
    assert states(rig)["pending"] == "EXPIRED"
    assert the_list(rig)["listOrderStatus"] == "ALL_DONE"


def test_a_pending_market_order_trades_at_once(rig: Rig) -> None:
    place(rig, "opo", pendingType="MARKET", pendingPrice=None, pendingTimeInForce=None)
    rig.set_price("spot", "BTCUSDT", "94000")
    row = rig.signed("GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="pending").body
    assert (row["status"], row["executedQty"]) == ("FILLED", "0.99900000")


@pytest.mark.parametrize(("kind", "orders"), [("oto", 2), ("opo", 2), ("otoco", 3), ("opoco", 3)])
def test_every_order_of_a_list_counts(rig: Rig, kind: str, orders: int) -> None:
    assert place(rig, kind).headers["X-MBX-ORDER-COUNT-10S"] == str(orders)


@pytest.mark.parametrize(
    ("kind", "changes", "code"),
    [
        ("oto", {"workingType": "MARKET"}, -1116), ("oto", {"workingPrice": None}, -1102),
        ("oto", {"pendingSide": "FISH"}, -1117), ("oto", {"pendingQuantity": "0.0000001"}, -1013),
        ("oto", {"pendingClientOrderId": "working"}, -2010), ("oto", {"workingQuantity": "200"}, -1013),
        ("opo", {"workingSide": "SELL"}, -1222), ("opo", {"pendingSide": "BUY"}, -1223),
        ("otoco", {"pendingBelowType": None}, -1102), ("otoco", {"pendingAboveType": "STOP_LOSS"}, -1197),
        ("otoco", {"pendingBelowStopPrice": "107000"}, -2010), ("otoco", {"pendingBelowType": "TAKE_PROFIT"}, -1168),
    ],
)  # fmt: skip
def test_a_list_that_is_refused_leaves_nothing(rig: Rig, kind: str, changes: dict[str, Any], code: int) -> None:
    assert place(rig, kind, **changes).code == code
    assert rig.signed("GET", "/api/v3/openOrders").body == []
    assert rig.balance("USDT")[1] == "0.00000000"
    assert rig.signed("GET", "/api/v3/openOrderList").body == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"side": "SELL", "aboveType": "LIMIT_MAKER", "belowType": "TAKE_PROFIT"}, -1168),
     ({"side": "SELL", "aboveType": "TAKE_PROFIT", "belowType": "TAKE_PROFIT"}, -1199),
     ({"side": "BUY", "aboveType": "TAKE_PROFIT", "belowType": "TAKE_PROFIT"}, -1198),
     ({"side": "BUY", "aboveType": "STOP_LOSS", "belowType": "STOP_LOSS"}, -1196),
     ({"side": "SELL", "aboveType": "STOP_LOSS", "belowType": "STOP_LOSS"}, -1197),
     ({"side": "SELL", "aboveType": "MARKET", "belowType": "STOP_LOSS"}, -1158)],
)  # fmt: skip
def test_the_types_of_a_pair_have_their_sides(rig: Rig, changes: dict[str, str], code: int) -> None:
    answer = rig.signed("POST", f"{ROOT}/oco", symbol="BTCUSDT", quantity="1", **changes)
    assert answer.code == code


def test_a_pair_may_trail(rig: Rig) -> None:
    body = rig.signed("POST", f"{ROOT}/oco", symbol="BTCUSDT", side="SELL", quantity="1", aboveType="LIMIT_MAKER",
                      abovePrice="110000", belowType="STOP_LOSS", belowTrailingDelta="200").body  # fmt: skip
    assert body["listOrderStatus"] == "EXECUTING"
    for price in ("105000", "102000"):
        rig.set_price("spot", "BTCUSDT", price)
    assert sorted(states(rig).values()) == ["EXPIRED", "FILLED"]
