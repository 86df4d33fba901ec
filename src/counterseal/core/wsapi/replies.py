"""The frame that answers a request: its id, a status, the result or error as it came, and the limits."""

import json
from collections.abc import Mapping
from typing import Any

# Where our own words stand in an error's `data`: over REST they are headers.
OURS = "counterseal"


def result(asked: str, status: int, body: bytes, limits: bytes | None) -> bytes:
    """Give the answer to a request that was carried out; `body` is JSON and goes in byte for byte."""
    return _frame(asked, status, b"result", body, limits)


def error(asked: str, status: int, body: bytes, limits: bytes | None, data: Mapping[str, Any]) -> bytes:
    """Give the answer to a request that was not; `body` is a JSON object with code and msg.

    `data` is added to what stands in the error's `data`, where that is an object, and takes its place where it is not.
    Without any the body goes in byte for byte.
    """
    return _frame(asked, status, b"error", _with(body, data) if data else body, limits)


def _with(body: bytes, data: Mapping[str, Any]) -> bytes:
    try:
        found = json.loads(body)
        told = found.get("data")
        return _text({**found, "data": {**(told if isinstance(told, dict) else {}), **data}})
    except (ValueError, RecursionError):
        # A number that no JSON can have when it is written again, nesting without end: a bot must get its answer.
        return _text({"code": -1000, "msg": "An unknown error occurred while processing the request.", "data": data})


def _text(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _frame(asked: str, status: int, word: bytes, body: bytes, limits: bytes | None) -> bytes:
    end = b"" if limits is None else b',"rateLimits":%b' % limits
    return b'{"id":%b,"status":%d,"%b":%b%b}' % (asked.encode(), status, word, body, end)
