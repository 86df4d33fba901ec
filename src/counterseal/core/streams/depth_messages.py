"""What the exchange says of a book: changes and snapshots, read strictly; whatever is odd is None."""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from counterseal.core.streams.levels import Row

_HALF = re.compile(r"[\ud800-\udfff]").search


class Change(NamedTuple):
    """A message of a book's stream.

    `first`, `last` are its ids, `previous` on futures the last id before them. `trade_ms` and `pair` are futures' too;
    0 and "" where there is none.
    """

    first: int
    last: int
    bids: list[Row]
    asks: list[Row]
    previous: int | None = None
    event_ms: int = 0
    trade_ms: int = 0
    symbol: str = ""
    pair: str = ""


class Snapshot(NamedTuple):
    """The answer to a read of a book."""

    last_id: int
    bids: list[Row]
    asks: list[Row]


def read_change(text: bytes) -> Change | None:
    """Read a message in its combined form."""
    data = data_of(text)
    if data is None:
        return None
    ids, bids, asks = ids_of(data), _rows(data.get("b")), _rows(data.get("a"))
    if ids is None or bids is None or asks is None:
        return None
    numbers = [data.get(name, 0) for name in ("E", "T")]
    texts = [data.get(name, "") for name in ("s", "ps")]
    if not all(_is_number(value) for value in numbers) or not all(_is_text(value) for value in texts):
        return None
    return Change(ids[0], ids[1], bids, asks, ids[2], *numbers, *texts)


def read_snapshot(body: bytes) -> Snapshot | None:
    """Read an answer's body."""
    found = _object(body)
    if found is None:
        return None
    last_id, bids, asks = found.get("lastUpdateId"), _rows(found.get("bids")), _rows(found.get("asks"))
    if not isinstance(last_id, int) or bids is None or asks is None:
        return None
    return Snapshot(last_id, bids, asks)


def data_of(text: bytes) -> Mapping[str, Any] | None:
    """Give the payload of a message in its combined form."""
    found = _object(text)
    data = None if found is None else found.get("data")
    return cast(Mapping[str, Any], data) if isinstance(data, dict) else None


def ids_of(data: Mapping[str, Any]) -> tuple[int, int, int | None] | None:
    """Give first id, last id and on futures the last id of the message before."""
    first, last, previous = data.get("U"), data.get("u"), data.get("pu")
    if not _is_number(first) or not _is_number(last) or not (previous is None or _is_number(previous)):
        return None
    return cast(tuple[int, int, int | None], (first, last, previous))


def _object(text: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_text(value: object) -> bool:
    """A half of a character alone has no UTF-8: an answer made of it could not be written."""
    return isinstance(value, str) and not _HALF(value)


def _rows(value: object) -> list[Row] | None:
    if not isinstance(value, list) or not all(_is_row(row) for row in value):
        return None
    return [(row[0], row[1]) for row in value]


def _is_row(row: object) -> bool:
    return isinstance(row, list) and len(row) == 2 and isinstance(row[0], str) and isinstance(row[1], str)
