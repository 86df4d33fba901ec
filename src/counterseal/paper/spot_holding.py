"""What open spot orders hold of an account, and what an execution moves."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from counterseal.paper.accounts import Wallets
from counterseal.paper.book import Plan
from counterseal.paper.fee_burn import BNB, FeeBurn
from counterseal.paper.money import ZERO, cut8
from counterseal.paper.orders import Order
from counterseal.paper.symbols import Symbol


class Holding:
    """Locks, spends and receives for orders; every lock belongs to one open order."""

    def __init__(self, symbols: Mapping[str, Symbol], wallets: Wallets, burn: FeeBurn) -> None:
        self._symbols = symbols
        self._wallets = wallets
        self._burn = burn
        self.burning: set[str] = set()  # accounts that pay commissions in BNB when they can

    def asset(self, order: Order) -> str:
        """What an order pays with."""
        symbol = self._symbols[order.symbol]
        return symbol.quote if order.side == "BUY" else symbol.base

    @staticmethod
    def needed(order: Order) -> Decimal:
        """What an open order holds: the quote at its price for a buy, the base for a sell."""
        if order.side == "SELL":
            return order.left
        return order.left * (order.price or order.stop_price or order.hold_price)

    @staticmethod
    def market_cost(order: Order, plan: Plan) -> Decimal:
        if order.side == "BUY":
            return order.quote_qty or plan.quote
        return order.qty or plan.qty

    def hold(self, order: Order, amount: Decimal) -> None:
        """Lock what an order needs, once; a leg of an OCO finds its money held already.  -2010 without funds."""
        if not order.lock and not order.is_paired:
            self._wallets.of(order.account).lock(self.asset(order), amount)
            order.lock = amount

    def hold_pair(self, legs: list[Order]) -> None:
        """The costlier leg of an OCO holds for both."""
        dear = max(legs, key=self.needed)
        self.hold(dear, self.needed(dear))
        for leg in legs:
            leg.is_paired = True

    def can_pay(self, order: Order, plan: Plan) -> bool:
        # only a triggered stop market buy can lack money: the price ran past what it holds
        free = self._wallets.of(order.account).free.get(self.asset(order), ZERO)
        return order.side == "SELL" or plan.quote <= order.lock + free

    def relock(self, order: Order) -> None:
        """Give back what an order holds beyond its need (a better price, or its end)."""
        need = self.needed(order) if order.is_open else ZERO
        if order.lock > need:
            self._wallets.of(order.account).unlock(self.asset(order), order.lock - need)
            order.lock = need

    def settle(self, order: Order, qty: Decimal, quote: Decimal, rate: Decimal, now_ms: int) -> tuple[Decimal, str]:
        """Move the money of one execution and return the fee and its asset."""
        symbol, wallet = self._symbols[order.symbol], self._wallets.of(order.account)
        paid, got = (quote, qty) if order.side == "BUY" else (qty, quote)
        asset = self.asset(order)
        if paid > order.lock:  # a triggered stop market buy above its stop price
            wallet.lock(asset, paid - order.lock)
            order.lock = paid
        wallet.spend(asset, paid)
        order.lock -= paid
        fee_asset = symbol.base if order.side == "BUY" else symbol.quote
        fee = cut8(got * rate)
        wallet.receive(fee_asset, got)
        burnt = self._burn.amount(fee_asset, fee, now_ms) if order.account in self.burning else None
        if burnt is not None and wallet.free.get(BNB, ZERO) >= burnt:
            fee, fee_asset = burnt, BNB
        wallet.receive(fee_asset, -fee)
        return fee, fee_asset
