"""Whether what arrived at the exchange is what the bot asked: the same names and texts in the same order."""

import json
from typing import Any

from tests.captures.rig import INJECTED
from tests.captures.rows import AUTH_NAMES, Pair, Row

# ccxt's spelling of two names.
ALIASES = {"orderidlist": "orderIdList", "origclientorderidlist": "origClientOrderIdList"}
JSON_LISTS = frozenset({"orderIdList", "origClientOrderIdList", "batchOrders", "symbols"})
CLIENT_ID = "newClientOrderId"
Comparable = list[tuple[str, object]]


def asked(row: Row) -> Comparable:
    """Give what the bot asked, in a form that can be compared."""
    return _comparable([(ALIASES.get(name, name), value) for name, value in row.pairs()])


def received(pairs: tuple[Pair, ...]) -> Comparable:
    """Give what arrived without what the gateway adds: authentication, and ids for orders that had none."""
    return _comparable([pair for pair in pairs if pair[0] not in AUTH_NAMES and not _injected(*pair)])


def _injected(name: str, value: object) -> bool:
    return name == CLIENT_ID and isinstance(value, str) and value.startswith(INJECTED)


def _comparable(pairs: list[Pair]) -> Comparable:
    """Blanks in JSON, quotes around its numbers and a list in a string mean nothing; everything else is text."""
    return [(name, _items(value) if name in JSON_LISTS else value) for name, value in pairs]


def _items(text: str) -> object:
    items = json.loads(text, parse_int=str, parse_float=str)
    if isinstance(items, str):
        items = json.loads(items, parse_int=str, parse_float=str)
    return [_item(item) for item in items]


def _item(item: Any) -> object:
    if not isinstance(item, dict):
        return item
    return [(name, value) for name, value in item.items() if not _injected(name, value)]
