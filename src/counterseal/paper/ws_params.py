"""WebSocket-API requests: from JSON to parameter texts, and to the bytes that their signature covers."""

from __future__ import annotations

import json

from counterseal.paper.errors import ApiError, illegal
from counterseal.paper.params import Params
from counterseal.paper.wire import Payload

MOST_ID = 36
INT64 = 1 << 63


class Number(str):
    """A JSON number as the client wrote it: 0.10 stays 0.10, in the parameters and under the signature."""

    __slots__ = ()


def decode(text: bytes) -> dict[str, object]:
    """One JSON object; -1135 for anything else, -1101 for a name that comes twice."""
    try:
        found = json.loads(text, parse_int=Number, parse_float=Number, parse_constant=_refuse, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise ApiError(-1135, "Invalid JSON Request") from None
    if not isinstance(found, dict):
        raise ApiError(-1135, "Invalid JSON Request")
    return found


def _refuse(text: str) -> object:
    raise ValueError(text)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ApiError(-1101, "Duplicate values for a parameter detected.")
    return found


def request_id(value: object) -> int | str | None:
    """An id as it is echoed: int64, text of at most 36 characters, or null.  -1100 for others."""
    if isinstance(value, Number):
        digits = value.removeprefix("-")
        if digits.isdigit() and -INT64 <= int(value) < INT64:
            return int(value)
    elif value is None or (isinstance(value, str) and len(value) <= MOST_ID):
        return value
    raise illegal("id", r"^[a-zA-Z0-9-_]{1,36}$")


def texts(params: dict[str, object]) -> Params:
    """Every value as text, in the order sent; null is as good as not sent."""
    return {name: _text(value) for name, value in params.items() if value is not None}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str) else _compact(value)


def _compact(value: object) -> str:
    """Arrays and objects as JSON without blanks, numbers as they were written."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, list):
        return "[" + ",".join(_compact(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{_compact(name)}:{_compact(item)}" for name, item in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


def payload(params: Params) -> Payload:
    """What is signed: everything but the signature, sorted by name, raw UTF-8, nothing percent-encoded."""
    pairs = sorted((name, value) for name, value in params.items() if name != "signature")
    signed = "&".join(f"{name}={value}" for name, value in pairs)
    # a lone surrogate has no UTF-8; no signature covers it
    return Payload(pairs, signed.encode("utf-8", "replace"), params.get("signature"), True, False)
