"""Auto-deleveraging: whose winning positions are closed when the insurance fund cannot carry a loss."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from counterseal.paper.futures_accounts import FuturesAccount
from counterseal.paper.money import ZERO
from counterseal.paper.positions import Position

if TYPE_CHECKING:
    from counterseal.paper.futures_market import FuturesMarket

QUANTILES = 5
Holder = tuple[FuturesAccount, Position]


class Ranking:
    """Positions of one symbol and direction, the first to be deleveraged first."""

    def __init__(self, market: FuturesMarket) -> None:
        self._market = market

    def holders(self, symbol: str, is_long: bool, now_ms: int) -> list[Holder]:
        """Profit in per cent times effective leverage, largest first."""
        found: list[tuple[Decimal, str, Holder]] = []
        for name in sorted(self._market.exposed):
            account = self._market.accounts[name]
            for position in account.held(symbol):
                if (position.amount > 0) == is_long:
                    found.append((-self._score(account, position, now_ms), name, (account, position)))
        found.sort(key=lambda item: (item[0], item[1]))
        return [holder for _, _, holder in found]

    def _score(self, account: FuturesAccount, position: Position, now_ms: int) -> Decimal:
        mark = self._market.mark(position.symbol, now_ms)
        notional, profit = abs(position.notional(mark)), position.profit(mark)
        if account.setting(position.symbol).is_isolated:
            backing = position.isolated_wallet + profit
        else:
            asset = account.margin_asset(position.symbol)
            backing = account.wallet.get(asset, ZERO) + self._market.margins.cross_profit(account, asset, now_ms)
        leverage = notional / backing if backing > 0 else Decimal(1000)
        percent = profit / (notional - profit) if notional != profit else ZERO
        return percent * leverage if profit > 0 else percent / max(leverage, Decimal(1))

    def quantile(self, account: FuturesAccount, position: Position, now_ms: int) -> int:
        """0 (last to go) to 4 (first)."""
        if not position.amount:
            return 0
        line = self.holders(position.symbol, position.amount > 0, now_ms)
        place = next(number for number, (_, item) in enumerate(line) if item is position)
        if position.profit(self._market.mark(position.symbol, now_ms)) <= 0:
            return 0
        return (len(line) - 1 - place) * QUANTILES // len(line) if len(line) > 1 else 1
