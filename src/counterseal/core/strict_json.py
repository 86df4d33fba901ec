"""JSON from bots: duplicate keys and constants refused, numbers kept as text, depth and size bounded."""

import json
from typing import Any

MAX_SIZE = 65_536
MAX_DEPTH = 8
# The longest list that a bot needs names 1,024 streams. More than so many values cost far more than their bytes.
MAX_VALUES = 4_096


class JsonError(ValueError):
    """The text is not JSON that can be read in one way only."""


class NumberText(str):
    """A JSON number as it was written."""

    __slots__ = ()


def loads(text: str) -> Any:
    """Read one JSON document; numbers come as NumberText.

    Raises JsonError for anything that two readers could understand differently, for more than 64 KiB, more than eight
    levels and more than 4,096 values (each comma counts as one, also in a text).
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_SIZE:
        raise JsonError("longer than 64 KiB")
    if text.count(",") >= MAX_VALUES:
        raise JsonError("more than 4,096 values")
    try:
        value = _decoder.decode(text)
    except JsonError:
        raise
    except (ValueError, RecursionError):
        raise JsonError("not strict JSON") from None
    _check(value, MAX_DEPTH)
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


def _check(value: Any, levels: int) -> None:
    """Refuse more levels than allowed, and lone surrogates, which have no UTF-8 form."""
    if isinstance(value, str):
        if not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
            raise JsonError("a lone surrogate")
    elif isinstance(value, dict | list):
        if not levels:
            raise JsonError("nested deeper than 8")
        if isinstance(value, dict):
            for name in value:
                _check(name, levels)
        for inner in value.values() if isinstance(value, dict) else value:
            _check(inner, levels - 1)
