"""Handlers that change a futures account: leverage, margin, modes, listen keys."""

from __future__ import annotations

from decimal import Decimal

from counterseal.paper.brackets import most_notional
from counterseal.paper.call import Call
from counterseal.paper.errors import ApiError, Json, illegal
from counterseal.paper.futures_accounts import FuturesAccount, MarginChange
from counterseal.paper.futures_market import FuturesMarket
from counterseal.paper.money import ZERO
from counterseal.paper.params import boolean, decimal, integer
from counterseal.paper.positions import Position

SUCCESS = {"code": 200, "msg": "success"}
LISTEN_MS = 3_600_000


class FuturesSettings:
    """Each change is refused with the exchange's code when it is none, or comes at the wrong time."""

    def __init__(self, market: FuturesMarket, together: tuple[FuturesMarket, ...]) -> None:
        self.market = market
        self.together = together  # the markets that share one position mode

    def _account(self, call: Call) -> FuturesAccount:
        return self.market.account(call.account)

    def leverage(self, call: Call) -> Json:
        account, symbol = self._account(call), self.market.symbol(call.params["symbol"])
        wanted = integer(call.params, "leverage") or 0
        if not 1 <= wanted <= symbol.max_leverage:
            raise ApiError(-4028, f"Leverage {wanted} is not valid")
        setting = account.setting(symbol.name)
        held = account.held(symbol.name)
        if wanted < setting.leverage and setting.is_isolated and held:
            raise ApiError(-4161, "Leverage reduction is not supported in Isolated Margin Mode with open positions.")
        mark, most = self.market.mark(symbol.name, call.now_ms), most_notional(symbol, wanted)
        if any(abs(item.notional(mark)) > most for item in held):
            raise ApiError(-2027, "Exceeded the maximum allowable position at current leverage.")
        setting.leverage = wanted
        self.market.feed.config(account.name, symbol.name, call.now_ms)
        field = "maxNotionalValue" if self.market.family == "usdm" else "maxQty"
        return {"symbol": symbol.name, "leverage": wanted, field: f"{most.normalize():f}"}

    def margin_type(self, call: Call) -> Json:
        account, symbol = self._account(call), self.market.symbol(call.params["symbol"])
        wanted = call.params["marginType"]
        if wanted not in ("ISOLATED", "CROSSED"):
            raise illegal("marginType", "^(ISOLATED|CROSSED)$")
        setting = account.setting(symbol.name)
        if setting.is_isolated == (wanted == "ISOLATED"):
            raise ApiError(-4046, "No need to change margin type.")
        if self.market.store.open_orders(account.name, symbol.name):
            raise ApiError(-4047, "Margin type cannot be changed if there exists open orders.")
        if account.held(symbol.name):
            raise ApiError(-4048, "Margin type cannot be changed if there exists position.")
        if account.is_multi_assets:
            raise ApiError(-4168, "Unable to adjust to isolated-margin mode under the Multi-Assets mode.")
        setting.is_isolated = wanted == "ISOLATED"
        return SUCCESS

    def position_margin(self, call: Call) -> Json:
        """Add (type 1) or take (type 2) margin of an isolated position."""
        account, symbol = self._account(call), self.market.symbol(call.params["symbol"])
        amount, kind = decimal(call.params, "amount") or ZERO, call.params["type"]
        if amount <= 0:
            raise ApiError(-4055, "Amount must be positive.")
        if kind not in ("1", "2"):
            raise illegal("type", "^[12]$")
        position = account.position(symbol.name, call.params.get("positionSide", "BOTH"))
        if not account.setting(symbol.name).is_isolated:
            raise ApiError(-4049, "Add margin only support for isolated position.")
        self._move_margin(account, position, amount if kind == "1" else -amount, call.now_ms)
        return {"code": 200, "msg": "Successfully modify position margin.", "amount": float(amount), "type": int(kind)}

    def _move_margin(self, account: FuturesAccount, position: Position, amount: Decimal, now_ms: int) -> None:
        if not position.amount:
            raise ApiError(-4054, "Cannot add position margin: position is 0.")
        asset = account.margin_asset(position.symbol)
        if amount > self.market.margins.available(account, asset, now_ms):
            raise ApiError(-4050, "Cross balance insufficient.")
        mark = self.market.mark(position.symbol, now_ms)
        least = abs(position.notional(mark)) / account.setting(position.symbol).leverage
        if amount < 0 and position.isolated_wallet + amount < least:
            raise ApiError(-4051, "Isolated balance insufficient.")
        position.isolated_wallet += amount
        kind = 1 if amount > 0 else 2
        change = MarginChange(position.symbol, position.side, kind, abs(amount), asset, now_ms)
        account.margin_changes.append(change)
        self.market.feed.position(account.name, position.symbol, position.side, "MARGIN_TRANSFER", now_ms)

    def position_mode(self, call: Call) -> Json:
        return {"dualSidePosition": self._account(call).is_hedged}

    def set_position_mode(self, call: Call) -> Json:
        account, wanted = self._account(call), boolean(call.params, "dualSidePosition")
        if wanted == account.is_hedged:
            raise ApiError(-4059, "No need to change position side.")
        for market in self.together:
            if market.store.open_orders(account.name) or market.algos.open(account.name):
                raise ApiError(-4067, "Position side cannot be changed if there exists open orders.")
            if market.account(account.name).held():
                raise ApiError(-4068, "Position side cannot be changed if there exists position.")
        account.mode.is_hedged = wanted
        return SUCCESS

    def assets_mode(self, call: Call) -> Json:
        return {"multiAssetsMargin": self._account(call).is_multi_assets}

    def set_assets_mode(self, call: Call) -> Json:
        account, wanted = self._account(call), boolean(call.params, "multiAssetsMargin")
        if wanted == account.is_multi_assets:
            raise ApiError(-4171, "No need to change Multi-Assets Mode.")
        if self.market.store.open_orders(account.name):
            raise ApiError(-4170, "Unable to change Multi-Assets Mode with open orders.")
        if wanted and any(setting.is_isolated for setting in account.settings.values()):
            raise ApiError(-4167, "Unable to change to Multi-Assets mode with symbols of isolated margin.")
        account.is_multi_assets = wanted
        self.market.feed.config(account.name, None, call.now_ms)
        return SUCCESS

    # listen keys: one an account

    def start_stream(self, call: Call) -> Json:
        """The live listen key again, or a new one."""
        account = self._account(call)
        if account.listen_key is None or call.now_ms >= account.listen_until_ms:
            account.listen_key = self.market.token(64)
        account.listen_until_ms = call.now_ms + LISTEN_MS
        return {"listenKey": account.listen_key}

    def extend_stream(self, call: Call) -> Json:
        account = self._account(call)
        if account.listen_key is None or call.now_ms >= account.listen_until_ms:
            raise ApiError(-1125, "This listenKey does not exist.")
        account.listen_until_ms = call.now_ms + LISTEN_MS
        return {"listenKey": account.listen_key}

    def close_stream(self, call: Call) -> Json:
        self._account(call).listen_key = None
        return {}
