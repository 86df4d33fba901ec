"""Products of money without rounding, so that a limit is a limit to the last digit."""

from decimal import ROUND_CEILING, Context, Decimal

# The grammar of numbers allows 36 digits; three such factors and a percentage fit.
_EXACT = Context(prec=160)
_UP = Context(prec=40, rounding=ROUND_CEILING)


_ONE = Decimal(1)
_multiply = _EXACT.multiply


def product(one: Decimal, other: Decimal, third: Decimal = _ONE) -> Decimal:
    """Multiply two or three numbers of the wire's grammar exactly."""
    result = _multiply(one, other)
    return result if third is _ONE else _multiply(result, third)


def inverse_up(value: Decimal) -> Decimal:
    """Give 1/value for a positive value, rounded up at the fortieth digit: never less than the truth."""
    return _UP.divide(Decimal(1), value)
