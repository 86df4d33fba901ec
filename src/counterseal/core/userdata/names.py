"""Which order an event is about, by the names that the event gives it."""

from collections.abc import Callable, Mapping
from typing import Any

from counterseal.core.intent import EXCHANGE_IDS
from counterseal.core.ownership import ALGO_SCOPE, LIST_SCOPE, Named, number_in

Body = Mapping[str, Any]


def names_in(kind: str, body: Body) -> tuple[Named, ...]:
    """Give an event's names of its order, the surest first; none for an event of the account as a whole.

    What cannot be read names nothing.
    """
    read = _READERS.get(kind)
    return read(body) if read else ()


def _report(body: Body) -> tuple[Named, ...]:
    # The report of a cancel has the cancel's own id in `c`, that of an amendment the new one: the order's is in `C`.
    own = _named(body, body.get("C") or body.get("c"), body.get("i"))
    return own, Named(LIST_SCOPE, None, number_in(body.get("g")))


def _list_status(body: Body) -> tuple[Named, ...]:
    legs = body.get("O")
    rows = legs if isinstance(legs, list) else []
    return (
        Named(LIST_SCOPE, _text(body.get("C")), number_in(body.get("g"))),
        *[_named(leg, leg.get("c"), leg.get("i")) for leg in rows if isinstance(leg, dict)],
    )


def _order_update(body: Body) -> tuple[Named, ...]:
    order = _inner(body, "o")
    return (_named(order, order.get("c"), order.get("i")),)


def _algo_update(body: Body) -> tuple[Named, ...]:
    order = _inner(body, "o")
    # `ai` is the order that it became.
    own = Named(ALGO_SCOPE, _text(order.get("caid")), number_in(order.get("aid")))
    return own, _named(order, None, order.get("ai"))


def _trade(body: Body) -> tuple[Named, ...]:
    return (_named(body, body.get("c"), body.get("i")),)


def _trigger_reject(body: Body) -> tuple[Named, ...]:
    order = _inner(body, "or")
    return (_named(order, None, order.get("i")),)


_READERS: Mapping[str, Callable[[Body], tuple[Named, ...]]] = {
    "executionReport": _report,
    "listStatus": _list_status,
    "ORDER_TRADE_UPDATE": _order_update,
    "ALGO_UPDATE": _algo_update,
    "TRADE_LITE": _trade,
    "CONDITIONAL_ORDER_TRIGGER_REJECT": _trigger_reject,
}


def _named(row: Body, client_id: object, number: object) -> Named:
    name = _text(client_id)
    # The exchange gives some of these to several orders, and a bot may have had one: they prove nothing.
    is_anybodys = name is not None and name.startswith(EXCHANGE_IDS)
    return Named(_text(row.get("s")) or "", None if is_anybodys else name, number_in(number))


def _inner(body: Body, name: str) -> Body:
    found = body.get(name)
    return found if isinstance(found, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
