"""Products of money without rounding, so that a limit is a limit to the last digit."""

from decimal import ROUND_CEILING, Context, Decimal

# The grammar of numbers allows 36 digits; four such factors fit.
_EXACT = Context(prec=160)
_UP = Context(prec=40, rounding=ROUND_CEILING)


def product(*factors: Decimal) -> Decimal:
    """Multiply up to four numbers of the wire's grammar exactly."""
    result = Decimal(1)
    for factor in factors:
        result = _EXACT.multiply(result, factor)
    return result


def inverse_up(value: Decimal) -> Decimal:
    """Give 1/value for a positive value, rounded up at the fortieth digit: never less than the truth."""
    return _UP.divide(Decimal(1), value)
