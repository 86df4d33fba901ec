"""The price collar: how far the prices at which an order may trade lie from the market at that moment.

An order waiting for a trigger trades when the market has come to the trigger, so its limit is measured from there: a
protective stop far away from today's price stays possible. A trigger is no price to trade at and is not measured. One
that the market has already passed fires at once: then the limit is measured from the last price, like any other.

A pending order of a list comes into the book when its working order is filled: the market is then at the working
price, or at the last one if the working order would trade at once.
"""

from collections.abc import Mapping
from decimal import Decimal

from counterseal.core.exact import product
from counterseal.core.intent import Intent, Leg

Values = Mapping[str, str]
_HUNDRED = Decimal(100)
# Name of a limit price -> (name of its order's type or the type itself, name of its side, names of its trigger).
_LIMITS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "price": ("type", "side", ("stopPrice", "triggerPrice")),
    "stopLimitPrice": ("STOP_LOSS_LIMIT", "side", ("stopPrice",)),
    "abovePrice": ("aboveType", "side", ("aboveStopPrice",)),
    "belowPrice": ("belowType", "side", ("belowStopPrice",)),
    "workingPrice": ("workingType", "workingSide", ()),
    "pendingPrice": ("pendingType", "pendingSide", ("pendingStopPrice",)),
    "pendingAbovePrice": ("pendingAboveType", "pendingSide", ("pendingAboveStopPrice",)),
    "pendingBelowPrice": ("pendingBelowType", "pendingSide", ("pendingBelowStopPrice",)),
}


def outside(percent: Decimal, intent: Intent, leg: Leg, last: Decimal) -> str | None:
    """Give the name of a price further than `percent` from where the market is when it counts; None when all fit."""
    values = intent.values
    if "batchOrders" in values:
        # Legs of a batch have lost the names of their prices; the exchange takes no conditional orders in batches.
        return None if all(_within(percent, price, last) for price in leg.prices) else "price"
    for name, (kind, side, triggers) in _LIMITS.items():
        if name in values:
            start = _filled_at(values, last) if side == "pendingSide" else last
            trigger = next((Decimal(values[t]) for t in triggers if t in values), None)
            market = _market(values.get(kind, kind), values.get(side, ""), trigger, start)
            if not _within(percent, Decimal(values[name]), market):
                return name
    return None


def _filled_at(values: Values, last: Decimal) -> Decimal:
    """Give the price of the market when the working order of a list is filled."""
    if "workingPrice" not in values:
        return last
    choose = min if values.get("workingSide") == "BUY" else max
    return choose(Decimal(values["workingPrice"]), last)


def _market(kind: str, side: str, trigger: Decimal | None, last: Decimal) -> Decimal:
    """Give the price of the market when the order can trade."""
    if trigger is None or not kind.startswith(("STOP", "TAKE_PROFIT")):
        return last
    waits_for_rise = kind.startswith("STOP") == (side == "BUY")
    still_waits = trigger >= last if waits_for_rise else trigger <= last
    return trigger if still_waits else last


def _within(percent: Decimal, price: Decimal, market: Decimal) -> bool:
    scaled = product(price, _HUNDRED)
    return product(market, _HUNDRED - percent) <= scaled <= product(market, _HUNDRED + percent)
