"""core.echo: a success that speaks of another request is no success."""

import json
from typing import Any

import pytest

from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.core.echo import contradicts, legs_contradict, order_in, replaced_id
from counterseal.core.intent import Intent
from counterseal.core.judge import judge

LEGS = [
    {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "1", "newClientOrderId": "a"},
    {"symbol": "ETHUSDT", "side": "BUY", "type": "MARKET", "quantity": "1", "newClientOrderId": "b"},
]
FIRST = {"symbol": "BTCUSDT", "clientOrderId": "a", "orderId": 1}
SECOND = {"symbol": "ETHUSDT", "clientOrderId": "b", "orderId": 2}
REFUSED = {"code": -2019, "msg": "Margin is insufficient."}


def intent(family: str, method: str, path: str, **values: str) -> Intent:
    endpoint = load_catalogue().get(family, method, path)
    assert endpoint is not None
    judged = judge(endpoint, list(values.items()), lambda: "made")
    assert isinstance(judged, Intent), judged
    return judged


def batch() -> Intent:
    return intent("usdm", "POST", "/fapi/v1/batchOrders", batchOrders=json.dumps(LEGS))


@pytest.mark.threat(34)
@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ([FIRST, SECOND], False),
        ([FIRST, REFUSED], False),
        ([REFUSED, REFUSED], False),
        ([], True),
        ([FIRST], True),
        ([SECOND, FIRST], True),
        ([FIRST, {**SECOND, "clientOrderId": "x"}], True),
        ([FIRST, {**SECOND, "symbol": "BTCUSDT"}], True),
        ([FIRST, {"symbol": "ETHUSDT", "orderId": 2}], True),
        ([FIRST, "text"], True),
        ({"code": 200}, True),
        (None, True),
    ],
)
def test_each_leg_of_a_batch_is_answered_in_its_place(body: Any, wrong: bool) -> None:
    """Another number, another order or another sequence of legs belongs to another request."""
    assert contradicts(batch(), body) is wrong
    assert legs_contradict(batch(), body) is wrong


@pytest.mark.parametrize("name", ["orderIdList", "origClientOrderIdList"])
def test_a_cancelled_batch_has_an_answer_for_each_id(name: str) -> None:
    """The list that was sent says how many, the symbol of each must be the one that was sent."""
    sent = intent("usdm", "DELETE", "/fapi/v1/batchOrders", symbol="BTCUSDT", **{name: '["1","2"]'})
    one = {"symbol": "BTCUSDT", "orderId": 1}
    assert not contradicts(sent, [one, REFUSED])
    assert contradicts(sent, [one])
    assert contradicts(sent, [one, {**one, "symbol": "ETHUSDT"}])


@pytest.mark.threat(34)
def test_a_batch_of_contracts_is_answered_leg_by_leg_too() -> None:
    sent = intent("coinm", "POST", "/dapi/v1/batchOrders", batchOrders=json.dumps(LEGS))
    assert not contradicts(sent, [FIRST, REFUSED])
    assert contradicts(sent, [SECOND, FIRST])
    assert contradicts(sent, {"code": 200})


@pytest.mark.threat(34)
@pytest.mark.parametrize(
    ("orders", "wrong"),
    [
        ([{"clientOrderId": "w"}, {"clientOrderId": "a"}, {"clientOrderId": "b"}], False),
        ([{"clientOrderId": "b"}, {"clientOrderId": "w"}, {"clientOrderId": "a"}], False),
        ([{"clientOrderId": "w"}, {"clientOrderId": "a"}], True),
        ([{"clientOrderId": "w"}, {"clientOrderId": "a"}, {"clientOrderId": "c"}], True),
        ([{"clientOrderId": "w"}, {"clientOrderId": "a"}, {"clientOrderId": ["b"]}], True),
        ([{"clientOrderId": "w"}, {"clientOrderId": "a"}, "b"], True),
        ([{"clientOrderId": "w"}, {"clientOrderId": "a"}, {}], True),
        ([], True),
        (None, False),
    ],
)
def test_a_list_is_answered_with_all_its_orders(orders: Any, wrong: bool) -> None:
    """In any sequence, and none of another list among them."""
    sent = intent(
        "spot", "POST", "/api/v3/orderList/otoco", symbol="BTCUSDT", workingType="LIMIT", workingSide="BUY",
        workingPrice="1", workingQuantity="1", pendingSide="SELL", pendingQuantity="1", pendingAboveType="LIMIT_MAKER",
        listClientOrderId="l", workingClientOrderId="w", pendingAboveClientOrderId="a", pendingBelowClientOrderId="b",
    )  # fmt: skip
    assert contradicts(sent, {"symbol": "BTCUSDT", "listClientOrderId": "l", "orders": orders}) is wrong


AMENDED = {"symbol": "BTCUSDT", "orderId": 5, "origClientOrderId": "o", "clientOrderId": "n", "status": "NEW"}


@pytest.mark.threat(34)
@pytest.mark.parametrize(
    ("order", "wrong"),
    [
        (AMENDED, False),
        ({**AMENDED, "orderId": 6}, True),
        ({**AMENDED, "symbol": "ETHUSDT"}, True),
        ({**AMENDED, "origClientOrderId": "p"}, True),
        ({**AMENDED, "clientOrderId": "o"}, True),
        ({"symbol": "BTCUSDT"}, True),
        (None, True),
        ("n", True),
    ],
)
def test_an_amendment_is_answered_for_its_order_under_its_new_id(order: Any, wrong: bool) -> None:
    sent = intent(
        "spot", "PUT", "/api/v3/order/amend/keepPriority", symbol="BTCUSDT", orderId="5", origClientOrderId="o",
        newQty="1", newClientOrderId="n",
    )  # fmt: skip
    assert contradicts(sent, {"transactTime": 1, "amendedOrder": order}) is wrong


@pytest.mark.parametrize(
    ("body", "old"),
    [
        ({"amendedOrder": AMENDED}, "o"),
        ({"amendedOrder": {**AMENDED, "clientOrderId": "o"}}, None),
        ({"amendedOrder": {"clientOrderId": "n"}}, None),
        ({"amendedOrder": {**AMENDED, "origClientOrderId": 1}}, None),
        ({"amendedOrder": None}, None),
        (AMENDED, None),
        ([], None),
    ],
)
def test_an_amended_order_has_another_id_unless_it_kept_it(body: Any, old: str | None) -> None:
    assert replaced_id(body) == old


def test_an_amended_order_is_described_one_level_down() -> None:
    assert order_in({"amendedOrder": AMENDED}) is AMENDED
    assert order_in(AMENDED) is AMENDED


def test_a_cancelled_batch_without_ids_has_no_legs() -> None:
    """The exchange refuses it; an answer with legs cannot be ours."""
    sent = intent("usdm", "DELETE", "/fapi/v1/batchOrders", symbol="BTCUSDT")
    assert contradicts(sent, [{"symbol": "BTCUSDT"}])


@pytest.mark.threat(34)
@pytest.mark.parametrize(
    ("family", "path", "values", "body", "wrong"),
    [
        ("spot", "/api/v3/order", {"orderId": "5"}, {"symbol": "BTCUSDT", "orderId": 5}, False),
        ("spot", "/api/v3/order", {"orderId": "5"}, {"symbol": "BTCUSDT", "orderId": 6}, True),
        ("spot", "/api/v3/order", {"orderId": "5"}, {"symbol": "ETHUSDT", "orderId": 5}, True),
        ("spot", "/api/v3/order", {"orderId": "5"}, {}, False),
        ("spot", "/api/v3/order", {"origClientOrderId": "o"}, {"origClientOrderId": "o", "clientOrderId": "c"}, False),
        ("spot", "/api/v3/order", {"origClientOrderId": "o"}, {"origClientOrderId": "p"}, True),
        ("usdm", "/fapi/v1/order", {"origClientOrderId": "o"}, {"clientOrderId": "o"}, False),
        ("usdm", "/fapi/v1/order", {"origClientOrderId": "o"}, {"clientOrderId": "p"}, True),
        ("spot", "/api/v3/openOrders", {}, [{"symbol": "BTCUSDT"}], False),
    ],
)
def test_a_cancel_is_answered_for_its_order(
    family: str, path: str, values: dict[str, str], body: Any, wrong: bool
) -> None:
    """A field that is there must say what was sent; one that is not there says nothing."""
    assert contradicts(intent(family, "DELETE", path, symbol="BTCUSDT", **values), body) is wrong


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"newOrderResult": "SUCCESS", "newOrderResponse": {"clientOrderId": "n", "orderId": 3}}, False),
        ({"newOrderResult": "SUCCESS", "newOrderResponse": {"clientOrderId": "m", "orderId": 3}}, True),
        ({"newOrderResult": "SUCCESS", "newOrderResponse": {"orderId": 3}}, True),
        ({}, True),
        ({"newOrderResult": "NOT_ATTEMPTED"}, False),
        ({"code": -2021, "data": {"newOrderResponse": {"code": -2010, "msg": "x"}}}, False),
        ({"code": -2021, "data": {"newOrderResponse": {"clientOrderId": "n", "orderId": 3}}}, False),
        ({"code": -2021, "data": None}, False),
    ],
)
def test_a_replacement_carries_the_new_id(body: Any, wrong: bool) -> None:
    """The half that placed an order must have placed this one."""
    sent = intent(
        "spot", "POST", "/api/v3/order/cancelReplace", symbol="BTCUSDT", side="BUY", type="MARKET", quantity="1",
        cancelReplaceMode="ALLOW_FAILURE", cancelOrderId="1", newClientOrderId="n",
    )  # fmt: skip
    assert contradicts(sent, body) is wrong


@pytest.mark.threat(34)
@pytest.mark.parametrize("body", [[], [{"orderId": 5}]])
def test_a_list_answers_no_single_order(body: Any) -> None:
    """An empty list names nothing that could be of another order, and proves nothing."""
    replaced = intent(
        "spot", "POST", "/api/v3/order/cancelReplace", symbol="BTCUSDT", side="BUY", type="MARKET", quantity="1",
        cancelReplaceMode="STOP_ON_FAILURE", cancelOrderId="5",
    )  # fmt: skip
    amended = intent("spot", "PUT", "/api/v3/order/amend/keepPriority", symbol="BTCUSDT", orderId="5", newQty="1")
    modified = intent(
        "coinm", "PUT", "/dapi/v1/order", symbol="BTCUSD_PERP", side="BUY", orderId="5", quantity="1", price="1"
    )
    assert all(contradicts(sent, body) for sent in (replaced, amended, modified))
    assert not contradicts(intent("spot", "DELETE", "/api/v3/openOrders", symbol="BTCUSDT"), body)
