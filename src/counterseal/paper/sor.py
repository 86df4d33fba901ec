"""Smart order routing: one order over the books of one base asset whose quote assets count as the same."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from heapq import merge

from counterseal.paper.book import Book, Offer
from counterseal.paper.symbols import Symbol

QUOTES = ("USDT", "USDC")  # interchangeable: one for one


def groups(symbols: dict[str, Symbol]) -> dict[str, list[str]]:
    """Base asset to the symbols that are routed together; bases with one such symbol are left out."""
    found: dict[str, list[str]] = {}
    for symbol in symbols.values():
        if symbol.quote in QUOTES and symbol.base not in QUOTES:
            found.setdefault(symbol.base, []).append(symbol.name)
    return {base: names for base, names in found.items() if len(names) > 1}


def offers(books: list[Book], taker_side: str, step: int) -> Iterator[Offer]:
    """The offers of all books, best first; the first book goes first at the same price."""
    return merge(*(_of(book, taker_side, step) for book in books), key=lambda offer: _rank(taker_side, offer))


def _of(book: Book, taker_side: str, step: int) -> Iterator[Offer]:
    for offer in book.offers(taker_side, step):
        yield Offer(offer.price, offer.qty, offer.order, book)


def _rank(taker_side: str, offer: Offer) -> Decimal:
    return offer.price if taker_side == "BUY" else -offer.price
