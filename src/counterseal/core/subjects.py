"""What one unknown request would have brought about at the exchange: orders born, ended or altered, each to ask for."""

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple

from counterseal.core.binance.values import items_of
from counterseal.core.legs import ALGO_ORDERS, AMEND, BATCHES, LISTS, TESTS, id_names

CANCEL_REPLACE = "/api/v3/order/cancelReplace"
Pair = tuple[str, str]
# Which field of a found order repeats which parameter.
_SHOWN = {"side": "side", "type": "type", "quantity": "origQty", "price": "price"}
_ALGO_SHOWN = {"side": "side", "type": "orderType", "quantity": "quantity", "triggerPrice": "triggerPrice"}
_ALTERED_SHOWN = {"quantity": "origQty", "price": "price"}


class Change(Enum):
    """What would have happened to the order; SWEPT is all orders of a symbol ended."""

    BORN = "born"
    ENDED = "ended"
    ALTERED = "altered"
    SWEPT = "swept"


class Store(Enum):
    """Where the exchange keeps it: each has endpoints of its own."""

    ORDER = "order"
    LIST = "list"
    ALGO = "algo"


class Subject(NamedTuple):
    """One thing to ask for. It is named by `client_id` or, when that is empty, by `order_id`.

    `shows` are fields that the found order must have to be the one that was meant; `leg` is its place in a batch of
    `legs`.
    """

    change: Change
    store: Store
    family: str
    symbol: str
    client_id: str = ""
    order_id: str = ""
    shows: tuple[Pair, ...] = ()
    leg: int = 0
    legs: int = 1


def subjects(family: str, method: str, path: str, values: Mapping[str, str]) -> tuple[Subject, ...]:
    """Give what to ask for; nothing for settings and tests, which leave no order behind.

    `values` are the judged pairs by name.
    """
    if path in TESTS:
        return ()
    if method == "DELETE":
        return tuple(_cancelled(family, path, values))
    if path in BATCHES:
        legs = items_of(values.get("batchOrders", "")) or ()
        make = _born if method == "POST" else _altered
        return tuple([make(family, path, leg, number)._replace(legs=len(legs)) for number, leg in enumerate(legs)])
    if method == "PUT":
        return (_altered(family, path, values),)
    if path == CANCEL_REPLACE:
        return (_born(family, path, values), _replaced(family, values))
    return (_born(family, path, values),) if id_names(method, path) else ()


def _born(family: str, path: str, values: Mapping[str, Any], leg: int = 0) -> Subject:
    symbol = values.get("symbol", "")
    if path in LISTS:
        return Subject(Change.BORN, Store.LIST, family, symbol, values["listClientOrderId"])
    if path in ALGO_ORDERS:
        shows = _fields(values, _ALGO_SHOWN)
        return Subject(Change.BORN, Store.ALGO, family, symbol, values["clientAlgoId"], shows=shows)
    shows = _fields(values, _SHOWN)
    return Subject(Change.BORN, Store.ORDER, family, symbol, values["newClientOrderId"], shows=shows, leg=leg)


def _altered(family: str, path: str, values: Mapping[str, Any], leg: int = 0) -> Subject:
    """An amendment may give its order a new id: by that id it is found only once it is amended."""
    named = _order(Change.ALTERED, Store.ORDER, family, values, "origClientOrderId", "orderId")
    if path == AMEND:
        return named._replace(
            client_id=values["newClientOrderId"], order_id="", shows=_fields(values, {"newQty": "origQty"})
        )
    return named._replace(shows=_fields(values, _ALTERED_SHOWN), leg=leg)


def _replaced(family: str, values: Mapping[str, str]) -> Subject:
    return _order(Change.ENDED, Store.ORDER, family, values, "cancelOrigClientOrderId", "cancelOrderId")


def _cancelled(family: str, path: str, values: Mapping[str, str]) -> Iterator[Subject]:
    if path in BATCHES:
        yield from _cancelled_batch(family, values)
    elif path in ALGO_ORDERS:
        yield _order(Change.ENDED, Store.ALGO, family, values, "clientAlgoId", "algoId")
    elif path == "/api/v3/orderList":
        yield _order(Change.ENDED, Store.LIST, family, values, "listClientOrderId", "orderListId")
    elif path.endswith("/order"):
        yield _order(Change.ENDED, Store.ORDER, family, values, "origClientOrderId", "orderId")
    else:
        store = Store.ALGO if path.endswith("/algoOpenOrders") else Store.ORDER
        yield Subject(Change.SWEPT, store, family, values.get("symbol", ""))


def _cancelled_batch(family: str, values: Mapping[str, str]) -> Iterator[Subject]:
    symbol = values.get("symbol", "")
    for leg, number in enumerate(items_of(values.get("orderIdList", "")) or ()):
        yield Subject(Change.ENDED, Store.ORDER, family, symbol, order_id=str(number), leg=leg)
    for leg, client_id in enumerate(items_of(values.get("origClientOrderIdList", "")) or ()):
        yield Subject(Change.ENDED, Store.ORDER, family, symbol, str(client_id), leg=leg)


def _order(change: Change, store: Store, family: str, values: Mapping[str, Any], by_id: str, by_number: str) -> Subject:
    """Name an order as the request does; where it gives both, the exchange goes by the number."""
    number = values.get(by_number, "")
    client_id = "" if number else values.get(by_id, "")
    return Subject(change, store, family, values.get("symbol", ""), client_id, number)


def _fields(values: Mapping[str, Any], names: Mapping[str, str]) -> tuple[Pair, ...]:
    return tuple([(shown, str(values[name])) for name, shown in names.items() if name in values])


def raises(found: Sequence[Subject]) -> bool:
    """Tell whether the request may have brought or altered an order, which a cancel does not."""
    return any(subject.change in (Change.BORN, Change.ALTERED) for subject in found)
