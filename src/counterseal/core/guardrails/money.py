"""Amounts that are known only up to a range, because two readings of a price differ: the least and the most."""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from counterseal.core.exact import product
from counterseal.core.exposure.money import ZERO, add, subtract
from counterseal.core.positions.lot import Lot
from counterseal.core.positions.marks import Pair


class Range(NamedTuple):
    """In US dollars. The truth lies between the two, both included."""

    low: Decimal = ZERO
    high: Decimal = ZERO


NOTHING = Range()
# The price of what counts as a dollar.
DOLLAR = Pair(Decimal(1), Decimal(1))


def exactly(amount: Decimal) -> Range:
    """Give an amount that is known."""
    return Range(amount, amount)


def total(ranges: Iterable[Range]) -> Range:
    """Add them all."""
    low = high = ZERO
    for each in ranges:
        low, high = add(low, each.low), add(high, each.high)
    return Range(low, high)


def worth_of(amount: Decimal, price: Pair) -> Range:
    """Give what an amount of an asset is worth, which may be a debt."""
    return _ordered(product(amount, price.one), product(amount, price.other))


def size_of(lot: Lot, price: Pair, dollars: Pair) -> Range:
    """Give the size of a position, without sign; `dollars` is the price of its quote asset."""
    if dollars is DOLLAR and lot.contract is None:
        # Nearly all are so; the same in fewer steps.
        amount = lot.amount.copy_abs()
        return _ordered(product(amount, price.one), product(amount, price.other))
    return _spread(lot.worth(price.one), lot.worth(price.other), dollars)


def profit_of(lot: Lot, price: Pair, dollars: Pair) -> Range:
    """Give what a position has earned and not realised; `dollars` is the price of the asset that it earns in."""
    if dollars is DOLLAR and lot.contract is None:
        amount, cost = lot.amount, lot.cost
        return _ordered(subtract(product(amount, price.one), cost), subtract(product(amount, price.other), cost))
    return _spread(lot.profit(price.one), lot.profit(price.other), dollars)


def _spread(one: Decimal, other: Decimal, dollars: Pair) -> Range:
    found = [product(amount, rate) for amount in (one, other) for rate in (dollars.one, dollars.other)]
    return Range(min(found), max(found))


def _ordered(one: Decimal, other: Decimal) -> Range:
    return Range(one, other) if one <= other else Range(other, one)
