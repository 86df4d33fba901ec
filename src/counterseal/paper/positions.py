"""Positions: average price, realised profit, and the margin that isolated ones hold."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from counterseal.paper.money import ZERO


@dataclass(slots=True, eq=False)
class Position:
    """One position of one side (BOTH, LONG or SHORT).  `amount` is signed, in base units or in contracts.

    `contract_size` is 0 for a linear contract, whose profit is in the quote asset; an inverse one has its
    contract's size, and its profit is in the base asset.
    """

    symbol: str
    side: str
    amount: Decimal = ZERO
    entry: Decimal = ZERO
    isolated_wallet: Decimal = ZERO
    updated_ms: int = 0
    contract_size: Decimal = ZERO
    realized: Decimal = ZERO  # since the position was opened

    def apply(self, signed: Decimal, price: Decimal) -> Decimal:
        """Add an execution and return what it realises in the margin asset."""
        if self.amount * signed >= 0:
            if not self.amount:
                self.realized = ZERO
            self.entry = self._blended(signed, price)
            self.amount += signed
            return ZERO
        closed = min(abs(signed), abs(self.amount))
        direction = 1 if self.amount > 0 else -1
        realized = self._gain(closed * direction, price)
        self.realized += realized
        self.isolated_wallet -= self.isolated_wallet * closed / abs(self.amount)
        self.amount += signed
        if self.amount * direction <= 0:  # closed, or flipped to the other side at this price
            self.entry = price if self.amount else ZERO
        return realized

    def _blended(self, signed: Decimal, price: Decimal) -> Decimal:
        """The average entry price: by quantity, or for an inverse contract by what was paid in coins."""
        total = self.amount + signed
        if not self.contract_size:
            return (self.entry * self.amount + price * signed) / total
        before = self.amount / self.entry if self.amount else ZERO
        return total / (before + signed / price)

    def _gain(self, amount: Decimal, price: Decimal) -> Decimal:
        if not self.contract_size:
            return (price - self.entry) * amount
        return amount * self.contract_size * (1 / self.entry - 1 / price)

    def profit(self, mark: Decimal) -> Decimal:
        """Unrealised profit at a mark price, in the margin asset."""
        return self._gain(self.amount, mark) if self.amount else ZERO

    def notional(self, mark: Decimal) -> Decimal:
        """Signed, in the margin asset."""
        return self.amount * self.contract_size / mark if self.contract_size else self.amount * mark

    def closable(self, side: str) -> Decimal:
        """How much an order of `side` could reduce."""
        is_reducing = self.amount < 0 if side == "BUY" else self.amount > 0
        return abs(self.amount) if is_reducing else ZERO
