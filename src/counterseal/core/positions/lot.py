"""One position as an amount and what it cost: fills go in, profit comes out. Linear and inverse contracts.

A linear contract (spot, USD-M) is paid and earns in its quote asset. An inverse one (COIN-M) counts contracts of a
fixed worth in dollars and earns in its base asset: there `cost` is in coins.
"""

from decimal import Context, Decimal
from typing import NamedTuple

from counterseal.core.exact import product
from counterseal.core.exposure.money import ZERO, add, subtract

# Quotients are the only figures here that are rounded; what a closed position earned does not depend on them.
_divide = Context(prec=60).divide


class Lot(NamedTuple):
    """A signed amount (base units, or contracts where `contract` tells their size) and its signed cost."""

    amount: Decimal = ZERO
    cost: Decimal = ZERO
    contract: Decimal | None = None

    @property
    def average(self) -> Decimal | None:
        """The average price, None where nothing is held."""
        if not self.amount or not self.cost:
            return None
        if self.contract is None:
            return _divide(self.cost, self.amount)
        return _divide(product(self.amount, self.contract), self.cost)

    def filled(self, signed: Decimal, price: Decimal) -> tuple["Lot", Decimal]:
        """Add a fill at a positive price; gives the new lot and what was realised. It may flip to the other side."""
        if product(self.amount, signed) >= ZERO:
            return self._with(add(self.amount, signed), add(self.cost, self._paid(signed, price))), ZERO
        if signed.copy_abs() < self.amount.copy_abs():
            part = _divide(product(self.cost, signed.copy_negate()), self.amount)
            left = self._with(add(self.amount, signed), subtract(self.cost, part))
            return left, self._earned(part, self._paid(signed.copy_negate(), price))
        over = add(self.amount, signed)
        earned = self._earned(self.cost, self._paid(self.amount, price))
        return self._with(over, self._paid(over, price)), earned

    def profit(self, price: Decimal) -> Decimal:
        """Give what closing at a price would realise, in the asset that it earns in."""
        return self._earned(self.cost, self._paid(self.amount, price))

    def worth(self, price: Decimal) -> Decimal:
        """Give the size of it in its quote asset (of COIN-M: in dollars), without sign."""
        return product(self.amount.copy_abs(), price if self.contract is None else self.contract)

    def _with(self, amount: Decimal, cost: Decimal) -> "Lot":
        return Lot(amount, cost, self.contract)

    def _paid(self, signed: Decimal, price: Decimal) -> Decimal:
        if self.contract is None:
            return product(signed, price)
        return _divide(product(signed, self.contract), price)

    def _earned(self, paid: Decimal, got: Decimal) -> Decimal:
        return subtract(got, paid) if self.contract is None else subtract(paid, got)


def lot_at(amount: Decimal, price: Decimal | None, contract: Decimal | None = None) -> Lot:
    """Give a lot that was bought at a price; without one its cost is not known and counts as nothing."""
    if price is None or price <= ZERO:
        return Lot(amount, ZERO, contract)
    return Lot(ZERO, ZERO, contract).filled(amount, price)[0]
