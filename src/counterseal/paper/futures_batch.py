"""Handlers of the batch endpoints: each leg succeeds or fails by itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

from counterseal.paper.call import Call
from counterseal.paper.errors import ApiError, Json, invalid, mandatory, one_of
from counterseal.paper.futures_orders import FuturesOrders
from counterseal.paper.params import Params, check_value

MOST_PLACED = 5
MOST_CANCELLED = 10


class FuturesBatches:
    """Batches of new orders, of changes and of cancels."""

    def __init__(self, orders: FuturesOrders) -> None:
        self._orders = orders

    def place(self, call: Call) -> list[Json]:
        return self._each(call, ("symbol", "side", "type"), self._orders.place_one)

    def modify(self, call: Call) -> list[Json]:
        return self._each(call, ("symbol", "side", "quantity", "price"), self._orders.modify_one)

    def _each(self, call: Call, needed: tuple[str, ...], run: Callable[[Call, Params], Json]) -> list[Json]:
        legs = _legs(call.params["batchOrders"])
        if not 1 <= len(legs) <= MOST_PLACED:
            raise ApiError(-4082, "Invalid number of batch place orders.")
        self._orders.count(call, (5, 1))
        return [_outcome(partial(_checked, call, leg, needed, run)) for leg in legs]

    def cancel(self, call: Call) -> list[Json]:
        """By `orderIdList` or `origClientOrderIdList` (some clients spell both in lower case)."""
        params = {name.lower(): value for name, value in call.params.items()}
        field, text = "orderId", params.get("orderidlist")
        if text is None:
            field, text = "origClientOrderId", params.get("origclientorderidlist")
        if text is None:
            raise one_of("orderIdList", "origClientOrderIdList")
        names = _list(text)
        if len(names) > MOST_CANCELLED:
            raise ApiError(-4032, f"Exceed maximum cancel order size: {MOST_CANCELLED}.")
        return [_outcome(self._cancel_leg(call, field, str(name))) for name in names]

    def _cancel_leg(self, call: Call, field: str, name: str) -> Callable[[], Json]:
        def run() -> Json:
            check_value(field, name)
            order = self._orders.find(call, {"symbol": call.params["symbol"], field: name})
            return self._orders.cancel_one(call, order)

        return run


def _checked(call: Call, leg: Params, needed: tuple[str, ...], run: Callable[[Call, Params], Json]) -> Json:
    for name in needed:
        if not leg.get(name):
            raise mandatory(name)
    for name, value in leg.items():
        check_value(name, value)
    return run(call, leg)


def _outcome(run: Callable[[], Json]) -> Json:
    try:
        return run()
    except ApiError as error:
        return error.body()


def _list(text: str) -> list[object]:
    try:
        found = json.loads(text, parse_float=str)
    except ValueError:
        found = None
    if not isinstance(found, list):
        raise invalid("batchOrders")
    return found


def _legs(text: str) -> list[Params]:
    """The legs with every value as text, as if it had come as a parameter."""
    legs: list[Params] = []
    for leg in _list(text):
        if not isinstance(leg, dict):
            raise invalid("batchOrders")
        legs.append({str(name): _text(value) for name, value in leg.items()})
    return legs


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
