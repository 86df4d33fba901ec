"""Commissions paid in BNB: cheaper, for accounts that want it and hold enough of it.

Assumption: a quarter less on spot, a tenth less on USD-M; COIN-M knows nothing of the kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from counterseal.paper.money import ONE, cut8
from counterseal.paper.symbols import Symbol

BNB = "BNB"
DOLLARS = frozenset({"USDT", "USDC", "FDUSD"})
SPOT_DISCOUNT, FUTURES_DISCOUNT = Decimal("0.25"), Decimal("0.1")


class FeeBurn:
    """One market's way of turning a commission into BNB.  `last` gives a symbol's price at an instant."""

    def __init__(
        self, symbols: Mapping[str, Symbol], last: Callable[[str, int], Decimal], discount: Decimal
    ) -> None:  # fmt: skip
        self._symbols = symbols
        self._last = last
        self._discount = discount

    def amount(self, asset: str, fee: Decimal, now_ms: int) -> Decimal | None:
        """BNB in place of a fee; None for an asset that has no price in dollars here."""
        if asset == BNB:
            return cut8(fee * (1 - self._discount))
        price = self._dollars(asset, now_ms)
        if price is None:
            return None
        return cut8(fee * price * (1 - self._discount) / self._last("BNBUSDT", now_ms))

    def _dollars(self, asset: str, now_ms: int) -> Decimal | None:
        if asset in DOLLARS:
            return ONE
        if f"{asset}USDT" in self._symbols:
            return self._last(f"{asset}USDT", now_ms)
        return 1 / self._last(f"USDT{asset}", now_ms) if f"USDT{asset}" in self._symbols else None
