"""From decoded wire pairs to a judged intent: names by the schema, values by their kind, nothing unknown, nothing twice."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from counterseal.core import strict_json
from counterseal.core.binance.catalogue import Endpoint, Param
from counterseal.core.binance.schema import Kind
from counterseal.core.intent import Intent, Pair
from counterseal.core.legs import id_names, leg_of, places
from counterseal.core.numbers import is_decimal, is_int

AUTH_NAMES = frozenset({"timestamp", "recvWindow", "signature"})
MAX_LEGS = 10
MAX_TEXT = 4_096
# Bots' ids pass as text: which characters an id may have is the exchange's affair, and it says so itself.
_CLIENT_ID = re.compile(r"[^\x00-\x1f\x7f]{1,64}").fullmatch
_ENUM = re.compile(r"[A-Z][A-Z0-9_]{0,39}", re.ASCII).fullmatch
_SYMBOL = re.compile(r"[^\s\x00-\x1f\x7f&=%+\"'\\]{1,64}").fullmatch

MakeId = Callable[[], str]


@dataclass(frozen=True, slots=True)
class Denial:
    """A refusal with its reason code and the parameter's name where one is at fault (never a value)."""

    reason: str
    name: str = ""


def judge(endpoint: Endpoint, wire: Sequence[Pair], make_id: MakeId) -> Intent | Denial:
    """Judge one request's pairs (query and body together, signature element out).

    `make_id` gives a new client order id for an order that has none, so that no order is without a name to ask for it by.
    """
    named = _named(endpoint, wire)
    if isinstance(named, Denial):
        return named
    judged = _valued(endpoint, named)
    if isinstance(judged, Denial):
        return judged
    missing = next((p.name for p in endpoint.params.values() if p.required and p.name not in judged), None)
    if missing is not None and missing != "timestamp":
        return Denial("mandatory_parameter", missing)
    return _intent(endpoint, named, judged, make_id)


def _named(endpoint: Endpoint, wire: Sequence[Pair]) -> list[Pair] | Denial:
    """Apply aliases, drop what is tolerated, refuse what is unknown or repeated."""
    kept: list[Pair] = []
    seen: set[str] = set()
    for wire_name, value in wire:
        name = endpoint.aliases.get(wire_name, wire_name)
        if name in endpoint.params or name in AUTH_NAMES:
            if name in seen and name not in endpoint.lists:
                return Denial("repeated_parameter", name)
            seen.add(name)
            if name not in AUTH_NAMES:
                kept.append((name, value))
        elif name not in endpoint.dropped:
            return Denial("unknown_parameter", name[:64])
    return kept


def _valued(endpoint: Endpoint, named: list[Pair]) -> dict[str, str] | Denial:
    """Check every value by its kind; booleans become lower case. Gives name -> value to send."""
    judged: dict[str, str] = {}
    for name, value in named:
        checked = _check(endpoint.params[name], value)
        if checked is None:
            return Denial(_REASON_OF.get(endpoint.params[name].kind, "malformed_value"), name)
        judged[name] = checked
    return judged


def _check(param: Param, value: str) -> str | None:
    return _CHECKS[param.kind](value)


def _text(value: str) -> str | None:
    return value if len(value) <= MAX_TEXT else None


def _matched(match: Callable[[str], Any]) -> Callable[[str], str | None]:
    return lambda value: value if match(value) else None


def _bool(value: str) -> str | None:
    low = value.lower()
    return low if low in ("true", "false") and value.isascii() else None


def _list_of(match: Callable[[str], Any], *, numbers: bool) -> Callable[[str], str | None]:
    def check(value: str) -> str | None:
        items = _items(value)
        if items is None or not all(isinstance(item, str) and match(item) for item in items):
            return None
        texts = [str(item) for item in items]
        return f"[{','.join(texts)}]" if numbers else json.dumps(texts, ensure_ascii=False, separators=(",", ":"))

    return check


def _items(value: str) -> list[Any] | None:
    # A client library sends the whole list as one JSON string: '"[1,2]"'.
    try:
        items = strict_json.loads(value)
        if type(items) is str:
            items = strict_json.loads(items)
    except strict_json.JsonError:
        return None
    return items if isinstance(items, list) and 0 < len(items) <= 1000 else None


_CHECKS: Mapping[Kind, Callable[[str], str | None]] = {
    Kind.TEXT: _text,
    Kind.SYMBOL: _matched(_SYMBOL),
    Kind.SYMBOLS: _list_of(_SYMBOL, numbers=False),
    Kind.DECIMAL: _matched(is_decimal),
    Kind.INT: _matched(is_int),
    Kind.BOOL: _bool,
    Kind.ENUM: _matched(_ENUM),
    Kind.CLIENT_ID: _matched(_CLIENT_ID),
    Kind.INT_LIST: _list_of(is_int, numbers=True),
    Kind.CLIENT_ID_LIST: _list_of(_CLIENT_ID, numbers=False),
    Kind.LEGS: _text,
}
_REASON_OF = {Kind.DECIMAL: "malformed_number", Kind.INT: "malformed_number"}


def _intent(endpoint: Endpoint, named: list[Pair], judged: dict[str, str], make_id: MakeId) -> Intent | Denial:
    pairs = [(name, judged[name] if name not in endpoint.lists else value) for name, value in named]
    if "batchOrders" in judged and endpoint.typed:
        return _batch(endpoint, pairs, judged, make_id)
    names = id_names(endpoint.method, endpoint.path) if endpoint.typed else ()
    if names and names[0] not in judged:
        pairs.append((names[0], make_id()))
        judged[names[0]] = pairs[-1][1]
    creates = endpoint.typed and places(endpoint.method, endpoint.path)
    changes = creates or (endpoint.typed and endpoint.method == "PUT")
    return Intent(
        endpoint=endpoint,
        pairs=tuple(pairs),
        values=judged,
        symbols=_symbols(judged),
        legs=(leg_of(judged),) if changes else (),
        client_ids=tuple(judged[name] for name in names if name in judged),
        places=creates,
    )


def _symbols(judged: Mapping[str, str]) -> tuple[str, ...]:
    if "symbols" in judged:
        items = _items(judged["symbols"])
        return tuple(item for item in items if isinstance(item, str)) if items else ()
    return (judged["symbol"],) if "symbol" in judged else ()


def _batch(endpoint: Endpoint, pairs: list[Pair], judged: dict[str, str], make_id: MakeId) -> Intent | Denial:
    """Judge every leg of a batch by the schema of the single order; one bad leg refuses all."""
    items = _items(judged["batchOrders"])
    if items is None or len(items) > MAX_LEGS:
        return Denial("malformed_value", "batchOrders")
    orders: list[dict[str, str]] = []
    for item in items:
        order = _leg(item, endpoint, make_id)
        if isinstance(order, Denial):
            return order
        orders.append(order)
    judged["batchOrders"] = json.dumps(orders, ensure_ascii=False, separators=(",", ":"))
    creates = endpoint.method == "POST"
    return Intent(
        endpoint=endpoint,
        pairs=tuple((name, judged[name]) for name, _ in pairs),
        values=judged,
        symbols=tuple(dict.fromkeys(order["symbol"] for order in orders)),
        legs=tuple(leg_of(order) for order in orders),
        client_ids=tuple(order["newClientOrderId"] for order in orders) if creates else (),
        places=creates,
    )


_LEG_KINDS = {
    **dict.fromkeys(("symbol",), Kind.SYMBOL),
    **dict.fromkeys(("side", "type", "positionSide", "timeInForce", "workingType", "newOrderRespType",
                     "selfTradePreventionMode", "priceMatch"), Kind.ENUM),
    **dict.fromkeys(("quantity", "price", "stopPrice", "activationPrice", "callbackRate"), Kind.DECIMAL),
    **dict.fromkeys(("orderId", "goodTillDate"), Kind.INT),
    **dict.fromkeys(("reduceOnly", "closePosition", "priceProtect"), Kind.BOOL),
    **dict.fromkeys(("newClientOrderId", "origClientOrderId"), Kind.CLIENT_ID),
}  # fmt: skip
_LEG_NEEDS = {"POST": ("symbol", "side", "type"), "PUT": ("symbol", "side", "quantity", "price")}


def _leg(item: Any, endpoint: Endpoint, make_id: MakeId) -> dict[str, str] | Denial:
    if not isinstance(item, dict):
        return Denial("malformed_value", "batchOrders")
    order: dict[str, str] = {}
    for name, raw in item.items():
        kind = _LEG_KINDS.get(name)
        if kind is None:
            return Denial("unknown_parameter", name[:64])
        value = _CHECKS[kind](_scalar(raw))
        if value is None:
            return Denial(_REASON_OF.get(kind, "malformed_value"), name)
        order[name] = value
    missing = next((name for name in _LEG_NEEDS[endpoint.method] if name not in order), None)
    if missing is not None:
        return Denial("mandatory_parameter", missing)
    if endpoint.method == "POST":
        order.setdefault("newClientOrderId", make_id())
    return order


def _scalar(raw: Any) -> str:
    """Give the text of a JSON scalar; anything else becomes text that no kind accepts."""
    if raw is True or raw is False:
        return "true" if raw else "false"
    return str(raw) if isinstance(raw, str) else ""
