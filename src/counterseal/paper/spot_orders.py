"""Handlers that place, test, query and cancel spot orders."""

from __future__ import annotations

from counterseal.paper import spot_replies as replies
from counterseal.paper.call import Call
from counterseal.paper.errors import ApiError, Json, no_such_order, one_of, rejected, unknown_order
from counterseal.paper.fee_burn import BNB, SPOT_DISCOUNT
from counterseal.paper.limits import OrderCounts
from counterseal.paper.money import fixed8
from counterseal.paper.orders import Order, Trade
from counterseal.paper.params import boolean, integer
from counterseal.paper.spot_market import SpotMarket
from counterseal.paper.spot_new import build, response_type

RESTRICTIONS = {"ONLY_NEW": "NEW", "ONLY_PARTIALLY_FILLED": "PARTIALLY_FILLED"}


class SpotOrders:
    """Single orders, routed or not."""

    def __init__(self, market: SpotMarket, counts: OrderCounts) -> None:
        self.market = market
        self.counts = counts

    def place(self, call: Call) -> Json:
        order = build(self.market, call, call.params)
        kind = response_type(call.params, order.type)
        self.market.check(order, call.now_ms)
        trades = self.submit(call, order)
        return replies.new_order(order, trades, kind)

    def submit(self, call: Call, order: Order) -> list[Trade]:
        """Count a checked order against the account's limits, then execute it."""
        call.headers.update(self.counts.add("spot", call.account, (1, 1), call.now_ms))
        trades = self.market.place(order, call.now_ms)
        call.orders.append(order)
        return trades

    def place_routed(self, call: Call) -> Json:
        """An order over all books of its base asset (SOR); LIMIT and MARKET by quantity."""
        order = self._routed(call)
        kind = response_type(call.params, order.type)
        self.market.check(order, call.now_ms)
        return replies.new_order(order, self.submit(call, order), kind)

    def _routed(self, call: Call) -> Order:
        if call.params["type"] not in ("LIMIT", "MARKET"):
            raise ApiError(-1116, "Invalid orderType.")
        order = build(self.market, call, call.params)
        if self.market.symbols[order.symbol].base not in self.market.routed:
            raise rejected("This symbol is not permitted for this account.")
        order.uses_sor = True
        return order

    def test(self, call: Call) -> Json:
        """All checks of a new order, nothing sent to the matching engine."""
        return self._tested(call, build(self.market, call, call.params))

    def test_routed(self, call: Call) -> Json:
        return self._tested(call, self._routed(call))

    def _tested(self, call: Call, order: Order) -> Json:
        response_type(call.params, order.type)
        self.market.check(order, call.now_ms)
        if not boolean(call.params, "computeCommissionRates"):
            return {}
        rates = {"maker": fixed8(self.market.maker_fee), "taker": fixed8(self.market.taker_fee)}
        none = {"maker": "0.00000000", "taker": "0.00000000"}
        return {
            "standardCommissionForOrder": rates,
            "specialCommissionForOrder": none,
            "taxCommissionForOrder": none,
            "discount": {
                "enabledForAccount": call.account in self.market.holding.burning, "enabledForSymbol": True,
                "discountAsset": BNB, "discount": fixed8(SPOT_DISCOUNT),
            },
        }  # fmt: skip

    def find(self, call: Call, id_name: str, client_name: str) -> Order | None:
        """The order that a call names by id, by client id, or by both."""
        order_id, client_id = integer(call.params, id_name), call.params.get(client_name)
        if order_id is None and client_id is None:
            raise one_of(client_name, id_name)
        self.market.symbol(call.params["symbol"])
        return self.market.store.find(call.account, call.params["symbol"], order_id, client_id)

    def query(self, call: Call) -> Json:
        order = self.find(call, "orderId", "origClientOrderId")
        if order is None:
            raise no_such_order()
        call.orders.append(order)
        return replies.query(order)

    def cancel(self, call: Call) -> Json:
        order = self.find(call, "orderId", "origClientOrderId")
        return self.cancel_found(call, order, call.params.get("newClientOrderId"))

    def cancel_found(self, call: Call, order: Order | None, cancel_id: str | None) -> Json:
        """Cancel an open order, with its list when it is a leg; -2011 otherwise."""
        if order is None or not order.is_open:
            raise unknown_order()
        restriction = call.params.get("cancelRestrictions")
        if restriction is not None:
            self._check_restriction(order, restriction)
        self.market.close(order, "CANCELED", call.now_ms)
        cancel_id = cancel_id or self.market.client_id()
        found = self.market.lists.by_id.get(order.list_id)
        self.market.feed.cancel_named(found.legs if found else [order], cancel_id)
        call.orders.extend(found.legs if found else [order])
        return replies.cancelled_list(found, cancel_id) if found else replies.cancelled(order, cancel_id)

    @staticmethod
    def _check_restriction(order: Order, restriction: str) -> None:
        wanted = RESTRICTIONS.get(restriction)
        if wanted is None:
            text = "`cancelRestrictions` has to be either `ONLY_NEW` or `ONLY_PARTIALLY_FILLED`."
            raise ApiError(-1145, text)
        if order.status != wanted:
            raise ApiError(-2011, "Order was not canceled due to cancel restrictions.")

    def open_orders(self, call: Call) -> list[Json]:
        name = call.params.get("symbol")
        if name is not None:
            self.market.symbol(name)
        return [replies.query(order) for order in self.market.store.open_orders(call.account, name)]

    def cancel_open(self, call: Call) -> list[Json]:
        name = self.market.symbol(call.params["symbol"]).name
        found = self.market.store.open_orders(call.account, name)
        if not found:
            raise unknown_order()
        return [self.cancel_found(call, order, None) for order in found if order.is_open]
