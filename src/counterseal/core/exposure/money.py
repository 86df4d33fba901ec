"""Sums without rounding, and what one unit of a symbol is worth in US dollars."""

from decimal import Context, Decimal
from typing import NamedTuple

from counterseal.core.exact import product

# Products have 112 digits at most (three numbers of the wire's grammar); sums of any length that can occur fit too.
_EXACT = Context(prec=200)
add = _EXACT.add
subtract = _EXACT.subtract
ZERO = Decimal(0)


class Rate(NamedTuple):
    """A symbol's last price, the worth of one contract where a quantity counts those, US dollars per quote unit."""

    last: Decimal
    contract: Decimal | None
    dollars: Decimal

    def unit(self, price: Decimal | None) -> Decimal:
        """Give dollars per unit of quantity at the worse of the last price and an order's own."""
        if self.contract is not None:
            return product(self.contract, self.dollars)
        worst = self.last if price is None or price < self.last else price
        return product(worst, self.dollars)
