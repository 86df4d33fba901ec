"""Margin calls and liquidation: what happens to an account whose margin is used up.

Open orders of the group go first.  Then positions are closed, the one with the largest maintenance first, step by
step down the brackets and whole in the lowest: an IOC order at the bankruptcy price takes what the book has, the
insurance fund takes the rest, and when the fund cannot carry that, the winners on the other side are deleveraged.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING

from counterseal.paper.account_margins import Group
from counterseal.paper.adl import Ranking
from counterseal.paper.book import Offer
from counterseal.paper.brackets import bracket_of, maintenance
from counterseal.paper.futures_accounts import FuturesAccount
from counterseal.paper.money import ZERO, cut8, floor_to
from counterseal.paper.orders import Order
from counterseal.paper.positions import Position
from counterseal.paper.symbols import Symbol

if TYPE_CHECKING:
    from counterseal.paper.futures_market import FuturesMarket

FEE = Decimal("0.0125")  # `liquidationFee` of exchangeInfo
MOST_ROUNDS = 50
LIQUIDATION, ADL = "autoclose-", "adl_autoclose"


@dataclass(frozen=True, slots=True)
class Forced:
    """A forced order, as `forceOrders` lists it.  `kind` is LIQUIDATION or ADL."""

    order: Order
    kind: str


class Risk:
    """Watches the accounts that hold positions.  `fund` is the insurance fund of each margin asset."""

    def __init__(self, market: FuturesMarket, fund: Decimal, call_ratio: Decimal) -> None:
        self._market = market
        self._first_fund = fund
        self._call_ratio = call_ratio
        self.funds: dict[str, Decimal] = {}
        self.forced: dict[str, list[Forced]] = {}
        self.ranking = Ranking(market)
        self._called: set[tuple[str, str]] = set()
        self._number = 0

    def fund(self, asset: str) -> Decimal:
        return self.funds.get(asset, self._first_fund)

    def review(self, now_ms: int) -> None:
        """Call and liquidate whoever is due."""
        for name in sorted(self._market.exposed):
            account = self._market.accounts[name]
            for group in self._market.margins.groups(account, now_ms):
                if group.is_broken:
                    self._liquidate(account, group, now_ms)
                else:
                    self._call(account, group, now_ms)

    def _call(self, account: FuturesAccount, group: Group, now_ms: int) -> None:
        """Tell once when the margin ratio passes the warning line; again only after it has recovered."""
        key = (account.name, f"{group.positions[0].symbol} {group.positions[0].side}" if group.is_isolated
               else group.asset)  # fmt: skip
        if group.maintenance < group.balance * self._call_ratio:
            self._called.discard(key)
        elif key not in self._called:
            self._called.add(key)
            places = [(item.symbol, item.side) for item in group.positions]
            self._market.feed.margin_call(account.name, places, now_ms)

    # liquidation

    def _liquidate(self, account: FuturesAccount, group: Group, now_ms: int) -> None:
        self._cancel_orders(account, group, now_ms)
        found: Group | None = group
        for _ in range(MOST_ROUNDS):
            if found is None or not found.is_broken:
                return
            self._close_one(account, found, now_ms)
            found = self._again(account, group, now_ms)

    def _again(self, account: FuturesAccount, before: Group, now_ms: int) -> Group | None:
        """The same group as it is now."""
        for group in self._market.margins.groups(account, now_ms):
            if before.is_isolated and group.positions == before.positions:
                return group
            if not before.is_isolated and not group.is_isolated and group.asset == before.asset:
                return group
        return None

    def _cancel_orders(self, account: FuturesAccount, group: Group, now_ms: int) -> None:
        for order in self._market.store.open_orders(account.name):
            if group.is_isolated:
                is_ours = order.symbol == group.positions[0].symbol
            else:
                asset = account.margin_asset(order.symbol)
                is_ours = not account.setting(order.symbol).is_isolated and group.asset in ("USD", asset)
            if is_ours:
                self._market.close(order, "CANCELED", now_ms)

    def _close_one(self, account: FuturesAccount, group: Group, now_ms: int) -> None:
        position = max(group.positions, key=lambda item: self._kept(item, now_ms))
        symbol = self._market.symbols[position.symbol]
        mark, size = self._market.mark(symbol.name, now_ms), abs(position.amount)
        share = self._kept(position, now_ms) / group.maintenance / size  # of the group's margin, by unit
        price = bankruptcy_price(symbol, position, group.balance, mark)
        order = self._order(position, self._size(symbol, position, mark), price, account.name, LIQUIDATION, now_ms)
        plan = self._market.books[symbol.name].plan(order, self._market.steps.at(now_ms), price, order.qty)
        for fill in plan.fills:
            self._market.force_against(order, fill, now_ms)
        if order.left > 0:
            self._take_over(account, position, order, price, mark, now_ms)
        self._keep(account, order, "LIQUIDATION")
        left = group.balance - self._lost(symbol, order, mark)
        most = max(ZERO, left * min(Decimal(1), share * order.filled))
        self._charge(account, position, cut8(min(symbol.worth(order.filled, order.average) * FEE, most)), now_ms)

    def _charge(self, account: FuturesAccount, position: Position, fee: Decimal, now_ms: int) -> None:
        """The liquidation fee goes to the insurance fund; no more than the margin that the closed part had."""
        asset = account.margin_asset(position.symbol)
        account.earn("INSURANCE_CLEAR", position.symbol, -fee, now_ms, 0, asset)
        if account.setting(position.symbol).is_isolated and position.amount:
            position.isolated_wallet = max(ZERO, position.isolated_wallet - fee)
        self._market.feed.balance(account.name, asset, -fee, now_ms, "INSURANCE_CLEAR", position.symbol)
        self.funds[asset] = self.fund(asset) + fee

    def _kept(self, position: Position, now_ms: int) -> Decimal:
        symbol = self._market.symbols[position.symbol]
        return maintenance(symbol, abs(position.notional(self._market.mark(symbol.name, now_ms))))

    @staticmethod
    def _lost(symbol: Symbol, order: Order, mark: Decimal) -> Decimal:
        """What closing at the order's price instead of the mark price has cost."""
        direction = 1 if order.side == "SELL" else -1
        price = order.average
        if not symbol.contract_size:
            return (mark - price) * order.filled * direction
        return order.filled * symbol.contract_size * (1 / price - 1 / mark) * direction

    @staticmethod
    def _size(symbol: Symbol, position: Position, mark: Decimal) -> Decimal:
        """All of it in the lowest bracket, else what leads into the next lower one."""
        size = abs(position.amount)
        bracket = bracket_of(symbol, abs(position.notional(mark)))
        if bracket.number == 1:
            return size
        kept = bracket.floor * mark / symbol.contract_size if symbol.contract_size else bracket.floor / mark
        return max(symbol.step, size - floor_to(kept, symbol.step))

    def _order(self, position: Position, qty: Decimal, price: Decimal, account: str, prefix: str, now_ms: int) -> Order:
        self._number += 1
        tail = f"{now_ms}{self._number:06d}" if prefix == LIQUIDATION else ""
        order = Order(
            order_id=self._market.store.next_id(), client_id=prefix + tail, account=account, symbol=position.symbol,
            side="SELL" if position.amount > 0 else "BUY", type="LIMIT", tif="IOC", price=price, qty=qty,
            created_ms=now_ms, updated_ms=now_ms, working_ms=now_ms, stp="NONE", position_side=position.side,
            is_forced=True, contract_size=position.contract_size,
        )  # fmt: skip
        self._market.store.add(order)
        self._market.feed.order("NEW", order, now_ms)
        return order

    def _keep(self, account: FuturesAccount, order: Order, kind: str) -> None:
        self.forced.setdefault(account.name, []).append(Forced(order, kind))

    # who takes the other side

    def _take_over(
        self, account: FuturesAccount, position: Position, order: Order, price: Decimal, mark: Decimal, now_ms: int
    ) -> None:
        """The insurance fund takes what the book did not, unless that costs more than it has."""
        symbol = self._market.symbols[order.symbol]
        is_long = position.amount > 0
        cost = self._cost(symbol, order.left, price, mark, is_long)
        if cost > self.fund(symbol.margin_asset):
            self._deleverage(account, order, is_long, price, now_ms)
        if order.left <= 0:
            return
        cost = self._cost(symbol, order.left, price, mark, is_long)
        self.funds[symbol.margin_asset] = max(ZERO, self.fund(symbol.margin_asset) - cost)
        self._market.force(order, Offer(price, order.left, None), now_ms)

    @staticmethod
    def _cost(symbol: Symbol, qty: Decimal, price: Decimal, mark: Decimal, is_long: bool) -> Decimal:
        """What a position is worth less at the mark price than at the price it is taken over at."""
        size = symbol.contract_size
        cost = qty * size * (1 / mark - 1 / price) if size else (price - mark) * qty
        return cost if is_long else -cost

    def _deleverage(self, account: FuturesAccount, order: Order, is_long: bool, price: Decimal, now_ms: int) -> None:
        for other, winning in self.ranking.holders(order.symbol, not is_long, now_ms):
            if other is account or order.left <= 0:
                continue
            qty = min(order.left, abs(winning.amount))
            theirs = self._order(winning, qty, price, other.name, ADL, now_ms)
            self._market.force(theirs, Offer(price, qty, None), now_ms)
            self._market.force(order, Offer(price, qty, None), now_ms)
            self._keep(other, theirs, "ADL")


def bankruptcy_price(symbol: Symbol, position: Position, equity: Decimal, mark: Decimal) -> Decimal:
    """The price at which closing a position leaves its group with nothing; on a tick, in the account's favour."""
    size, is_long = abs(position.amount), position.amount > 0
    direction = 1 if is_long else -1
    if symbol.contract_size:
        x = 1 / mark + direction * equity / (size * symbol.contract_size)
        price = 1 / x if x > 0 else symbol.max_price
    else:
        price = mark - direction * equity / size
    ticks = (price / symbol.tick).to_integral_value(ROUND_CEILING if is_long else ROUND_FLOOR)
    return min(max(ticks * symbol.tick, symbol.tick), max(symbol.max_price, mark))
