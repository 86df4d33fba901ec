"""Whether a reply that looks like a success is about another request (or another leg) than the one that was sent."""

from collections.abc import Mapping, Sequence
from typing import Any

from counterseal.core.binance.values import items_of
from counterseal.core.intent import Intent
from counterseal.core.legs import AMEND, BATCHES, LISTS

CANCEL_REPLACE = "/api/v3/order/cancelReplace"
# Batches apart the one change that is answered with a list, of the orders that it happened to find.
CANCEL_ALL = "/api/v3/openOrders"
# What of the request a reply repeats under the same name. Spot states the cancelled id apart from the cancel's own.
_SAME_NAME = ("symbol", "orderId", "algoId", "clientAlgoId", "orderListId", "origClientOrderId", "leverage")


def contradicts(intent: Intent, body: Any) -> bool:
    """Tell whether a reply's body speaks of something else than the intent.

    A field that is absent contradicts nothing, except in a batch: there each leg must be answered, in order.
    """
    path = intent.endpoint.path
    if path in BATCHES:
        return legs_contradict(intent, body)
    if not isinstance(body, dict):
        return isinstance(body, list) and (path != CANCEL_ALL or any(_names_another(intent, row) for row in body))
    if path == CANCEL_REPLACE:
        return _replacement_contradicts(intent, body)
    if path == AMEND:
        return _amendment_contradicts(intent, body.get("amendedOrder"))
    if path in LISTS and isinstance(body.get("orders"), list):
        return _list_contradicts(intent, body["orders"])
    return _fields_contradict(intent, body)


def order_in(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the part of a reply that describes the order: an amendment's has it one level down."""
    amended = body.get("amendedOrder")
    return amended if isinstance(amended, dict) else body


def replaced_id(body: Any) -> str | None:
    """Give the client id that an amended order no longer has; None for every other reply."""
    order = body.get("amendedOrder") if isinstance(body, dict) else None
    old = order.get("origClientOrderId") if isinstance(order, dict) else None
    return old if isinstance(old, str) and isinstance(order, dict) and old != order.get("clientOrderId") else None


def _fields_contradict(intent: Intent, body: Mapping[str, Any]) -> bool:
    values = intent.values
    for name in _SAME_NAME:
        if name in values and name in body and str(body[name]) != values[name]:
            return True
    # Futures repeat the id of the order that was cancelled or changed as clientOrderId.
    if intent.endpoint.family == "spot" or "origClientOrderId" not in values or "clientOrderId" not in body:
        return False
    return str(body["clientOrderId"]) != values["origClientOrderId"]


def _replacement_contradicts(intent: Intent, body: Mapping[str, Any]) -> bool:
    """The new order, where there is one, must carry the id that was sent, and both the symbol."""
    found = body.get("data", body)
    new = found.get("newOrderResponse") if isinstance(found, dict) else None
    if not isinstance(new, dict):
        return body.get("newOrderResult", "SUCCESS") == "SUCCESS" and "data" not in body
    if "clientOrderId" not in new:
        return "orderId" in new
    if new["clientOrderId"] != intent.values.get("newClientOrderId"):
        return True
    return _names_another(intent, new) or _names_another(intent, found.get("cancelResponse"))


def _names_another(intent: Intent, order: Any) -> bool:
    """Tell whether an order is of another symbol; what names none is not."""
    return isinstance(order, dict) and order.get("symbol", intent.values["symbol"]) != intent.values["symbol"]


def _amendment_contradicts(intent: Intent, order: Any) -> bool:
    """The amended order must carry the id that was sent, and whatever else named it."""
    if not isinstance(order, dict) or order.get("clientOrderId") != intent.values["newClientOrderId"]:
        return True
    return _fields_contradict(intent, order)


def _list_contradicts(intent: Intent, orders: Sequence[Any]) -> bool:
    """A list has exactly the orders that were sent, in any sequence; its own id is the first of the intent's."""
    found = sorted(str(order.get("clientOrderId")) if isinstance(order, dict) else "" for order in orders)
    return found != sorted(intent.client_ids[1:])


def legs_contradict(intent: Intent, body: Any) -> bool:
    """Tell whether a batch's reply has another number of legs, or a leg of another order in some place."""
    if not isinstance(body, list) or len(body) != _leg_count(intent):
        return True
    symbols = [leg.symbol for leg in intent.legs] or [intent.values.get("symbol", "")] * len(body)
    ids: Sequence[str | None] = intent.client_ids or [None] * len(body)
    return any(_leg_contradicts(*leg) for leg in zip(body, symbols, ids, strict=True))


def _leg_count(intent: Intent) -> int:
    if intent.legs:
        return len(intent.legs)
    named = intent.values.get("orderIdList") or intent.values.get("origClientOrderIdList") or ""
    return len(items_of(named) or ())


def _leg_contradicts(leg: Any, symbol: str, client_id: str | None) -> bool:
    if not isinstance(leg, dict):
        return True
    if "orderId" not in leg and "code" in leg:
        return False
    return leg.get("symbol", symbol) != symbol or (client_id is not None and leg.get("clientOrderId") != client_id)
