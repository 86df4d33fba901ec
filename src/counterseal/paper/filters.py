"""The filters of a spot symbol: as exchangeInfo lists them and as an order meets them."""

from __future__ import annotations

from decimal import Decimal

from counterseal.paper.errors import ApiError, Json, filter_failure, rejected
from counterseal.paper.money import ZERO, fixed8, is_multiple
from counterseal.paper.orders import Order
from counterseal.paper.symbols import Symbol

MAX_NUM_ALGO_ORDERS = 5
MAX_NUM_ORDER_LISTS = 20
MAX_NUM_ORDER_AMENDS = 10
ICEBERG_PARTS = 100
LEAST_DELTA, MOST_DELTA = 10, 2000  # basis points
MAX_NOTIONAL = Decimal(9_000_000)
MULTIPLIER_UP, MULTIPLIER_DOWN = Decimal(5), Decimal("0.2")


def listed(symbol: Symbol, most_orders: int) -> list[Json]:
    """The `filters` array of a symbol."""
    return [
        {"filterType": "PRICE_FILTER", "minPrice": fixed8(symbol.tick), "maxPrice": fixed8(symbol.max_price),
         "tickSize": fixed8(symbol.tick)},
        {"filterType": "LOT_SIZE", "minQty": fixed8(symbol.step), "maxQty": fixed8(symbol.max_qty),
         "stepSize": fixed8(symbol.step)},
        {"filterType": "ICEBERG_PARTS", "limit": ICEBERG_PARTS},
        {"filterType": "MARKET_LOT_SIZE", "minQty": fixed8(ZERO), "maxQty": fixed8(symbol.market_max_qty),
         "stepSize": fixed8(ZERO)},
        {"filterType": "TRAILING_DELTA", "minTrailingAboveDelta": LEAST_DELTA,
         "maxTrailingAboveDelta": MOST_DELTA, "minTrailingBelowDelta": LEAST_DELTA,
         "maxTrailingBelowDelta": MOST_DELTA},
        {"filterType": "PERCENT_PRICE_BY_SIDE", "bidMultiplierUp": "5", "bidMultiplierDown": "0.2",
         "askMultiplierUp": "5", "askMultiplierDown": "0.2", "avgPriceMins": 5},
        {"filterType": "NOTIONAL", "minNotional": fixed8(symbol.min_notional), "applyMinToMarket": True,
         "maxNotional": fixed8(MAX_NOTIONAL), "applyMaxToMarket": False, "avgPriceMins": 5},
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": most_orders},
        {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": MAX_NUM_ORDER_LISTS},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": MAX_NUM_ALGO_ORDERS},
        {"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": MAX_NUM_ORDER_AMENDS},
    ]  # fmt: skip


def check(symbol: Symbol, order: Order, average: Decimal, open_count: int, most_orders: int) -> None:
    """Raise -1013 with the name of the first filter that the order breaks.

    `average` is the five-minute average price; `open_count` is how many the account has open on this symbol.
    """
    check_prices(symbol, order, average)
    if order.trailing_delta and not LEAST_DELTA <= order.trailing_delta <= MOST_DELTA:
        raise filter_failure("TRAILING_DELTA")
    _check_quantity(symbol, order)
    _check_notional(symbol, order, average)
    if open_count >= most_orders:
        raise filter_failure("MAX_NUM_ORDERS")


def check_stops(open_orders: list[Order]) -> None:
    """Raise when there is no room for one more contingent order."""
    if sum(other.is_contingent for other in open_orders) >= MAX_NUM_ALGO_ORDERS:
        raise filter_failure("MAX_NUM_ALGO_ORDERS")


def check_prices(symbol: Symbol, order: Order, average: Decimal) -> None:
    """PRICE_FILTER and PERCENT_PRICE_BY_SIDE."""
    for price in (order.price, order.stop_price):
        if price and not (symbol.tick <= price <= symbol.max_price and is_multiple(price, symbol.tick)):
            raise filter_failure("PRICE_FILTER")
    if order.price and not average * MULTIPLIER_DOWN <= order.price <= average * MULTIPLIER_UP:
        raise filter_failure("PERCENT_PRICE_BY_SIDE")


def _check_quantity(symbol: Symbol, order: Order) -> None:
    if order.quote_qty:
        return
    if order.qty <= 0:
        raise ApiError(-1013, "Invalid quantity.")
    if not (symbol.step <= order.qty <= symbol.max_qty and is_multiple(order.qty, symbol.step)):
        raise filter_failure("LOT_SIZE")
    if order.type == "MARKET" and order.qty > symbol.market_max_qty:
        raise filter_failure("MARKET_LOT_SIZE")
    if order.iceberg_qty > order.qty:
        raise rejected("IcebergQty exceeds QTY.")
    if order.iceberg_qty and order.qty / order.iceberg_qty > ICEBERG_PARTS:
        raise filter_failure("ICEBERG_PARTS")


def _check_notional(symbol: Symbol, order: Order, average: Decimal) -> None:
    worth = order.quote_qty or order.qty * (order.price or average)
    if worth < symbol.min_notional or (order.price and worth > MAX_NOTIONAL):
        raise filter_failure("NOTIONAL")
