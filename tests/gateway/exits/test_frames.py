"""A signed cancel becomes a request of the WebSocket API, and its answer one of REST."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.gateway.exits.frames import Said, read, request


def test_numbers_are_numbers_and_everything_else_is_text() -> None:
    """Raw text under the signature stays as it is; a signature of base64 comes out of its escapes."""
    query = "apiKey=k&orderId=12&recvWindow=5000&symbol=币安人生USDT&timestamp=17&signature=a%2Bb%2F%3D%3D"
    assert json.loads(request(7, query.encode())) == {
        "id": 7,
        "method": "order.cancel",
        "params": {
            "apiKey": "k", "orderId": 12, "recvWindow": 5000, "symbol": "币安人生USDT", "timestamp": 17,
            "signature": "a+b/==",
        },
    }  # fmt: skip


def test_a_client_id_of_digits_is_text() -> None:
    found = json.loads(request(1, b"apiKey=1&origClientOrderId=12&symbol=X&timestamp=17&signature=34"))
    assert found["params"] == {
        "apiKey": "1",
        "origClientOrderId": "12",
        "symbol": "X",
        "timestamp": 17,
        "signature": "34",
    }


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        ({"id": 3, "status": 200, "result": {"a": 1}, "rateLimits": []}, Said(3, 200, b'{"a":1}', None)),
        ({"id": 3, "status": 200}, Said(3, 200, b"", None)),
        (
            {"id": 3, "status": 400, "error": {"code": -2011, "msg": "Unknown order sent."}},
            Said(3, 400, b'{"code":-2011,"msg":"Unknown order sent."}', None),
        ),
        (
            {"id": 3, "status": 429, "error": {"code": -1003, "msg": "x", "data": {"retryAfter": 99}}},
            Said(3, 429, b'{"code":-1003,"msg":"x"}', 99),
        ),
        ({"id": 3, "status": 418, "error": {"data": {"retryAfter": "99"}}}, Said(3, 418, b"{}", None)),
        ({"id": 3, "status": 418, "error": {"code": None, "data": []}}, Said(3, 418, b'{"code":null}', None)),
        ({"id": 3, "status": 500, "error": "no"}, Said(3, 500, b"{}", None)),
        ({"id": 3, "status": 199, "result": {}}, None),
        ({"id": 3, "status": 600, "result": {}}, None),
        ({"id": "3", "status": 200, "result": {}}, None),
        ({"status": 200, "result": {}}, None),
        ({"id": 3, "result": {}}, None),
        ({"e": "serverShutdown"}, None),
        ([], None),
        (3, None),
    ],
)
def test_what_an_answer_says(frame: Any, said: Said | None) -> None:
    """As REST has it: the result, or code and text; and the instant until which to stay away."""
    assert read(json.dumps(frame, separators=(",", ":")).encode()) == said


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["code", "msg", "data"]), inner),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["id", "status", "result", "error", "data"]), _VALUES) | st.binary(max_size=20))
def test_nothing_raises(frame: Any) -> None:
    found = read(frame if isinstance(frame, bytes) else json.dumps(frame).encode())
    assert found is None or (isinstance(found.id, int) and 200 <= found.status <= 599)
