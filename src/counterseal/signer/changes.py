"""What a request would change, read from its values in one form only."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from counterseal.core import strict_json
from counterseal.core.numbers import is_decimal, is_int
from counterseal.signer.table import Act, Entry, Money

MAX_LEGS = 10

_FORMS: Mapping[Money, Callable[[str], Any]] = {
    Money.QUANTITY: is_decimal,
    Money.QUOTE: is_decimal,
    Money.MARGIN: is_decimal,
    Money.LEVERAGE: is_int,
    Money.FLAG: frozenset({"true", "false"}).__contains__,
    Money.DIRECTION: frozenset({"1", "2"}).__contains__,
}


class Change(NamedTuple):
    """One new order, one modification or one setting. Sizes are texts of the grammar of numbers.

    Of a list of orders each one states all sizes of the list: its largest is the one that counts.

    `closes`: the position gives the size. `exits`: it can only shrink a one-way futures position.
    """

    is_order: bool
    symbol: str | None
    quantities: tuple[str, ...]
    quotes: tuple[str, ...]
    leverage: str | None
    closes: bool
    exits: bool


def changes_of(entry: Entry, given: Mapping[str, str]) -> tuple[Change, ...] | str:
    """Read what the values of an order, batch or setting would change, or give the reason of a refusal."""
    if entry.leg is not None:
        return _legs(entry.leg, given.get("batchOrders", ""))
    change = _change(entry, given)
    return "malformed_size" if change is None else (change,) * entry.orders


def _change(entry: Entry, given: Mapping[str, str]) -> Change | None:
    quantities: tuple[str, ...] = ()
    quotes: tuple[str, ...] = ()
    for name, kind in entry.money.items():
        text = given.get(name)
        if text is None:
            continue
        if not _FORMS[kind](text):
            return None
        if kind is Money.QUANTITY:
            quantities += (text,)
        elif kind is Money.QUOTE:
            quotes += (text,)
    closes = given.get("closePosition") == "true" and not quantities
    exits = (closes or given.get("reduceOnly") == "true") and given.get("positionSide", "BOTH") == "BOTH"
    is_order = entry.act is Act.ORDER
    return Change(is_order, given.get("symbol"), quantities, quotes, given.get("leverage"), closes, exits)


def _legs(entry: Entry, text: str) -> tuple[Change, ...] | str:
    try:
        items = strict_json.loads(text)
    except strict_json.JsonError:
        return "malformed_size"
    if not isinstance(items, list) or not 1 <= len(items) <= MAX_LEGS:
        return "malformed_size"
    changes: list[Change] = []
    for item in items:
        # Texts only: the gateway writes no other form, and a number could be read in several ways.
        if not isinstance(item, dict) or any(type(value) is not str for value in item.values()):
            return "malformed_size"
        if not item.keys() <= entry.allowed:
            return "unknown_parameter"
        change = _change(entry, item)
        if change is None:
            return "malformed_size"
        changes.append(change)
    return tuple(changes)
