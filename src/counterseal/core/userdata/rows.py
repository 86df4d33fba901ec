"""What an event of user data tells of orders, as the exchange's REST answers tell it."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from counterseal.core.ownership import ALGO_SCOPE, LIST_SCOPE, number_in

Row = Mapping[str, Any]
# No symbol, id or state is longer; a record that is made of longer ones might be none that the journal takes.
MOST_TEXT = 64


class Told(NamedTuple):
    """One order in an event. `scope` is where its number counts, `names` are the client ids by which it may be known.

    `became` is the number of the order that a conditional one has become. `row` is the order as a query would show it,
    None for a list of orders, which has no row of its own.
    """

    scope: str
    symbol: str
    names: tuple[str, ...]
    number: int | None
    became: int | None
    side: str
    status: str
    row: Row | None


def told(kind: str, body: Row) -> tuple[Told, ...]:
    """Give the orders of an event, none for an event of something else. `kind` is its `e`.

    What is not of the documented form is left out: an event decides about no order, it is only looked at.
    """
    return tuple([one for one in _read(kind, body) if one.names or one.number is not None])


def _read(kind: str, body: Row) -> Iterator[Told]:
    if kind == "executionReport":
        yield _order(body, _names(body))
    elif kind == "listStatus":
        yield Told(LIST_SCOPE, _text(body, "s"), _texts(body, "C"), number_in(body.get("g")), None, "",
                   _text(body, "L"), None)  # fmt: skip
    inner = body.get("o")
    if kind == "ORDER_TRADE_UPDATE" and isinstance(inner, dict):
        yield _order(inner, _texts(inner, "c"))
    elif kind == "ALGO_UPDATE" and isinstance(inner, dict):
        yield _conditional(inner)


def _order(body: Row, names: tuple[str, ...]) -> Told:
    """An amendment gives the order a new id, its former one stands in front of it."""
    symbol, status, number = _text(body, "s"), _text(body, "X"), number_in(body.get("i"))
    row: dict[str, Any] = {"symbol": symbol, "orderId": number, "status": status, "executedQty": _text(body, "z")}
    keys = ("origClientOrderId", "clientOrderId")[-len(names) :] if names else ()
    row.update(zip(keys, names, strict=True))
    return Told(symbol, symbol, names, number, None, _text(body, "S"), status, row)


def _conditional(body: Row) -> Told:
    symbol, status, number = _text(body, "s"), _text(body, "X"), number_in(body.get("aid"))
    names, became = _texts(body, "caid"), number_in(body.get("ai")) or None
    row = {
        "symbol": symbol, "algoId": number, "clientAlgoId": _text(body, "caid"), "algoStatus": status,
        "actualOrderId": "" if became is None else str(became),
    }  # fmt: skip
    return Told(ALGO_SCOPE, symbol, names, number, became, _text(body, "S"), status, row)


def _names(report: Row) -> tuple[str, ...]:
    """The one in front is the order's own. A cancel's is nobody's: whoever cancels may choose another order's."""
    names = _texts(report, "C", "c")
    return names[:1] if _text(report, "X") == "CANCELED" else names


def _texts(body: Row, *names: str) -> tuple[str, ...]:
    found = [_text(body, name) for name in names]
    return tuple(dict.fromkeys([one for one in found if one]))


def _text(body: Row, name: str) -> str:
    found = body.get(name)
    return found if isinstance(found, str) and len(found) <= MOST_TEXT else ""
