"""Whether a reply that looks like a success is about another request (or another leg) than the one that was sent."""

from collections.abc import Mapping, Sequence
from typing import Any

from counterseal.core.binance.values import items_of
from counterseal.core.intent import Intent

CANCEL_REPLACE = "/api/v3/order/cancelReplace"
BATCH = "/fapi/v1/batchOrders"
# What of the request a reply repeats under the same name. Spot states the cancelled id apart from the cancel's own.
_SAME_NAME = ("symbol", "orderId", "algoId", "clientAlgoId", "orderListId", "origClientOrderId", "leverage")


def contradicts(intent: Intent, body: Any) -> bool:
    """Tell whether a reply's body speaks of something else than the intent.

    A field that is absent contradicts nothing, except in a batch: there each leg must be answered, in order.
    """
    if intent.endpoint.path == BATCH:
        return legs_contradict(intent, body)
    if not isinstance(body, dict):
        return False
    if intent.endpoint.path == CANCEL_REPLACE:
        return _replacement_contradicts(intent, body)
    values = intent.values
    for name in _SAME_NAME:
        if name in values and name in body and str(body[name]) != values[name]:
            return True
    # Futures repeat the id of the order that was cancelled or changed as clientOrderId.
    if intent.endpoint.family == "spot" or "origClientOrderId" not in values or "clientOrderId" not in body:
        return False
    return str(body["clientOrderId"]) != values["origClientOrderId"]


def _replacement_contradicts(intent: Intent, body: Mapping[str, Any]) -> bool:
    """The new order, where there is one, must carry the id that was sent."""
    found = body.get("data", body)
    new = found.get("newOrderResponse") if isinstance(found, dict) else None
    if not isinstance(new, dict):
        return body.get("newOrderResult", "SUCCESS") == "SUCCESS" and "data" not in body
    if "clientOrderId" not in new:
        return "orderId" in new
    return bool(new["clientOrderId"] != intent.values.get("newClientOrderId"))


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
