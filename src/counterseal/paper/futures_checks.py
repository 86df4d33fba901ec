"""What can refuse a futures order before it is executed: filters, ids, what it may reduce, margin."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from counterseal.paper import futures_filters
from counterseal.paper.book import crosses
from counterseal.paper.brackets import most_notional
from counterseal.paper.errors import ApiError
from counterseal.paper.futures_accounts import FuturesAccount, Resting
from counterseal.paper.margin import order_notional, side_margin
from counterseal.paper.money import ZERO
from counterseal.paper.orders import Order
from counterseal.paper.symbols import Symbol

if TYPE_CHECKING:
    from counterseal.paper.futures_market import FuturesMarket

TAKER_FEE = Decimal("0.0005")
REDUCE_ONLY_REJECTED = "ReduceOnly Order is rejected."


def check(market: FuturesMarket, order: Order, now_ms: int, replaced: Order | None) -> None:
    """Raise for the first thing that is wrong; `replaced` is the open order that this one would change."""
    symbol = market.symbol(order.symbol)
    account = market.account(order.account)
    count = market.store.open_count(account.name, symbol.name) - (replaced is not None)
    mark = market.mark(symbol.name, now_ms)
    futures_filters.check(symbol, order, mark, count < market.most_orders)
    if replaced is None and market.store.has_open_client(account.name, symbol.name, order.client_id):
        raise ApiError(-4116, "ClientOrderId is duplicated.")
    _check_reducing(account, order)
    if not order.reduce_only:
        _check_margin(market, account, symbol, order, replaced, now_ms)
    if order.tif == "GTX":
        best = next(market.books[symbol.name].offers(order.side, market.steps.at(now_ms)), None)
        if best is not None and crosses(order.side, order.price, best.price):
            raise ApiError(-5022, "Due to the order could not be executed as maker, the Post Only order will be "
                           "rejected. The order will not be recorded in the order history")  # fmt: skip


def _check_reducing(account: FuturesAccount, order: Order) -> None:
    closable = account.position(order.symbol, order.position_side).closable(order.side)
    if order.reduce_only and not closable:
        raise ApiError(-2022, REDUCE_ONLY_REJECTED)
    if is_hedge_close(order) and order.qty > closable:
        raise ApiError(-2022, REDUCE_ONLY_REJECTED)


def _check_margin(
    market: FuturesMarket, account: FuturesAccount, symbol: Symbol, order: Order, replaced: Order | None, now_ms: int
) -> None:
    key = (symbol.name, order.position_side)
    position, setting = account.position(*key), account.setting(symbol.name)
    best = market.books[symbol.name].best(order.side, market.steps.at(now_ms))
    resting = account.resting.get(key, Resting())
    worth = order_notional(symbol, order, best) - (replaced.counted if replaced is not None else ZERO)
    is_buy = order.side == "BUY"
    later = Resting(resting.bids + (worth if is_buy else ZERO), resting.asks + (ZERO if is_buy else worth))
    before = side_margin(setting, symbol, position, resting, best)
    after = side_margin(setting, symbol, position, later, best)
    added = after.initial - before.initial
    if added <= 0:
        return
    fee = symbol.worth(order.qty, order.price or best) * TAKER_FEE
    if added + fee > market.margins.available(account, symbol.margin_asset, now_ms):
        raise ApiError(-2019, "Margin is insufficient.")
    if after.initial * setting.leverage > most_notional(symbol, setting.leverage):
        raise ApiError(-2027, "Exceeded the maximum allowable position at current leverage.")


def is_hedge_close(order: Order) -> bool:
    """In hedge mode selling a LONG or buying a SHORT closes; it cannot turn the position."""
    return (order.position_side, order.side) in (("LONG", "SELL"), ("SHORT", "BUY"))
