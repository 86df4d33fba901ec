"""The spot matching engine: books, stops, order lists, and what time does to them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from decimal import Decimal

from counterseal.paper import filters, sor, stops
from counterseal.paper.accounts import Wallets
from counterseal.paper.book import Book, Offer, Plan, crosses, expires_maker
from counterseal.paper.errors import bad_symbol, rejected
from counterseal.paper.fee_burn import SPOT_DISCOUNT, FeeBurn
from counterseal.paper.feed import Feed
from counterseal.paper.limits import OrderCounts
from counterseal.paper.market import Walk
from counterseal.paper.money import ZERO, cut8
from counterseal.paper.options import Options
from counterseal.paper.orders import Amendment, Order, OrderStore, PreventedMatch, Trade
from counterseal.paper.pegs import pegged_price
from counterseal.paper.spot_holding import Holding
from counterseal.paper.spot_lists import OrderLists
from counterseal.paper.steps import Steps
from counterseal.paper.streams_book import Keepers
from counterseal.paper.symbols import Listing, Symbol

STOP_TYPES = frozenset({"STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"})
STOP_MARKET_TYPES = frozenset({"STOP_LOSS", "TAKE_PROFIT"})


class SpotMarket:
    """All spot symbols.  Every method that changes something takes the time in ms."""

    def __init__(self, listing: Listing, options: Options, counts: OrderCounts) -> None:
        self.symbols = listing.spot
        self.wallets = Wallets({**listing.spot_balances, **options.balances})
        self.holding = Holding(self.symbols, self.wallets, FeeBurn(self.symbols, self.last, SPOT_DISCOUNT))
        self.maker_fee, self.taker_fee = options.spot_maker_fee, options.spot_taker_fee
        self.walks = {name: Walk(options.seed, "spot", symbol, options.volatility, options.jumps)
                      for name, symbol in self.symbols.items()}  # fmt: skip
        self.books = {name: Book(walk) for name, walk in self.walks.items()}
        self.routed = sor.groups(self.symbols)
        self.store = OrderStore(10_000_000 + options.seed % 1000 * 1000)
        self.feed = Feed()
        self.lists = OrderLists(self)
        self.stops: dict[str, dict[int, Order]] = {name: {} for name in self.symbols}
        self.steps = Steps(options.step_ms)
        self.keepers = Keepers(self.books, self.steps)
        self.feed.listen(self.keepers)
        self._counts = counts
        self.maintenance = False
        # Accounts of which trading is said to be locked, each until when. Nothing is refused for it here.
        self.locked_until: dict[str, int] = {}
        self.most_orders = options.max_num_orders
        self._averages: dict[str, tuple[tuple[int, int], Decimal]] = {}  # of the present step
        self._ids = random.Random(f"{options.seed}:spot")  # noqa: S311 - the seeded market, no secret
        self._trade_id = 1_000_000_000
        self._alloc_id = -1
        self._prevented_id = 0
        self._execution_id = 0

    def symbol(self, name: str) -> Symbol:
        symbol = self.symbols.get(name)
        if symbol is None:
            raise bad_symbol()
        return symbol

    def client_id(self) -> str:
        """A client id made by the exchange, 22 characters."""
        return "".join(self._ids.choices("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", k=22))

    def last(self, name: str, now_ms: int) -> Decimal:
        return self.walks[name].price_at(self.steps.at(now_ms))

    def average_price(self, name: str, now_ms: int) -> Decimal:
        """Mean of the last five minutes, sampled every five seconds."""
        walk, step = self.walks[name], self.steps.at(now_ms)
        key = (step, walk.ticks_at(step))
        known = self._averages.get(name)
        if known is not None and known[0] == key:
            return known[1]
        stride = max(1, 5000 // self.steps.step_ms)
        ticks = [walk.ticks_at(step - index * stride) for index in range(60)]
        average = cut8(sum(ticks) * walk.symbol.tick / len(ticks))
        self._averages[name] = (key, average)
        return average

    def shift(self, name: str, price: Decimal, now_ms: int) -> None:
        """Move a symbol's price at once, stops and resting orders with it (tests only)."""
        self.symbol(name)
        step = self.steps.at(now_ms)
        self.walks[name].shift_to(price, step)
        self._live(name, step)
        self.lists.settle(now_ms)

    # placing

    def check(self, order: Order, now_ms: int) -> None:
        """Everything that can refuse an order before it touches the book or the account."""
        symbol, step = self.symbol(order.symbol), self.steps.at(now_ms)
        order.price = pegged_price(self.books[order.symbol], order, step)
        count = self.store.open_count(order.account, order.symbol)
        filters.check(symbol, order, self.average_price(order.symbol, now_ms), count, self.most_orders)
        if order.is_contingent:
            filters.check_stops(self.store.open_orders(order.account, order.symbol))
            last = self.last(order.symbol, now_ms)
            order.hold_price = last * (1 + order.trailing_delta / stops.BASIS_POINTS)
            if not order.trailing_delta and stops.is_reached(order, last):
                raise rejected("Order would trigger immediately.")
        if self.store.has_open_client(order.account, order.symbol, order.client_id):
            raise rejected("Duplicate order sent.")
        if order.type == "LIMIT_MAKER" and self._would_take(order, now_ms):
            raise rejected("Order would immediately match and take.")

    def check_pending(self, order: Order, now_ms: int) -> None:
        """What can be said of a list's pending order before its working order is filled."""
        symbol = self.symbol(order.symbol)
        order.price = pegged_price(self.books[order.symbol], order, self.steps.at(now_ms))
        average = self.average_price(order.symbol, now_ms)
        order.hold_price = average * (1 + order.trailing_delta / stops.BASIS_POINTS)
        if order.qty:
            filters.check(symbol, order, average, self.store.open_count(order.account, symbol.name), self.most_orders)
        else:
            filters.check_prices(symbol, order, average)
        if self.store.has_open_client(order.account, order.symbol, order.client_id):
            raise rejected("Duplicate order sent.")

    def _would_take(self, order: Order, now_ms: int) -> bool:
        best = next(self.books[order.symbol].offers(order.side, self.steps.at(now_ms)), None)
        return best is not None and crosses(order.side, order.price, best.price)

    def place(self, order: Order, now_ms: int) -> list[Trade]:
        """Execute a checked order; -2010 when the account cannot pay for it."""
        trades = self.place_leg(order, now_ms)
        self.lists.settle(now_ms)
        return trades

    def place_leg(self, order: Order, now_ms: int) -> list[Trade]:
        """The same without what a list's pending orders do thereupon."""
        order.updated_ms = now_ms
        if order.is_contingent:
            self.holding.hold(order, self.holding.needed(order))
            self.store.add(order)
            self._wait_for_stop(order, now_ms)
            self.feed.order("NEW", order, now_ms)
            return []
        order.working_ms = now_ms
        return self._execute(order, now_ms, is_new=True)

    def activate(self, order: Order, now_ms: int) -> None:
        """Place a pending order whose working order is filled; its money is held."""
        order.updated_ms = now_ms
        if order.is_contingent:
            self._wait_for_stop(order, now_ms)
            self.feed.order("NEW", order, now_ms)
        elif order.type == "LIMIT_MAKER" and self._would_take(order, now_ms):
            self.close(order, "EXPIRED", now_ms)
        else:
            order.working_ms = now_ms
            self._execute(order, now_ms, is_new=False)

    def _wait_for_stop(self, order: Order, now_ms: int) -> None:
        self.stops[order.symbol][order.order_id] = order
        if order.trailing_delta:  # the trail starts from here, unless it waits for its stop price
            stops.is_triggered(order, self.last(order.symbol, now_ms), now_ms)

    def _offers(self, order: Order, step: int) -> Iterator[Offer] | None:
        """The books that an order is routed over: None for its own alone."""
        if not order.uses_sor:
            return None
        names = self.routed[self.symbols[order.symbol].base]
        books = [self.books[order.symbol], *(self.books[name] for name in names if name != order.symbol)]
        return sor.offers(books, order.side, step)

    def _execute(self, order: Order, now_ms: int, *, is_new: bool) -> list[Trade]:
        is_market = order.type == "MARKET" or order.type in STOP_MARKET_TYPES
        book, step = self.books[order.symbol], self.steps.at(now_ms)
        plan = book.plan(order, step, None if is_market else order.price, offers=self._offers(order, step))
        if is_new:
            cost = self.holding.market_cost(order, plan) if is_market else self.holding.needed(order)
            self.holding.hold(order, cost)
            self.store.add(order)
        self.feed.order("NEW", order, now_ms)  # a triggered stop says so once more, now working
        if (order.tif == "FOK" and plan.qty < order.qty) or not self.holding.can_pay(order, plan):
            return self._finish(order, "EXPIRED", now_ms)
        trades = self._apply(order, plan, now_ms)
        if order.quote_qty:
            order.qty = order.filled + order.prevented_qty
        if order.is_open and plan.taker_prevented:
            return trades + self._finish(order, "EXPIRED_IN_MATCH", now_ms)
        if not order.is_open:
            return trades
        if is_market or order.tif in ("IOC", "FOK"):
            is_done = bool(order.quote_qty) and bool(plan.fills)
            if is_market and not is_done:
                order.expiry_reason = "INSUFFICIENT_LIQUIDITY"
            return trades + self._finish(order, "FILLED" if is_done else "EXPIRED", now_ms)
        book.rest(order)
        self.holding.relock(order)
        return trades

    def _apply(self, taker: Order, plan: Plan, now_ms: int) -> list[Trade]:
        for offer in plan.prevented:
            self._prevent(taker, offer, now_ms)
        trades = []
        for fill in plan.fills:
            (fill.book or self.books[taker.symbol]).take(taker.side, fill)
            if fill.order is not None:
                self._fill(fill.order, fill, now_ms, is_maker=True)
            trades.append(self._fill(taker, fill, now_ms, is_maker=False))
        if taker.is_open and taker.qty and taker.left <= 0:
            self._finish(taker, "EXPIRED_IN_MATCH", now_ms)
        return trades

    def _prevent(self, taker: Order, offer: Offer, now_ms: int) -> None:
        """Keep two orders of one account apart, as the taker's mode says."""
        maker = offer.order
        if maker is None or not maker.is_open:
            return
        self._prevented_id += 1
        match = PreventedMatch(self._prevented_id, taker, maker, offer.price, offer.qty, now_ms)
        self.store.prevented.setdefault((taker.account, taker.symbol), []).append(match)
        taker.prevented_id = maker.prevented_id = match.number
        if expires_maker(taker):
            self.close(maker, "EXPIRED_IN_MATCH", now_ms)
        elif taker.stp == "DECREMENT":
            taker.prevented_qty += offer.qty
            maker.prevented_qty += offer.qty
            if maker.left <= 0:
                self.close(maker, "EXPIRED_IN_MATCH", now_ms)
            else:
                self.holding.relock(maker)

    def _fill(self, order: Order, fill: Offer, now_ms: int, *, is_maker: bool) -> Trade:
        """Settle one execution for one side and close the order when it is complete."""
        if not order.filled:
            self._counts.first_fill(order.account, now_ms, is_maker=is_maker)
        self.lists.leg_active(order, now_ms)
        quote = fill.qty * fill.price
        order.filled += fill.qty
        order.spent += quote
        rate = self.maker_fee if is_maker else self.taker_fee
        fee, fee_asset = self.holding.settle(order, fill.qty, quote, rate, now_ms)
        trade = self._trade(order, fill, quote, (fee, fee_asset), now_ms, is_maker=is_maker)
        self.store.add_trade(trade)
        self._after_fill(order, fill, now_ms, is_maker=is_maker)
        self.feed.order("TRADE", order, now_ms, trade)
        return trade

    def _trade(
        self, order: Order, fill: Offer, quote: Decimal, fee: tuple[Decimal, str], now_ms: int, *, is_maker: bool
    ) -> Trade:
        trade_id, alloc_id = -1, -1
        if order.uses_sor and not is_maker:
            self._alloc_id += 1
            alloc_id = self._alloc_id
        else:
            self._trade_id += 1
            trade_id = self._trade_id
        return Trade(trade_id, order, fill.price, fill.qty, quote, *fee, now_ms, is_maker, alloc_id=alloc_id)

    def _after_fill(self, order: Order, fill: Offer, now_ms: int, *, is_maker: bool) -> None:
        order.updated_ms = now_ms
        if order.qty and order.left <= 0:
            self._finish(order, "EXPIRED_IN_MATCH" if order.prevented_qty else "FILLED", now_ms)
            return
        order.status = "PARTIALLY_FILLED"
        if is_maker and order.iceberg_qty:
            self._renew_iceberg(order, fill.qty)

    def _renew_iceberg(self, order: Order, qty: Decimal) -> None:
        """The next part of an iceberg stands behind the orders of its price."""
        order.shown -= qty
        if order.shown <= 0:
            self.books[order.symbol].drop(order)
            self.books[order.symbol].rest(order)

    def amend(self, order: Order, qty: Decimal, client_id: str, now_ms: int) -> Amendment:
        """Give an open order a smaller quantity; it keeps its place in the book."""
        self._execution_id += 1
        change = Amendment(self._execution_id, order.client_id, client_id, (order.price, order.price),
                           (order.qty, qty), now_ms)  # fmt: skip
        order.amendments.append(change)
        self.store.renamed(order, client_id)
        order.qty, order.updated_ms = qty, now_ms
        if order.left <= 0:
            self.close(order, "EXPIRED", now_ms)
            return change
        if order.status != "PENDING_NEW" and not order.is_paired:
            self.holding.relock(order)
        self.feed.order("REPLACED", order, now_ms)
        return change

    def deposit(self, account: str, asset: str, amount: Decimal, now_ms: int) -> Decimal:
        """Money comes to an account, or goes with a negative amount; what is free then.  ValueError below zero."""
        wallet = self.wallets.of(account)
        if wallet.free.get(asset, ZERO) + amount < 0:
            raise ValueError(f"{account} has no {-amount} {asset}")
        wallet.receive(asset, amount)
        self.feed.balance(account, asset, amount, now_ms)
        return wallet.free[asset]

    # ending

    def _finish(self, order: Order, status: str, now_ms: int) -> list[Trade]:
        order.status, order.updated_ms = status, now_ms
        if order.working_ms < 0 and status != "CANCELED":
            order.working_ms = now_ms
        self.books[order.symbol].drop(order)
        self.stops[order.symbol].pop(order.order_id, None)
        self.holding.relock(order)
        self.store.settle(order)
        self.feed.ended(order, now_ms)
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
            self.lists.settle(self.steps.ms(step))

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

    def _trigger_stops(self, name: str, step: int) -> None:
        last, now_ms = self.walks[name].price_at(step), self.steps.ms(step)
        for order in list(self.stops[name].values()):
            if order.is_open and stops.is_triggered(order, last, now_ms):
                self.stops[name].pop(order.order_id, None)
                order.working_ms = now_ms
                self.lists.leg_active(order, now_ms)
                self._execute(order, now_ms, is_new=False)
