"""The fault switch: closed by default, and each fault does what it says, as often as it says."""

import json
from pathlib import Path

import pytest
from tests.paper.harness import Answer, Rig


@pytest.fixture
def faulty(tmp_path: Path) -> Rig:
    return Rig(tmp_path, fault_control=True)


def order_fault(rig: Rig, fault: str, times: int = 1, path: str = "/api/v3/order") -> Answer:
    body = {"match": {"method": "POST", "path": path}, "times": times, "fault": fault}
    return rig.raw("POST", "/paper/faults", body=json.dumps(body).encode())


def open_orders(rig: Rig) -> int:
    return len(rig.signed("GET", "/api/v3/openOrders").body)


def test_the_switch_does_not_exist_by_default(rig: Rig) -> None:
    assert order_fault(rig, "reset_before").status == 404
    assert rig.raw("POST", "/paper/price", body=b"{}").status == 404


def test_reset_before_executes_nothing(faulty: Rig) -> None:
    order_fault(faulty, "reset_before")
    assert faulty.order().reply.action == "close"
    assert open_orders(faulty) == 0
    line = faulty.lines()[0]
    assert (line["path"], line["status"]) == ("/api/v3/order", None)
    assert faulty.order().status == 200


def test_reset_after_execute_leaves_the_order(faulty: Rig) -> None:
    order_fault(faulty, "reset_after_execute", times=2)
    assert [faulty.order().reply.action for _ in range(3)] == ["close", "close", "send"]
    assert open_orders(faulty) == 3
    assert [line["order"]["status"] for line in faulty.lines()[:2]] == ["NEW", "NEW"]


def test_stall_and_delay(faulty: Rig) -> None:
    order_fault(faulty, "stall_after_execute")
    order_fault(faulty, "delay:250")
    assert faulty.order().reply.action == "stall"
    assert faulty.order().reply.delay_ms == 250
    assert open_orders(faulty) == 2


def test_a_status_with_and_without_execution(faulty: Rig) -> None:
    order_fault(faulty, "status:503:Service Unavailable.")
    assert (faulty.order().status, open_orders(faulty)) == (503, 0)
    order_fault(faulty, 'status_after_execute:503:{"code":-1007,"msg":"x"}')
    answer = faulty.order()
    assert (answer.status, answer.code, open_orders(faulty)) == (503, -1007, 1)


def test_only_what_matches_is_hit_and_clear_ends_it(faulty: Rig) -> None:
    order_fault(faulty, "reset_before", times=5, path="/fapi/v1/order")
    assert faulty.order().status == 200
    faulty.raw("POST", "/paper/faults", body=b'{"clear": true}')
    assert faulty.futures_order().status == 200


@pytest.mark.parametrize("body", [b"", b"[]", b'{"fault": "fish"}', b'{"fault": "delay:x"}', b'{"match": {}}'])
def test_a_malformed_order_for_trouble_is_refused(faulty: Rig, body: bytes) -> None:
    assert faulty.raw("POST", "/paper/faults", body=body).code == -1135


def test_a_malformed_price_is_refused(faulty: Rig) -> None:
    for body in (b"", b"{}", b'{"market": "spot", "symbol": "BTCUSDT", "price": "fish"}'):
        assert faulty.raw("POST", "/paper/price", body=body).code == -1135
    body = b'{"market": "spot", "symbol": "NOPE", "price": "1"}'
    assert faulty.raw("POST", "/paper/price", body=body).code == -1121


def test_a_price_can_be_set(faulty: Rig) -> None:
    body = {"market": "spot", "symbol": "BTCUSDT", "price": "90000"}
    assert faulty.raw("POST", "/paper/price", body=json.dumps(body).encode()).status == 200
    assert faulty.public("/api/v3/ticker/price", symbol="BTCUSDT").body["price"] == "90000.00000000"
