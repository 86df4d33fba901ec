"""Handlers that report on positions: risk, auto-deleveraging rank, forced orders."""

from __future__ import annotations

from counterseal.paper import futures_replies as replies
from counterseal.paper.brackets import most_notional
from counterseal.paper.call import Call
from counterseal.paper.errors import Json
from counterseal.paper.futures_accounts import FuturesAccount
from counterseal.paper.futures_balances import FuturesBalances, break_even, text
from counterseal.paper.futures_market import FuturesMarket
from counterseal.paper.money import ZERO, fixed8, plain, round8
from counterseal.paper.params import integer, limit_of
from counterseal.paper.positions import Position


class FuturesPositions:
    """Read-only views of positions."""

    def __init__(self, market: FuturesMarket, balances: FuturesBalances) -> None:
        self.market = market
        self._balances = balances

    def _asked(self, call: Call) -> str | None:
        name = call.params.get("symbol")
        return None if name is None else self.market.symbol(name).name

    def risk_v2(self, call: Call) -> list[Json]:
        """Every symbol, held or not, with leverage and margin type."""
        account = self.market.account(call.account)
        return [
            self._risk(account, position, call.now_ms) | self._setting(account, position)
            | {"maxNotionalValue": self._most(account, position)}
            for position in self._balances.all_positions(account, self._asked(call))
        ]  # fmt: skip

    def risk_v3(self, call: Call) -> list[Json]:
        """Only symbols with a position or open orders; no leverage and no margin type."""
        account, name = self.market.account(call.account), self._asked(call)
        return [
            self._risk(account, position, call.now_ms)
            | {
                "marginAsset": account.margin_asset(position.symbol), "initialMargin": text(found.initial),
                "maintMargin": text(found.maintenance), "positionInitialMargin": text(found.position),
                "openOrderInitialMargin": text(found.orders),
                "adl": self.market.risk.ranking.quantile(account, position, call.now_ms),
                "bidNotional": text(found.bids), "askNotional": text(found.asks),
            }
            for position, found in self.market.margins.sides(account, call.now_ms)
            if name in (None, position.symbol)
        ]  # fmt: skip

    def risk_coinm(self, call: Call) -> list[Json]:
        """Every contract of a margin asset or pair."""
        account = self.market.account(call.account)
        asset, pair = call.params.get("marginAsset"), call.params.get("pair")
        rows = []
        for position in self._balances.all_positions(account):
            symbol = self.market.symbols[position.symbol]
            if asset in (None, symbol.margin_asset) and pair in (None, symbol.pair):
                row = self._risk(account, position, call.now_ms) | self._setting(account, position)
                row["notionalValue"] = row.pop("notional")
                rows.append(row | {"maxQty": self._most(account, position)})
        return rows

    @staticmethod
    def _setting(account: FuturesAccount, position: Position) -> Json:
        setting = account.setting(position.symbol)
        return {"marginType": "isolated" if setting.is_isolated else "cross", "isAutoAddMargin": "false",
                "leverage": str(setting.leverage)}  # fmt: skip

    def _most(self, account: FuturesAccount, position: Position) -> str:
        return plain(most_notional(self.market.symbols[position.symbol], account.setting(position.symbol).leverage))

    def _risk(self, account: FuturesAccount, position: Position, now_ms: int) -> Json:
        symbol = self.market.symbols[position.symbol]
        mark = self.market.mark(symbol.name, now_ms)
        isolated = account.setting(symbol.name).is_isolated
        profit = position.profit(mark)
        return {
            "symbol": symbol.name, "positionSide": position.side,
            "positionAmt": f"{position.amount:.{symbol.qty_places}f}", "entryPrice": text(position.entry),
            "breakEvenPrice": text(break_even(position)), "markPrice": fixed8(mark),
            "unRealizedProfit": fixed8(round8(profit)),
            "liquidationPrice": text(self.market.margins.liquidation(account, position, now_ms)),
            "isolatedMargin": fixed8(position.isolated_wallet + profit if isolated else ZERO),
            "notional": text(position.notional(mark)), "isolatedWallet": text(position.isolated_wallet),
            "updateTime": position.updated_ms,
        }  # fmt: skip

    def adl_quantile(self, call: Call) -> Json | list[Json]:
        """0 (last) to 4 (first to be deleveraged) for each side; an object when one symbol is asked for."""
        account, name = self.market.account(call.account), self._asked(call)
        names = [name] if name else sorted({item.symbol for item in account.held()})
        rows = [self._quantiles(account, item, call.now_ms) for item in names]
        return rows[0] if name else rows

    def _quantiles(self, account: FuturesAccount, name: str, now_ms: int) -> Json:
        rank = self.market.risk.ranking.quantile
        sides = ("LONG", "SHORT") if account.is_hedged else ("BOTH",)
        found: Json = {side: rank(account, account.position(name, side), now_ms) for side in sides}
        zero: Json = {"LONG": 0, "SHORT": 0}
        return {"symbol": name, "adlQuantile": zero | found | ({"HEDGE": 0} if account.is_hedged else {})}

    def force_orders(self, call: Call) -> list[Json]:
        """The account's liquidations and deleveragings, the newest last."""
        kind, name = call.params.get("autoCloseType"), self._asked(call)
        start, end = integer(call.params, "startTime", 0) or 0, integer(call.params, "endTime") or 1 << 62
        rows = [
            replies.forced(self.market.symbols[item.order.symbol], item.order)
            for item in self.market.risk.forced.get(call.account, [])
            if kind in (None, item.kind) and name in (None, item.order.symbol)
            and start <= item.order.created_ms <= end
        ]  # fmt: skip
        return rows[-limit_of(call.params, 50, 100) :]
