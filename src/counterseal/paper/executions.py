"""What the markets execute, for the journal and for who watches: fills and ends of orders, by the feeds."""

from __future__ import annotations

from collections import Counter, deque

from counterseal.paper.feed import Event, MarginCallEvent, OrderEvent
from counterseal.paper.money import plain

MOST_REMEMBERED = 50
FORCED = ("autoclose-", "adl_autoclose", "settlement_autoclose-")  # client ids of orders that the exchange places


class Executions:
    """Listens to one market's feed.  `drain` gives what has happened since it was asked last."""

    def __init__(self, market: str) -> None:
        self.market = market
        self._rows: list[dict[str, object]] = []
        self.forced: deque[dict[str, object]] = deque(maxlen=MOST_REMEMBERED)
        self.counted: Counter[str] = Counter()

    def take(self, event: Event) -> None:
        if isinstance(event, MarginCallEvent):
            self.counted["MARGIN_CALL"] += 1
            self._rows.append({"kind": "MARGIN_CALL", "market": self.market, "account": event.account})
        if not isinstance(event, OrderEvent) or event.kind in ("NEW", "FILLED"):  # a fill is told by its TRADE
            return
        self.counted[event.kind] += 1
        row = self._row(event)
        self._rows.append(row)
        if event.trade is not None and event.order.client_id.startswith(FORCED):
            self.forced.append(row)

    def flush(self, now_ms: int) -> None:
        """Nothing waits here: rows are taken by `drain`."""

    def _row(self, event: OrderEvent) -> dict[str, object]:
        order, trade = event.order, event.trade
        row: dict[str, object] = {
            "kind": event.kind, "market": self.market, "at": event.now_ms, "account": order.account,
            "symbol": order.symbol, "orderId": str(order.order_id), "clientOrderId": order.client_id,
            "side": order.side, "status": order.status,
        }  # fmt: skip
        if trade is not None:
            row |= {"tradeId": str(trade.trade_id), "price": plain(trade.price), "qty": plain(trade.qty),
                    "maker": trade.is_maker}  # fmt: skip
        return row

    def drain(self) -> list[dict[str, object]]:
        """The rows since the last call, oldest first."""
        if not self._rows:
            return []
        rows, self._rows = self._rows, []
        return rows
