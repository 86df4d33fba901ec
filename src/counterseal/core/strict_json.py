"""JSON from bots: duplicate keys and constants refused, numbers kept as text, depth and size bounded."""

import json
from typing import Any

MAX_SIZE = 65_536
MAX_DEPTH = 8


class JsonError(ValueError):
    """The text is not JSON that can be read in one way only."""


class NumberText(str):
    """A JSON number as it was written."""

    __slots__ = ()


def loads(text: str) -> Any:
    """Read one JSON document; numbers come as NumberText.

    Raises JsonError for anything that two readers could understand differently, for more than 64 KiB and for more than
    eight levels.
    """
    if len(text) > MAX_SIZE:
        raise JsonError("longer than 64 KiB")
    if _depth(text) > MAX_DEPTH:
        raise JsonError("nested deeper than 8")
    try:
        value = _decoder.decode(text)
    except (ValueError, RecursionError):
        raise JsonError("not strict JSON") from None
    _check_text(value)
    return value


def _refuse_constant(name: str) -> Any:
    raise JsonError(f"{name} is no number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise JsonError("a key appears twice")
    return found


_decoder = json.JSONDecoder(
    object_pairs_hook=_unique,
    parse_float=NumberText,
    parse_int=NumberText,
    parse_constant=_refuse_constant,
    strict=True,
)


def _depth(text: str) -> int:
    # An upper bound: brackets inside strings count too, which only makes it stricter for absurd input.
    deepest = level = 0
    for character in text:
        if character in "[{":
            level += 1
            deepest = max(deepest, level)
        elif character in "]}":
            level -= 1
    return deepest


def _check_text(value: Any) -> None:
    """Refuse lone surrogates, which have no UTF-8 form."""
    if isinstance(value, str):
        if not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
            raise JsonError("a lone surrogate")
    elif isinstance(value, dict):
        for name, inner in value.items():
            _check_text(name)
            _check_text(inner)
    elif isinstance(value, list):
        for inner in value:
            _check_text(inner)
