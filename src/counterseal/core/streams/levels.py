"""One side of a book: prices in order, quantities as the exchange wrote them."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from decimal import Decimal

from counterseal.core.numbers import decimal

# An exchange that invents levels without end must not fill the memory.
MOST_LEVELS = 20_000
Row = tuple[str, str]


class Levels:
    """Prices and quantities as texts, best first; ordered by their values."""

    def __init__(self, *, is_bid: bool) -> None:
        self._is_bid = is_bid
        # By price, the best first: prices of bids are negative here.
        self._keys: list[Decimal] = []
        self._rows: dict[Decimal, Row] = {}
        self._end: Decimal | None = None

    def fill(self, rows: Sequence[Row], limit: int) -> None:
        """Begin with a snapshot of at most `limit` levels. Raises ArithmeticError as `change` does."""
        for row in rows:
            self._put(row)
        # With fewer than there may be, all of this side is known.
        self._end = self._keys[-1] if self._keys and len(rows) >= limit else None

    def change(self, rows: Iterable[Row]) -> None:
        """Take changed levels; a quantity of nothing ends one. Raises ArithmeticError for what is no number of the
        exchange's grammar, and for more levels than any book has.
        """
        for row in rows:
            self._put(row)
        if len(self._keys) > MOST_LEVELS:
            raise OverflowError("too many levels")

    def _put(self, row: Row) -> None:
        price, quantity = decimal(row[0]), decimal(row[1])
        if price is None or quantity is None:
            raise ArithmeticError("not a number")
        # Not by arithmetic: that would round.
        key = price.copy_negate() if self._is_bid else price
        if self._end is not None and key > self._end:
            return
        is_there = key in self._rows
        if quantity:
            self._rows[key] = row
            if not is_there:
                self._keys.insert(bisect_left(self._keys, key), key)
        elif is_there:
            del self._rows[key], self._keys[bisect_left(self._keys, key)]

    @property
    def top(self) -> Decimal | None:
        """The best price, None for a side without any."""
        return self._keys[0].copy_abs() if self._keys else None

    def best(self, limit: int) -> list[Row] | None:
        """Give the `limit` best levels; None when the side goes on where it is not known."""
        if self._end is not None and len(self._keys) < limit:
            return None
        return [self._rows[key] for key in self._keys[:limit]]
