"""User data of futures accounts: orders, fills, wallet and positions, conditional orders, configuration."""

from __future__ import annotations

from collections.abc import Callable

from counterseal.paper import user_payloads_futures as payloads
from counterseal.paper.algo import AlgoOrder
from counterseal.paper.errors import Json
from counterseal.paper.feed import (
    AlgoEvent,
    BalanceEvent,
    ConfigEvent,
    Event,
    MarginCallEvent,
    OrderEvent,
    PositionEvent,
)
from counterseal.paper.futures_market import FuturesMarket
from counterseal.paper.money import ZERO

Push = Callable[[Json], None]


class FuturesUserData:
    """A listener of one futures market's feed that pushes to the accounts' subscribers.

    A fill is told as TRADE_LITE (USD-M only), then ACCOUNT_UPDATE, then ORDER_TRADE_UPDATE.
    """

    def __init__(self, market: FuturesMarket) -> None:
        self._market = market
        self._subscribers: dict[str, list[Push]] = {}
        self._pending: list[tuple[str, Json]] = []

    def subscribe(self, account: str, push: Push) -> Callable[[], None]:
        """Begin to push an account's events; the result ends it."""
        self._subscribers.setdefault(account, []).append(push)

        def end() -> None:
            self._subscribers[account].remove(push)

        return end

    def take(self, event: Event) -> None:
        if isinstance(event, OrderEvent):
            self._on_order(event)
        elif isinstance(event, BalanceEvent):
            self._on_balance(event)
        elif isinstance(event, PositionEvent):
            self._on_position(event)
        elif isinstance(event, ConfigEvent):
            self._tell(event.account, lambda: self._config(event))
        elif isinstance(event, AlgoEvent) and isinstance(event.algo, AlgoOrder):
            algo = event.algo
            symbol = self._market.symbols[algo.symbol]
            self._tell(event.account, lambda: payloads.algo_update(symbol, algo, event.now_ms, event.reason))
        elif isinstance(event, MarginCallEvent):
            self._tell(event.account, lambda: payloads.margin_call(self._market, event))

    def flush(self, now_ms: int) -> None:
        """Push what happened, in its order."""
        pending, self._pending = self._pending, []
        for account, payload in pending:
            for push in list(self._subscribers.get(account, ())):
                push(payload)

    def _tell(self, account: str, make: Callable[[], Json]) -> None:
        """Make a payload now, while what it shows is as it is, if anybody will hear it."""
        if self._subscribers.get(account):
            self._pending.append((account, make()))

    def _on_order(self, event: OrderEvent) -> None:
        order, trade = event.order, event.trade
        if event.kind == "FILLED":
            return  # the last TRADE said so
        if trade is not None:
            if self._market.family == "usdm":
                self._tell(order.account, lambda: payloads.trade_lite(self._market.symbols[order.symbol], event))
            self._tell(order.account, lambda: self._touched(order.account, "ORDER", event.now_ms, order.symbol,
                                                            order.position_side, trade.fee_asset))  # fmt: skip
        self._tell(order.account, lambda: payloads.order_update(self._market, event))

    def _touched(self, account: str, reason: str, now_ms: int, symbol: str, side: str, fee_asset: str = "") -> Json:
        """The position with its margin asset, and the asset of a commission where that is another one."""
        moved = dict.fromkeys((self._market.symbols[symbol].margin_asset, fee_asset), ZERO)
        moved.pop("", None)
        return payloads.account_update(self._market, account, reason, now_ms, [(symbol, side)], moved)

    def _on_balance(self, event: BalanceEvent) -> None:
        account = self._market.account(event.account)
        isolated = [
            (item.symbol, item.side)
            for item in account.held(event.symbol or None)
            if event.symbol and account.setting(item.symbol).is_isolated
        ]

        def make() -> Json:
            shown = payloads.account_update(self._market, event.account, event.reason, event.now_ms,
                                            isolated, {event.asset: event.delta})  # fmt: skip
            if event.reason == "FUNDING_FEE" and isinstance(shown["a"], dict):
                shown["a"]["S"] = event.symbol
            return shown

        self._tell(event.account, make)

    def _on_position(self, event: PositionEvent) -> None:
        self._tell(event.account, lambda: self._touched(event.account, event.reason, event.now_ms, event.symbol,
                                                        event.side))  # fmt: skip

    def _config(self, event: ConfigEvent) -> Json:
        account = self._market.account(event.account)
        head: Json = {"e": "ACCOUNT_CONFIG_UPDATE", "E": event.now_ms, "T": event.now_ms}
        if event.symbol is None:
            return head | {"ai": {"j": account.is_multi_assets}}
        return head | {"ac": {"s": event.symbol, "l": account.setting(event.symbol).leverage}}
