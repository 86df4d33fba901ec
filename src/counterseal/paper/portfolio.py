"""Handlers of portfolio margin: one account's margin wallet, USD-M and COIN-M seen together.

A view: the two futures markets keep their own margin and liquidate on their own (an assumption).
"""

from __future__ import annotations

from decimal import Decimal

from counterseal.paper.call import Call
from counterseal.paper.errors import Json
from counterseal.paper.futures_balances import FuturesBalances
from counterseal.paper.futures_config import FuturesConfig
from counterseal.paper.futures_market import FuturesMarket
from counterseal.paper.futures_positions import FuturesPositions
from counterseal.paper.limits import OrderCounts, Windows, limit_row
from counterseal.paper.margin_accounts import Debt, MarginAccounts
from counterseal.paper.money import ONE, ZERO, fixed8
from counterseal.paper.portfolio_orders import PortfolioOrders

MOST_RATIO = Decimal("99999999")
# account status by the highest ratio of equity to maintenance at which it holds
STATUSES = ((Decimal("1.05"), "FORCE_LIQUIDATION"), (Decimal("1.2"), "REDUCE_ONLY"), (Decimal("1.5"), "MARGIN_CALL"))
ASSET_FIELDS = ("asset", "crossWalletBalance", "crossUnPnl", "maintMargin", "initialMargin", "positionInitialMargin",
                "openOrderInitialMargin", "updateTime")  # fmt: skip
UM_RISK = ("entryPrice", "leverage", "markPrice", "maxNotionalValue", "positionAmt", "notional", "symbol",
           "unRealizedProfit", "liquidationPrice", "positionSide", "updateTime")  # fmt: skip
CM_RISK = ("symbol", "positionAmt", "entryPrice", "markPrice", "unRealizedProfit", "liquidationPrice", "leverage",
           "positionSide", "updateTime", "maxQty", "notionalValue")  # fmt: skip
UM_V1 = ("symbol", "initialMargin", "maintMargin", "unrealizedProfit", "positionInitialMargin",
         "openOrderInitialMargin", "leverage", "entryPrice", "maxNotional", "bidNotional", "askNotional",
         "positionSide", "positionAmt", "updateTime")  # fmt: skip
UM_V2 = ("symbol", "initialMargin", "maintMargin", "unrealizedProfit", "positionSide", "positionAmt", "updateTime",
         "notional")  # fmt: skip
CM_V1 = ("symbol", "positionAmt", "initialMargin", "maintMargin", "unrealizedProfit", "positionInitialMargin",
         "openOrderInitialMargin", "leverage", "positionSide", "entryPrice", "maxQty", "updateTime")  # fmt: skip


class Portfolio:
    """Reads of /papi, and the orders of its two markets."""

    def __init__(
        self, usdm: FuturesMarket, coinm: FuturesMarket, margin: MarginAccounts, counts: OrderCounts,
        windows: Windows,
    ) -> None:  # fmt: skip
        self._usdm, self._coinm, self._margin, self._windows = usdm, coinm, margin, windows
        self.um_config, self.cm_config = FuturesConfig(usdm, counts), FuturesConfig(coinm, counts)
        self.um_orders, self.cm_orders = PortfolioOrders(usdm, counts), PortfolioOrders(coinm, counts)
        self._um, self._cm = FuturesBalances(usdm), FuturesBalances(coinm)
        self._um_positions, self._cm_positions = FuturesPositions(usdm, self._um), FuturesPositions(coinm, self._cm)

    def ping(self, call: Call) -> Json:
        return {}

    def _usd(self, asset: str, amount: Decimal, now_ms: int, *, is_full: bool) -> Decimal:
        """An amount in USD, in full or after the collateral buffer."""
        rate = self._usdm.rates.of(asset, now_ms)
        if rate is None:
            return ZERO
        return amount * (rate.index if is_full or amount <= 0 else rate.bid)

    def _assets(self, account: str) -> list[str]:
        names = [*self._usdm.account(account).wallet, *self._coinm.account(account).wallet,
                 *self._margin.wallet(account).free]  # fmt: skip
        return list(dict.fromkeys(names))

    def _cross(self, account: str, asset: str, now_ms: int) -> tuple[Decimal, Decimal, Decimal, Decimal]:
        """(free, locked, owed with interest, interest) of an asset in the margin account."""
        wallet, debt = self._margin.wallet(account), self._margin.debts(account, now_ms).get(asset, Debt())
        return wallet.free.get(asset, ZERO), wallet.locked.get(asset, ZERO), debt.total, debt.interest

    def _total(self, account: str, asset: str, now_ms: int) -> Decimal:
        """Wallets and unrealised profit of an asset in all three places."""
        free, locked, owed, _ = self._cross(account, asset, now_ms)
        total = free + locked - owed
        for market in (self._usdm, self._coinm):
            holder = market.account(account)
            total += holder.wallet.get(asset, ZERO) + market.margins.cross_profit(holder, asset, now_ms)
        return total

    def account(self, call: Call) -> Json:
        name, now_ms = call.account, call.now_ms
        totals = {asset: self._total(name, asset, now_ms) for asset in self._assets(name)}
        equity = sum((self._usd(asset, amount, now_ms, is_full=False) for asset, amount in totals.items()), ZERO)
        actual = sum((self._usd(asset, amount, now_ms, is_full=True) for asset, amount in totals.items()), ZERO)
        initial, kept = self._needs(name, now_ms)
        ratio = min(MOST_RATIO, equity / kept) if kept else MOST_RATIO
        status = next((word for most, word in STATUSES if ratio <= most), "NORMAL")
        free = fixed8(max(ZERO, equity - initial))
        return {
            "uniMMR": fixed8(ratio), "accountEquity": fixed8(equity), "actualEquity": fixed8(actual),
            "accountInitialMargin": fixed8(initial), "accountMaintMargin": fixed8(kept), "accountStatus": status,
            "virtualMaxWithdrawAmount": free, "totalAvailableBalance": free, "totalMarginOpenLoss": fixed8(ZERO),
            "updateTime": now_ms,
        }  # fmt: skip

    def _needs(self, name: str, now_ms: int) -> tuple[Decimal, Decimal]:
        """Initial and maintenance margin of both markets, in USD."""
        initial = kept = ZERO
        for market in (self._usdm, self._coinm):
            holder = market.account(name)
            for position, found in market.margins.sides(holder, now_ms):
                unit = self._usd(holder.margin_asset(position.symbol), ONE, now_ms, is_full=True)
                initial += found.initial * unit
                kept += found.maintenance * unit
        return initial, kept

    def balance(self, call: Call) -> Json | list[Json]:
        """One object when an asset is asked for."""
        asked = call.params.get("asset")
        rows = [self._balance(call.account, asset, call.now_ms) for asset in self._assets(call.account)
                if asked in (None, asset)]  # fmt: skip
        return rows[0] if asked is not None and rows else rows

    def _balance(self, name: str, asset: str, now_ms: int) -> Json:
        um = self._um.view(self._usdm.account(name), asset, now_ms)
        cm = self._cm.view(self._coinm.account(name), asset, now_ms)
        free, locked, owed, interest = self._cross(name, asset, now_ms)
        return {
            "asset": asset, "totalWalletBalance": fixed8(free + locked - owed + um.wallet + cm.wallet),
            "crossMarginAsset": fixed8(free + locked), "crossMarginBorrowed": fixed8(owed - interest),
            "crossMarginFree": fixed8(free), "crossMarginInterest": fixed8(interest),
            "crossMarginLocked": fixed8(locked),
            "umWalletBalance": fixed8(um.wallet), "umUnrealizedPNL": fixed8(um.profit),
            "cmWalletBalance": fixed8(cm.wallet), "cmUnrealizedPNL": fixed8(cm.profit), "updateTime": now_ms,
            "negativeBalance": "0",
        }  # fmt: skip

    def um_account(self, call: Call) -> Json:
        return _seen(self._um.account_v2(call), UM_V1)

    def um_account_v2(self, call: Call) -> Json:
        return _seen(self._um.account_v3(call), UM_V2)

    def cm_account(self, call: Call) -> Json:
        return _seen(self._cm.coinm_account(call), CM_V1)

    def um_risk(self, call: Call) -> list[Json]:
        return [_only(row, UM_RISK) for row in self._um_positions.risk_v2(call)]

    def cm_risk(self, call: Call) -> list[Json]:
        return [_only(row, CM_RISK) for row in self._cm_positions.risk_coinm(call)]

    def um_symbol_config(self, call: Call) -> list[Json]:
        rows = self.um_config.symbol_config(call)
        return [row | {"isAutoAddMargin": str(row["isAutoAddMargin"]).lower()} for row in rows]

    def um_income(self, call: Call) -> list[Json]:
        return [row | {"tranId": str(row["tranId"])} for row in self.um_config.income(call)]

    def um_brackets(self, call: Call) -> list[Json]:
        return [row | {"notionalCoef": "1.0"} for row in _rows(self.um_config.leverage_bracket(call))]

    def cm_brackets(self, call: Call) -> list[Json]:
        """With the caps' proper names, unlike COIN-M's own endpoint."""
        return [_renamed(row) for row in _rows(self.cm_config.leverage_bracket(call))]

    def um_adl(self, call: Call) -> list[Json]:
        return _rows(self._um_positions.adl_quantile(call))

    def cm_adl(self, call: Call) -> list[Json]:
        return _rows(self._cm_positions.adl_quantile(call))

    def rate_limits(self, call: Call) -> list[dict[str, object]]:
        return [limit_row(self._windows, "papi_orders")]


def _rows(found: Json | list[Json]) -> list[Json]:
    return found if isinstance(found, list) else [found]


def _only(row: Json, fields: tuple[str, ...]) -> Json:
    return {name: row[name] for name in fields}


def _seen(found: Json, fields: tuple[str, ...]) -> Json:
    """The assets and positions of a futures account with the fields that portfolio margin shows."""
    assets, positions = found["assets"], found["positions"]
    if not isinstance(assets, list) or not isinstance(positions, list):
        raise TypeError("an account has lists of assets and positions")
    return {"assets": [_only(row, ASSET_FIELDS) for row in assets],
            "positions": [_only(row, fields) for row in positions]}  # fmt: skip


def _renamed(row: Json) -> Json:
    steps = row["brackets"]
    if not isinstance(steps, list):
        raise TypeError("brackets are a list")
    return {
        "symbol": row["symbol"],
        "brackets": [
            {("qtyFloor" if name == "qtylFloor" else name): value for name, value in step.items()} for step in steps
        ],
    }
