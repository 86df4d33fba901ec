"""Handlers that report an account's configuration, fees, brackets and income."""

from __future__ import annotations

from decimal import Decimal

from counterseal.paper.brackets import brackets, most_notional
from counterseal.paper.call import Call
from counterseal.paper.errors import Json
from counterseal.paper.futures_accounts import FuturesAccount
from counterseal.paper.futures_market import MAKER_FEE, TAKER_FEE, FuturesMarket
from counterseal.paper.limits import OrderCounts
from counterseal.paper.money import fixed8, plain
from counterseal.paper.orders import Order
from counterseal.paper.params import boolean, integer, limit_of

RULES_MS = 600_000


class FuturesConfig:
    """Settings as they are, and the account's history of money."""

    def __init__(self, market: FuturesMarket, counts: OrderCounts) -> None:
        self.market = market
        self.counts = counts

    def _account(self, call: Call) -> FuturesAccount:
        return self.market.account(call.account)

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
        cap, floor = ("notionalCap", "notionalFloor") if self.market.family == "usdm" else ("qtyCap", "qtylFloor")
        rows = [
            {"bracket": item.number, "initialLeverage": item.leverage, cap: int(item.cap), floor: int(item.floor),
             "maintMarginRatio": float(item.ratio), "cum": _number(item.cum)}
            for item in brackets(self.market.symbols[name])
        ]  # fmt: skip
        return {"symbol": name, "notionalCoef": 1.0, "brackets": rows}

    def pair_brackets(self, call: Call) -> list[Json]:
        """COIN-M's first form, by pair."""
        pair = call.params.get("pair")
        rows: list[Json] = []
        for symbol in self.market.symbols.values():
            if pair in (None, symbol.pair):
                rows.append({"pair": symbol.pair, "brackets": self._ladder(symbol.name)["brackets"]})
        return rows

    def commission_rate(self, call: Call) -> Json:
        symbol = self.market.symbol(call.params["symbol"])
        row: Json = {"symbol": symbol.name, "makerCommissionRate": f"{MAKER_FEE:.6f}",
                     "takerCommissionRate": f"{TAKER_FEE:.6f}"}  # fmt: skip
        return row | ({"rpiCommissionRate": "0.000050"} if self.market.family == "usdm" else {})

    def income(self, call: Call) -> list[Json]:
        kind, name = call.params.get("incomeType"), call.params.get("symbol")
        start, end = integer(call.params, "startTime", 0) or 0, integer(call.params, "endTime") or 1 << 62
        items = [
            item
            for item in self._account(call).income
            if kind in (None, item.kind) and name in (None, item.symbol) and start <= item.time_ms <= end
        ]
        most, page = limit_of(call.params, 100, 1000), integer(call.params, "page")
        chosen = items[-most:] if page is None else items[(page - 1) * most : page * most]
        is_usdm = self.market.family == "usdm"
        return [
            {"symbol": item.symbol, "incomeType": item.kind, "income": fixed8(item.amount), "asset": item.asset,
             "info": str(item.trade_id or ""), "time": item.time_ms,
             "tranId": item.number if is_usdm else str(item.number), "tradeId": str(item.trade_id or "")}
            for item in chosen
        ]  # fmt: skip

    def margin_history(self, call: Call) -> list[Json]:
        name, kind = self.market.symbol(call.params["symbol"]).name, call.params.get("type")
        start, end = integer(call.params, "startTime", 0) or 0, integer(call.params, "endTime") or 1 << 62
        rows: list[Json] = [
            {"symbol": name, "type": item.kind, "deltaType": "USER_ADJUST", "amount": fixed8(item.amount),
             "asset": item.asset, "time": item.time_ms, "positionSide": item.side}
            for item in self._account(call).margin_changes
            if item.symbol == name and kind in (None, str(item.kind)) and start <= item.time_ms <= end
        ]  # fmt: skip
        return rows[-limit_of(call.params, 500, 1000) :]

    def rate_limits(self, call: Call) -> list[dict[str, object]]:
        return self.counts.shown("usdm", call.account, call.now_ms)

    def trading_status(self, call: Call) -> Json:
        """The quantitative rules' indicators of the last ten minutes; nobody is locked here."""
        name, since = call.params.get("symbol"), call.now_ms - RULES_MS
        names = list(self.market.symbols) if name is None else [self.market.symbol(name).name]
        found: Json = {}
        for item in names:
            recent = [order for order in self.market.store.history.get((call.account, item), ())
                      if order.created_ms >= since]  # fmt: skip
            if recent:
                found[item] = [_indicator(*row) for row in _rules(recent)]
        if found:
            found["ACCOUNT"] = [_indicator("TMV", 0.0, 10.0)]
        return {"indicators": found, "updateTime": call.now_ms}

    def fee_burn(self, call: Call) -> Json:
        return {"feeBurn": self._account(call).is_burning_fees}

    def set_fee_burn(self, call: Call) -> Json:
        """From now on commissions are paid in BNB, or not any more."""
        self._account(call).is_burning_fees = boolean(call.params, "feeBurn")
        return {"code": 200, "msg": "success"}


def _rules(orders: list[Order]) -> list[tuple[str, float, float]]:
    """(indicator, value, value that would lock): unfilled, cancelled GTC and expired IOC orders, all as ratios."""
    resting = [order for order in orders if order.tif in ("GTC", "GTX", "GTD")]
    fleeting = [order for order in orders if order.tif in ("IOC", "FOK")]
    return [
        ("UFR", _ratio([not order.filled for order in orders]), 0.995),
        ("GCR", _ratio([order.status == "CANCELED" and not order.filled for order in resting]), 0.99),
        ("IFER", _ratio([not order.filled for order in fleeting]), 0.99),
    ]


def _ratio(found: list[bool]) -> float:
    return round(sum(found) / len(found), 4) if found else 0.0


def _indicator(name: str, value: float, trigger: float) -> Json:
    return {"isLocked": False, "plannedRecoverTime": 0, "indicator": name, "value": value, "triggerValue": trigger}


def _number(value: Decimal) -> float | int:
    return int(value) if value == int(value) else float(value)
