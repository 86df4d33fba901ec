"""Conditional (algo) orders: kept apart from the book until the price triggers them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from counterseal.paper.errors import ApiError
from counterseal.paper.money import ZERO
from counterseal.paper.orders import Order
from counterseal.paper.price_match import matched_price

if TYPE_CHECKING:
    from counterseal.paper.futures_market import FuturesMarket

TYPES = ("STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET")
MOST_OPEN = 200
TRIGGER_PROTECT = Decimal("0.05")  # `triggerProtect` of exchangeInfo


@dataclass(slots=True, eq=False)
class AlgoOrder:
    """One conditional order; `actual` is what it became."""

    algo_id: int
    client_id: str
    account: str
    symbol: str
    side: str
    position_side: str
    type: str
    tif: str
    qty: Decimal
    price: Decimal
    trigger: Decimal
    created_ms: int
    working_type: str = "CONTRACT_PRICE"
    close_position: bool = False
    reduce_only: bool = False
    price_protect: bool = False
    stp: str = "EXPIRE_MAKER"
    activate: Decimal = ZERO
    callback: Decimal = ZERO
    price_match: str = "NONE"
    good_till_ms: int = 0
    extreme: Decimal = ZERO  # of a trailing stop, once it is active
    status: str = "NEW"
    updated_ms: int = 0
    triggered_ms: int = 0
    actual: Order | None = None

    @property
    def is_open(self) -> bool:
        return self.status == "NEW"

    def is_reached(self, last: Decimal) -> bool:
        """Whether the price triggers it; a trailing stop follows the price until it turns."""
        if self.type == "TRAILING_STOP_MARKET":
            return self._is_trail_reached(last)
        is_upward = self.type.startswith("STOP") == (self.side == "BUY")
        return last >= self.trigger if is_upward else last <= self.trigger

    def _is_trail_reached(self, last: Decimal) -> bool:
        is_buy = self.side == "BUY"
        if not self.extreme:
            if self.activate and not (last <= self.activate if is_buy else last >= self.activate):
                return False
            self.extreme = last
        self.extreme = min(self.extreme, last) if is_buy else max(self.extreme, last)
        turn = self.extreme * self.callback / 100
        return last >= self.extreme + turn if is_buy else last <= self.extreme - turn


class AlgoOrders:
    """Every conditional order of the USD-M market."""

    def __init__(self, market: FuturesMarket) -> None:
        self._market = market
        self.by_id: dict[int, AlgoOrder] = {}
        self._open: dict[str, list[AlgoOrder]] = {}
        self._next = 3_000_000

    def next_id(self) -> int:
        self._next += 1
        return self._next

    def place(self, algo: AlgoOrder, now_ms: int) -> None:
        """Keep a checked conditional order; -2021 when the price is there already."""
        mine = self.open(algo.account)
        if len(mine) >= MOST_OPEN:
            raise ApiError(-4045, "Reach max stop order limit.")
        if any(other.client_id == algo.client_id for other in mine):
            raise ApiError(-4116, "ClientOrderId is duplicated.")
        if algo.type != "TRAILING_STOP_MARKET" and algo.is_reached(self._working(algo, now_ms)):
            raise ApiError(-2021, "Order would immediately trigger.")
        algo.updated_ms = now_ms
        self.by_id[algo.algo_id] = algo
        self._open.setdefault(algo.symbol, []).append(algo)
        self._market.feed.algo(algo.account, algo, now_ms)

    def open(self, account: str, symbol: str | None = None) -> list[AlgoOrder]:
        found = (item for items in self._open.values() for item in items)
        return [item for item in found if item.account == account and symbol in (None, item.symbol)]

    def find(self, account: str, algo_id: int | None, client_id: str | None) -> AlgoOrder | None:
        if algo_id is not None:
            found = self.by_id.get(algo_id)
            return found if found is not None and found.account == account else None
        mine = (item for item in reversed(self.by_id.values()) if item.account == account)
        return next((item for item in mine if item.client_id == client_id), None)

    def end(self, algo: AlgoOrder, status: str, now_ms: int) -> None:
        algo.status, algo.updated_ms = status, now_ms
        self._open[algo.symbol].remove(algo)
        self._market.feed.algo(algo.account, algo, now_ms)

    def advance(self, symbol: str, step: int) -> None:
        """Trigger what the price of this step reaches."""
        waiting = self._open.get(symbol)
        if not waiting:
            return
        now_ms = self._market.steps.ms(step)
        for algo in list(waiting):
            if algo.good_till_ms and now_ms >= algo.good_till_ms:
                self.end(algo, "EXPIRED", now_ms)
            elif algo.is_open and algo.is_reached(self._working(algo, now_ms)) and self._is_trusted(algo, now_ms):
                self._trigger(algo, now_ms)

    def _working(self, algo: AlgoOrder, now_ms: int) -> Decimal:
        """The price that triggers: the last one, or the mark price."""
        price = self._market.mark if algo.working_type == "MARK_PRICE" else self._market.last
        return price(algo.symbol, now_ms)

    def _is_trusted(self, algo: AlgoOrder, now_ms: int) -> bool:
        """With `priceProtect` nothing triggers while last and mark price are too far apart."""
        mark, last = self._market.mark(algo.symbol, now_ms), self._market.last(algo.symbol, now_ms)
        return not algo.price_protect or abs(mark - last) <= mark * TRIGGER_PROTECT

    def _trigger(self, algo: AlgoOrder, now_ms: int) -> None:
        self.end(algo, "TRIGGERED", now_ms)
        algo.triggered_ms = now_ms
        position = self._market.account(algo.account).position(algo.symbol, algo.position_side)
        qty = position.closable(algo.side) if algo.close_position else algo.qty
        if not qty:
            algo.status = "EXPIRED"
            self._market.feed.algo(algo.account, algo, now_ms)
            return
        order = self._actual(algo, qty, now_ms)
        if algo.price_match != "NONE":
            order.price = matched_price(self._market, algo.symbol, algo.side, algo.price_match, now_ms)
        try:
            self._market.check(order, now_ms)
            self._market.place(order, now_ms)
        except ApiError as error:
            algo.status = "REJECTED"
            self._market.feed.algo(algo.account, algo, now_ms, error.msg)
            return
        algo.actual, algo.status = order, "FINISHED"
        self._market.feed.algo(algo.account, algo, now_ms)

    def _actual(self, algo: AlgoOrder, qty: Decimal, now_ms: int) -> Order:
        is_limit = algo.type in ("STOP", "TAKE_PROFIT")
        return Order(
            order_id=self._market.store.next_id(),
            client_id=algo.client_id,
            account=algo.account,
            symbol=algo.symbol,
            side=algo.side,
            type="LIMIT" if is_limit else "MARKET",
            tif=algo.tif if is_limit else "GTC",
            price=algo.price if is_limit else ZERO,
            qty=qty,
            created_ms=now_ms,
            stp=algo.stp,
            position_side=algo.position_side,
            reduce_only=algo.position_side == "BOTH" and (algo.reduce_only or algo.close_position),
        )
