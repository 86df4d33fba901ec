"""A book kept from one snapshot and the changes that a stream tells, by the exchange's rules for spot and futures.

What a snapshot does not reach is not known: of a side that it did not show to its end, prices behind its last one are
left out, and an answer that would need them is not given.
"""

import json
from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from counterseal.core.streams.depth_messages import Change, read_change, read_snapshot
from counterseal.core.streams.levels import Levels

# While the snapshot is under way so many messages are kept.
MOST_EARLY = 1_000


class State(StrEnum):
    """SYNCING until the changes follow the snapshot, STALE for ever once they do not: a new book must be begun."""

    SYNCING = "syncing"
    LIVE = "live"
    STALE = "stale"


class LocalBook:
    """One book of `symbol`. `family` decides rule and shape, `limit` is how many levels a side a snapshot may have."""

    def __init__(self, family: str, symbol: str, limit: int) -> None:
        self._family = family
        self._symbol = symbol
        self._limit = limit
        self._early: list[Change] | None = []
        self._last_id = 0
        self._newest: Change | None = None
        self._bids, self._asks = Levels(is_bid=True), Levels(is_bid=False)
        self.state = State.SYNCING

    def take(self, text: bytes) -> None:
        """Take a message of the stream in its combined form."""
        if self.state is State.STALE:
            return
        change = read_change(text)
        if change is None:
            self._end()
        elif self._early is None:
            self._apply(change)
        elif len(self._early) < MOST_EARLY:
            self._early.append(change)
        else:
            self._end()

    def begin(self, body: bytes) -> None:
        """Take the snapshot, an answer's body, and what came since it was asked for."""
        early, self._early = self._early, None
        if self.state is State.STALE:
            return
        snapshot = read_snapshot(body)
        if snapshot is None:
            self._end()
            return
        try:
            self._bids.fill(snapshot.bids, self._limit)
            self._asks.fill(snapshot.asks, self._limit)
        except ArithmeticError:
            self._end()
            return
        self._last_id = snapshot.last_id
        for change in early or ():
            self._apply(change)

    def _apply(self, change: Change) -> None:
        if self.state is State.STALE or self._is_old(change):
            return
        if change.symbol != self._symbol or not self._follows(change):
            self._end()
            return
        try:
            self._bids.change(change.bids)
            self._asks.change(change.asks)
        except ArithmeticError:
            self._end()
            return
        self._last_id, self._newest, self.state = change.last, change, State.LIVE
        if self._is_crossed():
            self._end()

    def _is_crossed(self) -> bool:
        """Tell whether somebody would buy for what another one wants, or more: no market stays like that."""
        bid, ask = self._bids.top, self._asks.top
        return bid is not None and ask is not None and bid >= ask

    @property
    def moment_ms(self) -> int:
        """The exchange's moment of the newest message, 0 for none."""
        return 0 if self._newest is None else self._newest.event_ms

    def _is_old(self, change: Change) -> bool:
        """What is there already: the last message again, or before the first one what the snapshot has."""
        if self.state is State.LIVE:
            return change.last == self._last_id
        return change.last <= self._last_id if change.previous is None else change.last < self._last_id

    def _follows(self, change: Change) -> bool:
        is_next = self._last_id == (change.first - 1 if change.previous is None else change.previous)
        # The first one may begin before the snapshot's last id.
        return is_next or (self.state is State.SYNCING and change.first <= self._last_id <= change.last)

    def _end(self) -> None:
        self.state, self._early = State.STALE, None
        self._bids, self._asks = Levels(is_bid=True), Levels(is_bid=False)

    def render(self, limit: int) -> bytes | None:
        """Give the exchange's answer with `limit` levels a side, as of the newest message; None when it is not live,
        or does not know so many."""
        newest, bids, asks = self._newest, self._bids.best(limit), self._asks.best(limit)
        if self.state is not State.LIVE or newest is None or bids is None or asks is None:
            return None
        answer = {**self._head(newest), "bids": bids, "asks": asks}
        return json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode()

    def _head(self, newest: Change) -> dict[str, Any]:
        head: dict[str, Any] = {"lastUpdateId": self._last_id}
        if self._family == "coinm":
            head |= {"symbol": newest.symbol, "pair": newest.pair}
        return head if self._family == "spot" else head | {"E": newest.event_ms, "T": newest.trade_ms}


def count_states(books: Iterable[LocalBook]) -> dict[str, int]:
    """Tell how many books are in which state."""
    counts = dict.fromkeys((state.value for state in State), 0)
    for book in books:
        counts[book.state.value] += 1
    return counts
