"""Pegged prices: taken from the book when the order is placed, some levels behind its best price."""

from __future__ import annotations

from decimal import Decimal

from counterseal.paper.book import Book
from counterseal.paper.errors import rejected
from counterseal.paper.orders import Order

MOST_LEVELS = 100


def pegged_price(book: Book, order: Order, step: int) -> Decimal:
    """PRIMARY_PEG follows the order's own side, MARKET_PEG the other one; -2010 when the book is too thin."""
    if order.peg is None:
        return order.price
    other = "SELL" if order.side == "BUY" else "BUY"
    taker = other if order.peg.kind == "PRIMARY_PEG" else order.side
    levels = book.depth(taker, step, order.peg.levels + 1)
    if len(levels) <= order.peg.levels:
        raise rejected("Order book liquidity is too low for this pegged order.")
    return levels[order.peg.levels][0]
