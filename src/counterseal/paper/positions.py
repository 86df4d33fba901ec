"""Positions: average price, realised profit, and the margin that isolated ones hold."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from counterseal.paper.money import ZERO


@dataclass(slots=True, eq=False)
class Position:
    """One position of one side (BOTH, LONG or SHORT).  `amount` is signed, in base units."""

    symbol: str
    side: str
    amount: Decimal = ZERO
    entry: Decimal = ZERO
    isolated_wallet: Decimal = ZERO
    updated_ms: int = 0

    def apply(self, signed: Decimal, price: Decimal) -> Decimal:
        """Add an execution and return what it realises in the quote asset."""
        if self.amount * signed >= 0:
            total = self.amount + signed
            self.entry = (self.entry * self.amount + price * signed) / total
            self.amount = total
            return ZERO
        closed = min(abs(signed), abs(self.amount))
        direction = 1 if self.amount > 0 else -1
        realized = (price - self.entry) * closed * direction
        self.isolated_wallet -= self.isolated_wallet * closed / abs(self.amount)
        self.amount += signed
        if self.amount * direction <= 0:  # closed, or flipped to the other side at this price
            self.entry = price if self.amount else ZERO
        return realized

    def profit(self, mark: Decimal) -> Decimal:
        """Unrealised profit at a mark price."""
        return (mark - self.entry) * self.amount

    def closable(self, side: str) -> Decimal:
        """How much an order of `side` could reduce."""
        is_reducing = self.amount < 0 if side == "BUY" else self.amount > 0
        return abs(self.amount) if is_reducing else ZERO
