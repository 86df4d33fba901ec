"""What the USD-M market knows of an account: wallet, modes, settings, positions, income."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from counterseal.paper.money import ZERO
from counterseal.paper.positions import Position

MARGIN_ASSET = "USDT"
DEFAULT_LEVERAGE = 20


@dataclass(slots=True)
class SymbolSetting:
    """Leverage and margin type of one symbol."""

    leverage: int = DEFAULT_LEVERAGE
    is_isolated: bool = False


@dataclass(frozen=True, slots=True)
class Income:
    """One change of the wallet."""

    symbol: str
    kind: str
    amount: Decimal
    time_ms: int
    number: int
    trade_id: int


@dataclass(slots=True)
class UsdmAccount:
    """One account.  Only USDT serves as margin (an assumption; multi-assets mode changes a flag)."""

    name: str
    wallet: dict[str, Decimal]
    is_hedged: bool = False
    is_multi_assets: bool = False
    settings: dict[str, SymbolSetting] = field(default_factory=dict)
    positions: dict[tuple[str, str], Position] = field(default_factory=dict)
    income: list[Income] = field(default_factory=list)
    listen_key: str | None = None
    listen_until_ms: int = 0

    def setting(self, symbol: str) -> SymbolSetting:
        return self.settings.setdefault(symbol, SymbolSetting())

    def position(self, symbol: str, side: str) -> Position:
        key = (symbol, side)
        if key not in self.positions:
            self.positions[key] = Position(symbol, side)
        return self.positions[key]

    def held(self, symbol: str | None = None) -> list[Position]:
        """Positions that are not flat."""
        return [item for item in self.positions.values() if item.amount and symbol in (None, item.symbol)]

    @property
    def balance(self) -> Decimal:
        return self.wallet.get(MARGIN_ASSET, ZERO)

    @property
    def isolated_total(self) -> Decimal:
        return sum((item.isolated_wallet for item in self.positions.values()), ZERO)

    def earn(self, kind: str, symbol: str, amount: Decimal, now_ms: int, trade_id: int) -> None:
        """Change the wallet and remember why."""
        if amount:
            self.wallet[MARGIN_ASSET] = self.balance + amount
            number = 9_000_000_000 + len(self.income)
            self.income.append(Income(symbol, kind, amount, now_ms, number, trade_id))
