"""Handlers of the futures order endpoints."""

from __future__ import annotations

from counterseal.paper import futures_replies as replies
from counterseal.paper.call import Call
from counterseal.paper.errors import ApiError, Json, mandatory, no_such_order, one_of, unknown_order
from counterseal.paper.futures_market import FuturesMarket
from counterseal.paper.futures_new import build
from counterseal.paper.limits import OrderCounts
from counterseal.paper.orders import Amendment, Order
from counterseal.paper.params import Params, decimal, integer, limit_of

DONE = {"code": 200, "msg": "The operation of cancel all open order is done."}
NOTHING_TO_MODIFY = "No need to modify the order."
MOST_CHANGES = 10_000


class FuturesOrders:
    """place, test, modify, cancel, query and list orders; own trades; the countdown."""

    def __init__(self, market: FuturesMarket, counts: OrderCounts) -> None:
        self.market = market
        self.counts = counts

    def count(self, call: Call, counts: tuple[int, int]) -> None:
        call.headers.update(self.counts.add("usdm", call.account, counts, call.now_ms))

    def place(self, call: Call) -> Json:
        self.count(call, (1, 1))
        return self.place_one(call, call.params)

    def place_one(self, call: Call, params: Params) -> Json:
        """Place one order from checked texts; MARKET and LIMIT answer an ACK unless a RESULT is asked for."""
        account = self.market.account(call.account)
        order = build(self.market, account, params, call.now_ms)
        self.market.check(order, call.now_ms)
        self.market.place(order, call.now_ms)
        call.orders.append(order)
        shape = replies.order if params.get("newOrderRespType", "ACK") == "RESULT" else replies.acknowledged
        return shape(self.market.symbols[order.symbol], order)

    def test(self, call: Call) -> Json:
        """All checks, nothing placed."""
        account = self.market.account(call.account)
        order = build(self.market, account, call.params, call.now_ms)
        self.market.check(order, call.now_ms)
        order.updated_ms = call.now_ms
        return replies.query(self.market.symbols[order.symbol], order) | {"cumQty": "0"}

    def find(self, call: Call, params: Params) -> Order | None:
        """The order that `orderId` or `origClientOrderId` names, the id winning."""
        order_id, client_id = integer(params, "orderId"), params.get("origClientOrderId")
        if order_id is None and client_id is None:
            raise one_of("origClientOrderId", "orderId")
        self.market.symbol(params["symbol"])
        return self.market.store.find(call.account, params["symbol"], order_id, None if order_id else client_id)

    def query(self, call: Call) -> Json:
        order = self.find(call, call.params)
        if order is None:
            raise no_such_order()
        call.orders.append(order)
        return replies.query(self.market.symbols[order.symbol], order)

    def query_open(self, call: Call) -> Json:
        order = self.find(call, call.params)
        if order is None or not order.is_open:
            raise no_such_order()
        return replies.query(self.market.symbols[order.symbol], order)

    def cancel(self, call: Call) -> Json:
        return self.cancel_one(call, self.find(call, call.params))

    def cancel_one(self, call: Call, order: Order | None) -> Json:
        if order is None or not order.is_open:
            raise unknown_order()
        self.market.close(order, "CANCELED", call.now_ms)
        call.orders.append(order)
        return replies.order(self.market.symbols[order.symbol], order)

    def modify(self, call: Call) -> Json:
        self.count(call, (1, 1))
        return self.modify_one(call, call.params)

    def modify_one(self, call: Call, params: Params) -> Json:
        """Give an open LIMIT order a new price and quantity; both are needed."""
        order = self.find(call, params)
        if order is None or not order.is_open or order.side != params["side"]:
            raise no_such_order()
        for name in ("price", "quantity"):
            if name not in params:
                raise mandatory(name)
        price, qty = decimal(params, "price"), decimal(params, "quantity")
        if price is None or qty is None or (price, qty) == (order.price, order.qty):
            raise ApiError(-5027, NOTHING_TO_MODIFY)
        if len(order.amendments) >= MOST_CHANGES:
            raise ApiError(-5026, "Exceed maximum modify order limit.")
        self.market.check(_changed(order, params), call.now_ms, replaced=order)
        order.modify_id = integer(params, "modifyId", order.modify_id) or 0
        order.amendments.append(Amendment(
            len(order.amendments) + 1, order.client_id, order.client_id, (order.price, price), (order.qty, qty),
            call.now_ms, order.modify_id,
        ))  # fmt: skip
        self.market.modify(order, price, qty, call.now_ms)
        call.orders.append(order)
        return replies.modified(self.market.symbols[order.symbol], order)

    def cancel_all(self, call: Call) -> Json:
        symbol = self.market.symbol(call.params["symbol"])
        call.orders.extend(self.market.cancel_all(call.account, symbol.name, call.now_ms))
        return DONE

    def countdown(self, call: Call) -> Json:
        """Arm, re-arm or (with 0) disarm the cancel-all timer of a symbol."""
        symbol = self.market.symbol(call.params["symbol"])
        wait = integer(call.params, "countdownTime") or 0
        self.market.timers.pop((call.account, symbol.name), None)
        if wait:
            self.market.timers[call.account, symbol.name] = call.now_ms + wait
        return {"symbol": symbol.name, "countdownTime": str(wait)}

    def amendments(self, call: Call) -> list[Json]:
        """The changes of one order, or of all orders of a symbol, the newest last."""
        symbol = self.market.symbol(call.params["symbol"])
        if "orderId" in call.params or "origClientOrderId" in call.params:
            one = self.find(call, call.params)
            items = [] if one is None else [one]
        else:
            items = self.market.store.history.get((call.account, symbol.name), [])
        start, end = integer(call.params, "startTime", 0) or 0, integer(call.params, "endTime") or 1 << 62
        rows = [replies.amendment(symbol, item, change) for item in items for change in item.amendments
                if start <= change.time_ms <= end]  # fmt: skip
        return rows[-limit_of(call.params, 50, 100) :]

    def open_orders(self, call: Call) -> list[Json]:
        name, pair = call.params.get("symbol"), call.params.get("pair")
        if name is not None:
            self.market.symbol(name)
        found = self.market.store.open_orders(call.account, name)
        symbols = self.market.symbols
        return [replies.query(symbols[order.symbol], order) for order in found
                if pair in (None, symbols[order.symbol].pair)]  # fmt: skip

    def _asked(self, call: Call) -> list[str]:
        """The symbol, or the symbols of the pair, or all."""
        name, pair = call.params.get("symbol"), call.params.get("pair")
        if name is not None:
            return [self.market.symbol(name).name]
        if pair is None:
            return list(self.market.symbols)
        found = [symbol.name for symbol in self.market.symbols.values() if symbol.pair == pair]
        if not found:
            raise ApiError(-4144, "Invalid pair.")
        return found

    def all_orders(self, call: Call) -> list[Json]:
        history = self.market.store.history
        items = [order for name in self._asked(call) for order in history.get((call.account, name), ())]
        items.sort(key=lambda order: order.order_id)
        first = integer(call.params, "orderId")
        start, end = integer(call.params, "startTime"), integer(call.params, "endTime")
        items = [
            order
            for order in items
            if (first is None or order.order_id >= first) and (start or 0) <= order.created_ms <= (end or 1 << 62)
        ]
        most = limit_of(call.params, 500, 1000)
        chosen = items[:most] if first is not None else items[-most:]
        return [replies.query(self.market.symbols[order.symbol], order) for order in chosen]

    def user_trades(self, call: Call) -> list[Json]:
        trades = self.market.store.trades
        items = [item for name in self._asked(call) for item in trades.get((call.account, name), ())]
        items.sort(key=lambda item: item.trade_id)
        order_id, first = integer(call.params, "orderId"), integer(call.params, "fromId")
        start, end = integer(call.params, "startTime"), integer(call.params, "endTime")
        items = [
            item
            for item in items
            if (order_id is None or item.order.order_id == order_id)
            and (first is None or item.trade_id >= first)
            and (start or 0) <= item.time_ms <= (end or 1 << 62)
        ]
        most = limit_of(call.params, 500, 1000)
        chosen = items[:most] if first is not None else items[-most:]
        return [replies.trade(self.market.symbols[item.order.symbol], item) for item in chosen]


def _changed(order: Order, params: Params) -> Order:
    """What the order would be after the change, for the checks."""
    return Order(
        order.order_id, order.client_id, order.account, order.symbol, order.side, order.type, order.tif,
        decimal(params, "price") or order.price, decimal(params, "quantity") or order.qty, order.created_ms,
        filled=order.filled, position_side=order.position_side, reduce_only=order.reduce_only,
    )  # fmt: skip
