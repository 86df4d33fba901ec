"""core.wsapi.replies: frames whose result is the exchange's own bytes."""

import json

import pytest

from counterseal.core.wsapi.replies import error, result


def test_a_result_is_passed_on_byte_for_byte() -> None:
    """Numbers stay as they were written."""
    assert (
        result("7", 200, b'{"price": 0.10}', b"[]") == b'{"id":7,"status":200,"result":{"price": 0.10},"rateLimits":[]}'
    )
    assert result('"a"', 200, b"{}", None) == b'{"id":"a","status":200,"result":{}}'


def test_an_error_is_passed_on_byte_for_byte() -> None:
    """Also with data of its own: a cancel-replace tells there what became of its halves."""
    body = b'{"code":-2021,"msg":"Order cancel-replace partially failed.","data":{"cancelResult":"SUCCESS"}}'
    assert error("null", 409, body, None, {}) == b'{"id":null,"status":409,"error":' + body + b"}"


def test_what_is_added_to_an_error() -> None:
    """It stands beside what the exchange said."""
    for data in (b"", b',"data":null'):
        frame = error("1", 429, b'{"code":-1003,"msg":"\xe5\xb8\x81"%b}' % data, b"[]", {"retryAfter": 5})
        assert json.loads(frame)["error"] == {"code": -1003, "msg": "币", "data": {"retryAfter": 5}}
    frame = error("1", 400, b'{"code":-1,"msg":"","data":{"a":1}}', None, {"b": 2})
    assert json.loads(frame)["error"]["data"] == {"a": 1, "b": 2}


@pytest.mark.parametrize("told", [b'["a"]', b'"a"', b"7", b"true"])
def test_data_of_another_kind_gives_way(told: bytes) -> None:
    """The bot gets its answer, with what it must know."""
    frame = error("1", 429, b'{"code":-1003,"msg":"m","data":%b}' % told, None, {"retryAfter": 5})
    assert json.loads(frame)["error"] == {"code": -1003, "msg": "m", "data": {"retryAfter": 5}}


@pytest.mark.parametrize("odd", [b"1e999", b"9" * 5000, b'"\\ud800"', b"[" * 5000 + b"]" * 5000])
def test_what_cannot_be_written_again(odd: bytes) -> None:
    """The frame is strict JSON whatever the exchange said."""
    frame = error("1", 418, b'{"code":-1003,"msg":"m","odd":%b}' % odd, b"[]", {"retryAfter": 5})
    found = json.loads(frame, parse_constant=lambda name: pytest.fail(name))
    assert (found["status"], found["error"]["code"], found["error"]["data"]) == (418, -1000, {"retryAfter": 5})
