"""Questions about one subject as the exchange takes them, and what its answers prove."""

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from counterseal.core.outcome import Answer
from counterseal.core.resolver import Ask, Finding
from counterseal.core.subjects import Change, Pair, Store, Subject

_ROOTS = {"spot": "/api/v3", "usdm": "/fapi/v1", "coinm": "/dapi/v1"}
_ROWS = 1_000
# Exchange time is known to well within this: what happened earlier belongs to another request.
_MARGIN_MS = 5_000
_NOT_THERE = frozenset({-2013})
_NO_LIST = frozenset({-2013, -2018})
_ARCHIVED = -2026
_OPEN = frozenset({"NEW", "PARTIALLY_FILLED", "PENDING_NEW", "PENDING_CANCEL", "TRIGGERING", "EXECUTING"})
_ENDED = frozenset({"CANCELED", "ALL_DONE"})
_ID_FIELD = {Store.ORDER: "clientOrderId", Store.LIST: "listClientOrderId", Store.ALGO: "clientAlgoId"}
_OWN_NAMES = {
    Store.ORDER: ("origClientOrderId", "orderId"),
    Store.LIST: ("origClientOrderId", "orderListId"),
    Store.ALGO: ("clientAlgoId", "algoId"),
}
# Where each store is asked: by name, what is open, what there was.
_PATHS: Mapping[Store, tuple[str, str, str]] = {
    Store.ORDER: ("/order", "/openOrders", "/allOrders"),
    Store.LIST: ("/orderList", "/openOrderList", "/allOrderList"),
    Store.ALGO: ("/algoOrder", "/openAlgoOrders", "/allAlgoOrders"),
}
Read = tuple[Finding, Any]


class Window(NamedTuple):
    """Exchange time in ms: when the request was stamped, and when whatever came of it must have happened."""

    from_ms: int
    to_ms: int


class Question(NamedTuple):
    """A signed GET: the path at the exchange and its pairs."""

    path: str
    pairs: tuple[Pair, ...]


def question(subject: Subject, ask: Ask, window: Window) -> Question | None:
    """Give what to ask; None where the exchange has no endpoint that could tell."""
    root, paths = _ROOTS[subject.family], _PATHS[subject.store]
    symbol = (("symbol", subject.symbol),) if subject.symbol else ()
    if ask is Ask.TRADES:
        trades = "/myTrades" if subject.family == "spot" else "/userTrades"
        return Question(root + trades, (*symbol, ("startTime", str(window.from_ms - _MARGIN_MS))))
    if ask is Ask.WINDOW:
        if _is_nameless(subject):
            return None
        whose = () if subject.store is Store.LIST else symbol
        return Question(root + paths[2], (*whose, *_span(window), ("limit", str(_ROWS))))
    if ask is Ask.OPEN or subject.change is Change.SWEPT or _is_nameless(subject):
        return Question(root + paths[1], () if subject.store is Store.LIST else symbol)
    return Question(root + paths[0], ((*symbol, _name(subject)) if subject.store is Store.ORDER else (_name(subject),)))


def _is_nameless(subject: Subject) -> bool:
    """COIN-M lists conditional orders while they are open, and has no query for one of them."""
    return subject.family == "coinm" and subject.store is Store.ALGO


def _name(subject: Subject) -> Pair:
    by_id, by_number = _OWN_NAMES[subject.store]
    return (by_id, subject.client_id) if subject.client_id else (by_number, subject.order_id)


def _span(window: Window) -> tuple[Pair, ...]:
    return (("startTime", str(window.from_ms - _MARGIN_MS)), ("endTime", str(window.to_ms + _MARGIN_MS)))


def read(subject: Subject, ask: Ask, answer: Answer, window: Window, *, duplicate: bool = False) -> Read:
    """Give what an answer proves, and the order that it shows (None when it shows none).

    `duplicate` tells that the exchange refused the request because an order of this id was live: then an older order
    is expected, and one with other parameters proves that ours was never taken.
    """
    if answer.status == 200 and ask is Ask.TRADES:
        return _traded(answer.body), None
    if answer.status == 200 and isinstance(answer.body, list):
        return _listed(subject, ask, answer.body, window, duplicate=duplicate)
    if answer.status == 200 and isinstance(answer.body, dict) and ask is Ask.NAMED:
        return _shown(subject, answer.body, window, duplicate=duplicate)
    if 400 <= answer.status < 500 and ask is Ask.NAMED and not _is_nameless(subject):
        return _refused(subject, answer.code), None
    return Finding.SILENT, None


def _traded(body: Any) -> Finding:
    if not isinstance(body, list):
        return Finding.SILENT
    return Finding.TRADED if body else Finding.NOT_THERE


def _refused(subject: Subject, code: int | None) -> Finding:
    if code in (_NO_LIST if subject.store is Store.LIST else _NOT_THERE):
        return Finding.NOT_THERE
    if code == _ARCHIVED:
        # It was there once and ended long ago.
        return Finding.THERE if subject.change is Change.BORN else Finding.NEVER
    return Finding.SILENT


def _listed(subject: Subject, ask: Ask, rows: Sequence[Any], window: Window, *, duplicate: bool) -> Read:
    if not all(isinstance(row, dict) for row in rows) or (ask is Ask.WINDOW and len(rows) >= _ROWS):
        return Finding.SILENT, None
    if subject.change is Change.SWEPT:
        swept = all((time_of(row) or 0) > window.from_ms for row in rows)
        return (Finding.THERE if swept else Finding.NOT_THERE), None
    for row in rows:
        if _is_named(subject, row):
            return _shown(subject, row, window, duplicate=duplicate)
    return Finding.NOT_THERE, None


def _is_named(subject: Subject, row: Mapping[str, Any]) -> bool:
    if subject.client_id:
        return bool(row.get(_ID_FIELD[subject.store]) == subject.client_id)
    return str(row.get(_OWN_NAMES[subject.store][1])) == subject.order_id


def _shown(subject: Subject, order: Mapping[str, Any], window: Window, *, duplicate: bool) -> Read:
    if not _is_named(subject, order) or (subject.symbol and order.get("symbol") != subject.symbol):
        return Finding.SILENT, None
    if subject.change is Change.BORN:
        return _birth(subject, order, window, duplicate=duplicate)
    status = status_of(order)
    if subject.change is Change.ENDED:
        finding = Finding.THERE if status in _ENDED else Finding.NOT_THERE if status in _OPEN else Finding.NEVER
        return finding, order
    if _shows(order, subject.shows):
        return Finding.THERE, order
    return (Finding.NOT_THERE if status in _OPEN else Finding.NEVER), order


def _birth(subject: Subject, order: Mapping[str, Any], window: Window, *, duplicate: bool) -> Read:
    if duplicate:
        return (Finding.THERE, order) if _shows(order, subject.shows) else (Finding.NEVER, None)
    born_ms = time_of(order)
    if born_ms is not None and born_ms < window.from_ms - _MARGIN_MS:
        return Finding.SILENT, None
    # Price and size may have been modified since; a side never is.
    side = tuple([pair for pair in subject.shows if pair[0] == "side"])
    return (Finding.THERE, order) if _shows(order, side) else (Finding.SILENT, None)


def _shows(order: Mapping[str, Any], fields: Sequence[Pair]) -> bool:
    """Tell whether an order has these values; what it does not state contradicts nothing."""
    return all(_is_same(str(order.get(name, sent)), sent) for name, sent in fields)


def _is_same(found: str, sent: str) -> bool:
    try:
        return Decimal(found) == Decimal(sent)
    except InvalidOperation:
        return found == sent


def time_of(order: Mapping[str, Any]) -> int | None:
    """Give when an order was born, or a trade made; None when not stated."""
    for name in ("time", "createTime", "transactionTime"):
        if isinstance(order.get(name), int):
            return int(order[name])
    return None


def status_of(order: Mapping[str, Any]) -> str:
    """Give the order's status, whichever kind it is; empty when not stated."""
    for name in ("status", "algoStatus", "listOrderStatus"):
        if isinstance(order.get(name), str):
            return str(order[name])
    return ""
