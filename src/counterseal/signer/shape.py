"""Which names a request may carry together, judged once per sequence of names and then remembered."""

import re
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import quote

from counterseal.signer.table import Entry

# Sequences of names that one endpoint remembers. Whoever asks decides on the sequences, so there is an end to them.
REMEMBERED = 256

_unreserved = re.compile(r"[A-Za-z0-9._~-]*").fullmatch
_plain_name = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII).fullmatch

Names = tuple[str, ...]


class Shape(NamedTuple):
    """A sequence of names that may be signed: its entry, and the query around the values with an `&` at its end."""

    entry: Entry
    template: str

    def query(self, values: Sequence[str]) -> str:
        """Put the values in, percent-encoded by RFC 3986."""
        if not _unreserved("".join(values)):
            values = [quote(value, safe="") for value in values]
        return self.template % tuple(values)


class Page:
    """One entry of the table with the shapes that have been asked of it."""

    __slots__ = ("_entry", "_shapes")

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        self._shapes: dict[Names, Shape] = {}

    def shape(self, names: Names) -> Shape | str:
        """Give the shape, or the reason why these names are not signed together."""
        known = self._shapes.get(names)
        if known is not None:
            return known
        reason = _refuse(self._entry, names)
        if reason is not None:
            return reason
        if len(self._shapes) >= REMEMBERED:
            self._shapes.clear()
        return self._shapes.setdefault(names, Shape(self._entry, "".join(f"{name}=%s&" for name in names)))


def _refuse(entry: Entry, names: Names) -> str | None:
    distinct = frozenset(names)
    # A name is never escaped, so it must be plain even if the catalogue should hold another.
    if not distinct <= entry.allowed or not all(map(_plain_name, distinct)):
        return "unknown_parameter"
    if len(distinct) != len(names) and {name for name in distinct if names.count(name) > 1} - entry.lists:
        return "repeated_parameter"
    if any(others <= distinct for others in entry.elsewhere):
        return "reaches_elsewhere"
    return None
