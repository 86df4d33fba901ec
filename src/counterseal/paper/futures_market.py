"""The futures matching engine (USD-M, and COIN-M by its contract sizes): orders, positions, timers, time."""

from __future__ import annotations

import random
from collections.abc import Mapping
from decimal import Decimal
from heapq import heappop, heappush

from counterseal.paper import futures_checks
from counterseal.paper.account_margins import AccountMargins
from counterseal.paper.algo import AlgoOrders
from counterseal.paper.book import Book, Offer, Plan, crosses, expires_maker
from counterseal.paper.errors import ApiError, bad_symbol
from counterseal.paper.fee_burn import BNB, FUTURES_DISCOUNT, FeeBurn
from counterseal.paper.feed import Feed
from counterseal.paper.funding import Funding
from counterseal.paper.futures_accounts import FuturesAccount, PositionMode, Resting
from counterseal.paper.margin import order_notional
from counterseal.paper.market import Walk
from counterseal.paper.marks import Marks
from counterseal.paper.money import ZERO, cut8
from counterseal.paper.options import Options
from counterseal.paper.orders import Order, OrderStore, Trade
from counterseal.paper.rates import AssetRates
from counterseal.paper.risk import Risk
from counterseal.paper.steps import Steps
from counterseal.paper.streams_book import Keepers
from counterseal.paper.symbols import Listing, Symbol

TAKER_FEE, MAKER_FEE = Decimal("0.0005"), Decimal("0.0002")
FIRST_ID = {"usdm": 50_000_000, "coinm": 70_000_000}
FIRST_TRADE = {"usdm": 2_000_000_000, "coinm": 3_000_000_000}


class FuturesMarket:
    """All symbols and accounts of one futures market.  Every method that changes something takes the time in ms."""

    def __init__(
        self, listing: Listing, options: Options, family: str = "usdm", modes: dict[str, PositionMode] | None = None
    ) -> None:
        self.family = family
        self.symbols: Mapping[str, Symbol] = listing.usdm if family == "usdm" else listing.coinm
        self._balances = (
            {**listing.usdm_balances, **options.usdm_balances}
            if family == "usdm"
            else {**listing.coinm_balances, **options.coinm_balances}
        )
        self.modes = {} if modes is None else modes  # one mode for USD-M and COIN-M together
        self.accounts: dict[str, FuturesAccount] = {}
        self.exposed: set[str] = set()  # accounts that hold positions
        self.walks = {name: Walk(options.seed, family, symbol, options.volatility, options.jumps)
                      for name, symbol in self.symbols.items()}  # fmt: skip
        self.books = {name: Book(walk) for name, walk in self.walks.items()}
        self.most_orders = options.max_num_orders
        self.store = OrderStore(FIRST_ID[family] + options.seed % 1000 * 1000)
        self.feed = Feed()
        self.algos = AlgoOrders(self)
        self.timers: dict[tuple[str, str], int] = {}  # countdownCancelAll: (account, symbol) to deadline
        self.steps = Steps(options.step_ms)
        self.keepers = Keepers(self.books, self.steps)
        self.feed.listen(self.keepers)
        self.funding = Funding(self.walks, self.steps, options.funding_ms, options.funding_rate)
        self.marks = Marks(self.walks, self.steps, self.funding, options.index_ms, options.basis_ms)
        self._burn = FeeBurn(self.symbols, self.last, FUTURES_DISCOUNT)
        self.rates = AssetRates(self.index, frozenset(self.symbols))
        self.margins = AccountMargins(self)
        self.risk = Risk(self, options.insurance_fund, options.margin_call_ratio)
        self._expiring: list[tuple[int, int, Order]] = []  # good-till-date orders
        self._lived_ms = -1
        self._ids = random.Random(f"{options.seed}:{family}")  # noqa: S311 - the seeded market, no secret
        self._trade_id = FIRST_TRADE[family]

    def symbol(self, name: str) -> Symbol:
        symbol = self.symbols.get(name)
        if symbol is None:
            raise bad_symbol()
        return symbol

    def account(self, name: str) -> FuturesAccount:
        found = self.accounts.get(name)
        if found is None:
            mode = self.modes.setdefault(name, PositionMode())
            found = self.accounts[name] = FuturesAccount(name, dict(self._balances), mode, self.symbols)
        return found

    def token(self, length: int) -> str:
        """Client ids and listen keys made by the exchange."""
        letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
        return "".join(self._ids.choices(letters, k=length))

    def last(self, name: str, now_ms: int) -> Decimal:
        """The last price."""
        return self.walks[name].price_at(self.steps.at(now_ms))

    def mark(self, name: str, now_ms: int) -> Decimal:
        """The mark price, which margin and liquidation are reckoned with."""
        return self.marks.mark(name, now_ms)

    def index(self, name: str, now_ms: int) -> Decimal:
        return self.marks.index(name, now_ms)

    def shift(self, name: str, price: Decimal, now_ms: int) -> None:
        """Move a symbol's price at once, with all that follows (tests only)."""
        self.symbol(name)
        step = self.steps.at(now_ms)
        self.walks[name].shift_to(price, step)
        self._live(name, step)
        self.risk.review(now_ms)

    def check(self, order: Order, now_ms: int, replaced: Order | None = None) -> None:
        """Everything that can refuse an order; `replaced` is the order that it modifies."""
        futures_checks.check(self, order, now_ms, replaced)

    # executing

    def place(self, order: Order, now_ms: int) -> list[Trade]:
        """Execute a checked order.  -5021 for a FOK that cannot fill; it leaves no record."""
        order.updated_ms = order.working_ms = now_ms
        order.contract_size = self.symbols[order.symbol].contract_size
        plan = self._plan(order, now_ms)
        if order.tif == "FOK" and plan.qty < order.qty:
            raise ApiError(-5021, "Due to the order could not be filled immediately, the FOK order has been rejected. "
                           "The order will not be recorded in the order history")  # fmt: skip
        self.store.add(order)
        if order.good_till_ms:
            heappush(self._expiring, (order.good_till_ms, order.order_id, order))
        self.feed.order("NEW", order, now_ms)
        return self._execute(order, plan, now_ms)

    def modify(self, order: Order, price: Decimal, qty: Decimal, now_ms: int) -> None:
        """Give an open order a new price and quantity; it loses its place and may trade at once."""
        self.books[order.symbol].drop(order)
        order.price, order.qty, order.updated_ms = price, qty, now_ms
        if order.left <= 0:
            self.close(order, "CANCELED", now_ms)
            return
        self.feed.order("AMENDMENT", order, now_ms)
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
        if expires_maker(order):
            for offer in plan.prevented:
                if offer.order is not None and offer.order.is_open:
                    self.close(offer.order, "EXPIRED_IN_MATCH", now_ms)
        trades = [self._meet(order, fill, now_ms) for fill in plan.fills]
        if not order.is_open:
            return trades
        if plan.taker_prevented:
            self.close(order, "EXPIRED_IN_MATCH", now_ms)
        elif order.type == "MARKET" or order.tif in ("IOC", "FOK") or self._is_spent(order):
            self.close(order, "EXPIRED", now_ms)
        else:
            book.rest(order)
            self._recount(order)
        return trades

    def _meet(self, order: Order, fill: Offer, now_ms: int) -> Trade:
        """A taker takes one offer; when a caller made it, that one is filled first."""
        self.books[order.symbol].take(order.side, fill)
        if fill.order is not None:
            self._fill(fill.order, fill, now_ms, is_maker=True)
        return self._fill(order, fill, now_ms, is_maker=False)

    def _is_spent(self, order: Order) -> bool:
        """A reduce-only order that has nothing left to reduce."""
        position = self.account(order.account).position(order.symbol, order.position_side)
        return order.reduce_only and not position.closable(order.side)

    def _recount(self, order: Order) -> None:
        """Keep what the account's open orders may still add, so that no order has to look at all the others."""
        resting = self.account(order.account).resting.setdefault((order.symbol, order.position_side), Resting())
        worth = ZERO
        if order.is_open and order.priority:
            worth = order_notional(self.symbols[order.symbol], order, order.price)
        resting.count += bool(worth) - bool(order.counted)
        if order.side == "BUY":
            resting.bids += worth - order.counted
        else:
            resting.asks += worth - order.counted
        order.counted = worth

    def _fill(self, order: Order, fill: Offer, now_ms: int, *, is_maker: bool) -> Trade:
        account, symbol = self.account(order.account), self.symbols[order.symbol]
        position = account.position(order.symbol, order.position_side)
        worth = symbol.worth(fill.qty, fill.price)
        before = abs(position.amount)
        realized = cut8(position.apply(fill.qty if order.side == "BUY" else -fill.qty, fill.price))
        position.updated_ms = order.updated_ms = now_ms
        setting = account.setting(order.symbol)
        if setting.is_isolated and abs(position.amount) > before:
            added = symbol.worth(abs(position.amount) - before, fill.price)
            position.isolated_wallet += added / setting.leverage
        fee, asset = self._fee(order, worth, now_ms, is_maker=is_maker)
        self._trade_id += 1
        account.earn("REALIZED_PNL", order.symbol, realized, now_ms, self._trade_id, symbol.margin_asset)
        account.earn("COMMISSION", order.symbol, -fee, now_ms, self._trade_id, asset)
        order.filled += fill.qty
        order.spent += worth
        order.status = "PARTIALLY_FILLED"
        trade = Trade(self._trade_id, order, fill.price, fill.qty, worth, fee, asset, now_ms, is_maker, realized)
        self.store.add_trade(trade)
        self._note_exposure(account, bool(position.amount))
        if order.filled >= order.qty:
            self.close(order, "FILLED", now_ms)
        elif order.counted:
            self._recount(order)
        self.feed.order("CALCULATED" if order.is_forced else "TRADE", order, now_ms, trade)
        self._expire_spent(account, order.symbol, now_ms)
        return trade

    def _fee(self, order: Order, worth: Decimal, now_ms: int, *, is_maker: bool) -> tuple[Decimal, str]:
        """The commission and its asset: the margin asset, or BNB for who wants that and has enough."""
        asset, account = self.symbols[order.symbol].margin_asset, self.account(order.account)
        if order.is_forced:
            return ZERO, asset
        fee = cut8(worth * (MAKER_FEE if is_maker else TAKER_FEE))
        burnt = self._burn.amount(asset, fee, now_ms) if account.is_burning_fees else None
        if burnt is None or account.wallet.get(BNB, ZERO) < burnt:
            return fee, asset
        return burnt, BNB

    def _note_exposure(self, account: FuturesAccount, is_held: bool) -> None:
        if is_held:
            self.exposed.add(account.name)
        elif not account.held():
            self.exposed.discard(account.name)

    def force(self, order: Order, fill: Offer, now_ms: int) -> Trade:
        """One execution of a liquidation or a deleveraging, outside the book."""
        return self._fill(order, fill, now_ms, is_maker=False)

    def force_against(self, order: Order, fill: Offer, now_ms: int) -> Trade:
        """One execution of a liquidation against the book."""
        return self._meet(order, fill, now_ms)

    def _expire_spent(self, account: FuturesAccount, symbol: str, now_ms: int) -> None:
        """Resting reduce-only orders end with the position that they were to reduce."""
        for other in self.store.open_orders(account.name, symbol):
            if other.reduce_only and other.priority and self._is_spent(other):
                self.close(other, "EXPIRED", now_ms)

    def close(self, order: Order, status: str, now_ms: int) -> None:
        """End an open order."""
        order.status, order.updated_ms = status, now_ms
        self.books[order.symbol].drop(order)
        self.store.settle(order)
        if order.counted:
            self._recount(order)
        self.feed.ended(order, now_ms)

    def cancel_all(self, account: str, symbol: str, now_ms: int) -> list[Order]:
        found = self.store.open_orders(account, symbol)
        for order in found:
            self.close(order, "CANCELED", now_ms)
        return found

    def deposit(self, account: str, asset: str, amount: Decimal, now_ms: int) -> Decimal:
        """Money comes to a wallet, or goes with a negative amount; the wallet then.  ValueError below zero."""
        found = self.account(account)
        if found.wallet.get(asset, ZERO) + amount < 0:
            raise ValueError(f"{account} has no {-amount} {asset}")
        found.earn("TRANSFER", "", amount, now_ms, 0, asset)
        self.feed.balance(account, asset, amount, now_ms, "DEPOSIT" if amount > 0 else "WITHDRAW")
        return found.wallet[asset]

    # time

    def advance(self, now_ms: int) -> None:
        """Timers, then every step of the price since the last call, each with its funding and liquidations."""
        for (account, symbol), deadline in list(self.timers.items()):
            if now_ms >= deadline:
                del self.timers[account, symbol]
                self.cancel_all(account, symbol, deadline)
        for step in self.steps.until(now_ms):
            self._expire(self.steps.ms(step))
            for name in self.books:
                self._live(name, step)
            self._settle(self.steps.ms(step))

    def _expire(self, now_ms: int) -> None:
        while self._expiring and self._expiring[0][0] <= now_ms:
            _, _, order = heappop(self._expiring)
            if order.is_open:
                self.close(order, "EXPIRED", now_ms)

    def _settle(self, now_ms: int) -> None:
        """Pay the funding that has come due, then look at everybody's margin."""
        after, self._lived_ms = self._lived_ms, now_ms
        if not self.exposed:
            return
        if after >= 0:
            for due_ms in self.funding.due(after, now_ms):
                self._pay_funding(due_ms)
        self.risk.review(now_ms)

    def _pay_funding(self, now_ms: int) -> None:
        """Longs pay shorts when the rate is positive."""
        for name in sorted(self.exposed):
            account = self.accounts[name]
            for position in account.held():
                symbol = self.symbols[position.symbol]
                rate = self.funding.settled(symbol.name, now_ms)
                paid = cut8(position.notional(self.mark(symbol.name, now_ms)) * rate)
                account.earn("FUNDING_FEE", symbol.name, -paid, now_ms, 0, symbol.margin_asset)
                if account.setting(symbol.name).is_isolated:
                    position.isolated_wallet -= paid
                self.feed.balance(name, symbol.margin_asset, -paid, now_ms, "FUNDING_FEE", symbol.name)

    def _live(self, name: str, step: int) -> None:
        if not self.books[name].is_empty():
            self._meet_house(self.books[name], step)
        self.algos.advance(name, step)

    def _meet_house(self, book: Book, step: int) -> None:
        for side in ("BUY", "SELL"):
            for order in list(book.resting(side)):
                if not crosses(side, order.price, book.best(side, step)):
                    break
                if order.is_open:
                    self._fill_resting(order, book, step)

    def _fill_resting(self, order: Order, book: Book, step: int) -> None:
        offered = (offer.qty for offer in book.house(order.side, step) if crosses(order.side, order.price, offer.price))
        want = min(order.left, sum(offered, ZERO))
        if order.reduce_only:
            position = self.account(order.account).position(order.symbol, order.position_side)
            want = min(want, position.closable(order.side))
        if want > 0:
            self._fill(order, Offer(order.price, want, None), self.steps.ms(step), is_maker=True)
