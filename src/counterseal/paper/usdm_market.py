"""The USD-M matching engine: orders, positions, margin, timers, and what time does to them."""

from __future__ import annotations

import random
from decimal import Decimal

from counterseal.paper import margin, usdm_filters
from counterseal.paper.algo import AlgoOrders
from counterseal.paper.book import Book, Offer, Plan, crosses
from counterseal.paper.brackets import most_notional
from counterseal.paper.errors import ApiError, bad_symbol
from counterseal.paper.market import Walk
from counterseal.paper.money import ZERO, cut8
from counterseal.paper.options import Options
from counterseal.paper.orders import Order, OrderStore, Trade
from counterseal.paper.positions import Position
from counterseal.paper.steps import Steps
from counterseal.paper.symbols import Listing, Symbol
from counterseal.paper.usdm_accounts import UsdmAccount

TAKER_FEE, MAKER_FEE = Decimal("0.0005"), Decimal("0.0002")
REDUCE_ONLY_REJECTED = "ReduceOnly Order is rejected."


class UsdmMarket:
    """All USD-M symbols and accounts.  Every method that changes something takes the time in ms."""

    def __init__(self, listing: Listing, options: Options) -> None:
        self.symbols = listing.usdm
        self._balances = {**listing.usdm_balances, **options.usdm_balances}
        self.accounts: dict[str, UsdmAccount] = {}
        self.walks = {name: Walk(options.seed, "usdm", symbol, options.volatility)
                      for name, symbol in self.symbols.items()}  # fmt: skip
        self.books = {name: Book(walk) for name, walk in self.walks.items()}
        self.most_orders = options.max_num_orders
        self.store = OrderStore(50_000_000 + options.seed % 1000 * 1000)
        self.algos = AlgoOrders(self)
        self.timers: dict[tuple[str, str], int] = {}  # countdownCancelAll: (account, symbol) to deadline
        self.steps = Steps(options.step_ms)
        self._ids = random.Random(f"{options.seed}:usdm")  # noqa: S311 - the seeded market, no secret
        self._trade_id = 2_000_000_000

    def symbol(self, name: str) -> Symbol:
        symbol = self.symbols.get(name)
        if symbol is None:
            raise bad_symbol()
        return symbol

    def account(self, name: str) -> UsdmAccount:
        if name not in self.accounts:
            self.accounts[name] = UsdmAccount(name, dict(self._balances))
        return self.accounts[name]

    def token(self, length: int) -> str:
        """Client ids and listen keys made by the exchange."""
        letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
        return "".join(self._ids.choices(letters, k=length))

    def mark(self, name: str, now_ms: int) -> Decimal:
        """Assumption: the mark price is the last price."""
        return self.walks[name].price_at(self.steps.at(now_ms))

    def shift(self, name: str, price: Decimal, now_ms: int) -> None:
        """Move a symbol's price at once, with all that follows (tests only)."""
        self.symbol(name)
        step = self.steps.at(now_ms)
        self.walks[name].shift_to(price, step)
        self._live(name, step)

    # checks

    def check(self, order: Order, now_ms: int, replaced: Order | None = None) -> None:
        """Everything that can refuse an order; `replaced` is the order that it modifies."""
        symbol = self.symbol(order.symbol)
        account = self.account(order.account)
        open_orders = [other for other in self.store.open_orders(account.name, symbol.name) if other is not replaced]
        mark = self.mark(symbol.name, now_ms)
        usdm_filters.check(symbol, order, mark, len(open_orders) < self.most_orders)
        if replaced is None and self.store.has_open_client(account.name, symbol.name, order.client_id):
            raise ApiError(-4116, "ClientOrderId is duplicated.")
        self._check_reducing(account, order)
        if not order.reduce_only:
            self._check_margin(account, symbol, order, open_orders, now_ms)
        if order.tif == "GTX":
            best = next(self.books[symbol.name].offers(order.side, self.steps.at(now_ms)), None)
            if best is not None and crosses(order.side, order.price, best.price):
                raise ApiError(-5022, "Due to the order could not be executed as maker, the Post Only order will be "
                               "rejected. The order will not be recorded in the order history")  # fmt: skip

    @staticmethod
    def _check_reducing(account: UsdmAccount, order: Order) -> None:
        closable = account.position(order.symbol, order.position_side).closable(order.side)
        if order.reduce_only and not closable:
            raise ApiError(-2022, REDUCE_ONLY_REJECTED)
        if is_hedge_close(order) and order.qty > closable:
            raise ApiError(-2022, REDUCE_ONLY_REJECTED)

    def _check_margin(
        self, account: UsdmAccount, symbol: Symbol, order: Order, open_orders: list[Order], now_ms: int
    ) -> None:
        position = account.position(symbol.name, order.position_side)
        mine = [other for other in open_orders if other.position_side == order.position_side]
        best = self.books[symbol.name].best(order.side, self.steps.at(now_ms))
        before = margin.side_margin(account, symbol, position, mine, best)
        after = margin.side_margin(account, symbol, position, [*mine, order], best)
        added = after.initial - before.initial
        if added <= 0:
            return
        fee = order.qty * (order.price or best) * TAKER_FEE
        if added + fee > self.available(account, now_ms):
            raise ApiError(-2019, "Margin is insufficient.")
        leverage = account.setting(symbol.name).leverage
        if after.initial * leverage > most_notional(symbol, leverage):
            raise ApiError(-2027, "Exceeded the maximum allowable position at current leverage.")

    def side_margins(self, account: UsdmAccount, now_ms: int) -> list[tuple[Position, margin.SymbolMargin]]:
        """Every position that is held or ordered, with its margins."""
        orders: dict[tuple[str, str], list[Order]] = {}
        for order in self.store.open_orders(account.name):
            orders.setdefault((order.symbol, order.position_side), []).append(order)
        keys = {(item.symbol, item.side) for item in account.held()} | set(orders)
        rows = []
        for name, side in sorted(keys):
            position = account.position(name, side)
            mark = self.mark(name, now_ms)
            found = margin.side_margin(account, self.symbols[name], position, orders.get((name, side), []), mark)
            rows.append((position, found))
        return rows

    def cross_profit(self, account: UsdmAccount, now_ms: int) -> Decimal:
        held = (item for item in account.held() if not account.setting(item.symbol).is_isolated)
        return sum((item.profit(self.mark(item.symbol, now_ms)) for item in held), ZERO)

    def available(self, account: UsdmAccount, now_ms: int) -> Decimal:
        """What new orders may use."""
        used = sum((found.initial for _, found in self.side_margins(account, now_ms)), ZERO)
        return max(ZERO, account.balance + self.cross_profit(account, now_ms) - used)

    # executing

    def place(self, order: Order, now_ms: int) -> list[Trade]:
        """Execute a checked order.  -5021 for a FOK that cannot fill; it leaves no record."""
        order.updated_ms = order.working_ms = now_ms
        plan = self._plan(order, now_ms)
        if order.tif == "FOK" and plan.qty < order.qty:
            raise ApiError(-5021, "Due to the order could not be filled immediately, the FOK order has been rejected. "
                           "The order will not be recorded in the order history")  # fmt: skip
        self.store.add(order)
        return self._execute(order, plan, now_ms)

    def modify(self, order: Order, price: Decimal, qty: Decimal, now_ms: int) -> None:
        """Give an open order a new price and quantity; it loses its place and may trade at once."""
        self.books[order.symbol].drop(order)
        order.price, order.qty, order.updated_ms = price, qty, now_ms
        if order.left <= 0:
            self.close(order, "CANCELED", now_ms)
            return
        self._execute(order, self._plan(order, now_ms), now_ms)

    def _plan(self, order: Order, now_ms: int) -> Plan:
        limit = None if order.type == "MARKET" else order.price
        want = order.left
        if order.reduce_only:
            position = self.account(order.account).position(order.symbol, order.position_side)
            want = min(want, position.closable(order.side))
        return self.books[order.symbol].plan(order, self.steps.at(now_ms), limit, want)

    def _execute(self, order: Order, plan: Plan, now_ms: int) -> list[Trade]:
        book = self.books[order.symbol]
        for maker in plan.prevented:
            self.close(maker, "EXPIRED_IN_MATCH", now_ms)
        trades = []
        for fill in plan.fills:
            book.take(order.side, fill)
            if fill.order is not None:
                self._fill(fill.order, fill, now_ms, is_maker=True)
            trades.append(self._fill(order, fill, now_ms, is_maker=False))
        if not order.is_open:
            return trades
        if plan.taker_prevented:
            self.close(order, "EXPIRED_IN_MATCH", now_ms)
        elif order.type == "MARKET" or order.tif in ("IOC", "FOK") or self._is_spent(order):
            self.close(order, "EXPIRED", now_ms)
        else:
            book.rest(order)
        return trades

    def _is_spent(self, order: Order) -> bool:
        """A reduce-only order that has nothing left to reduce."""
        position = self.account(order.account).position(order.symbol, order.position_side)
        return order.reduce_only and not position.closable(order.side)

    def _fill(self, order: Order, fill: Offer, now_ms: int, *, is_maker: bool) -> Trade:
        account = self.account(order.account)
        position = account.position(order.symbol, order.position_side)
        quote = fill.qty * fill.price
        before = abs(position.amount)
        realized = position.apply(fill.qty if order.side == "BUY" else -fill.qty, fill.price)
        position.updated_ms = order.updated_ms = now_ms
        setting = account.setting(order.symbol)
        if setting.is_isolated and abs(position.amount) > before:
            position.isolated_wallet += (abs(position.amount) - before) * fill.price / setting.leverage
        fee = cut8(quote * (MAKER_FEE if is_maker else TAKER_FEE))
        self._trade_id += 1
        account.earn("REALIZED_PNL", order.symbol, cut8(realized), now_ms, self._trade_id)
        account.earn("COMMISSION", order.symbol, -fee, now_ms, self._trade_id)
        order.filled += fill.qty
        order.spent += quote
        order.status = "PARTIALLY_FILLED"
        trade = Trade(self._trade_id, order, fill.price, fill.qty, quote, fee, "USDT", now_ms, is_maker, cut8(realized))
        self.store.add_trade(trade)
        if order.filled >= order.qty:
            self.close(order, "FILLED", now_ms)
        self._expire_spent(account, order.symbol, now_ms)
        return trade

    def _expire_spent(self, account: UsdmAccount, symbol: str, now_ms: int) -> None:
        """Resting reduce-only orders end with the position that they were to reduce."""
        for other in self.store.open_orders(account.name, symbol):
            if other.reduce_only and other.priority and self._is_spent(other):
                self.close(other, "EXPIRED", now_ms)

    def close(self, order: Order, status: str, now_ms: int) -> None:
        """End an open order."""
        order.status, order.updated_ms = status, now_ms
        self.books[order.symbol].drop(order)
        self.store.settle(order)

    def cancel_all(self, account: str, symbol: str, now_ms: int) -> list[Order]:
        found = self.store.open_orders(account, symbol)
        for order in found:
            self.close(order, "CANCELED", now_ms)
        return found

    # time

    def advance(self, now_ms: int) -> None:
        """Timers, then every step of the price since the last call."""
        for (account, symbol), deadline in list(self.timers.items()):
            if now_ms >= deadline:
                del self.timers[account, symbol]
                self.cancel_all(account, symbol, deadline)
        for step in self.steps.until(now_ms):
            for name in self.books:
                self._live(name, step)

    def _live(self, name: str, step: int) -> None:
        if not self.books[name].is_empty():
            self._meet_house(self.books[name], step)
        self.algos.advance(name, step)

    def _meet_house(self, book: Book, step: int) -> None:
        now_ms = self.steps.ms(step)
        for side in ("BUY", "SELL"):
            for order in list(book.resting(side)):
                if order.good_till_ms and now_ms >= order.good_till_ms:
                    self.close(order, "EXPIRED", now_ms)
                elif order.is_open and crosses(side, order.price, book.best(side, step)):
                    self._fill_resting(order, book, step)

    def _fill_resting(self, order: Order, book: Book, step: int) -> None:
        offered = (offer.qty for offer in book.house(order.side, step) if crosses(order.side, order.price, offer.price))
        want = min(order.left, sum(offered, ZERO))
        if order.reduce_only:
            position = self.account(order.account).position(order.symbol, order.position_side)
            want = min(want, position.closable(order.side))
        if want > 0:
            self._fill(order, Offer(order.price, want, None), self.steps.ms(step), is_maker=True)


def is_hedge_close(order: Order) -> bool:
    """In hedge mode selling a LONG or buying a SHORT closes; it cannot turn the position."""
    return (order.position_side, order.side) in (("LONG", "SELL"), ("SHORT", "BUY"))
