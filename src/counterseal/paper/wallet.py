"""Handlers of the wallet endpoints that clients read when they start: key permissions, status, coins, fees."""

from __future__ import annotations

from counterseal.paper.call import Call
from counterseal.paper.errors import Json
from counterseal.paper.keys import RESTRICTED
from counterseal.paper.money import ZERO, plain
from counterseal.paper.params import boolean
from counterseal.paper.spot_account import SpotAccount
from counterseal.paper.spot_market import SpotMarket
from counterseal.paper.symbols import Symbol


class Wallet:
    """What /sapi tells of the account itself.  Withdrawals and transfers do not exist here."""

    def __init__(self, market: SpotMarket, account: SpotAccount) -> None:
        self.market = market
        self._account = account

    def restrictions(self, call: Call) -> Json:
        """What the calling key may do; the list of its addresses is not told."""
        held = call.key.permissions if call.key else ()
        until_ms = call.key.trading_until_ms if call.key else 0
        ends = {"tradingAuthorityExpirationTime": until_ms} if until_ms else {}
        shown = dict.fromkeys(call.key.shows, True) if call.key else {}
        return {
            "ipRestrict": call.key is not None and call.key.status == RESTRICTED,
            "createTime": call.key.created_ms if call.key else 0,
            "enableReading": "read" in held,
            "enableWithdrawals": False,
            "enableInternalTransfer": False,
            "enableMargin": "margin" in held,
            "enableFutures": "futures" in held,
            "permitsUniversalTransfer": "transfer" in held,
            "enableVanillaOptions": "options" in held,
            "enableFixApiTrade": False,
            "enableFixReadOnly": False,
            "enableSpotAndMarginTrading": "trade" in held,
            "enablePortfolioMarginTrading": False,
            **ends,
            **shown,
        }

    def trading_status(self, call: Call) -> Json:
        conditions = {"GCR": 150, "IFER": 150, "UFR": 300}
        until_ms = self.market.locked_until.get(call.account, 0)
        is_locked = call.now_ms < until_ms
        return {"data": {"isLocked": is_locked, "plannedRecoverTime": until_ms if is_locked else 0,
                         "triggerCondition": conditions, "updateTime": call.now_ms}}  # fmt: skip

    def system_status(self, call: Call) -> Json:
        """Of the whole exchange; what is announced here stops nothing by itself."""
        is_on = self.market.maintenance
        return {"status": int(is_on), "msg": "system maintenance" if is_on else "normal"}

    def status(self, call: Call) -> Json:
        return {"data": "Normal"}

    def info(self, call: Call) -> Json:
        return {"vipLevel": 0, "isMarginEnabled": True, "isFutureEnabled": True, "isOptionsEnabled": False,
                "isPortfolioMarginRetailEnabled": True}  # fmt: skip

    def coins(self, call: Call) -> list[Json]:
        wallet = self.market.wallets.of(call.account)
        return [
            _coin(asset, plain(wallet.free.get(asset, ZERO)), plain(wallet.locked.get(asset, ZERO)))
            for asset in self._account.assets()
        ]

    def trade_fee(self, call: Call) -> list[Json]:
        maker, taker = plain(self.market.maker_fee), plain(self.market.taker_fee)
        return [
            {"symbol": symbol.name, "makerCommission": maker, "takerCommission": taker} for symbol in self._asked(call)
        ]

    def bnb_burn(self, call: Call) -> Json:
        """Whether commissions on spot are paid in BNB.  Nothing is borrowed here, so interest never is."""
        return {"spotBNBBurn": call.account in self.market.holding.burning, "interestBNBBurn": False}

    def set_bnb_burn(self, call: Call) -> Json:
        wanted = boolean(call.params, "spotBNBBurn") if "spotBNBBurn" in call.params else None
        if wanted is not None:
            (self.market.holding.burning.add if wanted else self.market.holding.burning.discard)(call.account)
        return self.bnb_burn(call)

    def _asked(self, call: Call) -> list[Symbol]:
        name = call.params.get("symbol")
        return list(self.market.symbols.values()) if name is None else [self.market.symbol(name)]

    def margin_pairs(self, call: Call) -> list[Json]:
        """Both margin pair lists: pairs are listed, margin trading is not served."""
        is_cross = call.path.endswith("/margin/allPairs")
        return [
            {"base": symbol.base, "quote": symbol.quote, "symbol": symbol.name, "isMarginTrade": True,
             "isBuyAllowed": True, "isSellAllowed": True} | ({"id": 351637150141315840 + index} if is_cross else {})
            for index, symbol in enumerate(self._asked(call))
        ]  # fmt: skip


def _coin(asset: str, free: str, locked: str) -> Json:
    zero = dict.fromkeys(("freeze", "withdrawing", "ipoing", "ipoable", "storage"), "0")
    flags = {"depositAllEnable": True, "withdrawAllEnable": False, "isLegalMoney": asset in ("EUR", "TRY"),
             "trading": True}  # fmt: skip
    return {"coin": asset, "name": asset, "free": free, "locked": locked, **zero, **flags,
            "networkList": [_network(asset)]}  # fmt: skip


def _network(asset: str) -> Json:
    """One chain a coin, with withdrawals shut."""
    texts = dict.fromkeys(("depositDesc", "withdrawDesc", "specialTips", "specialWithdrawTips", "memoRegex",
                           "contractAddressUrl", "contractAddress"), "")  # fmt: skip
    flags = {"isDefault": True, "depositEnable": True, "withdrawEnable": False, "resetAddressStatus": False,
             "sameAddress": False, "withdrawTag": False, "busy": False}  # fmt: skip
    figures = {"withdrawIntegerMultiple": "0.00000001", "withdrawFee": "0.0001", "withdrawMin": "0.001",
               "withdrawMax": "9999999", "withdrawInternalMin": "0.00000001", "depositDust": "0.00000001",
               "minConfirm": 1, "unLockConfirm": 2, "estimatedArrivalTime": 5, "denomination": 1}  # fmt: skip
    return {"network": "PAPER", "coin": asset, "name": "Paper chain", "addressRegex": "^paper[a-z0-9]{10,60}$",
            **texts, **flags, **figures}  # fmt: skip
