"""The spot matching engine: balances, books, stops, and what time does to them."""

from __future__ import annotations

import random
from decimal import Decimal

from counterseal.paper import filters
from counterseal.paper.accounts import Wallets
from counterseal.paper.book import Book, Offer, Plan, crosses
from counterseal.paper.errors import bad_symbol, rejected
from counterseal.paper.limits import OrderCounts
from counterseal.paper.market import Walk
from counterseal.paper.money import ZERO, cut8
from counterseal.paper.options import Options
from counterseal.paper.orders import Order, OrderStore, Trade
from counterseal.paper.spot_lists import OrderLists
from counterseal.paper.steps import Steps
from counterseal.paper.symbols import Listing, Symbol

FEE = Decimal("0.001")
STOP_TYPES = frozenset({"STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"})
STOP_MARKET_TYPES = frozenset({"STOP_LOSS", "TAKE_PROFIT"})


class SpotMarket:
    """All spot symbols.  Every method that changes something takes the time in ms."""

    def __init__(self, listing: Listing, options: Options, counts: OrderCounts) -> None:
        self.symbols = listing.spot
        self.wallets = Wallets({**listing.spot_balances, **options.balances})
        self.walks = {name: Walk(options.seed, "spot", symbol, options.volatility)
                      for name, symbol in self.symbols.items()}  # fmt: skip
        self.books = {name: Book(walk) for name, walk in self.walks.items()}
        self.store = OrderStore(10_000_000 + options.seed % 1000 * 1000)
        self.lists = OrderLists(self)
        self.stops: dict[str, list[Order]] = {name: [] for name in self.symbols}
        self.steps = Steps(options.step_ms)
        self._counts = counts
        self.most_orders = options.max_num_orders
        self._averages: dict[str, tuple[tuple[int, int], Decimal]] = {}  # of the present step
        self._ids = random.Random(f"{options.seed}:spot")  # noqa: S311 - the seeded market, no secret
        self._trade_id = 1_000_000_000

    def symbol(self, name: str) -> Symbol:
        symbol = self.symbols.get(name)
        if symbol is None:
            raise bad_symbol()
        return symbol

    def client_id(self) -> str:
        """A client id made by the exchange, 22 characters."""
        return "".join(self._ids.choices("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", k=22))

    def average_price(self, name: str, now_ms: int) -> Decimal:
        """Mean of the last five minutes, sampled every five seconds."""
        walk, last = self.walks[name], self.steps.at(now_ms)
        known = self._averages.get(name)
        if known is not None and known[0] == (last, walk.base_ticks):
            return known[1]
        stride = max(1, 5000 // self.steps.step_ms)
        ticks = [walk.ticks_at(last - index * stride) for index in range(60)]
        average = cut8(sum(ticks) * walk.symbol.tick / len(ticks))
        self._averages[name] = ((last, walk.base_ticks), average)
        return average

    def shift(self, name: str, price: Decimal, now_ms: int) -> None:
        """Move a symbol's price at once, stops and resting orders with it (tests only)."""
        self.symbol(name)
        step = self.steps.at(now_ms)
        self.walks[name].shift_to(price, step)
        self._live(name, step)

    # placing

    def check(self, order: Order, now_ms: int) -> None:
        """Everything that can refuse an order before it touches the book or the account."""
        symbol = self.symbol(order.symbol)
        mine = self.store.open_orders(order.account, order.symbol)
        filters.check(symbol, order, self.average_price(order.symbol, now_ms), mine, self.most_orders)
        if order.type in STOP_TYPES and self.is_triggered(order, self.steps.at(now_ms)):
            raise rejected("Order would trigger immediately.")
        if self.store.has_open_client(order.account, order.symbol, order.client_id):
            raise rejected("Duplicate order sent.")
        if order.type == "LIMIT_MAKER":
            best = next(self.books[order.symbol].offers(order.side, self.steps.at(now_ms)), None)
            if best is not None and crosses(order.side, order.price, best.price):
                raise rejected("Order would immediately match and take.")

    def place(self, order: Order, now_ms: int) -> list[Trade]:
        """Execute a checked order; -2010 when the account cannot pay for it."""
        order.updated_ms = now_ms
        if order.type in STOP_TYPES:
            self.hold(order, self.needed(order))
            self.store.add(order)
            self.stops[order.symbol].append(order)
            return []
        order.working_ms = now_ms
        return self._execute(order, now_ms, is_new=True)

    def _execute(self, order: Order, now_ms: int, *, is_new: bool) -> list[Trade]:
        is_market = order.type == "MARKET" or order.type in STOP_MARKET_TYPES
        book = self.books[order.symbol]
        plan = book.plan(order, self.steps.at(now_ms), None if is_market else order.price)
        if is_new:
            self.hold(order, self._market_cost(order, plan) if is_market else self.needed(order))
            self.store.add(order)
        if (order.tif == "FOK" and plan.qty < order.qty) or not self._can_pay(order, plan):
            return self._finish(order, "EXPIRED", now_ms)
        trades = self._apply(order, plan, now_ms)
        if order.quote_qty:
            order.qty = order.filled
        if plan.taker_prevented:
            return trades + self._finish(order, "EXPIRED_IN_MATCH", now_ms)
        if not order.is_open:
            return trades
        if is_market or order.tif in ("IOC", "FOK"):
            is_done = bool(order.quote_qty) and bool(plan.fills)
            return trades + self._finish(order, "FILLED" if is_done else "EXPIRED", now_ms)
        book.rest(order)
        self._relock(order)
        return trades

    def _apply(self, taker: Order, plan: Plan, now_ms: int) -> list[Trade]:
        book = self.books[taker.symbol]
        trades = []
        for maker in plan.prevented:
            self.close(maker, "EXPIRED_IN_MATCH", now_ms)
        for fill in plan.fills:
            book.take(taker.side, fill)
            if fill.order is not None:
                self._fill(fill.order, fill, now_ms, is_maker=True)
            trades.append(self._fill(taker, fill, now_ms, is_maker=False))
        return trades

    def _fill(self, order: Order, fill: Offer, now_ms: int, *, is_maker: bool) -> Trade:
        """Settle one execution for one side and close the order when it is complete."""
        symbol, wallet = self.symbols[order.symbol], self.wallets.of(order.account)
        if not order.filled:
            self._counts.give_back(order.account, 5 if is_maker else 1, now_ms)
        self.lists.leg_active(order, now_ms)
        quote = fill.qty * fill.price
        order.filled += fill.qty
        order.spent += quote
        paid, asset, got = (quote, symbol.quote, fill.qty) if order.side == "BUY" else (fill.qty, symbol.base, quote)
        if paid > order.lock:  # a triggered stop market buy above its stop price
            wallet.lock(asset, paid - order.lock)
            order.lock = paid
        wallet.spend(asset, paid)
        order.lock -= paid
        fee_asset = symbol.base if order.side == "BUY" else symbol.quote
        fee = cut8(got * FEE)
        wallet.receive(fee_asset, got - fee)
        self._trade_id += 1
        trade = Trade(self._trade_id, order, fill.price, fill.qty, quote, fee, fee_asset, now_ms, is_maker)
        self.store.add_trade(trade)
        self._after_fill(order, now_ms)
        return trade

    def _after_fill(self, order: Order, now_ms: int) -> None:
        order.updated_ms = now_ms
        if order.qty and order.filled >= order.qty:
            self._finish(order, "FILLED", now_ms)
        else:
            order.status = "PARTIALLY_FILLED"

    # money

    def _asset(self, order: Order) -> str:
        symbol = self.symbols[order.symbol]
        return symbol.quote if order.side == "BUY" else symbol.base

    def needed(self, order: Order) -> Decimal:
        """What an open order holds: the quote at its price for a buy, the base for a sell."""
        return order.left * (order.price or order.stop_price) if order.side == "BUY" else order.left

    @staticmethod
    def _market_cost(order: Order, plan: Plan) -> Decimal:
        if order.side == "BUY":
            return order.quote_qty or plan.quote
        return order.qty or plan.qty

    def hold(self, order: Order, amount: Decimal) -> None:
        """Lock what an order needs, once; a leg of a list finds its money held already."""
        if not order.lock and order.list_id < 0:
            self.wallets.of(order.account).lock(self._asset(order), amount)
            order.lock = amount

    def _can_pay(self, order: Order, plan: Plan) -> bool:
        # only a triggered stop market buy can lack money: the price ran past what it holds
        free = self.wallets.of(order.account).free.get(self._asset(order), ZERO)
        return order.side == "SELL" or plan.quote <= order.lock + free

    def _relock(self, order: Order) -> None:
        """Give back what an order holds beyond its need (a better price, or its end)."""
        need = self.needed(order) if order.is_open else ZERO
        if order.lock > need:
            self.wallets.of(order.account).unlock(self._asset(order), order.lock - need)
            order.lock = need

    # ending

    def _finish(self, order: Order, status: str, now_ms: int) -> list[Trade]:
        order.status, order.updated_ms = status, now_ms
        if order.working_ms < 0 and status != "CANCELED":
            order.working_ms = now_ms
        self.books[order.symbol].drop(order)
        if order in self.stops[order.symbol]:
            self.stops[order.symbol].remove(order)
        self._relock(order)
        self.store.settle(order)
        self.lists.leg_done(order, now_ms)
        return []

    def close(self, order: Order, status: str, now_ms: int) -> None:
        """End an open order, and with it the list that it belongs to."""
        self._finish(order, status, now_ms)

    # time

    def advance(self, now_ms: int) -> None:
        """Bring resting orders and stops up to the present, step by step."""
        for step in self.steps.until(now_ms):
            for name in self.books:
                self._live(name, step)

    def _live(self, name: str, step: int) -> None:
        """What one step of the price does to one symbol's orders."""
        if not self.books[name].is_empty():
            self._meet_house(self.books[name], step)
        if self.stops[name]:
            self._trigger_stops(name, step)

    def _meet_house(self, book: Book, step: int) -> None:
        for side in ("BUY", "SELL"):
            for order in list(book.resting(side)):
                if not crosses(side, order.price, book.best(side, step)):
                    break
                offered = (offer.qty for offer in book.house(side, step) if crosses(side, order.price, offer.price))
                fill = Offer(order.price, min(order.left, sum(offered, ZERO)), None)
                if order.is_open and fill.qty > 0:
                    self._fill(order, fill, self.steps.ms(step), is_maker=True)

    def is_triggered(self, order: Order, step: int) -> bool:
        """Whether the last price has reached the order's stop price."""
        last = self.walks[order.symbol].price_at(step)
        is_upward = order.type.startswith("STOP") == (order.side == "BUY")
        return last >= order.stop_price if is_upward else last <= order.stop_price

    def _trigger_stops(self, name: str, step: int) -> None:
        for order in list(self.stops[name]):
            if order.is_open and self.is_triggered(order, step):
                self.stops[name].remove(order)
                order.working_ms = self.steps.ms(step)
                self.lists.leg_active(order, order.working_ms)
                self._execute(order, order.working_ms, is_new=False)
