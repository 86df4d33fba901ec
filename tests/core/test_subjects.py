"""What each kind of request would have brought about, and so what there is to ask for."""

import json

import pytest

from counterseal.core.subjects import Change, Store, Subject, raises, subjects

BORN, ENDED, ALTERED, SWEPT = Change.BORN, Change.ENDED, Change.ALTERED, Change.SWEPT
PLACED = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "1", "price": "9", "newClientOrderId": "a"}
SHOWS = (("side", "BUY"), ("type", "LIMIT"), ("origQty", "1"), ("price", "9"))


@pytest.mark.parametrize(
    ("family", "path"),
    [
        ("spot", "/api/v3/order"),
        ("spot", "/api/v3/sor/order"),
        ("usdm", "/fapi/v1/order"),
        ("coinm", "/dapi/v1/order"),
    ],
)
def test_an_order(family: str, path: str) -> None:
    """By its client id, with what it must show."""
    assert subjects(family, "POST", path, PLACED) == (Subject(BORN, Store.ORDER, family, "BTCUSDT", "a", shows=SHOWS),)


def test_lists_and_conditional_orders_have_endpoints_of_their_own() -> None:
    """A list is one thing: all its orders or none."""
    values = {"symbol": "BTCUSDT", "listClientOrderId": "l", "aboveClientOrderId": "x", "belowClientOrderId": "y"}
    for path in ("/api/v3/orderList/oco", "/api/v3/order/oco", "/api/v3/orderList/otoco"):
        assert subjects("spot", "POST", path, values) == (Subject(BORN, Store.LIST, "spot", "BTCUSDT", "l"),)
    values = {"symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET", "triggerPrice": "8", "clientAlgoId": "c"}
    shows = (("side", "SELL"), ("orderType", "STOP_MARKET"), ("triggerPrice", "8"))
    for family, path in (("usdm", "/fapi/v1/algoOrder"), ("coinm", "/dapi/v1/algoOrder")):
        assert subjects(family, "POST", path, values) == (
            Subject(BORN, Store.ALGO, family, "BTCUSDT", "c", shows=shows),
        )


def test_a_batch_is_asked_for_leg_by_leg() -> None:
    """Each by its own id and at its own place."""
    legs = [{**PLACED, "newClientOrderId": name} for name in ("a", "b")]
    found = subjects("usdm", "POST", "/fapi/v1/batchOrders", {"batchOrders": json.dumps(legs)})
    assert [(one.client_id, one.leg, one.legs, one.change, one.shows) for one in found] == [
        ("a", 0, 2, BORN, SHOWS),
        ("b", 1, 2, BORN, SHOWS),
    ]
    changes = [{"symbol": "BTCUSDT", "side": "BUY", "quantity": "2", "price": "8", "orderId": "7"}]
    (found_change,) = subjects("coinm", "PUT", "/dapi/v1/batchOrders", {"batchOrders": json.dumps(changes)})
    assert found_change == Subject(
        ALTERED, Store.ORDER, "coinm", "BTCUSDT", order_id="7", shows=(("origQty", "2"), ("price", "8"))
    )
    assert subjects("usdm", "POST", "/fapi/v1/batchOrders", {"batchOrders": "nonsense"}) == ()


def test_cancels() -> None:
    """By number where the request gives both, as the exchange does; a cancel of all is one question."""
    both = {"symbol": "BTCUSDT", "orderId": "7", "origClientOrderId": "a"}
    assert subjects("spot", "DELETE", "/api/v3/order", both) == (
        Subject(ENDED, Store.ORDER, "spot", "BTCUSDT", order_id="7"),
    )
    named = {"symbol": "BTCUSDT", "origClientOrderId": "a"}
    assert subjects("usdm", "DELETE", "/fapi/v1/order", named) == (Subject(ENDED, Store.ORDER, "usdm", "BTCUSDT", "a"),)
    assert subjects("usdm", "DELETE", "/fapi/v1/algoOrder", {"algoId": "5"}) == (
        Subject(ENDED, Store.ALGO, "usdm", "", order_id="5"),
    )
    listed = {"symbol": "BTCUSDT", "listClientOrderId": "l"}
    assert subjects("spot", "DELETE", "/api/v3/orderList", listed) == (
        Subject(ENDED, Store.LIST, "spot", "BTCUSDT", "l"),
    )
    many = {"symbol": "BTCUSDT", "orderIdList": "[7,8]", "origClientOrderIdList": '["a"]'}
    found = subjects("usdm", "DELETE", "/fapi/v1/batchOrders", many)
    assert [(one.order_id, one.client_id, one.leg) for one in found] == [("7", "", 0), ("8", "", 1), ("", "a", 0)]
    for family, path, store in (
        ("spot", "/api/v3/openOrders", Store.ORDER),
        ("usdm", "/fapi/v1/allOpenOrders", Store.ORDER),
        ("coinm", "/dapi/v1/algoOpenOrders", Store.ALGO),
    ):
        assert subjects(family, "DELETE", path, {"symbol": "BTCUSDT"}) == (Subject(SWEPT, store, family, "BTCUSDT"),)


def test_changes() -> None:
    """A modification is seen by the values, an amendment by the id that it gives."""
    values = {"symbol": "BTCUSDT", "side": "BUY", "quantity": "2", "price": "8", "origClientOrderId": "a"}
    assert subjects("usdm", "PUT", "/fapi/v1/order", values) == (
        Subject(ALTERED, Store.ORDER, "usdm", "BTCUSDT", "a", shows=(("origQty", "2"), ("price", "8"))),
    )
    values = {"symbol": "BTCUSDT", "orderId": "7", "newClientOrderId": "n", "newQty": "2"}
    assert subjects("spot", "PUT", "/api/v3/order/amend/keepPriority", values) == (
        Subject(ALTERED, Store.ORDER, "spot", "BTCUSDT", "n", shows=(("origQty", "2"),)),
    )


def test_a_replacement_is_a_birth_and_an_end() -> None:
    """Both are asked for."""
    values = {**PLACED, "cancelOrigClientOrderId": "old"}
    found = subjects("spot", "POST", "/api/v3/order/cancelReplace", values)
    assert found == (
        Subject(BORN, Store.ORDER, "spot", "BTCUSDT", "a", shows=SHOWS),
        Subject(ENDED, Store.ORDER, "spot", "BTCUSDT", "old"),
    )
    assert raises(found)
    assert not raises(found[1:])


@pytest.mark.parametrize(
    ("family", "path"), [("usdm", "/fapi/v1/leverage"), ("usdm", "/fapi/v1/order/test"), ("spot", "/api/v3/order/test")]
)
def test_settings_and_tests_leave_no_order(family: str, path: str) -> None:
    """There is nothing to ask for."""
    assert subjects(family, "POST", path, PLACED) == ()
