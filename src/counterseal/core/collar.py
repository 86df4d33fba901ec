"""The price collar: how far the prices at which an order may trade lie from the market at that moment.

An order waiting for a trigger trades when the market has come to the trigger, so its limit is measured from there: a
protective stop far away from today's price stays possible. A trigger is no price to trade at and is not measured. One
that the market has already passed fires at once: then the limit is measured from the last price, like any other.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from counterseal.core.exact import product
from counterseal.core.intent import Intent, Leg

Values = Mapping[str, str]
# Name of a limit price -> (name of its order's type or the type itself, names of its trigger).
_LIMITS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "price": ("type", ("stopPrice", "triggerPrice")),
    "stopLimitPrice": ("STOP_LOSS_LIMIT", ("stopPrice",)),
    "abovePrice": ("aboveType", ("aboveStopPrice",)),
    "belowPrice": ("belowType", ("belowStopPrice",)),
}


def outside(percent: Decimal, intent: Intent, leg: Leg, last: Decimal) -> str | None:
    """Give the name of a price further than `percent` from where the market is when it counts; None when all fit."""
    pairs = _from_last(leg, last) if "batchOrders" in intent.values else _limits(intent.values, last)
    return next((name for name, price, market in pairs if not _within(percent, price, market)), None)


def _from_last(leg: Leg, last: Decimal) -> Iterator[tuple[str, Decimal, Decimal]]:
    # Legs of a batch have lost the names of their prices; the exchange takes no conditional orders in batches.
    return (("price", price, last) for price in leg.prices)


def _limits(values: Values, last: Decimal) -> Iterator[tuple[str, Decimal, Decimal]]:
    for name, (kind, triggers) in _LIMITS.items():
        if name in values:
            trigger = next((Decimal(values[t]) for t in triggers if t in values), None)
            yield name, Decimal(values[name]), _market(values.get(kind, kind), values.get("side", ""), trigger, last)


def _market(kind: str, side: str, trigger: Decimal | None, last: Decimal) -> Decimal:
    """Give the price of the market when the order can trade."""
    if trigger is None or not kind.startswith(("STOP", "TAKE_PROFIT")):
        return last
    waits_for_rise = kind.startswith("STOP") == (side == "BUY")
    still_waits = trigger >= last if waits_for_rise else trigger <= last
    return trigger if still_waits else last


def _within(percent: Decimal, price: Decimal, market: Decimal) -> bool:
    scaled = product(price, Decimal(100))
    return product(market, 100 - percent) <= scaled <= product(market, 100 + percent)
