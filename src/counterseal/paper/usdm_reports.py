"""Handlers that report on a USD-M account: balances, account, positions, income, configuration."""

from __future__ import annotations

from decimal import Decimal

from counterseal.paper import margin
from counterseal.paper.brackets import brackets, maintenance, most_notional
from counterseal.paper.call import Call
from counterseal.paper.errors import Json
from counterseal.paper.limits import OrderCounts
from counterseal.paper.margin import SymbolMargin
from counterseal.paper.money import ZERO, fixed8, plain, round8
from counterseal.paper.params import limit_of
from counterseal.paper.positions import Position
from counterseal.paper.usdm_accounts import MARGIN_ASSET, UsdmAccount
from counterseal.paper.usdm_market import MAKER_FEE, TAKER_FEE, UsdmMarket

NO_MARGIN = SymbolMargin(ZERO, ZERO, ZERO, ZERO, ZERO)


class UsdmReports:
    """Read-only views of an account."""

    def __init__(self, market: UsdmMarket, counts: OrderCounts) -> None:
        self.market = market
        self.counts = counts

    def _account(self, call: Call) -> UsdmAccount:
        return self.market.account(call.account)

    def balance(self, call: Call) -> list[Json]:
        account = self._account(call)
        return [
            {
                "accountAlias": "paper",
                "asset": asset,
                "balance": fixed8(amount),
                **self._cross(account, asset, amount, call.now_ms),
                "marginAvailable": True,
                "updateTime": call.now_ms,
            }
            for asset, amount in account.wallet.items()
        ]

    def _cross(self, account: UsdmAccount, asset: str, amount: Decimal, now_ms: int) -> Json:
        is_margin = asset == MARGIN_ASSET
        profit = self.market.cross_profit(account, now_ms) if is_margin else ZERO
        free = self.market.available(account, now_ms) if is_margin else amount
        return {
            "crossWalletBalance": fixed8(amount - (account.isolated_total if is_margin else ZERO)),
            "crossUnPnl": fixed8(profit),
            "availableBalance": fixed8(free),
            "maxWithdrawAmount": fixed8(min(free, amount)),
        }

    # account

    def account_v2(self, call: Call) -> Json:
        account = self._account(call)
        head: Json = {"feeTier": 0, "feeBurn": False, "canTrade": True, "canDeposit": True, "canWithdraw": False,
                      "updateTime": 0, "multiAssetsMargin": account.is_multi_assets, "tradeGroupId": -1}  # fmt: skip
        margins = self._margins(account, call.now_ms)
        rows = [
            self._account_row(account, position, margins.get(id(position), NO_MARGIN), call.now_ms, is_v2=True)
            for position in self._all_positions(account)
        ]
        return head | self._totals(account, margins, call.now_ms) | {"positions": rows}

    def account_v3(self, call: Call) -> Json:
        account = self._account(call)
        margins = self._margins(account, call.now_ms)
        rows = [
            self._account_row(account, position, found, call.now_ms, is_v2=False)
            for position, found in self.market.side_margins(account, call.now_ms)
        ]
        return self._totals(account, margins, call.now_ms) | {"positions": rows}

    def _margins(self, account: UsdmAccount, now_ms: int) -> dict[int, SymbolMargin]:
        return {id(position): found for position, found in self.market.side_margins(account, now_ms)}

    def _all_positions(self, account: UsdmAccount, symbol: str | None = None) -> list[Position]:
        sides = ("BOTH", "LONG", "SHORT") if account.is_hedged else ("BOTH",)
        names = [symbol] if symbol else list(self.market.symbols)
        return [account.position(name, side) for name in names for side in sides]

    def _totals(self, account: UsdmAccount, margins: dict[int, SymbolMargin], now_ms: int) -> Json:
        found = list(margins.values())
        in_positions = sum((item.position for item in found), ZERO)
        in_orders = sum((item.orders for item in found), ZERO)
        kept = sum((item.maintenance for item in found), ZERO)
        profit = sum((item.profit(self.market.mark(item.symbol, now_ms)) for item in account.held()), ZERO)
        cross = self._cross(account, MARGIN_ASSET, account.balance, now_ms)
        sums = {"InitialMargin": in_positions + in_orders, "MaintMargin": kept,
                "WalletBalance": account.balance, "UnrealizedProfit": profit,
                "MarginBalance": account.balance + profit, "PositionInitialMargin": in_positions,
                "OpenOrderInitialMargin": in_orders}  # fmt: skip
        asset = {name[0].lower() + name[1:]: fixed8(value) for name, value in sums.items()} | cross
        return {
            **{f"total{name}": fixed8(value) for name, value in sums.items()},
            "totalCrossWalletBalance": cross["crossWalletBalance"],
            "totalCrossUnPnl": cross["crossUnPnl"],
            "availableBalance": cross["availableBalance"],
            "maxWithdrawAmount": cross["maxWithdrawAmount"],
            "assets": [{"asset": MARGIN_ASSET, **asset, "marginAvailable": True, "updateTime": now_ms}],
        }

    def _account_row(
        self, account: UsdmAccount, position: Position, found: SymbolMargin, now_ms: int, *, is_v2: bool
    ) -> Json:
        symbol = self.market.symbols[position.symbol]
        mark, setting = self.market.mark(symbol.name, now_ms), account.setting(symbol.name)
        row: Json = {
            "symbol": symbol.name, "initialMargin": _text(found.initial), "maintMargin": _text(found.maintenance),
            "unrealizedProfit": fixed8(round8(position.profit(mark))), "positionSide": position.side,
            "positionAmt": f"{position.amount:.{symbol.qty_places}f}", "updateTime": position.updated_ms,
        }  # fmt: skip
        notional, isolated = position.amount * mark, setting.is_isolated
        if not is_v2:
            margin_text = position.isolated_wallet + position.profit(mark) if isolated else ZERO
            return row | {"isolatedMargin": fixed8(margin_text), "notional": _text(notional),
                          "isolatedWallet": _text(position.isolated_wallet)}  # fmt: skip
        return row | {
            "positionInitialMargin": _text(found.position), "openOrderInitialMargin": _text(found.orders),
            "leverage": str(setting.leverage), "isolated": isolated, "entryPrice": _text(position.entry),
            "breakEvenPrice": _text(_break_even(position)), "notional": _text(notional),
            "maxNotional": plain(most_notional(symbol, setting.leverage)), "bidNotional": _text(found.bids),
            "askNotional": _text(found.asks), "isolatedWallet": _text(position.isolated_wallet),
        }  # fmt: skip

    # positions

    def risk_v2(self, call: Call) -> list[Json]:
        """Every symbol, held or not, with leverage and margin type."""
        account, name = self._account(call), call.params.get("symbol")
        if name is not None:
            self.market.symbol(name)
        rows = []
        for position in self._all_positions(account, name):
            symbol, setting = self.market.symbols[position.symbol], account.setting(position.symbol)
            row = self._risk(account, position, call.now_ms) | {
                "marginType": "isolated" if setting.is_isolated else "cross",
                "isAutoAddMargin": "false", "leverage": str(setting.leverage),
                "maxNotionalValue": plain(most_notional(symbol, setting.leverage)),
            }  # fmt: skip
            rows.append(row)
        return rows

    def risk_v3(self, call: Call) -> list[Json]:
        """Only symbols with a position or open orders; no leverage and no margin type."""
        account, name = self._account(call), call.params.get("symbol")
        if name is not None:
            self.market.symbol(name)
        return [
            self._risk(account, position, call.now_ms)
            | {
                "marginAsset": MARGIN_ASSET, "initialMargin": _text(found.initial),
                "maintMargin": _text(found.maintenance), "positionInitialMargin": _text(found.position),
                "openOrderInitialMargin": _text(found.orders), "adl": 1 if position.amount else 0,
                "bidNotional": _text(found.bids), "askNotional": _text(found.asks),
            }
            for position, found in self.market.side_margins(account, call.now_ms)
            if name in (None, position.symbol)
        ]  # fmt: skip

    def _risk(self, account: UsdmAccount, position: Position, now_ms: int) -> Json:
        symbol = self.market.symbols[position.symbol]
        mark = self.market.mark(symbol.name, now_ms)
        isolated = account.setting(symbol.name).is_isolated
        profit = position.profit(mark)
        return {
            "symbol": symbol.name, "positionSide": position.side,
            "positionAmt": f"{position.amount:.{symbol.qty_places}f}", "entryPrice": _text(position.entry),
            "breakEvenPrice": _text(_break_even(position)), "markPrice": fixed8(mark),
            "unRealizedProfit": fixed8(round8(profit)),
            "liquidationPrice": _text(self._liquidation(account, position, now_ms)),
            "isolatedMargin": fixed8(position.isolated_wallet + profit if isolated else ZERO),
            "notional": _text(position.amount * mark), "isolatedWallet": _text(position.isolated_wallet),
            "updateTime": position.updated_ms,
        }  # fmt: skip

    def _liquidation(self, account: UsdmAccount, position: Position, now_ms: int) -> Decimal:
        rest = [
            item for item in account.held() if item is not position and not account.setting(item.symbol).is_isolated
        ]
        marks = {item.symbol: self.market.mark(item.symbol, now_ms) for item in rest}
        asked = sum(
            (maintenance(self.market.symbols[item.symbol], abs(item.amount) * marks[item.symbol]) for item in rest),
            ZERO,
        )
        profit = sum((item.profit(marks[item.symbol]) for item in rest), ZERO)
        cross = account.balance - account.isolated_total
        symbol = self.market.symbols[position.symbol]
        return margin.liquidation_price(account, symbol, position, cross, (asked, profit))

    # the rest

    def account_config(self, call: Call) -> Json:
        account = self._account(call)
        return {"feeTier": 0, "canTrade": True, "canDeposit": True, "canWithdraw": False,
                "dualSidePosition": account.is_hedged, "updateTime": 0,
                "multiAssetsMargin": account.is_multi_assets, "tradeGroupId": -1}  # fmt: skip

    def symbol_config(self, call: Call) -> list[Json]:
        account, name = self._account(call), call.params.get("symbol")
        names = list(self.market.symbols) if name is None else [self.market.symbol(name).name]
        rows: list[Json] = []
        for item in names:
            setting = account.setting(item)
            rows.append({
                "symbol": item, "marginType": "ISOLATED" if setting.is_isolated else "CROSSED",
                "isAutoAddMargin": False, "leverage": setting.leverage,
                "maxNotionalValue": plain(most_notional(self.market.symbols[item], setting.leverage)),
            })  # fmt: skip
        return rows

    def leverage_bracket(self, call: Call) -> Json | list[Json]:
        """An object when a symbol is asked for, an array of all otherwise."""
        name = call.params.get("symbol")
        if name is not None:
            return self._ladder(self.market.symbol(name).name)
        return [self._ladder(item) for item in self.market.symbols]

    def _ladder(self, name: str) -> Json:
        rows = [
            {"bracket": item.number, "initialLeverage": item.leverage, "notionalCap": int(item.cap),
             "notionalFloor": int(item.floor), "maintMarginRatio": float(item.ratio), "cum": float(item.cum)}
            for item in brackets(self.market.symbols[name])
        ]  # fmt: skip
        return {"symbol": name, "notionalCoef": 1.0, "brackets": rows}

    def commission_rate(self, call: Call) -> Json:
        symbol = self.market.symbol(call.params["symbol"])
        return {"symbol": symbol.name, "makerCommissionRate": f"{MAKER_FEE:.6f}",
                "takerCommissionRate": f"{TAKER_FEE:.6f}", "rpiCommissionRate": "0.000050"}  # fmt: skip

    def income(self, call: Call) -> list[Json]:
        kind, name = call.params.get("incomeType"), call.params.get("symbol")
        start, end = int(call.params.get("startTime", "0")), int(call.params.get("endTime", str(1 << 62)))
        items = [
            item
            for item in self._account(call).income
            if kind in (None, item.kind) and name in (None, item.symbol) and start <= item.time_ms <= end
        ]
        return [
            {"symbol": item.symbol, "incomeType": item.kind, "income": fixed8(item.amount), "asset": MARGIN_ASSET,
             "info": str(item.trade_id), "time": item.time_ms, "tranId": item.number, "tradeId": str(item.trade_id)}
            for item in items[-limit_of(call.params, 100, 1000) :]
        ]  # fmt: skip

    def rate_limits(self, call: Call) -> list[dict[str, object]]:
        return self.counts.shown("usdm", call.account, call.now_ms)

    def trading_status(self, call: Call) -> Json:
        return {"indicators": {}, "updateTime": call.now_ms}


def _text(value: Decimal) -> str:
    """Futures amounts: at most eight decimals, zero as a bare 0."""
    return plain(round8(value))


def _break_even(position: Position) -> Decimal:
    """Where closing pays both taker fees."""
    if not position.amount:
        return ZERO
    direction = 1 if position.amount > 0 else -1
    return position.entry * (1 + direction * TAKER_FEE)
