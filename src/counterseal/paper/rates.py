"""What an asset counts for as margin in multi-assets mode: its price in USD, less a buffer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from counterseal.paper.money import ONE, ZERO

# asset: (buffer of the collateral rate, buffer of automatic exchange); stablecoins count in full
BUFFERS = {"USDT": ("0", "0"), "USDC": ("0", "0"), "BTC": ("0.05", "0.025"), "ETH": ("0.05", "0.025"),
           "BNB": ("0.05", "0.025"), "SOL": ("0.1", "0.05"), "XRP": ("0.1", "0.05")}  # fmt: skip


@dataclass(frozen=True, slots=True)
class AssetRate:
    """One asset's index in USD with its buffers."""

    asset: str
    index: Decimal
    buffer: Decimal
    exchange_buffer: Decimal

    @property
    def bid(self) -> Decimal:
        """What a positive balance counts for."""
        return self.index * (1 - self.buffer)

    @property
    def ask(self) -> Decimal:
        """What a negative balance counts for."""
        return self.index * (1 + self.buffer)


class AssetRates:
    """The rates of the assets that serve as margin together."""

    def __init__(self, index: Callable[[str, int], Decimal], listed: frozenset[str]) -> None:
        self._index = index
        self._listed = listed

    def of(self, asset: str, now_ms: int) -> AssetRate | None:
        """None for an asset that counts for nothing."""
        if asset not in BUFFERS:
            return None
        buffer, exchange = BUFFERS[asset]
        if asset in ("USDT", "USDC"):
            return AssetRate(asset, ONE, Decimal(buffer), Decimal(exchange))
        if f"{asset}USDT" not in self._listed:
            return None
        return AssetRate(asset, self._index(f"{asset}USDT", now_ms), Decimal(buffer), Decimal(exchange))

    def all(self, now_ms: int) -> list[AssetRate]:
        rates = (self.of(asset, now_ms) for asset in BUFFERS)
        return [rate for rate in rates if rate is not None]

    def usd(self, asset: str, amount: Decimal, now_ms: int) -> Decimal:
        """An amount in USD: a debt at the ask rate, a balance at the bid rate."""
        rate = self.of(asset, now_ms)
        if rate is None:
            return ZERO
        return amount * (rate.bid if amount > 0 else rate.ask)
