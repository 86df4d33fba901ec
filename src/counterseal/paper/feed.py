"""What happens to accounts, told while it happens: markets publish here, user data streams listen.

A market calls one of the verbs below at the place where an order, a fill, a balance or a setting changes.
Nobody listening costs a call and an empty loop.  Listeners must read what they need at once (orders are
mutable) and may keep it until `flush`, which ends one transaction: a request, or one step of the market.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from counterseal.paper.money import ZERO
from counterseal.paper.orders import Order, Trade


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """An order's execution report.

    `kind` is the exchange's execution type: NEW, TRADE, CANCELED, EXPIRED, TRADE_PREVENTION, REPLACED,
    AMENDMENT or CALCULATED.  `trade` is given with TRADE and CALCULATED.
    """

    kind: str
    order: Order
    now_ms: int
    trade: Trade | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CancelNamed:
    """The cancel that ended orders had a client id of its own."""

    orders: tuple[Order, ...]
    cancel_id: str


@dataclass(frozen=True, slots=True)
class ListEvent:
    """An order list was made, or is done.  `item` is an `OrderList` of the spot market."""

    account: str
    item: object
    now_ms: int


@dataclass(frozen=True, slots=True)
class BalanceEvent:
    """Money came or went that no trade explains.  `reason` is ACCOUNT_UPDATE's, ignored on spot."""

    account: str
    asset: str
    delta: Decimal
    now_ms: int
    reason: str = "DEPOSIT"
    symbol: str = ""


@dataclass(frozen=True, slots=True)
class AlgoEvent:
    """A conditional order changed its status; `algo` is an `AlgoOrder`, `reason` why it was refused."""

    account: str
    algo: object
    now_ms: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ConfigEvent:
    """Leverage of a symbol, or (without one) multi-assets mode, was changed."""

    account: str
    symbol: str | None
    now_ms: int


@dataclass(frozen=True, slots=True)
class PositionEvent:
    """A position's margin changed without a trade (transfer to or from isolated margin)."""

    account: str
    symbol: str
    side: str
    reason: str
    now_ms: int


@dataclass(frozen=True, slots=True)
class MarginCallEvent:
    """Positions (symbol, side) whose margin ratio has become dangerous."""

    account: str
    positions: tuple[tuple[str, str], ...]
    now_ms: int


Event = OrderEvent | CancelNamed | ListEvent | BalanceEvent | AlgoEvent | ConfigEvent | PositionEvent | MarginCallEvent


class Listener(Protocol):
    """Who takes events and, at the end of a transaction, is told to pass them on."""

    def take(self, event: Event) -> None: ...

    def flush(self, now_ms: int) -> None: ...


class Feed:
    """The events of one market, in the order in which they happen."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """Tell this listener everything from now on."""
        self._listeners.append(listener)

    def publish(self, event: Event) -> None:
        for listener in self._listeners:
            listener.take(event)

    def flush(self, now_ms: int) -> None:
        """The transaction is over."""
        for listener in self._listeners:
            listener.flush(now_ms)

    # verbs, so that a market needs one line

    def order(self, kind: str, order: Order, now_ms: int, trade: Trade | None = None) -> None:
        """NEW, TRADE, AMENDMENT and the like."""
        if self._listeners:
            self.publish(OrderEvent(kind, order, now_ms, trade))

    def ended(self, order: Order, now_ms: int) -> None:
        """An order has got its last status; a filled one was told by its TRADE."""
        if self._listeners:
            kind = {"EXPIRED_IN_MATCH": "TRADE_PREVENTION"}.get(order.status, order.status)
            self.publish(OrderEvent(kind, order, now_ms))

    def cancel_named(self, orders: list[Order], cancel_id: str) -> None:
        if self._listeners:
            self.publish(CancelNamed(tuple(orders), cancel_id))

    def listed(self, account: str, item: object, now_ms: int) -> None:
        if self._listeners:
            self.publish(ListEvent(account, item, now_ms))

    def algo(self, account: str, item: object, now_ms: int, reason: str = "") -> None:
        if self._listeners:
            self.publish(AlgoEvent(account, item, now_ms, reason))

    def balance(
        self, account: str, asset: str, delta: Decimal, now_ms: int, reason: str = "DEPOSIT", symbol: str = ""
    ) -> None:
        if self._listeners and delta != ZERO:
            self.publish(BalanceEvent(account, asset, delta, now_ms, reason, symbol))

    def config(self, account: str, symbol: str | None, now_ms: int) -> None:
        if self._listeners:
            self.publish(ConfigEvent(account, symbol, now_ms))

    def position(self, account: str, symbol: str, side: str, reason: str, now_ms: int) -> None:
        if self._listeners:
            self.publish(PositionEvent(account, symbol, side, reason, now_ms))

    def margin_call(self, account: str, positions: list[tuple[str, str]], now_ms: int) -> None:
        if self._listeners:
            self.publish(MarginCallEvent(account, tuple(positions), now_ms))
