"""Faults in process: whom they hit, how often, what of the answer they spoil, and whether the order lives."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.paper.harness import Answer, Rig, sign

from counterseal.paper.faults import Faults
from counterseal.paper.faults_answers import ANSWERS
from counterseal.paper.faults_body import SPOILERS
from counterseal.paper.wire import Request


def fault(rig: Rig, kind: str, **more: Any) -> None:
    rig.exchange.faults.take({"fault": kind, **more})


def lives(rig: Rig, client_id: str) -> bool:
    return rig.signed("GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId=client_id).status == 200


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_every_answer_of_the_catalogue_with_and_without_execution(rig: Rig, name: str, when: str) -> None:
    fault(rig, f"answer:{name}", when=when, match={"path": "/api/v3/order"})
    request = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01",
               "price": "96000", "newClientOrderId": "one"}  # fmt: skip
    answer = raw_order(rig, request)
    assert (answer.status, answer.body) == (ANSWERS[name].status, answered(ANSWERS[name].body, rig))
    assert ("Retry-After" in answer.headers) == ("Retry-After" in ANSWERS[name].headers)
    line = rig.lines()[-1]
    assert (line["fault"], line["executed"]) == (f"answer:{name}", when == "after")
    assert ("newClientOrderId", "one") in [tuple(pair) for pair in line["params"]]
    assert lives(rig, "one") == (when == "after")


def raw_order(rig: Rig, params: dict[str, str]) -> Answer:
    """An order whose body is kept as bytes."""
    query = urlencode({**params, "timestamp": rig.now_ms})
    target = f"/api/v3/order?{query}&signature={sign(rig.key, query)}".encode()
    reply = rig.exchange.handle(Request("POST", target, {"x-mbx-apikey": rig.key.api_key}, [], b"", "127.0.0.1"))
    return Answer(reply.status, reply.body, reply.headers, reply)


def answered(body: bytes, rig: Rig) -> bytes:
    return body.replace(b"{}. Please", b"%d. Please" % (rig.now_ms + 120_000))


def test_the_catalogue_has_every_status_and_code_of_the_test_plan() -> None:
    statuses = {canned.status for canned in ANSWERS.values()}
    assert statuses >= {400, 401, 403, 408, 409, 418, 429, 451, 500, 502, 503, 504}
    codes = {json.loads(canned.body).get("code") for canned in ANSWERS.values() if canned.body.startswith(b"{")}
    assert codes >= {-2021, -2022, -2015, -1021, -1022, -1003, -1015, -2010, -4116, -1000, -1001, -1006, -1007, -1008}
    assert len([name for name in ANSWERS if name.startswith("503-")]) == 10


@pytest.mark.parametrize("kind", SPOILERS)
def test_every_broken_body_differs_and_the_order_lives(rig: Rig, kind: str) -> None:
    fault(rig, kind, match={"path": "/api/v3/order", "method": "POST"})
    params = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01",
              "price": "96000", "newClientOrderId": "one"}  # fmt: skip
    body = raw_order(rig, params).body
    assert lives(rig, "one")
    assert WRONG[kind](body), body
    params["newClientOrderId"] = "two"
    assert json.loads(raw_order(rig, params).body)["clientOrderId"] == "two", "only once"


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return False
    return True


WRONG: dict[str, Any] = {
    "truncated": lambda body: body.startswith(b"{") and not _is_json(body),
    "wrong_symbol": lambda body: json.loads(body)["symbol"] == "WRONGUSDT",
    "wrong_client_id": lambda body: json.loads(body)["clientOrderId"] == "not-the-one-that-was-sent",
    "duplicate_keys": lambda body: body.count(b'"symbol":') == 2,
    "nan_price": lambda body: b'"price":NaN' in body,
    "error_in_200": lambda body: json.loads(body)["code"] == -2010,
    "invalid_utf8": lambda body: b"\xff\xfe" in body,
    "unknown_enum": lambda body: json.loads(body)["status"] == "CANCEL_ONLY",
    "missing_field": lambda body: "orderId" not in json.loads(body) and "symbol" in json.loads(body),
    "extra_field": lambda body: "somethingNew" in json.loads(body),
}


def test_a_fault_hits_one_key_only(rig: Rig) -> None:
    other = rig.add_key("other")
    fault(rig, "answer:502", match={"key": other.api_key[:8]})
    assert rig.signed("GET", "/api/v3/openOrders").status == 200
    assert rig.raw("GET", "/api/v3/ping", {"X-MBX-APIKEY": rig.key.api_key}).status == 200
    with pytest.raises(ValueError, match="Expecting"):
        rig.raw("GET", "/api/v3/ping", {"X-MBX-APIKEY": other.api_key})


def test_a_fault_hits_ids_with_a_prefix_also_inside_a_batch(rig: Rig) -> None:
    fault(rig, "answer:-1007", match={"client_id": "x-"}, times=None)
    assert rig.order(newClientOrderId="y-1").status == 200
    assert rig.order(newClientOrderId="x-1").code == -1007
    leg = {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.01",
        "price": "96000",
    }
    for prefix, code in (("y", None), ("x", -1007)):
        legs = json.dumps([{**leg, "newClientOrderId": f"{prefix}-2"}])
        assert rig.signed("POST", "/fapi/v1/batchOrders", batchOrders=legs).code == code


def test_a_fault_hits_paths_symbols_and_addresses(rig: Rig) -> None:
    fault(rig, "answer:-1000", match={"path": "/fapi/*"})
    assert rig.public("/api/v3/ping").status == 200
    assert rig.public("/fapi/v1/time").code == -1000
    fault(rig, "answer:-1000", match={"symbol": "ETHUSDT"})
    assert rig.public("/api/v3/depth", symbol="BTCUSDT").status == 200
    assert rig.public("/api/v3/depth", symbol="ETHUSDT").code == -1000
    fault(rig, "answer:-1000", match={"peer": "10.0.0.9"})
    assert rig.public("/api/v3/ping").status == 200
    assert rig.raw("GET", "/api/v3/ping", peer="10.0.0.9").code == -1000


def test_every_third_and_the_first_two(rig: Rig) -> None:
    fault(rig, "answer:-1000", nth=3)
    assert [rig.public("/api/v3/ping").code for _ in range(7)] == [None, None, -1000, None, None, -1000, None]
    rig.exchange.faults.take({"clear": True})
    fault(rig, "answer:-1000", times=2)
    assert [rig.public("/api/v3/ping").code for _ in range(3)] == [-1000, -1000, None]


def test_a_probability_is_met_and_is_the_same_for_the_same_seed() -> None:
    def hits(seed: int) -> list[bool]:
        faults = Faults(seed)
        faults.take({"fault": "reset", "probability": "0.1"})
        return [faults.next_for("GET", "/api/v3/ping") is not None for _ in range(5000)]

    assert 400 < sum(hits(1)) < 600
    assert hits(1) == hits(1) != hits(2)


def test_chaos_is_seeded_and_mixes_kinds() -> None:
    def done(seed: int) -> list[str]:
        faults = Faults(seed)
        faults.take({"chaos": {"per_mille": 50}})
        found = (faults.next_for("POST", "/api/v3/order") for _ in range(4000))
        return [f"{fault.kind}:{fault.argument}:{fault.when}" for fault in found if fault is not None]

    assert 140 < len(done(3)) < 260
    assert len(set(done(3))) > 12
    assert done(3) == done(3) != done(4)


def test_a_late_order_is_executed_late(rig: Rig) -> None:
    fault(rig, "late:3000")
    target, headers = signed_target(rig, recvWindow=5000)
    request = Request("POST", target, headers, [], b"", "127.0.0.1")
    held = rig.exchange.handle(request)
    assert (held.action, held.delay_ms) == ("hold", 3000)
    assert not lives(rig, "late")
    rig.wait(3000)
    assert rig.exchange.handle(request, is_late=True).status == 200
    assert lives(rig, "late")


def test_a_late_order_beyond_its_window_is_refused_and_counted(rig: Rig) -> None:
    fault(rig, "late:3000")
    target, headers = signed_target(rig, recvWindow=2000)
    request = Request("POST", target, headers, [], b"", "127.0.0.1")
    rig.exchange.handle(request)
    rig.wait(3000)
    reply = rig.exchange.handle(request, is_late=True)
    assert (reply.status, json.loads(reply.body)["code"]) == (400, -1021)
    assert rig.signed("GET", "/api/v3/rateLimit/order").body[0]["count"] == 1


def signed_target(rig: Rig, **more: int) -> tuple[bytes, dict[str, str]]:
    query = urlencode({"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01",
                       "price": "96000", "newClientOrderId": "late", "timestamp": rig.now_ms, **more})  # fmt: skip
    return f"/api/v3/order?{query}&signature={sign(rig.key, query)}".encode(), {"x-mbx-apikey": rig.key.api_key}


@pytest.mark.parametrize(
    "wanted",
    [{"fault": "answer:nope"}, {"fault": "truncated", "when": "before"}, {"fault": "reset", "when": "later"},
     {"fault": "reset", "nth": 0}, {"fault": "reset", "probability": "2"},
     {"fault": "reset", "match": {"moon": "full"}},
     {"fault": "late:soon"}, {"chaos": {"per_mille": 5, "kinds": ["fish"]}}, {"chaos": 3}],
)  # fmt: skip
def test_malformed_faults_are_refused(wanted: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        Faults().take(wanted)


def test_a_fault_can_be_removed_and_the_list_tells_its_hits(rig: Rig) -> None:
    rig.exchange.admin.run({"do": "fault", "fault": "answer:-1000", "times": 3})
    rig.public("/api/v3/ping")
    shown = rig.exchange.admin.run({"do": "faults"})
    assert [(row["number"], row["hits"]) for row in shown["faults"]] == [(1, 1)]
    assert rig.exchange.admin.run({"do": "fault", "remove": 1}) == {"removed": True}
    assert rig.public("/api/v3/ping").status == 200
