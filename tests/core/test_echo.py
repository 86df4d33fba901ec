"""core.echo: a success that speaks of another request is no success."""

import json
from typing import Any

import pytest

from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.core.echo import contradicts, legs_contradict
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
