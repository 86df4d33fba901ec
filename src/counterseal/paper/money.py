"""Decimal amounts as text: the fixed-width strings of the spot API and the plain ones of futures."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

ZERO = Decimal(0)
ONE = Decimal(1)
EIGHT = Decimal("0.00000001")


def fixed8(value: Decimal) -> str:
    """Eight decimals, as spot prints every amount."""
    return f"{value:.8f}"


def plain(value: Decimal) -> str:
    """No exponent and no padding, as futures echo what was sent."""
    return f"{value.normalize():f}" if value else "0"


def fixed(value: Decimal, places: int) -> str:
    return f"{value:.{places}f}"


def floor_to(value: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of `step` that is not above `value` (for value >= 0)."""
    return (value // step) * step


def is_multiple(value: Decimal, step: Decimal) -> bool:
    return value % step == 0


def cut8(value: Decimal) -> Decimal:
    return value.quantize(EIGHT, rounding=ROUND_DOWN)


def round8(value: Decimal) -> Decimal:
    return value.quantize(EIGHT, rounding=ROUND_HALF_UP)


def places_of(step: Decimal) -> int:
    """How many decimals a step allows: 0.001 gives 3, 1 gives 0."""
    exponent = step.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
