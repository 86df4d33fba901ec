"""What an answer of the exchange tells of single orders, whatever shape it has."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from counterseal.core.exposure.money import ZERO
from counterseal.core.numbers import decimal

_ENDED = frozenset({"FILLED", "CANCELED", "REJECTED", "EXPIRED", "EXPIRED_IN_MATCH"})
# What a triggered conditional order became is another order, which ends by itself.
_ALGO_ENDED = frozenset({"CANCELED", "REJECTED", "EXPIRED"})
Row = Mapping[str, Any]


class Shown(NamedTuple):
    """One order as an answer shows it. `names` are by which it may be known, the likeliest first; `number` is the
    exchange's, with "a" before it for a conditional order, `became` that of the order which a conditional one became.
    """

    symbol: str
    names: tuple[str, ...]
    number: str
    became: str
    filled: Decimal
    ended: bool


def orders_in(body: Any) -> Iterator[Row]:
    """Give every order that an answer describes, at whatever depth the exchange puts it."""
    if isinstance(body, dict) and "clientOrderId" in body:
        yield body
    elif isinstance(body, list):
        for item in body:
            yield from orders_in(item)
    elif isinstance(body, dict):
        for name in ("orderReports", "orders", "data", "cancelResponse", "newOrderResponse", "amendedOrder"):
            if isinstance(body.get(name), (list, dict)):
                yield from orders_in(body[name])
        if "symbol" in body and not isinstance(body.get("orders"), list):
            yield body


def shown(row: Row) -> Shown | None:
    """Read one order; None where it is none, or names nothing."""
    symbol = row.get("symbol")
    if not isinstance(symbol, str):
        return None
    if "algoId" in row:
        return _conditional(symbol, row)
    number, names = _number(row.get("orderId")), _names(row, "clientOrderId")
    if "origClientOrderId" in row:
        names = _names(row, "origClientOrderId") + names
    if not names and not number:
        return None
    return Shown(symbol, names, number, "", _filled(row.get("executedQty")), _text(row, "status") in _ENDED)


def _conditional(symbol: str, row: Row) -> Shown | None:
    number, became, names = _number(row["algoId"]), _number(row.get("actualOrderId")), _names(row, "clientAlgoId")
    if not names and not number:
        return None
    ended = _text(row, "algoStatus") in _ALGO_ENDED and not became
    return Shown(symbol, names, f"a{number}" if number else "", became, ZERO, ended)


def _names(row: Row, name: str) -> tuple[str, ...]:
    found = _text(row, name)
    return (found,) if found else ()


def _text(row: Row, name: str) -> str:
    found = row.get(name)
    return found if isinstance(found, str) else ""


def _filled(told: Any) -> Decimal:
    found = decimal(told) if isinstance(told, str) else None
    return ZERO if found is None else found


def _number(told: Any) -> str:
    if type(told) is int and told > 0:
        return str(told)
    if isinstance(told, bool) or not isinstance(told, (int, str)):
        return ""
    text = str(told)
    return text if text.isdecimal() and text != "0" else ""
