"""Margin of a whole futures account: per margin asset, or all assets together in multi-assets mode."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from counterseal.paper.futures_accounts import FuturesAccount, Key, Resting
from counterseal.paper.liquidation_price import liquidation_price
from counterseal.paper.margin import SymbolMargin, side_margin
from counterseal.paper.money import ZERO
from counterseal.paper.positions import Position

if TYPE_CHECKING:
    from counterseal.paper.futures_market import FuturesMarket

JOINT = "USD"
NONE = Resting()


@dataclass(slots=True)
class Group:
    """Positions that back each other: one isolated position, or all cross ones of an asset (or of all, `USD`)."""

    asset: str
    balance: Decimal
    maintenance: Decimal
    positions: list[Position] = field(default_factory=list)
    is_isolated: bool = False

    @property
    def is_broken(self) -> bool:
        return bool(self.positions) and self.balance <= self.maintenance


class AccountMargins:
    """What an account's positions and orders need, and what is left."""

    def __init__(self, market: FuturesMarket) -> None:
        self._market = market

    def sides(self, account: FuturesAccount, now_ms: int) -> list[tuple[Position, SymbolMargin]]:
        """Every position that is held or ordered, with its margins."""
        keys: set[Key] = {(item.symbol, item.side) for item in account.held()}
        keys.update(key for key, resting in account.resting.items() if resting.count)
        return [(account.position(*key), self.side(account, key, now_ms)) for key in sorted(keys)]

    def side(self, account: FuturesAccount, key: Key, now_ms: int) -> SymbolMargin:
        symbol = self._market.symbols[key[0]]
        mark = self._market.mark(symbol.name, now_ms)
        resting = account.resting.get(key, NONE)
        return side_margin(account.setting(symbol.name), symbol, account.position(*key), resting, mark)

    def cross_profit(self, account: FuturesAccount, asset: str, now_ms: int) -> Decimal:
        """Unrealised profit of an asset's cross positions."""
        return sum((self._profit(item, now_ms) for item in self._cross(account, asset)), ZERO)

    def _profit(self, position: Position, now_ms: int) -> Decimal:
        return position.profit(self._market.mark(position.symbol, now_ms))

    def _cross(self, account: FuturesAccount, asset: str) -> list[Position]:
        return [item for item in account.held() if not account.setting(item.symbol).is_isolated
                and asset in (JOINT, account.margin_asset(item.symbol))]  # fmt: skip

    def available(self, account: FuturesAccount, asset: str, now_ms: int) -> Decimal:
        """What new orders may use, of an asset or (in multi-assets mode) of all, in USD."""
        if account.is_multi_assets:
            return max(ZERO, self._joint_available(account, now_ms))
        used = ZERO
        for position, found in self.sides(account, now_ms):
            if account.margin_asset(position.symbol) == asset:
                used += found.initial
        return max(ZERO, account.wallet.get(asset, ZERO) + self.cross_profit(account, asset, now_ms) - used)

    def _joint_available(self, account: FuturesAccount, now_ms: int) -> Decimal:
        used = sum((found.initial for _, found in self.sides(account, now_ms)), ZERO)
        return self.cross_wallet(account, JOINT, now_ms) + self.cross_profit(account, JOINT, now_ms) - used

    def cross_wallet(self, account: FuturesAccount, asset: str, now_ms: int) -> Decimal:
        """The wallet without what isolated positions hold."""
        if asset != JOINT:
            return account.wallet.get(asset, ZERO) - account.isolated_in(asset)
        rates = self._market.rates
        return sum((rates.usd(name, amount, now_ms) for name, amount in account.wallet.items()), ZERO)

    def groups(self, account: FuturesAccount, now_ms: int) -> list[Group]:
        """What would be liquidated together."""
        made: dict[str, Group] = {}
        alone: list[Group] = []
        for position in account.held():
            kept = self._maintenance(account, position, now_ms)
            if account.setting(position.symbol).is_isolated:
                balance = position.isolated_wallet + self._profit(position, now_ms)
                alone.append(Group(account.margin_asset(position.symbol), balance, kept, [position], True))
                continue
            asset = JOINT if account.is_multi_assets else account.margin_asset(position.symbol)
            group = made.get(asset)
            if group is None:
                group = made[asset] = Group(asset, self.cross_wallet(account, asset, now_ms), ZERO)
            group.positions.append(position)
            group.balance += self._profit(position, now_ms)
            group.maintenance += kept
        return alone + list(made.values())

    def _maintenance(self, account: FuturesAccount, position: Position, now_ms: int) -> Decimal:
        return self.side(account, (position.symbol, position.side), now_ms).maintenance

    def liquidation(self, account: FuturesAccount, position: Position, now_ms: int) -> Decimal:
        """The liquidation price of a position; in hedge mode of a symbol's cross positions together."""
        if not position.amount:
            return ZERO
        symbol, mark = self._market.symbols[position.symbol], self._market.mark(position.symbol, now_ms)
        if account.setting(position.symbol).is_isolated:
            return liquidation_price(symbol, [position], position.isolated_wallet, mark)
        asset = JOINT if account.is_multi_assets else symbol.margin_asset
        backing = self.cross_wallet(account, asset, now_ms)
        together = []
        for item in self._cross(account, asset):
            if item.symbol == position.symbol:
                together.append(item)
            else:
                backing += self._profit(item, now_ms) - self._maintenance(account, item, now_ms)
        return liquidation_price(symbol, together, backing, mark)
