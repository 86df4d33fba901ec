"""What a futures market knows of an account: wallet, modes, settings, positions, open exposure, income."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from counterseal.paper.money import ZERO
from counterseal.paper.positions import Position
from counterseal.paper.symbols import Symbol

MARGIN_ASSET = "USDT"
DEFAULT_LEVERAGE = 20
Key = tuple[str, str]  # symbol, position side


def alias_of(account: str) -> str:
    """The account alias that some replies and events carry: stable, and another one for each account."""
    return f"p{zlib.crc32(account.encode()):08x}"


@dataclass(slots=True)
class SymbolSetting:
    """Leverage and margin type of one symbol."""

    leverage: int = DEFAULT_LEVERAGE
    is_isolated: bool = False


@dataclass(slots=True)
class PositionMode:
    """One-way or hedge: one mode for an account's USD-M and COIN-M together."""

    is_hedged: bool = False


@dataclass(slots=True)
class Resting:
    """What the open orders of one position side may still add, in the margin asset."""

    bids: Decimal = ZERO
    asks: Decimal = ZERO
    count: int = 0


@dataclass(frozen=True, slots=True)
class Income:
    """One change of the wallet."""

    symbol: str
    kind: str
    amount: Decimal
    asset: str
    time_ms: int
    number: int
    trade_id: int


@dataclass(frozen=True, slots=True)
class MarginChange:
    """Isolated margin added (type 1) or taken (type 2)."""

    symbol: str
    side: str
    kind: int
    amount: Decimal
    asset: str
    time_ms: int


@dataclass(slots=True)
class FuturesAccount:
    """One account of one futures market."""

    name: str
    wallet: dict[str, Decimal]
    mode: PositionMode = field(default_factory=PositionMode)
    symbols: Mapping[str, Symbol] = field(default_factory=dict)
    is_multi_assets: bool = False
    is_burning_fees: bool = False
    settings: dict[str, SymbolSetting] = field(default_factory=dict)
    positions: dict[Key, Position] = field(default_factory=dict)
    resting: dict[Key, Resting] = field(default_factory=dict)
    income: list[Income] = field(default_factory=list)
    margin_changes: list[MarginChange] = field(default_factory=list)
    listen_key: str | None = None
    listen_until_ms: int = 0

    @property
    def is_hedged(self) -> bool:
        return self.mode.is_hedged

    def setting(self, symbol: str) -> SymbolSetting:
        found = self.settings.get(symbol)
        if found is None:
            found = self.settings[symbol] = SymbolSetting()
        return found

    def position(self, symbol: str, side: str) -> Position:
        """The position of a side, flat ones included."""
        key = (symbol, side)
        found = self.positions.get(key)
        if found is None:
            size = self.symbols[symbol].contract_size if symbol in self.symbols else ZERO
            found = self.positions[key] = Position(symbol, side, contract_size=size)
        return found

    def held(self, symbol: str | None = None) -> list[Position]:
        """Positions that are not flat."""
        return [item for item in self.positions.values() if item.amount and symbol in (None, item.symbol)]

    def margin_asset(self, symbol: str) -> str:
        return self.symbols[symbol].margin_asset if symbol in self.symbols else MARGIN_ASSET

    def isolated_in(self, asset: str) -> Decimal:
        """Wallet money of an asset that isolated positions hold."""
        held = (item for item in self.positions.values() if item.isolated_wallet)
        return sum((item.isolated_wallet for item in held if self.margin_asset(item.symbol) == asset), ZERO)

    def earn(
        self, kind: str, symbol: str, amount: Decimal, now_ms: int, trade_id: int, asset: str = MARGIN_ASSET
    ) -> None:
        """Change the wallet and remember why."""
        if amount:
            self.wallet[asset] = self.wallet.get(asset, ZERO) + amount
            number = 9_000_000_000 + len(self.income)
            self.income.append(Income(symbol, kind, amount, asset, now_ms, number, trade_id))
