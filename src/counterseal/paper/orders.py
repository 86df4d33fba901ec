"""Orders of both markets and the store that finds them by id and by client id."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from counterseal.paper.money import ZERO

OPEN = frozenset({"NEW", "PARTIALLY_FILLED", "PENDING_NEW"})


@dataclass(slots=True, eq=False)
class Order:
    """One order.  Amounts in base units, prices in quote units, times in ms."""

    order_id: int
    client_id: str
    account: str
    symbol: str
    side: str
    type: str
    tif: str
    price: Decimal
    qty: Decimal
    created_ms: int
    quote_qty: Decimal = ZERO  # MARKET by quote amount
    stop_price: Decimal = ZERO
    iceberg_qty: Decimal = ZERO
    filled: Decimal = ZERO
    spent: Decimal = ZERO
    status: str = "NEW"
    updated_ms: int = 0
    working_ms: int = -1  # -1 while a stop has not triggered
    stp: str = "EXPIRE_MAKER"
    list_id: int = -1
    lock: Decimal = ZERO  # what of the account is still held for this order
    priority: int = 0
    strategy: dict[str, int] = field(default_factory=dict)
    # USD-M only
    position_side: str = "BOTH"
    reduce_only: bool = False
    close_position: bool = False
    good_till_ms: int = 0
    price_match: str = "NONE"
    modify_id: int = 0

    @property
    def left(self) -> Decimal:
        return self.qty - self.filled

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def is_stop(self) -> bool:
        return self.stop_price != ZERO

    @property
    def average(self) -> Decimal:
        return self.spent / self.filled if self.filled else ZERO


@dataclass(frozen=True, slots=True)
class Trade:
    """One execution as its owner sees it."""

    trade_id: int
    order: Order
    price: Decimal
    qty: Decimal
    quote: Decimal
    fee: Decimal
    fee_asset: str
    time_ms: int
    is_maker: bool
    pnl: Decimal = ZERO


class OrderStore:
    """Every order of one market; never forgets (the state lives in memory only)."""

    def __init__(self, first_id: int) -> None:
        self._next = first_id
        self.by_id: dict[tuple[str, int], Order] = {}
        self.by_client: dict[tuple[str, str, str], Order] = {}
        self.open: dict[str, dict[int, Order]] = {}
        self.history: dict[tuple[str, str], list[Order]] = {}
        self.trades: dict[tuple[str, str], list[Trade]] = {}

    def next_id(self) -> int:
        self._next += 1
        return self._next

    def add(self, order: Order) -> None:
        self.by_id[order.symbol, order.order_id] = order
        self.by_client[order.account, order.symbol, order.client_id] = order
        self.history.setdefault((order.account, order.symbol), []).append(order)
        if order.is_open:
            self.open.setdefault(order.account, {})[order.order_id] = order

    def settle(self, order: Order) -> None:
        """Drop an order from the open ones once its status says that it is done."""
        if not order.is_open:
            self.open.get(order.account, {}).pop(order.order_id, None)

    def has_open_client(self, account: str, symbol: str, client_id: str) -> bool:
        order = self.by_client.get((account, symbol, client_id))
        return order is not None and order.is_open

    def find(self, account: str, symbol: str, order_id: int | None, client_id: str | None) -> Order | None:
        """By order id (then the client id must agree when both are given), else by client id."""
        if order_id is None:
            return self.by_client.get((account, symbol, client_id or ""))
        order = self.by_id.get((symbol, order_id))
        if order is None or order.account != account:
            return None
        return None if client_id is not None and order.client_id != client_id else order

    def open_orders(self, account: str, symbol: str | None = None) -> list[Order]:
        mine = self.open.get(account, {}).values()
        return [order for order in mine if symbol is None or order.symbol == symbol]

    def add_trade(self, trade: Trade) -> None:
        self.trades.setdefault((trade.order.account, trade.order.symbol), []).append(trade)
