"""Handlers that read the margin account: what it holds, what it owes, and how near it is to trouble."""

from __future__ import annotations

from counterseal.paper.call import Call
from counterseal.paper.errors import Json, invalid
from counterseal.paper.margin_accounts import Debt, MarginAccounts
from counterseal.paper.money import ONE, ZERO, fixed8, plain
from counterseal.paper.spot_account import SpotAccount

MOST_SYMBOLS = 5


class MarginReads:
    """Cross and isolated margin of an account, and the figures that every account shares."""

    def __init__(self, accounts: MarginAccounts, account: SpotAccount) -> None:
        self.market = accounts.market
        self._accounts = accounts
        self._account = account

    def account(self, call: Call) -> Json:
        assets, liabilities = self._accounts.totals(call.account, call.now_ms)
        level = fixed8(self._accounts.level(call.account, call.now_ms))
        price = self.market.last("BTCUSDT", call.now_ms)
        return {
            "created": True, "borrowEnabled": True, "marginLevel": level, "collateralMarginLevel": level,
            "totalAssetOfBtc": fixed8(assets / price), "totalLiabilityOfBtc": fixed8(liabilities / price),
            "totalNetAssetOfBtc": fixed8((assets - liabilities) / price), "TotalCollateralValueInUSDT": fixed8(assets),
            "totalOpenOrderLossInUSDT": fixed8(ZERO), "tradeEnabled": True, "transferInEnabled": False,
            "transferOutEnabled": False, "accountType": "MARGIN_1",
            "userAssets": [self._asset(call, asset) for asset in self._account.assets()],
        }  # fmt: skip

    def _asset(self, call: Call, asset: str) -> Json:
        wallet = self._accounts.wallet(call.account)
        debt = self._accounts.debts(call.account, call.now_ms).get(asset, Debt())
        free, locked = wallet.free.get(asset, ZERO), wallet.locked.get(asset, ZERO)
        return {
            "asset": asset, "free": fixed8(free), "locked": fixed8(locked), "borrowed": fixed8(debt.principal),
            "interest": fixed8(debt.interest), "netAsset": fixed8(free + locked - debt.total),
        }  # fmt: skip

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
            {"assetFullName": asset, "assetName": asset, "isBorrowable": True, "isMortgageable": True,
             "userMinBorrow": fixed8(ZERO), "userMinRepay": fixed8(ZERO)}
            for asset in self._account.assets()
            if asked in (None, asset)
        ]  # fmt: skip

    def price_index(self, call: Call) -> Json:
        name = self.market.symbol(call.params["symbol"]).name
        return {"calcTime": call.now_ms, "price": fixed8(self.market.last(name, call.now_ms)), "symbol": name}

    def max_borrowable(self, call: Call) -> Json:
        amount = self._accounts.most_borrowable(call.account, call.params["asset"], call.now_ms)
        return {"amount": fixed8(amount), "borrowLimit": plain(amount)}

    def max_transferable(self, call: Call) -> Json:
        """What could leave without the level falling below two; transfers themselves do not exist here."""
        price = self._accounts.dollars(call.params["asset"], ONE, call.now_ms)
        if not price:
            raise invalid("asset")
        assets, liabilities = self._accounts.totals(call.account, call.now_ms)
        free = self._accounts.wallet(call.account).free.get(call.params["asset"], ZERO)
        room = max(ZERO, assets - 2 * liabilities) / price if liabilities else free
        return {"amount": fixed8(min(free, room))}
