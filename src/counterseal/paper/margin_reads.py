"""Handlers that read the margin account.  Nothing is borrowed here: it has balances and no debts."""

from __future__ import annotations

from decimal import Decimal

from counterseal.paper.call import Call
from counterseal.paper.errors import Json, invalid
from counterseal.paper.money import ZERO, fixed8
from counterseal.paper.spot_account import SpotAccount
from counterseal.paper.spot_market import SpotMarket

NO_DEBT_LEVEL = "999.00000000"
MOST_SYMBOLS = 5


class MarginReads:
    """Cross and isolated margin of an account, and the figures that every account shares."""

    def __init__(self, market: SpotMarket, account: SpotAccount, balances: dict[str, Decimal]) -> None:
        self.market = market
        self._account = account
        self._balances = balances

    def account(self, call: Call) -> Json:
        total = sum((self._usdt(asset, amount, call.now_ms) for asset, amount in self._balances.items()), ZERO)
        in_btc = fixed8(total / self.market.last("BTCUSDT", call.now_ms))
        return {
            "created": True, "borrowEnabled": False, "marginLevel": NO_DEBT_LEVEL,
            "collateralMarginLevel": NO_DEBT_LEVEL, "totalAssetOfBtc": in_btc, "totalLiabilityOfBtc": fixed8(ZERO),
            "totalNetAssetOfBtc": in_btc, "TotalCollateralValueInUSDT": fixed8(total),
            "totalOpenOrderLossInUSDT": fixed8(ZERO), "tradeEnabled": False, "transferInEnabled": False,
            "transferOutEnabled": False, "accountType": "MARGIN_1",
            "userAssets": [self._asset(asset) for asset in self._account.assets()],
        }  # fmt: skip

    def _usdt(self, asset: str, amount: Decimal, now_ms: int) -> Decimal:
        if asset == "USDT":
            return amount
        name = f"{asset}USDT"
        return amount * self.market.last(name, now_ms) if name in self.market.symbols else ZERO

    def _asset(self, asset: str) -> Json:
        free = fixed8(self._balances.get(asset, ZERO))
        zero = dict.fromkeys(("borrowed", "interest", "locked"), fixed8(ZERO))
        return {"asset": asset, "free": free, **zero, "netAsset": free}

    def isolated(self, call: Call) -> Json:
        """No isolated margin account has been made; `symbols` names up to five that are asked about."""
        names = call.params.get("symbols")
        for name in names.split(",") if names else ():
            self.market.symbol(name)
        if names and names.count(",") >= MOST_SYMBOLS:
            raise invalid("symbols")
        if names:
            return {"assets": []}
        zero = dict.fromkeys(("totalAssetOfBtc", "totalLiabilityOfBtc", "totalNetAssetOfBtc"), fixed8(ZERO))
        return {"assets": [], **zero}

    def isolated_limit(self, call: Call) -> Json:
        return {"enabledAccount": 0, "maxAccount": 20}

    def coefficients(self, call: Call) -> Json:
        return {"normalBar": "1.5", "marginCallBar": "1.3", "forceLiquidationBar": "1.1"}

    def assets(self, call: Call) -> list[Json]:
        asked = call.params.get("asset")
        return [
            {"assetFullName": asset, "assetName": asset, "isBorrowable": False, "isMortgageable": True,
             "userMinBorrow": fixed8(ZERO), "userMinRepay": fixed8(ZERO)}
            for asset in self._account.assets()
            if asked in (None, asset)
        ]  # fmt: skip

    def price_index(self, call: Call) -> Json:
        name = self.market.symbol(call.params["symbol"]).name
        return {"calcTime": call.now_ms, "price": fixed8(self.market.last(name, call.now_ms)), "symbol": name}

    def max_borrowable(self, call: Call) -> Json:
        return {"amount": fixed8(ZERO), "borrowLimit": "0"}
