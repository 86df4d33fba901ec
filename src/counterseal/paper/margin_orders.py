"""Handlers of cross margin orders and loans: orders on the spot books with the margin wallet, borrowing as asked."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from counterseal.paper.call import Call
from counterseal.paper.errors import ApiError, Json, illegal, invalid
from counterseal.paper.limits import OrderCounts
from counterseal.paper.margin_accounts import SUFFIX, LoanEvent, MarginAccounts
from counterseal.paper.money import ZERO, fixed8
from counterseal.paper.orders import Order
from counterseal.paper.params import boolean, decimal, integer
from counterseal.paper.spot_history import SpotHistory
from counterseal.paper.spot_new import build
from counterseal.paper.spot_orders import SpotOrders

EFFECTS = ("NO_SIDE_EFFECT", "MARGIN_BUY", "AUTO_REPAY", "AUTO_BORROW_REPAY")
BORROWING, REPAYING = ("MARGIN_BUY", "AUTO_BORROW_REPAY"), ("AUTO_REPAY", "AUTO_BORROW_REPAY")
MOST_ROWS = 100


class MarginOrders:
    """Single orders.  What a resting order gets later is not repaid by itself."""

    def __init__(self, accounts: MarginAccounts, counts: OrderCounts) -> None:
        self._accounts = accounts
        self._market = accounts.market
        self._orders = SpotOrders(accounts.market, counts)
        self._history = SpotHistory(accounts.market)
        self._borrowed: dict[int, tuple[str, Decimal]] = {}  # by order: for it alone, and repaid with its cancel

    def _inner(self, call: Call) -> Call:
        """The same call by the margin account; isolated margin accounts do not exist here."""
        if boolean(call.params, "isIsolated"):
            raise ApiError(-11001, "Isolated margin account does not exist.")
        self._accounts.wallet(call.account)
        return replace(call, account=call.account + SUFFIX)

    def place(self, call: Call) -> Json:
        inner, effect = self._inner(call), call.params.get("sideEffectType", "NO_SIDE_EFFECT")
        if effect not in EFFECTS:
            raise invalid("sideEffectType")
        asset, lacking = self._lacking(inner, call.account) if effect in BORROWING else ("", ZERO)
        if lacking:
            self._accounts.borrow(call.account, asset, lacking, call.now_ms, "AUTO")
        try:
            reply = self._orders.place(inner)
        except ApiError:
            if lacking:
                self._accounts.take_back(call.account, asset, lacking)
            raise
        order = inner.orders[-1]
        if effect in REPAYING and order.filled:
            self._accounts.repay_most(call.account, self._got(order), call.now_ms)
        if lacking and boolean(call.params, "autoRepayAtCancel", default=True):
            self._borrowed[order.order_id] = asset, lacking
        told: Json = {"marginBuyBorrowAmount": float(lacking), "marginBuyBorrowAsset": asset} if lacking else {}
        return reply | told | {"isIsolated": False}

    def _lacking(self, call: Call, owner: str) -> tuple[str, Decimal]:
        """(asset, amount) that an order needs beyond what is free, at the prices of this moment."""
        order = build(self._market, call, call.params)
        self._market.check(order, call.now_ms)
        holding = self._market.holding
        cost = holding.needed(order)
        if order.type == "MARKET":
            book = self._market.books[order.symbol]
            cost = holding.market_cost(order, book.plan(order, self._market.steps.at(call.now_ms), None))
        asset = holding.asset(order)
        return asset, max(ZERO, cost - self._accounts.wallet(owner).free.get(asset, ZERO))

    def _got(self, order: Order) -> str:
        symbol = self._market.symbols[order.symbol]
        return symbol.base if order.side == "BUY" else symbol.quote

    def cancel(self, call: Call) -> Json:
        inner = self._inner(call)
        reply = self._orders.cancel(inner)
        self._after_cancel(call, inner)
        return reply | {"isIsolated": False, "orderId": str(reply["orderId"])}

    def cancel_open(self, call: Call) -> list[Json]:
        inner = self._inner(call)
        rows = self._orders.cancel_open(inner)
        self._after_cancel(call, inner)
        return [row | {"isIsolated": False} for row in rows]

    def _after_cancel(self, call: Call, inner: Call) -> None:
        """What was borrowed for an order is given back with its end."""
        for order in inner.orders:
            asset, amount = self._borrowed.pop(order.order_id, ("", ZERO))
            if amount:
                self._accounts.repay_most(call.account, asset, call.now_ms, amount)

    def query(self, call: Call) -> Json:
        return self._orders.query(self._inner(call)) | {"isIsolated": False}

    def open_orders(self, call: Call) -> list[Json]:
        return [row | {"isIsolated": False} for row in self._orders.open_orders(self._inner(call))]

    def all_orders(self, call: Call) -> list[Json]:
        return [row | {"isIsolated": False} for row in self._history.all_orders(self._inner(call))]

    def my_trades(self, call: Call) -> list[Json]:
        return [row | {"isIsolated": False} for row in self._history.my_trades(self._inner(call))]

    # loans

    def borrow_repay(self, call: Call) -> Json:
        self._inner(call)
        amount = decimal(call.params, "amount")
        if amount is None:
            raise invalid("amount")
        kind = call.params["type"]
        if kind not in ("BORROW", "REPAY"):
            raise illegal("type", "^(BORROW|REPAY)$")
        act = self._accounts.borrow if kind == "BORROW" else self._accounts.repay
        return {"tranId": act(call.account, call.params["asset"], amount, call.now_ms)}

    def loans(self, call: Call) -> Json:
        """Loans or repayments, the newest first."""
        wanted, number = call.params["type"], integer(call.params, "txId")
        found = [
            row
            for row in self._accounts.loans.get(call.account, ())
            if row.kind == wanted and number in (None, row.number) and self._is_asked(call, row.asset, row.now_ms)
        ]
        return _page(call, [_loan(row) for row in reversed(found)])

    def interests(self, call: Call) -> Json:
        """Interest that was charged, the newest first."""
        self._accounts.debts(call.account, call.now_ms)
        found = [row for row in self._accounts.interests.get(call.account, ())
                 if self._is_asked(call, row.asset, row.now_ms)]  # fmt: skip
        rows: list[Json] = [
            {"txId": row.number, "interestAccuredTime": row.now_ms, "asset": row.asset, "rawAsset": row.asset,
             "principal": fixed8(row.principal), "interest": fixed8(row.interest), "interestRate": "0.00012000",
             "type": row.kind}
            for row in reversed(found)
        ]  # fmt: skip
        return _page(call, rows)

    @staticmethod
    def _is_asked(call: Call, asset: str, at_ms: int) -> bool:
        start, end = integer(call.params, "startTime", 0) or 0, integer(call.params, "endTime") or 1 << 62
        return call.params.get("asset") in (None, asset) and start <= at_ms <= end


def _loan(row: LoanEvent) -> Json:
    return {"type": row.how, "amount": fixed8(row.principal + row.interest), "asset": row.asset,
            "interest": fixed8(row.interest), "principal": fixed8(row.principal), "status": "CONFIRMED",
            "timestamp": row.now_ms, "txId": row.number}  # fmt: skip


def _page(call: Call, rows: list[Json]) -> Json:
    size = min(MOST_ROWS, integer(call.params, "size", 10) or 10)
    first = ((integer(call.params, "current", 1) or 1) - 1) * size
    return {"rows": rows[first : first + size], "total": len(rows)}
