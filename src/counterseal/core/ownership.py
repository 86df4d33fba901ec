"""Whose an order is: what a request names, what an answer proves to be born, and which bot may see a whole account.

A bot's order is known by its client order id and by the exchange's number. An order is foreign to a bot when it is
known to be another bot's. What nobody is known to own (placed outside, or forgotten with a lost journal) is foreign to
nobody: doubt about ownership never stops an exit.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from counterseal.core.binance.values import items_of
from counterseal.core.config.model import Bot, Config
from counterseal.core.legs import ALGO_ORDERS, BATCHES, LISTS
from counterseal.core.subjects import CANCEL_REPLACE, Store

# Where a number counts: orders per symbol, conditional orders and lists over all symbols. No symbol has a star.
ALGO_SCOPE, LIST_SCOPE = "*algo", "*list"
_SCOPES = {Store.ALGO: ALGO_SCOPE, Store.LIST: LIST_SCOPE}
_NUMBER_NAME = {Store.ORDER: "orderId", Store.ALGO: "algoId", Store.LIST: "orderListId"}
_ORDER = (Store.ORDER, "origClientOrderId", "orderId")
_REPLACE = (Store.ORDER, "cancelOrigClientOrderId", "cancelOrderId")
_LIST = (Store.LIST, "listClientOrderId", "orderListId")
_ALGO = (Store.ALGO, "clientAlgoId", "algoId")
# What changes one order that is there already: which parameters name it.
_NAMING: Mapping[str, tuple[Store, str, str]] = {
    "spot DELETE /api/v3/order": _ORDER,
    "spot PUT /api/v3/order/amend/keepPriority": _ORDER,
    f"spot POST {CANCEL_REPLACE}": _REPLACE,
    "spot DELETE /api/v3/orderList": _LIST,
    **{f"{family} {method} {root}/v1/order": _ORDER
       for family, root in (("usdm", "/fapi"), ("coinm", "/dapi")) for method in ("PUT", "DELETE")},
    "usdm DELETE /fapi/v1/algoOrder": _ALGO,
    "coinm DELETE /dapi/v1/algoOrder": _ALGO,
}  # fmt: skip
_BATCHES = frozenset(
    f"{row} {root}/v1/batchOrders"
    for family, root in (("usdm", "/fapi"), ("coinm", "/dapi"))
    for row in (f"{family} PUT", f"{family} DELETE")
)
# Every endpoint whose request names an order that is there already.
NAMING = frozenset(_NAMING) | _BATCHES
# Placements whose answer has several numbers, or has its number somewhere else than at the top.
SEVERAL = LISTS | BATCHES | {CANCEL_REPLACE}
Number = tuple[str, int]


class Named(NamedTuple):
    """An order as a request or a row names it: by client id, by the exchange's number, or by both.

    `scope` is where the number counts; `client_id` and `number` are None where not given.
    """

    scope: str
    client_id: str | None
    number: int | None


def sees_account(config: Config, bot: str, account: str) -> bool:
    """Tell whether a bot sees and manages all of an account: by its right, or as the only one that trades there."""
    policy = config.bots.get(bot)
    if policy is None:
        return False
    return policy.sees_account or all(other.name == bot for other in traders(config, account))


def is_alone(config: Config, bot: str, account: str, product: str, symbol: str) -> bool:
    """Tell whether no other bot may place an order of this symbol on the account."""
    others = (other for other in traders(config, account) if other.name != bot)
    return not any(product in other.products and may_trade(other, symbol) for other in others)


def traders(config: Config, account: str) -> Iterator[Bot]:
    """Give the bots that may trade with a key of the account."""
    for bot in config.bots.values():
        if "trade" in bot.purposes and any(config.keys[name].account == account for name in bot.keys):
            yield bot


def may_trade(bot: Bot, symbol: str) -> bool:
    """Tell whether a bot's policy lets it place orders of a symbol."""
    # In report mode the list of symbols stops nothing.
    if bot.mode == "report" or bot.symbols == ("*",):
        return True
    # The exchange may take a symbol in small letters for the same.
    return symbol.upper() in [one.upper() for one in bot.symbols]


def scope_of(store: Store, symbol: str) -> str:
    """Give where numbers of this kind of order count."""
    return _SCOPES.get(store, symbol)


def named(endpoint: str, path: str, values: Mapping[str, str]) -> Sequence[Named]:
    """Give the orders that a change names; nothing for one that names none. `endpoint` is its name in NAMING."""
    row = _NAMING.get(endpoint)
    if row is not None:
        return (name_of(*row, values, values.get("symbol", "")),)
    return tuple(_legs(endpoint, values)) if path in BATCHES and endpoint in NAMING else ()


def name_of(store: Store, by_id: str, by_number: str, values: Mapping[str, Any], symbol: str) -> Named:
    """Read an order's names from parameters or from a row of an answer."""
    client_id = values.get(by_id)
    return Named(
        scope_of(store, symbol), client_id if isinstance(client_id, str) and client_id else None,
        number_in(values.get(by_number)),
    )  # fmt: skip


def number_in(value: object) -> int | None:
    """Give an order's number, which comes as a number or as text; None for what is none (lists say -1 for none)."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def symbol_in(row: Mapping[str, Any], asked: str) -> str:
    """Give the symbol that a row states, or the request's where it states none."""
    stated = row.get("symbol")
    return stated if isinstance(stated, str) and stated else asked


def _legs(endpoint: str, values: Mapping[str, str]) -> Iterator[Named]:
    symbol = values.get("symbol", "")
    if " PUT " in endpoint:
        for leg in items_of(values.get("batchOrders", "")) or ():
            if isinstance(leg, dict):
                yield name_of(*_ORDER, leg, str(leg.get("symbol", "")))
        return
    for number in items_of(values.get("orderIdList", "")) or ():
        yield Named(symbol, None, number_in(number))
    for client_id in items_of(values.get("origClientOrderIdList", "")) or ():
        yield Named(symbol, str(client_id), None)


def born(path: str, symbol: str, body: Any) -> tuple[Number, ...]:
    """Give the numbers of the orders that a placement's answer shows, each with its scope. The answer is proven."""
    if path in BATCHES:
        legs = body if isinstance(body, list) else []
        return tuple([number for leg in legs for number in born_as(Store.ORDER, symbol, leg)])
    if path in LISTS:
        return born_as(Store.LIST, symbol, body)
    if path == CANCEL_REPLACE:
        both = body.get("data", body) if isinstance(body, dict) else {}
        return born_as(Store.ORDER, symbol, both.get("newOrderResponse") if isinstance(both, dict) else None)
    return born_as(Store.ALGO if path in ALGO_ORDERS else Store.ORDER, symbol, body)


def born_as(store: Store, symbol: str, order: Any) -> tuple[Number, ...]:
    """Give the numbers in one order's own report: of a list also those of its orders."""
    if not isinstance(order, dict):
        return ()
    number = number_in(order.get(_NUMBER_NAME[store]))
    if store is Store.ORDER:
        symbol = symbol_in(order, symbol)
    first = () if number is None else ((scope_of(store, symbol), number),)
    legs = order.get("orders") if store is Store.LIST else None
    if not isinstance(legs, list):
        return first
    return (*first, *[found for leg in legs for found in born_as(Store.ORDER, symbol, leg)])
