"""Handlers that report on a futures account's balances and margins: balance and account, USD-M and COIN-M."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from counterseal.paper.account_margins import JOINT
from counterseal.paper.brackets import most_notional
from counterseal.paper.call import Call
from counterseal.paper.errors import Json
from counterseal.paper.futures_accounts import FuturesAccount, alias_of
from counterseal.paper.futures_market import TAKER_FEE, FuturesMarket
from counterseal.paper.margin import SymbolMargin
from counterseal.paper.money import ZERO, fixed8, plain, round8
from counterseal.paper.positions import Position

NO_MARGIN = SymbolMargin(ZERO, ZERO, ZERO, ZERO, ZERO)


@dataclass(slots=True)
class AssetView:
    """The figures of one margin asset."""

    wallet: Decimal
    cross_wallet: Decimal
    profit: Decimal
    cross_profit: Decimal
    positions: Decimal
    orders: Decimal
    kept: Decimal
    available: Decimal

    def row(self) -> Json:
        figures = {
            "walletBalance": self.wallet, "unrealizedProfit": self.profit, "marginBalance": self.wallet + self.profit,
            "maintMargin": self.kept, "initialMargin": self.positions + self.orders,
            "positionInitialMargin": self.positions, "openOrderInitialMargin": self.orders,
            "crossWalletBalance": self.cross_wallet, "crossUnPnl": self.cross_profit,
            "availableBalance": self.available, "maxWithdrawAmount": max(ZERO, min(self.available, self.wallet)),
        }  # fmt: skip
        return {name: fixed8(value) for name, value in figures.items()}


class FuturesBalances:
    """Read-only views of an account."""

    def __init__(self, market: FuturesMarket) -> None:
        self.market = market

    def account_of(self, call: Call) -> FuturesAccount:
        return self.market.account(call.account)

    def balance(self, call: Call) -> list[Json]:
        account, is_usdm = self.account_of(call), self.market.family == "usdm"
        rows: list[Json] = []
        for asset in account.wallet:
            view = self.view(account, asset, call.now_ms)
            row: Json = {
                "accountAlias": alias_of(call.account), "asset": asset, "balance": fixed8(view.wallet),
                "crossWalletBalance": fixed8(view.cross_wallet), "crossUnPnl": fixed8(view.cross_profit),
                "availableBalance": fixed8(view.available), "updateTime": call.now_ms,
            }  # fmt: skip
            most = fixed8(max(ZERO, min(view.available, view.wallet)))
            row |= {"maxWithdrawAmount": most, "marginAvailable": True} if is_usdm else {"withdrawAvailable": most}
            rows.append(row)
        return rows

    def view(self, account: FuturesAccount, asset: str, now_ms: int) -> AssetView:
        """One asset: its wallet, and what the positions and orders settled in it make of it."""
        margins = self.market.margins
        wallet = account.wallet.get(asset, ZERO)
        made = AssetView(wallet, wallet - account.isolated_in(asset), ZERO, ZERO, ZERO, ZERO, ZERO, ZERO)
        for position, found in margins.sides(account, now_ms):
            if account.margin_asset(position.symbol) != asset:
                continue
            made.positions += found.position
            made.orders += found.orders
            made.kept += found.maintenance
            made.profit += position.profit(self.market.mark(position.symbol, now_ms))
        made.cross_profit = margins.cross_profit(account, asset, now_ms)
        made.available = self._available(account, asset, now_ms)
        return made

    def _available(self, account: FuturesAccount, asset: str, now_ms: int) -> Decimal:
        free = self.market.margins.available(account, asset, now_ms)
        if not account.is_multi_assets:
            return free
        rate = self.market.rates.of(asset, now_ms)
        return ZERO if rate is None else free / rate.bid

    # account

    def account_v2(self, call: Call) -> Json:
        account = self.account_of(call)
        head: Json = {"feeTier": 0, "feeBurn": account.is_burning_fees, "canTrade": True, "canDeposit": True,
                      "canWithdraw": False, "updateTime": 0, "multiAssetsMargin": account.is_multi_assets,
                      "tradeGroupId": -1}  # fmt: skip
        margins = self.by_position(account, call.now_ms)
        rows = [
            self._long_row(account, position, margins.get(id(position), NO_MARGIN), call.now_ms)
            for position in self.all_positions(account)
        ]
        return head | self._totals(account, call.now_ms) | {"positions": rows}

    def account_v3(self, call: Call) -> Json:
        account = self.account_of(call)
        rows = [
            self._short_row(account, position, found, call.now_ms)
            for position, found in self.market.margins.sides(account, call.now_ms)
        ]
        return self._totals(account, call.now_ms) | {"positions": rows}

    def coinm_account(self, call: Call) -> Json:
        account = self.account_of(call)
        margins = self.by_position(account, call.now_ms)
        rows = [
            self._coinm_row(account, position, margins.get(id(position), NO_MARGIN), call.now_ms)
            for position in self.all_positions(account)
        ]
        return {"assets": self.assets(account, call.now_ms), "positions": rows, "canDeposit": True, "canTrade": True,
                "canWithdraw": False, "feeTier": 0, "updateTime": 0}  # fmt: skip

    def by_position(self, account: FuturesAccount, now_ms: int) -> dict[int, SymbolMargin]:
        return {id(position): found for position, found in self.market.margins.sides(account, now_ms)}

    def all_positions(self, account: FuturesAccount, symbol: str | None = None) -> list[Position]:
        """Flat ones too: every side that the mode knows of every symbol."""
        sides = ("BOTH", "LONG", "SHORT") if account.is_hedged else ("BOTH",)
        names = [symbol] if symbol else list(self.market.symbols)
        return [account.position(name, side) for name in names for side in sides]

    def assets(self, account: FuturesAccount, now_ms: int) -> list[Json]:
        is_usdm = self.market.family == "usdm"
        return [
            {"asset": asset, **self.view(account, asset, now_ms).row(), "updateTime": now_ms}
            | ({"marginAvailable": True} if is_usdm else {})
            for asset in account.wallet
        ]

    def _totals(self, account: FuturesAccount, now_ms: int) -> Json:
        """USDT alone in single-asset mode, every asset in USD in multi-assets mode."""
        total = self._joint(account, now_ms) if account.is_multi_assets else self.view(account, "USDT", now_ms)
        row = total.row()
        named = {
            "totalInitialMargin": "initialMargin", "totalMaintMargin": "maintMargin",
            "totalWalletBalance": "walletBalance", "totalUnrealizedProfit": "unrealizedProfit",
            "totalMarginBalance": "marginBalance", "totalPositionInitialMargin": "positionInitialMargin",
            "totalOpenOrderInitialMargin": "openOrderInitialMargin", "totalCrossWalletBalance": "crossWalletBalance",
            "totalCrossUnPnl": "crossUnPnl", "availableBalance": "availableBalance",
            "maxWithdrawAmount": "maxWithdrawAmount",
        }  # fmt: skip
        return {name: row[field] for name, field in named.items()} | {"assets": self.assets(account, now_ms)}

    def _joint(self, account: FuturesAccount, now_ms: int) -> AssetView:
        wallet = self.market.margins.cross_wallet(account, JOINT, now_ms)
        free = self.market.margins.available(account, JOINT, now_ms)
        made = AssetView(wallet, wallet, ZERO, ZERO, ZERO, ZERO, ZERO, free)
        for asset in account.wallet:
            view = self.view(account, asset, now_ms)
            made.profit += view.profit
            made.cross_profit += view.cross_profit
            made.positions += view.positions
            made.orders += view.orders
            made.kept += view.kept
        return made

    def _base_row(self, position: Position, found: SymbolMargin, now_ms: int) -> Json:
        symbol, mark = self.market.symbols[position.symbol], self.market.mark(position.symbol, now_ms)
        return {
            "symbol": symbol.name, "initialMargin": text(found.initial), "maintMargin": text(found.maintenance),
            "unrealizedProfit": fixed8(round8(position.profit(mark))), "positionSide": position.side,
            "positionAmt": f"{position.amount:.{symbol.qty_places}f}", "updateTime": position.updated_ms,
        }  # fmt: skip

    def _short_row(self, account: FuturesAccount, position: Position, found: SymbolMargin, now_ms: int) -> Json:
        mark = self.market.mark(position.symbol, now_ms)
        isolated = account.setting(position.symbol).is_isolated
        margin = position.isolated_wallet + position.profit(mark) if isolated else ZERO
        return self._base_row(position, found, now_ms) | {
            "isolatedMargin": fixed8(margin), "notional": text(position.notional(mark)),
            "isolatedWallet": text(position.isolated_wallet),
        }  # fmt: skip

    def _long_row(self, account: FuturesAccount, position: Position, found: SymbolMargin, now_ms: int) -> Json:
        symbol, setting = self.market.symbols[position.symbol], account.setting(position.symbol)
        return self._base_row(position, found, now_ms) | {
            "positionInitialMargin": text(found.position), "openOrderInitialMargin": text(found.orders),
            "leverage": str(setting.leverage), "isolated": setting.is_isolated, "entryPrice": text(position.entry),
            "breakEvenPrice": text(break_even(position)),
            "notional": text(position.notional(self.market.mark(symbol.name, now_ms))),
            "maxNotional": plain(most_notional(symbol, setting.leverage)), "bidNotional": text(found.bids),
            "askNotional": text(found.asks), "isolatedWallet": text(position.isolated_wallet),
        }  # fmt: skip

    def _coinm_row(self, account: FuturesAccount, position: Position, found: SymbolMargin, now_ms: int) -> Json:
        symbol, setting = self.market.symbols[position.symbol], account.setting(position.symbol)
        mark = self.market.mark(symbol.name, now_ms)
        return self._base_row(position, found, now_ms) | {
            "positionInitialMargin": text(found.position), "openOrderInitialMargin": text(found.orders),
            "leverage": str(setting.leverage), "isolated": setting.is_isolated, "entryPrice": text(position.entry),
            "breakEvenPrice": text(break_even(position)), "maxQty": plain(most_notional(symbol, setting.leverage)),
            "notionalValue": text(position.notional(mark)), "isolatedWallet": text(position.isolated_wallet),
        }  # fmt: skip


def text(value: Decimal) -> str:
    """Futures amounts: at most eight decimals, zero as a bare 0."""
    return plain(round8(value))


def break_even(position: Position) -> Decimal:
    """Where closing pays both taker fees."""
    if not position.amount:
        return ZERO
    direction = 1 if position.amount > 0 else -1
    return position.entry * (1 + direction * TAKER_FEE)
