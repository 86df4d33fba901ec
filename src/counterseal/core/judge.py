"""From decoded wire pairs to a judged intent: names by the schema, values by their kind, nothing unknown or twice."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from counterseal.core.binance.catalogue import Endpoint
from counterseal.core.binance.schema import kind_of
from counterseal.core.binance.values import CHECKS, items_of, reason_of
from counterseal.core.intent import EXCHANGE_IDS, Intent, Pair
from counterseal.core.legs import id_names, leg_of, legs_of, places
from counterseal.core.shape import AUTH_NAMES, Shape, shape_of

MAX_LEGS = 10
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}").fullmatch

MakeId = Callable[[], str]


@dataclass(frozen=True, slots=True)
class Denial:
    """A refusal with its reason code and the parameter's name where one is at fault (never a value)."""

    reason: str
    name: str = ""


def judge(endpoint: Endpoint, wire: Sequence[Pair], make_id: MakeId) -> Intent | Denial:
    """Judge one request's pairs (query and body together, signature element out).

    `make_id` gives a new client order id where an order has none, so that no order is without a name to ask for it.
    """
    if wire:
        names, values = zip(*wire, strict=True)
        shape = shape_of(endpoint, names)
        if shape is not None and (intent := _by_shape(endpoint, shape, shape.pick(values), make_id)) is not None:
            return _unless_reserved(intent)
    pairs: list[Pair] = []
    judged: dict[str, str] = {}
    refusal = _take(endpoint, wire, pairs, judged)
    if refusal is not None:
        return refusal
    for name in endpoint.required:
        # What the signer sets itself (recvWindow is mandatory on one endpoint) need not come from the bot.
        if name not in judged and name not in AUTH_NAMES:
            return Denial("mandatory_parameter", name)
    found = _intent(endpoint, pairs, judged, make_id)
    return found if isinstance(found, Denial) else _unless_reserved(found)


def _unless_reserved(intent: Intent) -> Intent | Denial:
    """Refuse a new id like those of the exchange's own orders: a liquidation of that name would pass for a bot's."""
    for client_id in intent.client_ids:
        if client_id.startswith(EXCHANGE_IDS):
            return Denial("client_id_reserved", "newClientOrderId")
    return intent


def _by_shape(endpoint: Endpoint, shape: Shape, values: tuple[str, ...], make_id: MakeId) -> Intent | None:
    """Judge values whose names are known to be right; None where one of them is not of its grammar."""
    for match, value in zip(shape.matches, values, strict=True):
        if not match(value):
            return None
    pairs = tuple(zip(shape.names, values, strict=True))
    for name in shape.made:
        pairs += ((name, make_id()),)
    judged = dict(pairs)
    symbol = judged.get("symbol")
    return Intent(
        endpoint,
        pairs,
        judged,
        (symbol,) if symbol is not None else (),
        legs_of(endpoint.path, judged, shape.prices) if shape.changes else (),
        _new_ids(judged, shape.ids),
        shape.places,
    )


def _take(endpoint: Endpoint, wire: Sequence[Pair], pairs: list[Pair], judged: dict[str, str]) -> Denial | None:
    """Judge names and values: aliases applied, tolerated names dropped, unknown and repeated ones refused.

    Fills `pairs` with what is to be sent, in the order received, and `judged` with the same by name.
    """
    params, aliases, seen_auth = endpoint.params, endpoint.aliases, set()
    for wire_name, value in wire:
        name = aliases.get(wire_name, wire_name)
        if name in AUTH_NAMES:
            # One signature element has been taken out already: any that is left is a second one.
            if name in seen_auth or name == "signature":
                return Denial("repeated_parameter", name)
            seen_auth.add(name)
            continue
        param = params.get(name)
        if param is None:
            if name in endpoint.dropped:
                continue
            return Denial("unknown_parameter", name[:64])
        if name in judged and name not in endpoint.lists:
            return Denial("repeated_parameter", name)
        checked = param.check(value)
        if checked is None:
            return Denial(reason_of(param.kind), name)
        judged[name] = checked
        pairs.append((name, checked))
    return None


def _intent(endpoint: Endpoint, pairs: list[Pair], judged: dict[str, str], make_id: MakeId) -> Intent | Denial:
    if "batchOrders" in judged and endpoint.typed:
        return _batch(endpoint, pairs, judged, make_id)
    names = id_names(endpoint.method, endpoint.path) if endpoint.typed else ()
    for name in names:
        if name not in judged:
            judged[name] = make_id()
            pairs.append((name, judged[name]))
    creates = endpoint.typed and places(endpoint.method, endpoint.path)
    changes = creates or (endpoint.typed and endpoint.method == "PUT")
    return Intent(
        endpoint=endpoint,
        pairs=tuple(pairs),
        values=judged,
        symbols=_symbols(judged),
        legs=legs_of(endpoint.path, judged) if changes else (),
        client_ids=_new_ids(judged, names),
        places=creates,
    )


def _new_ids(judged: Mapping[str, str], names: Sequence[str]) -> tuple[str, ...]:
    """Give the ids that are new: an order that is amended may keep the one by which it is named."""
    kept = judged.get("origClientOrderId")
    return tuple([judged[name] for name in names if judged[name] != kept])


def _symbols(judged: Mapping[str, str]) -> tuple[str, ...]:
    # Both names count, and a list that is no JSON list is read by its commas, as one endpoint has it: a list that could
    # not be read would name no symbol, and so pass for a request of none.
    found = [judged["symbol"]] if "symbol" in judged else []
    if "symbols" in judged:
        items = items_of(judged["symbols"])
        found += judged["symbols"].split(",") if items is None else [str(item) for item in items]
    return tuple(dict.fromkeys(found))


def _batch(endpoint: Endpoint, pairs: list[Pair], judged: dict[str, str], make_id: MakeId) -> Intent | Denial:
    """Judge every leg of a batch by the schema of the single order; one bad leg refuses all."""
    items = items_of(judged["batchOrders"])
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


# The parameters of the single order, by which each leg is judged. A modification takes no flag that says "reduces": the
# exchange would ignore it, and the leg would pass for one that can only shrink a position.
_NEW = (
    "symbol side type positionSide timeInForce quantity reduceOnly price newClientOrderId newOrderRespType priceMatch"
    " selfTradePreventionMode"
)
_CHANGED = "symbol side quantity price orderId origClientOrderId priceMatch modifyId"
_LEG_NAMES = {
    ("usdm", "POST"): f"{_NEW} goodTillDate",
    ("usdm", "PUT"): _CHANGED,
    ("coinm", "POST"): _NEW,
    ("coinm", "PUT"): _CHANGED,
}
_LEG_KINDS = {place: {name: kind_of(name) for name in names.split()} for place, names in _LEG_NAMES.items()}
_LEG_NEEDS = {"POST": ("symbol", "side", "type"), "PUT": ("symbol", "side", "quantity", "price")}


def _leg(item: Any, endpoint: Endpoint, make_id: MakeId) -> dict[str, str] | Denial:
    if not isinstance(item, dict):
        return Denial("malformed_value", "batchOrders")
    order: dict[str, str] = {}
    for name, raw in item.items():
        kind = _LEG_KINDS[endpoint.family, endpoint.method].get(name)
        if kind is None:
            # A JSON key is any text: only what could be a parameter's name is repeated.
            return Denial("unknown_parameter", name if _NAME(name) else "batchOrders")
        value = CHECKS[kind](_scalar(raw))
        if value is None:
            return Denial(reason_of(kind), name)
        order[name] = value
    missing = next((name for name in _LEG_NEEDS[endpoint.method] if name not in order), None)
    if missing is not None:
        return Denial("mandatory_parameter", missing)
    if endpoint.method == "POST" and "newClientOrderId" not in order:
        order["newClientOrderId"] = make_id()
    return order


def _scalar(raw: Any) -> str:
    """Give the text of a JSON scalar; anything else becomes text that no kind accepts."""
    if raw is True or raw is False:
        return "true" if raw else "false"
    return str(raw) if isinstance(raw, str) else ""
