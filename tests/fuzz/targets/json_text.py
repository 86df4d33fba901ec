"""Strict JSON: read as our own reader of RFC 8259 reads it, or refused as there; no other reader sees anything else."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from tests.fuzz.references import json_text as reference
from tests.fuzz.tools import utf8_in

from counterseal.core import strict_json
from counterseal.core.binance.values import MAX_ITEMS, items_of
from counterseal.core.strict_json import JsonError, NumberText
from counterseal.paper import ws_params
from counterseal.paper.errors import ApiError

COVERED = ("counterseal.core.strict_json", "counterseal.core.binance.values", "counterseal.paper.ws_params")
SEEDS = (
    b"{}", b"[]", b'""', b"0", b"-0.10e+5", b"null", b"true", b' [ 1 , "a" ] ', b'{"a":{"b":[1,2,{"c":null}]}}',
    b"[1.]",
    b'{"a":1,"a":2}', b'{"a":1,"\\u0061":2}', b'"\\ud83d\\ude00"', b'"\\ud800"', b'"\\ude00\\ud83d"', b"NaN", b"[-]",
    b"[[[[[[[[1]]]]]]]]", b"[[[[[[[[[1]]]]]]]]]", b'"\\x41"', b'"a\nb"', b"[1,]", b"01", b"\xef\xbb\xbf[1]", b"[1]\x00",
    b'"\xed\xa0\x80"', b'"[1,2]"', b"[1e400]", b'["\\/\\b\\f\\n\\r\\t\\\\"]', b"1 2", '"\u2028\x7f"'.encode(),
    '[\uff11]'.encode(), b"-Infinity",
)  # fmt: skip
TOKENS = (
    b"{", b"}", b"[", b"]", b":", b",", b'"', b"\\u", b"\\ud800", b"\\udc00", b"\\", b"true", b"false", b"null", b"NaN",
    b"Infinity", b"-", b"0", b"1e9", b".5", b"E+", b"\xed\xa0\x80", b'{"a":', b"\x00", b"\xc2\xa0", b"[[[[[[[[",
)  # fmt: skip

# How each reader marks a number that it keeps as it was written.
_NUMBERS = (NumberText, ws_params.Number, reference.Number)


def target(data: bytes) -> None:
    """One text, five readers."""
    text = utf8_in(data)
    if text is None:
        return
    try:
        expected: Any = reference.read(text)
        is_json = True
    except reference.NoJson:
        expected, is_json = None, False
    try:
        value = strict_json.loads(text)
    except JsonError:
        assert not is_json, "refused what is JSON"
        _check_items(text, None)
        return
    assert is_json, "took what is no JSON"
    assert _same(value, expected)
    assert _same(strict_json.loads(_written(value)), expected)
    assert _same_but_numbers(json.loads(text), value)
    _check_other_readers(text, value)
    _check_items(text, value)


def _same(value: Any, expected: Any) -> bool:
    """The same, down to the spelling of numbers and the order of names."""
    if isinstance(expected, dict):
        both = isinstance(value, dict) and list(value) == list(expected)
        return both and all(_same(value[name], expected[name]) for name in expected)
    if isinstance(expected, list):
        both = isinstance(value, list) and len(value) == len(expected)
        return both and all(_same(*each) for each in zip(value, expected, strict=True))
    is_number = isinstance(expected, _NUMBERS)
    return (
        is_number == isinstance(value, _NUMBERS) and (is_number or type(value) is type(expected)) and value == expected
    )


def _same_but_numbers(found: Any, value: Any) -> bool:
    if isinstance(value, NumberText):
        return not isinstance(found, bool | str) and found == json.loads(value)
    if isinstance(value, dict):
        return list(found) == list(value) and all(_same_but_numbers(found[name], value[name]) for name in value)
    if isinstance(value, list):
        return len(found) == len(value) and all(_same_but_numbers(*each) for each in zip(found, value, strict=True))
    return bool(found == value and type(found) is type(value))


def _written(value: Any) -> str:
    """Write it again, numbers as they were."""
    if isinstance(value, NumberText):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{_written(inner)}" for name, inner in value.items()) + "}"
    return "[" + ",".join(map(_written, value)) + "]" if isinstance(value, list) else json.dumps(value)


def _check_other_readers(text: str, value: Any) -> None:
    """The paper exchange reads the same; what the product uses for answers takes it too, if its numbers fit."""
    try:
        assert _same(ws_params.decode(text.encode()), value) or not isinstance(value, dict)
    except ApiError:
        assert not isinstance(value, dict)
    try:
        assert _shape(msgspec.json.decode(text.encode())) == _shape(value)
    except msgspec.DecodeError as fault:
        assert "out of range" in str(fault), fault


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _shape(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_shape(inner) for inner in value]
    return "number" if isinstance(value, NumberText) or type(value) in (int, float) else value


def _check_items(text: str, value: Any) -> None:
    items = items_of(text)
    assert items is None or (isinstance(items, list) and 0 < len(items) <= MAX_ITEMS)
    is_taken = isinstance(value, list) and 0 < len(value) <= MAX_ITEMS
    assert not is_taken or items == value
