"""When a contingent spot order's condition is met: at its stop price, or when a trail turns."""

from __future__ import annotations

from decimal import Decimal

from counterseal.paper.orders import Order

BASIS_POINTS = Decimal(10_000)


def is_reached(order: Order, last: Decimal) -> bool:
    """Whether the last price has reached the order's stop price."""
    is_upward = order.type.startswith("STOP") == (order.side == "BUY")
    return last >= order.stop_price if is_upward else last <= order.stop_price


def is_triggered(order: Order, last: Decimal, now_ms: int) -> bool:
    """Look at one price: a trail starts (at once, or at the stop price), follows the good side, and turns."""
    if not order.trailing_delta:
        return is_reached(order, last)
    if not order.extreme:
        if order.stop_price and not is_reached(order, last):
            return False
        order.extreme, order.trailing_ms = last, now_ms
    delta = order.trailing_delta / BASIS_POINTS
    if order.side == "SELL":
        order.extreme = max(order.extreme, last)
        return last <= order.extreme * (1 - delta)
    order.extreme = min(order.extreme, last)
    return last >= order.extreme * (1 + delta)
