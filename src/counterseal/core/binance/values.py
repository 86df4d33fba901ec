"""The grammar of every kind of value: text as received in, text to send out, None where it is not of the grammar."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from counterseal.core import strict_json
from counterseal.core.binance.schema import Kind
from counterseal.core.numbers import is_decimal, is_int

MAX_TEXT = 4_096
MAX_ITEMS = 1_000
Check = Callable[[str], str | None]
Match = Callable[[str], Any]

# Bots' ids pass as text: which characters an id may have is the exchange's affair, and it says so itself.
_CLIENT_ID = re.compile(r"[^\x00-\x1f\x7f]{1,64}").fullmatch
_ENUM = re.compile(r"[A-Z][A-Z0-9_]{0,39}", re.ASCII).fullmatch
_SYMBOL = re.compile(r"[^\s\x00-\x1f\x7f&=%+\"'\\]{1,64}").fullmatch


def items_of(value: str) -> list[Any] | None:
    """Read a JSON list of 1 to 1,000 items, also where a client sent the whole list as one JSON string."""
    try:
        items = strict_json.loads(value)
        if type(items) is str:
            items = strict_json.loads(items)
    except strict_json.JsonError:
        return None
    return items if isinstance(items, list) and 0 < len(items) <= MAX_ITEMS else None


def _matched(match: Match) -> Check:
    return lambda value: value if match(value) else None


def _fits(value: str) -> bool:
    return len(value) <= MAX_TEXT


def _bool(value: str) -> str | None:
    low = value.lower()
    return low if low in ("true", "false") and value.isascii() else None


def _list_of(match: Match, *, numbers: bool) -> Check:
    def check(value: str) -> str | None:
        items = items_of(value)
        if items is None or not all(isinstance(item, str) and match(item) for item in items):
            return None
        texts = [str(item) for item in items]
        return f"[{','.join(texts)}]" if numbers else json.dumps(texts, ensure_ascii=False, separators=(",", ":"))

    return check


# Kinds whose text is sent as it came: true where it is of the grammar.
MATCHES: Mapping[Kind, Match] = {
    Kind.TEXT: _fits,
    Kind.SYMBOL: _SYMBOL,
    Kind.DECIMAL: is_decimal,
    Kind.INT: is_int,
    Kind.ENUM: _ENUM,
    Kind.CLIENT_ID: _CLIENT_ID,
}
CHECKS: Mapping[Kind, Check] = {
    **{kind: _matched(match) for kind, match in MATCHES.items()},
    Kind.SYMBOLS: _list_of(_SYMBOL, numbers=False),
    Kind.BOOL: _bool,
    Kind.INT_LIST: _list_of(is_int, numbers=True),
    Kind.CLIENT_ID_LIST: _list_of(_CLIENT_ID, numbers=False),
    Kind.LEGS: _matched(_fits),
}


def reason_of(kind: Kind) -> str:
    """Give the reason code of a value that is not of its kind's grammar."""
    return "malformed_number" if kind in (Kind.DECIMAL, Kind.INT) else "malformed_value"
