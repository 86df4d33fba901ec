"""Figures out of the exchange's messages: what is no number of theirs is None, never a guess."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

Body = Mapping[str, Any]
# No symbol, asset or id is longer.
MOST_TEXT = 64
# With a sign, and with the exponent that some figures of theirs have ("0E-8").
_is_figure = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?(?:[eE][+-]?[0-9]{1,2})?", re.ASCII).fullmatch


class Place(NamedTuple):
    """Where something is held: a symbol, in hedge mode with its side (LONG, SHORT). One-way mode has side ""."""

    symbol: str
    side: str = ""

    def __str__(self) -> str:
        return f"{self.symbol} {self.side}".rstrip()


def figure(value: object) -> Decimal | None:
    """Read a number that comes as text (or as a whole number)."""
    if type(value) is int:
        value = str(value)
    if not isinstance(value, str) or not _is_figure(value):
        return None
    return Decimal(value)


def text(body: Body, name: str) -> str:
    """Read a text; "" for what is none, or too long."""
    found = body.get(name)
    return found if isinstance(found, str) and len(found) <= MOST_TEXT else ""


def number(body: Body, name: str) -> int:
    """Read a whole number that is not negative; 0 for what is none."""
    found = body.get(name)
    return found if type(found) is int and found >= 0 else 0


def rows(value: object) -> list[Body]:
    """Read a list of objects; what is no object is left out."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def place_of(symbol: str, side: str) -> Place:
    """Name a place as the exchange does: BOTH is the one-way mode's."""
    return Place(symbol, "" if side == "BOTH" else side)
