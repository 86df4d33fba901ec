"""Handlers of the spot account and of the wallet endpoints that clients read when they start."""

from __future__ import annotations

import zlib

from counterseal.paper.call import Call
from counterseal.paper.errors import Json, bad_symbol
from counterseal.paper.limits import OrderCounts
from counterseal.paper.money import ZERO, fixed8, plain
from counterseal.paper.params import boolean
from counterseal.paper.spot_market import FEE, SpotMarket
from counterseal.paper.symbols import Symbol

BASIS_POINTS = int(FEE * 10_000)


class SpotAccount:
    """Balances, commissions, permissions."""

    def __init__(self, market: SpotMarket, counts: OrderCounts) -> None:
        self.market = market
        self.counts = counts

    def account(self, call: Call) -> Json:
        can_trade = call.key is not None and "trade" in call.key.permissions
        return {
            "makerCommission": BASIS_POINTS,
            "takerCommission": BASIS_POINTS,
            "buyerCommission": 0,
            "sellerCommission": 0,
            "commissionRates": _rates() | {"buyer": fixed8(ZERO), "seller": fixed8(ZERO)},
            "canTrade": can_trade,
            "canWithdraw": False,
            "canDeposit": True,
            "brokered": False,
            "requireSelfTradePrevention": False,
            "preventSor": False,
            "updateTime": call.now_ms,
            "accountType": "SPOT",
            "balances": self._balances(call),
            "permissions": ["SPOT"],
            "uid": uid(call.account),
        }

    def _balances(self, call: Call) -> list[Json]:
        omit = boolean(call.params, "omitZeroBalances")
        rows: list[Json] = []
        wallet = self.market.wallets.of(call.account)
        for asset in self.assets():
            have, held = wallet.free.get(asset, ZERO), wallet.locked.get(asset, ZERO)
            if have or held or not omit:
                rows.append({"asset": asset, "free": fixed8(have), "locked": fixed8(held)})
        return rows

    def assets(self) -> list[str]:
        """Every asset that a listed symbol has, in listing order."""
        symbols = self.market.symbols.values()
        return list(dict.fromkeys(name for symbol in symbols for name in (symbol.base, symbol.quote)))

    def commission(self, call: Call) -> Json:
        symbol = self.market.symbol(call.params["symbol"])
        none = {side: fixed8(ZERO) for side in ("maker", "taker", "buyer", "seller")}
        return {
            "symbol": symbol.name,
            "standardCommission": none | _rates(),
            "specialCommission": none,
            "taxCommission": none,
            "discount": {"enabledForAccount": False, "enabledForSymbol": True, "discountAsset": "BNB",
                         "discount": "0.25000000"},
        }  # fmt: skip

    def rate_limits(self, call: Call) -> list[dict[str, object]]:
        return self.counts.shown("spot", call.account, call.now_ms)

    # wallet

    def restrictions(self, call: Call) -> Json:
        """What the calling key may do.  Withdrawals and transfers do not exist here."""
        held = call.key.permissions if call.key else ()
        return {
            "ipRestrict": False,
            "createTime": call.key.created_ms if call.key else 0,
            "enableReading": "read" in held,
            "enableWithdrawals": False,
            "enableInternalTransfer": False,
            "enableMargin": False,
            "enableFutures": "futures" in held,
            "permitsUniversalTransfer": False,
            "enableVanillaOptions": False,
            "enableFixApiTrade": False,
            "enableFixReadOnly": False,
            "enableSpotAndMarginTrading": "trade" in held,
            "enablePortfolioMarginTrading": False,
        }

    def trading_status(self, call: Call) -> Json:
        conditions = {"GCR": 150, "IFER": 150, "UFR": 300}
        return {"data": {"isLocked": False, "plannedRecoverTime": 0, "triggerCondition": conditions,
                         "updateTime": call.now_ms}}  # fmt: skip

    def status(self, call: Call) -> Json:
        return {"data": "Normal"}

    def coins(self, call: Call) -> list[Json]:
        wallet = self.market.wallets.of(call.account)
        return [
            _coin(asset, plain(wallet.free.get(asset, ZERO)), plain(wallet.locked.get(asset, ZERO)))
            for asset in self.assets()
        ]

    def trade_fee(self, call: Call) -> list[Json]:
        return [
            {"symbol": symbol.name, "makerCommission": plain(FEE), "takerCommission": plain(FEE)}
            for symbol in self._asked(call)
        ]

    def _asked(self, call: Call) -> list[Symbol]:
        name = call.params.get("symbol")
        if name is None:
            return list(self.market.symbols.values())
        if name not in self.market.symbols:
            raise bad_symbol()
        return [self.market.symbols[name]]

    def margin_pairs(self, call: Call) -> list[Json]:
        """Both margin pair lists: pairs are listed, margin trading is not served."""
        is_cross = call.path.endswith("/margin/allPairs")
        return [
            {"base": symbol.base, "quote": symbol.quote, "symbol": symbol.name, "isMarginTrade": True,
             "isBuyAllowed": True, "isSellAllowed": True} | ({"id": 351637150141315840 + index} if is_cross else {})
            for index, symbol in enumerate(self._asked(call))
        ]  # fmt: skip


def uid(account: str) -> int:
    """A stable nine-digit number for an account's name."""
    return 100_000_000 + zlib.crc32(account.encode()) % 800_000_000


def _rates() -> Json:
    return {"maker": fixed8(FEE), "taker": fixed8(FEE)}


def _coin(asset: str, free: str, locked: str) -> Json:
    zero = dict.fromkeys(("freeze", "withdrawing", "ipoing", "ipoable", "storage"), "0")
    flags = {"depositAllEnable": True, "withdrawAllEnable": False, "isLegalMoney": False, "trading": True}
    return {"coin": asset, "name": asset, "free": free, "locked": locked, **zero, **flags, "networkList": []}
