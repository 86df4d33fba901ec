"""User data of spot accounts: execution reports, balances and order lists, in the order of the exchange."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from counterseal.paper import spot_replies
from counterseal.paper.errors import Json
from counterseal.paper.feed import BalanceEvent, CancelNamed, Event, ListEvent, OrderEvent
from counterseal.paper.money import ZERO, fixed8
from counterseal.paper.orders import Order
from counterseal.paper.spot_market import SpotMarket

Push = Callable[[Json], None]


@dataclass(slots=True)
class Outbox:
    """What one transaction did to one account."""

    reports: list[Json] = field(default_factory=list)
    lists: list[Json] = field(default_factory=list)
    assets: dict[str, None] = field(default_factory=dict)


class SpotUserData:
    """A listener of the spot market's feed that pushes to the accounts' subscribers."""

    def __init__(self, market: SpotMarket) -> None:
        self._market = market
        self._subscribers: dict[str, list[Push]] = {}
        self._outboxes: dict[str, Outbox] = {}
        self._execution_id = 1_000_000

    def subscribe(self, account: str, push: Push) -> Callable[[], None]:
        """Begin to push an account's events; the result ends it."""
        self._subscribers.setdefault(account, []).append(push)

        def end() -> None:
            self._subscribers[account].remove(push)

        return end

    def _box(self, account: str) -> Outbox | None:
        if not self._subscribers.get(account):
            return None
        return self._outboxes.setdefault(account, Outbox())

    # listening

    def take(self, event: Event) -> None:
        if isinstance(event, OrderEvent):
            self._execution_id += 1
            self._on_order(event)
        elif isinstance(event, CancelNamed):
            self._on_cancel_named(event)
        elif isinstance(event, ListEvent):
            box = self._box(event.account)
            if box is not None:
                box.lists.append(list_status(event))
        elif isinstance(event, BalanceEvent):
            self._on_balance(event)

    def _on_order(self, event: OrderEvent) -> None:
        order = event.order
        box = self._box(order.account)
        if box is None:
            return
        if event.kind == "FILLED":
            _mark_filled(box.reports, order)
            return
        box.reports.append(execution_report(event, self._execution_id))
        symbol = self._market.symbols[order.symbol]
        box.assets.update(dict.fromkeys((symbol.base, symbol.quote)))
        if event.trade is not None:
            box.assets[event.trade.fee_asset] = None

    def _on_cancel_named(self, event: CancelNamed) -> None:
        for order in event.orders:
            box = self._box(order.account)
            for report in reversed(box.reports if box is not None else []):
                if report["i"] == order.order_id and report["x"] in ("CANCELED", "REPLACED"):
                    report["C"], report["c"] = order.client_id, event.cancel_id
                    break

    def _on_balance(self, event: BalanceEvent) -> None:
        box = self._box(event.account)
        if box is not None:
            box.reports.append({"e": "balanceUpdate", "E": event.now_ms, "a": event.asset, "d": fixed8(event.delta),
                                "T": event.now_ms})  # fmt: skip
            box.assets[event.asset] = None

    def flush(self, now_ms: int) -> None:
        """Reports, then lists, then the balances that may have changed."""
        if not self._outboxes:
            return
        outboxes, self._outboxes = self._outboxes, {}
        for account, box in outboxes.items():
            payloads = [*box.reports, *box.lists]
            if box.assets:
                payloads.append(self._position(account, list(box.assets), now_ms))
            for push in list(self._subscribers.get(account, ())):
                for payload in payloads:
                    push(payload)

    def _position(self, account: str, assets: list[str], now_ms: int) -> Json:
        wallet = self._market.wallets.of(account)
        rows = [
            {"a": asset, "f": fixed8(wallet.free.get(asset, ZERO)), "l": fixed8(wallet.locked.get(asset, ZERO))}
            for asset in assets
        ]
        return {"e": "outboundAccountPosition", "E": now_ms, "u": now_ms, "B": rows}


def _mark_filled(reports: list[Json], order: Order) -> None:
    """An order by quote amount is complete when its last fill is: that fill says so."""
    if not order.quote_qty:
        return
    for report in reversed(reports):
        if report["i"] == order.order_id and report["x"] == "TRADE":
            report["X"] = order.status
            return


def execution_report(event: OrderEvent, execution_id: int) -> Json:
    """`executionReport`.  Fields that some orders do not have are left out, as the exchange does."""
    order, trade = event.order, event.trade
    report: Json = {
        "e": "executionReport", "E": event.now_ms, "s": order.symbol, "c": order.client_id, "S": order.side,
        "o": order.type, "f": order.tif, "q": fixed8(order.qty), "p": fixed8(order.price),
        "P": fixed8(order.stop_price), "F": fixed8(order.iceberg_qty), "g": order.list_id, "C": _previous_id(event),
        "x": event.kind, "X": order.status, "r": event.reason or "NONE", "i": order.order_id,
        "l": fixed8(trade.qty if trade else ZERO), "z": fixed8(order.filled),
        "L": fixed8(trade.price if trade else ZERO), "n": fixed8(trade.fee) if trade else "0",
        "N": trade.fee_asset if trade else None, "T": event.now_ms, "t": trade.trade_id if trade else -1,
        "I": execution_id, "w": _is_on_book(order), "m": trade.is_maker if trade else False, "M": trade is not None,
        "O": order.created_ms, "Z": fixed8(order.spent), "Y": fixed8(trade.quote if trade else ZERO),
        "Q": fixed8(order.quote_qty), "V": order.stp,
    }  # fmt: skip
    return report | _conditional(event)


def _previous_id(event: OrderEvent) -> str:
    """The id that an amended order had before; a cancel's is filled in when it is known."""
    amendments = event.order.amendments
    return amendments[-1].client_id if event.kind == "REPLACED" and amendments else ""


def _is_on_book(order: Order) -> bool:
    return order.is_open and order.working_ms >= 0 and order.type != "MARKET"


def _conditional(event: OrderEvent) -> Json:
    order = event.order
    fields: Json = {}
    if order.working_ms >= 0:
        fields["W"] = order.working_ms
    for name, short in (("strategyId", "j"), ("strategyType", "J")):
        if name in order.strategy:
            fields[short] = order.strategy[name]
    if order.trailing_delta:
        fields |= {"d": order.trailing_delta, "D": order.trailing_ms}
    if order.prevented_id >= 0:
        fields |= {"v": order.prevented_id, "A": fixed8(order.prevented_qty)}
    if order.uses_sor:
        fields |= {"uS": True, "k": "SOR" if order.status == "FILLED" else "EXCHANGE"}
    if order.peg is not None:
        fields |= {"gP": order.peg.kind, "gOT": "PRICE_LEVEL", "gOV": order.peg.levels, "gp": fixed8(order.price)}
    if event.trade is not None and event.trade.alloc_id >= 0:
        fields |= {"b": "ONE_PARTY_TRADE_REPORT", "a": event.trade.alloc_id}
    if event.kind == "EXPIRED" and order.expiry_reason:
        fields["eR"] = order.expiry_reason
    return fields


def list_status(event: ListEvent) -> Json:
    """`listStatus`, from the list as the REST replies show it."""
    item: Any = event.item
    shown = spot_replies.order_list(item)
    orders: Any = shown["orders"]
    return {
        "e": "listStatus", "E": event.now_ms, "s": shown["symbol"], "g": shown["orderListId"],
        "c": shown["contingencyType"], "l": shown["listStatusType"], "L": shown["listOrderStatus"], "r": "NONE",
        "C": shown["listClientOrderId"], "T": event.now_ms,
        "O": [{"s": row["symbol"], "i": row["orderId"], "c": row["clientOrderId"]} for row in orders],
    }  # fmt: skip
