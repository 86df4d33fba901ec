"""What an answer proves of a request that changes something: the closed list, as the documents have it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from tests.fuzz.tools import json_in

from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.core.echo import contradicts, order_in, replaced_id
from counterseal.core.intent import Intent
from counterseal.core.judge import judge
from counterseal.core.outcome import Answer, Outcome, classify, is_duplicate, leg_outcome, read_answer

FAMILIES = ("spot", "usdm", "coinm", "papi", "options")
EXPECTED = {"symbol": "BTCUSDT", "clientOrderId": "mine"}
_LEG = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "1"}
_ROWS = (
    '{"symbol":"BTCUSDT","orderId":1,"clientOrderId":"mine","status":"NEW"}', '{"code":200,"msg":"success"}', "[]",
    '{"code":-2010,"msg":"Duplicate order sent."}', '{"code":-1007,"msg":""}', '{"code":-4116,"msg":""}', "{}",
    '[{"symbol":"BTCUSDT","orderId":1,"clientOrderId":"a"},{"code":-2019,"msg":""}]', '{"code":-1013,"msg":"x"}',
    '{"amendedOrder":{"symbol":"BTCUSDT","clientOrderId":"mine","origClientOrderId":"old"}}', '{"symbol":["BTCUSDT"]}',
    '{"cancelResult":"SUCCESS","newOrderResult":"SUCCESS","cancelResponse":{},"newOrderResponse":{"clientOrderId":"x"}}',
    '{"code":-2021,"msg":"","data":{"cancelResult":"SUCCESS","newOrderResult":"FAILURE","cancelResponse":{},'
    '"newOrderResponse":{"code":-2010,"msg":"x"}}}', '{"orders":[{"clientOrderId":"b"},{"clientOrderId":"c"}]}',
)  # fmt: skip
COVERED = ("counterseal.core.outcome", "counterseal.core.echo")
SEEDS = tuple(bytes((status,)) + row.encode() for status in (0, 1, 5, 12) for row in _ROWS)
TOKENS = (
    b'"code":', b'"msg":', b'"symbol":', b'"clientOrderId":', b'"orderId":', b'"data":', b'"cancelResult":', b"-2010",
    b'"newOrderResult":', b'"newOrderResponse":', b'"cancelResponse":', b"SUCCESS", b"FAILURE", b"NOT_ATTEMPTED", b"{}",
    b"Duplicate order sent.", b"-1006", b"-1007", b"-1000", b"-4116", b"-2021", b"-2022", b"-1008", b"200", b"mine",
    b"Service Unavailable", b'"amendedOrder":', b'"orders":', b"[", b"]", b"{", b"}", b",", b":", b'"', b"true",
    b"null",
)  # fmt: skip
_STATUSES = (200, 400, 401, 403, 408, 409, 418, 429, 500, 502, 503, 504, 202, 302, 404, 201)


def _intent(family: str, method: str, path: str, **values: str) -> Intent:
    endpoint = load_catalogue().get(family, method, path)
    assert endpoint is not None
    judged = judge(endpoint, list(values.items()), lambda: "made")
    assert isinstance(judged, Intent)
    return judged


_LEGS = json.dumps([{**_LEG, "newClientOrderId": "a"}, {**_LEG, "newClientOrderId": "b"}])
_SPOT = {**_LEG, "newClientOrderId": "mine"}
INTENTS = (
    _intent("spot", "POST", "/api/v3/order", **_SPOT), _intent("usdm", "POST", "/fapi/v1/order", **_SPOT),
    _intent("usdm", "POST", "/fapi/v1/batchOrders", batchOrders=_LEGS),
    _intent("spot", "DELETE", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="mine"),
    _intent("coinm", "DELETE", "/dapi/v1/order", symbol="BTCUSDT", orderId="1"),
    _intent("spot", "DELETE", "/api/v3/openOrders", symbol="BTCUSDT"),
    _intent("spot", "POST", "/api/v3/order/cancelReplace", **_SPOT, cancelReplaceMode="STOP_ON_FAILURE",
            cancelOrigClientOrderId="old"),
    _intent("spot", "PUT", "/api/v3/order/amend/keepPriority", symbol="BTCUSDT", origClientOrderId="old", newQty="1",
            newClientOrderId="mine"),
    _intent("spot", "POST", "/api/v3/orderList/oco", symbol="BTCUSDT", side="BUY", quantity="1",
    aboveType="LIMIT_MAKER",
            belowType="LIMIT_MAKER", listClientOrderId="a", aboveClientOrderId="b", belowClientOrderId="c"),
    _intent("usdm", "DELETE", "/fapi/v1/batchOrders", symbol="BTCUSDT", orderIdList="[1,2]"),
)  # fmt: skip


def target(data: bytes) -> None:
    """The first byte is the status, the rest the body."""
    status = _STATUSES[data[0] % len(_STATUSES)] if data else 200
    try:
        body = msgspec.json.decode(data[1:])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        body = None
    check_outcomes(read_answer(status, body), data[1:])


def check_outcomes(answer: Answer, raw: bytes) -> None:
    """Classify for every family and look for what the documents forbid."""
    read = json_in(raw)
    told = read.get("code") if isinstance(read, dict) else None
    assert answer.code is None or answer.code == told
    for family in FAMILIES:
        for two in (False, True):
            _check(family, answer, classify(family, answer, EXPECTED, has_two_results=two), read, two)
        leg_outcome(family, answer.body)
    for intent in INTENTS:
        _check_echo(intent, answer)


def _check(family: str, answer: Answer, outcome: Outcome, read: Any, two: bool) -> None:
    """UNKNOWN unless proven."""
    is_success = 200 <= answer.status < 300
    assert outcome in (Outcome.ACCEPTED, Outcome.REJECTED, Outcome.UNKNOWN)
    if answer.code in (-1000, -1006, -1007, -4116) or is_duplicate(answer) or answer.status == 408:
        assert outcome is Outcome.UNKNOWN
    if outcome is Outcome.ACCEPTED and is_success:
        assert isinstance(read, dict) and {name: read.get(name) for name in EXPECTED} == EXPECTED
        assert read.get("code", 200) in (200, "200", 0)
    elif outcome is Outcome.ACCEPTED:
        # The half of a cancelReplace that came about is known.
        assert two and family == "spot" and "SUCCESS" in json.dumps(read) and isinstance(read["data"], dict)
    elif outcome is Outcome.REJECTED:
        assert not is_success and answer.status >= 400
        assert answer.status < 500 or (answer.status == 503 and family != "spot")
        assert answer.status in (401, 403, 418, 429, 503) or (isinstance(read, dict) and read["code"] < 0)
    if is_success and isinstance(read, dict) and read.items() >= EXPECTED.items() and answer.code is None:
        assert (outcome is Outcome.ACCEPTED) == (read.get("code", 200) in (200, "200", 0))


def _check_echo(intent: Intent, answer: Answer) -> None:
    """An order of another symbol, or under another name, is another order."""
    body = answer.body
    wrong = contradicts(intent, body)
    replaced_id(body)
    if not isinstance(body, dict):
        return
    order_in(body)
    names_it = intent.endpoint.path.endswith("/order") and isinstance(body.get("symbol"), str)
    if names_it and body["symbol"] != intent.values["symbol"]:
        assert wrong
