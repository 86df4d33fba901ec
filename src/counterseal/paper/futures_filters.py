"""The filters of a futures symbol: as exchangeInfo lists them and as an order meets them."""

from __future__ import annotations

from decimal import Decimal

from counterseal.paper.errors import ApiError, Json, price_bound
from counterseal.paper.money import is_multiple, places_of, plain
from counterseal.paper.orders import Order
from counterseal.paper.symbols import Symbol

MULTIPLIER_UP, MULTIPLIER_DOWN = Decimal("1.05"), Decimal("0.95")


def listed(symbol: Symbol, most_orders: int) -> list[Json]:
    """The `filters` array of a symbol."""
    return [
        {"filterType": "PRICE_FILTER", "minPrice": plain(symbol.tick), "maxPrice": plain(symbol.max_price),
         "tickSize": plain(symbol.tick)},
        {"filterType": "LOT_SIZE", "minQty": plain(symbol.step), "maxQty": plain(symbol.max_qty),
         "stepSize": plain(symbol.step)},
        {"filterType": "MARKET_LOT_SIZE", "minQty": plain(symbol.step), "maxQty": plain(symbol.market_max_qty),
         "stepSize": plain(symbol.step)},
        {"filterType": "MAX_NUM_ORDERS", "limit": most_orders},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": 200},
        {"filterType": "MIN_NOTIONAL", "notional": plain(symbol.min_notional)},
        {"filterType": "PERCENT_PRICE", "multiplierUp": "1.0500", "multiplierDown": "0.9500",
         "multiplierDecimal": "4"},
    ]  # fmt: skip


def check(symbol: Symbol, order: Order, mark: Decimal, has_room: bool) -> None:
    """Raise the futures code of the first filter that the order breaks."""
    check_quantity(symbol, order)
    if order.type == "LIMIT":
        check_price(symbol, order.price)
        if order.side == "BUY" and order.price > mark * MULTIPLIER_UP:
            raise price_bound(-4016, "higher", mark * MULTIPLIER_UP)
        if order.side == "SELL" and order.price < mark * MULTIPLIER_DOWN:
            raise price_bound(-4024, "lower", mark * MULTIPLIER_DOWN)
    worth = order.qty * (order.price or mark)
    if worth < symbol.min_notional and not order.reduce_only:
        least = plain(symbol.min_notional)
        raise ApiError(-4164, f"Order's notional must be no smaller than {least} (unless you choose reduce only).")
    if not has_room:
        raise ApiError(-2025, "Reach max open order limit.")


def check_price(symbol: Symbol, price: Decimal) -> None:
    """A price of an order, or of a trigger."""
    if price <= 0:
        raise ApiError(-4001, "Price less than or equal to zero.")
    if places_of(price) > symbol.price_places:
        raise ApiError(-1111, "Precision is over the maximum defined for this asset.")
    if price > symbol.max_price:
        raise ApiError(-4002, f"Price greater than max price: {plain(symbol.max_price)}.")
    if price < symbol.tick:
        raise ApiError(-4013, f"Price less than min price: {plain(symbol.tick)}.")
    if not is_multiple(price, symbol.tick):
        raise ApiError(-4014, "Price not increased by tick size.")


def check_quantity(symbol: Symbol, order: Order) -> None:
    if order.qty <= 0:
        raise ApiError(-4003, "Quantity less than or equal to zero.")
    if places_of(order.qty) > symbol.qty_places:
        raise ApiError(-1111, "Precision is over the maximum defined for this asset.")
    most = symbol.market_max_qty if order.type == "MARKET" else symbol.max_qty
    if order.qty > most:
        raise ApiError(-4005, f"Quantity greater than max quantity: {plain(most)}.")
    if order.qty < symbol.step:
        raise ApiError(-4004, f"Quantity less than min quantity: {plain(symbol.step)}.")
    if not is_multiple(order.qty, symbol.step):
        raise ApiError(-4023, "Qty not increased by step size.")
