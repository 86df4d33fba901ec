"""Orders of both markets and the store that finds them by id and by client id."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from counterseal.paper.money import ZERO

OPEN = frozenset({"NEW", "PARTIALLY_FILLED", "PENDING_NEW"})


@dataclass(frozen=True, slots=True)
class Amendment:
    """One change of an open order: its new client id (spot), price and quantity before and after."""

    number: int
    client_id: str
    new_client_id: str
    price: tuple[Decimal, Decimal]
    qty: tuple[Decimal, Decimal]
    time_ms: int
    modify_id: int = 0


@dataclass(frozen=True, slots=True)
class Peg:
    """A price that follows the book: PRIMARY_PEG the own side's best, MARKET_PEG the other's, levels away."""

    kind: str
    levels: int


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
    is_paired: bool = False  # a leg of an OCO: the pair's money is held once
    hold_price: Decimal = ZERO  # what a trailing buy without any price holds per unit
    lock: Decimal = ZERO  # what of the account is still held for this order
    priority: int = 0
    strategy: dict[str, int] = field(default_factory=dict)
    amendments: list[Amendment] = field(default_factory=list)
    # spot only
    trailing_delta: int = 0  # basis points
    trailing_ms: int = -1  # since when the trail is active
    extreme: Decimal = ZERO  # of an active trail
    peg: Peg | None = None
    uses_sor: bool = False
    shown: Decimal = ZERO  # what of an iceberg stands in the book
    prevented_id: int = -1
    prevented_qty: Decimal = ZERO
    expiry_reason: str = ""
    # futures only
    position_side: str = "BOTH"
    reduce_only: bool = False
    close_position: bool = False
    good_till_ms: int = 0
    price_match: str = "NONE"
    modify_id: int = 0
    contract_size: Decimal = ZERO
    counted: Decimal = ZERO  # what the account's open exposure has for this order
    is_forced: bool = False  # liquidation or auto-deleveraging

    @property
    def left(self) -> Decimal:
        return self.qty - self.filled - self.prevented_qty

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def is_contingent(self) -> bool:
        """Waits for a stop price or a trail (spot)."""
        return self.type.startswith(("STOP_", "TAKE_"))

    @property
    def average(self) -> Decimal:
        """The mean price; `spent` is in coins for an inverse contract."""
        if not self.filled:
            return ZERO
        return self.filled * self.contract_size / self.spent if self.contract_size else self.spent / self.filled


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
    alloc_id: int = -1  # of an allocation by smart order routing, which is no trade of the symbol


@dataclass(frozen=True, slots=True)
class PreventedMatch:
    """Two orders of one account that self-trade prevention kept apart."""

    number: int
    taker: Order
    maker: Order
    price: Decimal
    qty: Decimal
    time_ms: int


class OrderStore:
    """Every order of one market; never forgets (the state lives in memory only)."""

    def __init__(self, first_id: int) -> None:
        self._next = first_id
        self.by_id: dict[tuple[str, int], Order] = {}
        self.by_client: dict[tuple[str, str, str], Order] = {}
        self.open: dict[str, dict[str, dict[int, Order]]] = {}  # by account, symbol, order id
        self.history: dict[tuple[str, str], list[Order]] = {}
        self.trades: dict[tuple[str, str], list[Trade]] = {}
        self.allocations: dict[tuple[str, str], list[Trade]] = {}
        self.prevented: dict[tuple[str, str], list[PreventedMatch]] = {}

    def next_id(self) -> int:
        self._next += 1
        return self._next

    def add(self, order: Order) -> None:
        self.by_id[order.symbol, order.order_id] = order
        self.by_client[order.account, order.symbol, order.client_id] = order
        self.history.setdefault((order.account, order.symbol), []).append(order)
        if order.is_open:
            self.open.setdefault(order.account, {}).setdefault(order.symbol, {})[order.order_id] = order

    def settle(self, order: Order) -> None:
        """Drop an order from the open ones once its status says that it is done."""
        if not order.is_open:
            self.open.get(order.account, {}).get(order.symbol, {}).pop(order.order_id, None)

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
        mine = self.open.get(account, {})
        if symbol is not None:
            return list(mine.get(symbol, {}).values())
        found = [order for orders in mine.values() for order in orders.values()]
        found.sort(key=lambda order: order.order_id)
        return found

    def open_count(self, account: str, symbol: str) -> int:
        return len(self.open.get(account, {}).get(symbol, ()))

    def renamed(self, order: Order, client_id: str) -> None:
        """An amendment gave an order another client id; the old one still finds it."""
        order.client_id = client_id
        self.by_client[order.account, order.symbol, client_id] = order

    def add_trade(self, trade: Trade) -> None:
        rows = self.trades if trade.alloc_id < 0 else self.allocations
        rows.setdefault((trade.order.account, trade.order.symbol), []).append(trade)
