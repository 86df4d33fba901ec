"""Missing, superfluous, empty and malformed parameters."""

import pytest
from tests.paper.harness import Rig


@pytest.mark.parametrize("name", ["symbol", "side", "type"])
def test_a_missing_parameter_is_1102_and_named(rig: Rig, name: str) -> None:
    params = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "1"}
    del params[name]
    answer = rig.signed("POST", "/api/v3/order", **params)
    assert (answer.status, answer.code) == (400, -1102)
    assert f"'{name}'" in answer.body["msg"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"symbol": "btcusdt"}, -1100), ({"symbol": "NOPE"}, -1121), ({"side": "LONG"}, -1117),
        ({"type": "STOP"}, -1116), ({"timeInForce": "GTX"}, -1115), ({"timeInForce": "gtc"}, -1115),
        ({"quantity": "1e-2"}, -1100), ({"quantity": "-1"}, -1100), ({"quantity": "0.000000001"}, -1111),
        ({"price": "0"}, -1013), ({"price": ""}, -1105), ({"stopPrice": "1"}, -1106),
        ({"newClientOrderId": "a" * 37}, -1100), ({"newClientOrderId": "a b"}, -1100), ({"nonsense": "1"}, -1104),
        ({"newOrderRespType": "ALL"}, -1130), ({"selfTradePreventionMode": "MAYBE"}, -1130),
        ({"quantity": None}, -1102), ({"timeInForce": None}, -1102),
        ({"type": "MARKET", "timeInForce": "GTC"}, -1106), ({"type": "MARKET", "quoteOrderQty": "100"}, -1106),
        ({"type": "MARKET", "quantity": None}, -1102), ({"type": "STOP_LOSS_LIMIT"}, -1102),
        ({"trailingDelta": "5", "type": "STOP_LOSS_LIMIT"}, -1013), ({"type": "LIMIT_MAKER"}, -1106),
    ],
)  # fmt: skip
def test_a_bad_spot_order(rig: Rig, changes: dict[str, object], code: int) -> None:
    answer = rig.order(**changes)
    assert (answer.status, answer.code) == (400, code), answer.body
    assert rig.signed("GET", "/api/v3/openOrders").body == []


def test_unread_parameters_are_counted_on_spot_and_ignored_on_futures(rig: Rig) -> None:
    answer = rig.public("/api/v3/depth", symbol="BTCUSDT", fish="1")
    assert answer.body["msg"] == "Not all sent parameters were read; read '1' parameter(s) but was sent '2'."
    assert rig.public("/api/v3/time", fish="1").code == -1101
    assert rig.public("/fapi/v1/depth", symbol="BTCUSDT", fish="1").status == 200


def test_a_duplicate_parameter_is_refused_on_spot(rig: Rig) -> None:
    assert rig.raw("GET", "/api/v3/ticker/price?symbol=BTCUSDT&symbol=ETHUSDT").code == -1101


@pytest.mark.parametrize(("method", "path"), [("GET", "/nope"), ("GET", "/eapi/v1/ping"), ("GET", "/papi/v1/pmLoan"),
                                              ("PUT", "/api/v3/order"), ("GET", "/api/v1/ping"),
                                              ("POST", "/sapi/v1/capital/withdraw/apply")])  # fmt: skip
def test_what_is_not_served_is_404_in_json(rig: Rig, method: str, path: str) -> None:
    answer = rig.raw(method, path)
    assert answer.status == 404
    assert path in answer.body["msg"]
