"""What a request may bring into the world: its orders as claims, and the orders that it would alter."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from counterseal.core.binance.values import items_of
from counterseal.core.exposure.money import ZERO
from counterseal.core.exposure.order import Claim
from counterseal.core.intent import Leg
from counterseal.core.legs import ALGO_ORDERS, AMEND, BATCHES, LISTS, leg_of, legs_of

Values = Mapping[str, Any]


class Change(NamedTuple):
    """One part of a request. `target` names the order that it alters (client id, the exchange's number), None for one
    that is new.
    """

    claim: Claim
    target: tuple[str, str] | None = None


def changes_of(
    method: str, path: str, values: Values, client_ids: Sequence[str], legs: Sequence[Leg] | None = None
) -> tuple[Change, ...]:
    """Give what may come of a request, leg by leg; nothing for cancels, settings and amendments.

    An amendment can only make its order smaller, so that nothing new is at risk. `legs` are the request's own where
    they have been read already.
    """
    if method not in ("POST", "PUT") or path == AMEND:
        return ()
    if path in BATCHES:
        items = items_of(values.get("batchOrders", "")) or ()
        return tuple([_change(method, path, item, leg_of(item), item.get("newClientOrderId", "")) for item in items])
    if path in LISTS:
        return _list(legs_of(path, values) if legs is None else legs, values, client_ids)
    if "side" not in values:
        return ()
    read = legs_of(path, values) if legs is None else legs
    return (_change(method, path, values, read[0], client_ids[0] if client_ids else ""),)


def _change(method: str, path: str, values: Values, leg: Leg, name: str) -> Change:
    altered = method == "PUT"
    target = (values.get("origClientOrderId", ""), str(values.get("orderId", ""))) if altered else None
    # closePosition with a size is a contradiction: only the exchange knows which of the two it would believe.
    closes = leg.reduces and (leg.quantity is None or values.get("reduceOnly") == "true")
    claim = _claim(leg, values, (target[0] if target else name,), counts=altered or not closes)
    return Change(claim._replace(algo=True) if path in ALGO_ORDERS else claim, target)


def _list(legs: Sequence[Leg], values: Values, client_ids: Sequence[str]) -> tuple[Change, ...]:
    """Orders of a list: of two that exclude each other the worse one counts."""
    names = client_ids[1:]
    if len(legs) == 1:
        return (Change(_claim(legs[0], values, names)),)
    working = Change(_claim(legs[0], values, names[:1]))
    prices = tuple([price for leg in legs[1:] for price in leg.prices])
    return (working, Change(_claim(legs[1]._replace(prices=prices), values, names[1:])))


def _claim(leg: Leg, values: Values, names: Sequence[str], *, counts: bool = True) -> Claim:
    side = values.get("positionSide", "BOTH")
    return Claim(
        leg.symbol,
        "" if side == "BOTH" else side,
        leg.side,
        ZERO if leg.quantity is None else leg.quantity,
        leg.quote_quantity,
        max(leg.prices, default=None),
        tuple(names),
        counts,
    )
