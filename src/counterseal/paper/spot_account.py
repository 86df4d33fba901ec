"""Handlers of the spot account: balances, commissions, order counts."""

from __future__ import annotations

import zlib

from counterseal.paper.call import Call
from counterseal.paper.errors import Json
from counterseal.paper.fee_burn import BNB, SPOT_DISCOUNT
from counterseal.paper.limits import OrderCounts
from counterseal.paper.money import ZERO, fixed8
from counterseal.paper.params import boolean
from counterseal.paper.spot_market import SpotMarket


class SpotAccount:
    """Balances, commissions, permissions."""

    def __init__(self, market: SpotMarket, counts: OrderCounts) -> None:
        self.market = market
        self.counts = counts

    def account(self, call: Call) -> Json:
        can_trade = call.key is not None and "trade" in call.key.permissions
        return {
            "makerCommission": int(self.market.maker_fee * 10_000),
            "takerCommission": int(self.market.taker_fee * 10_000),
            "buyerCommission": 0,
            "sellerCommission": 0,
            "commissionRates": self._rates() | {"buyer": fixed8(ZERO), "seller": fixed8(ZERO)},
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
            "standardCommission": none | self._rates(),
            "specialCommission": none,
            "taxCommission": none,
            "discount": {"enabledForAccount": call.account in self.market.holding.burning, "enabledForSymbol": True,
                         "discountAsset": BNB, "discount": fixed8(SPOT_DISCOUNT)},
        }  # fmt: skip

    def _rates(self) -> Json:
        return {"maker": fixed8(self.market.maker_fee), "taker": fixed8(self.market.taker_fee)}

    def rate_limits(self, call: Call) -> list[dict[str, object]]:
        return self.counts.shown("spot", call.account, call.now_ms)


def uid(account: str) -> int:
    """A stable nine-digit number for an account's name."""
    return 100_000_000 + zlib.crc32(account.encode()) % 800_000_000
