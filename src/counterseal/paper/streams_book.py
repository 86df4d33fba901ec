"""Numbered order books: every change of a level has an update id, so that a local book can be kept.

A keeper looks at its book when somebody asks (a depth request, or a stream whose time has come), numbers what has
changed since the last look, and tells its cursors.  Depth replies and streams share the numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from counterseal.paper.book import Book
from counterseal.paper.feed import Event, OrderEvent
from counterseal.paper.money import ZERO
from counterseal.paper.steps import Steps

MOST_LEVELS = 5000
SIDES = (("bids", "SELL"), ("asks", "BUY"))
Level = tuple[Decimal, Decimal]
Levels = list[Level]
NO_LEVEL: Level = (ZERO, ZERO)


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to a book between two messages of a stream: ids `first`..`last` after `previous`."""

    first: int
    last: int
    previous: int
    bids: Levels
    asks: Levels


@dataclass(slots=True, eq=False)
class Cursor:
    """One stream's place in the changes of a book."""

    keeper: Keeper
    previous: int
    changed: dict[str, dict[Decimal, Decimal]] = field(default_factory=lambda: {"bids": {}, "asks": {}})

    def drain(self, now_ms: int) -> Change | None:
        """The changes since the last call, or None when there were none."""
        keeper = self.keeper
        keeper.look(now_ms)
        if keeper.last_id == self.previous:
            return None
        bids, asks = (list(self.changed[side].items()) for side, _ in SIDES)
        found = Change(self.previous + 1, keeper.last_id, self.previous, bids, asks)
        self.previous = keeper.last_id
        self.changed = {"bids": {}, "asks": {}}
        return found

    def close(self) -> None:
        self.keeper.cursors.discard(self)


class Keeper:
    """One book with its numbers.  Update ids begin at the instant of the first look, in ms."""

    def __init__(self, book: Book, steps: Steps) -> None:
        self._book = book
        self._steps = steps
        self._seen: object = None
        self._top_seen: object = None
        self._top: tuple[Levels, Levels] = ([], [])
        self.touches = 0
        self.last_id = 0
        self.levels: dict[str, Levels] = {"bids": [], "asks": []}
        self._map: dict[str, dict[Decimal, Decimal]] = {"bids": {}, "asks": {}}
        self.cursors: set[Cursor] = set()

    def cursor(self, now_ms: int) -> Cursor:
        """A new stream that begins with the next change."""
        self.look(now_ms)
        made = Cursor(self, self.last_id)
        self.cursors.add(made)
        return made

    def _mark(self, now_ms: int) -> tuple[int, object]:
        """The step, and all that a book depends on: it changes with a step, with an order, or by a moved price."""
        step = self._steps.at(now_ms)
        return step, (step, self._book.walk.ticks_at(step), self._book.version, self.touches)

    def look(self, now_ms: int) -> None:
        """Number what has changed."""
        step, mark = self._mark(now_ms)
        if mark == self._seen:
            return
        self._seen = mark
        self.last_id = self.last_id or now_ms
        for side, taker in SIDES:
            levels = self._book.depth(taker, step, MOST_LEVELS)
            self._number(side, dict(levels))
            self.levels[side] = levels

    def best(self, now_ms: int) -> tuple[int, Level, Level]:
        """(update id, best bid, best ask); an empty side is told as a price and a quantity of nothing."""
        last_id, bids, asks = self.top(now_ms)
        return last_id, bids[0] if bids else NO_LEVEL, asks[0] if asks else NO_LEVEL

    def top(self, now_ms: int) -> tuple[int, Levels, Levels]:
        """(update id, best bid, best ask), without a look at the rest; a change takes an id of its own."""
        step, mark = self._mark(now_ms)
        if mark == self._seen:
            return self.last_id, self.levels["bids"][:1], self.levels["asks"][:1]
        if mark != self._top_seen:
            self._top_seen = mark
            found = self._book.depth("SELL", step, 1), self._book.depth("BUY", step, 1)
            self.last_id = (self.last_id or now_ms) + (found != self._top)
            self._top = found
        return self.last_id, *self._top

    def _number(self, side: str, now: dict[Decimal, Decimal]) -> None:
        before = self._map[side]
        changed = {price: qty for price, qty in now.items() if before.get(price) != qty}
        changed.update(dict.fromkeys(before.keys() - now.keys(), ZERO))
        self._map[side] = now
        self.last_id += len(changed)
        for cursor in self.cursors:
            cursor.changed[side].update(changed)

    def snapshot(self, now_ms: int, most: int) -> tuple[int, Levels, Levels]:
        """(lastUpdateId, bids, asks), best first."""
        self.look(now_ms)
        return self.last_id, self.levels["bids"][:most], self.levels["asks"][:most]


class Keepers:
    """The keepers of one market, made when first asked for; they listen to what orders do to their books."""

    def __init__(self, books: dict[str, Book], steps: Steps) -> None:
        self._books = books
        self._steps = steps
        self._made: dict[str, Keeper] = {}

    def of(self, symbol: str) -> Keeper:
        """KeyError for a symbol that is not listed."""
        keeper = self._made.get(symbol)
        if keeper is None:
            keeper = self._made[symbol] = Keeper(self._books[symbol], self._steps)
        return keeper

    def __iter__(self) -> Iterator[Keeper]:
        return iter(self._made.values())

    def touch(self, symbol: str) -> None:
        keeper = self._made.get(symbol)
        if keeper is not None:
            keeper.touches += 1

    # a listener of the market's feed

    def take(self, event: Event) -> None:
        if isinstance(event, OrderEvent):
            self.touch(event.order.symbol)

    def flush(self, now_ms: int) -> None:
        """Nothing waits for the end of a transaction."""
