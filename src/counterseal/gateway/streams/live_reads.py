"""Reads of the exchange's public data that a live stream answers, at no weight and with their age.

Of streams that some bot listens to anyway. A book is begun when somebody reads it, with one snapshot of our own in the
lane of market data, and let go of when nobody does any more.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from counterseal.adapters.tasks import Tasks
from counterseal.core.binance.canonical import encode_query
from counterseal.core.budget.share import Lane
from counterseal.core.streams.allowance import Allowance
from counterseal.core.streams.books import LocalBook, State, count_states
from counterseal.core.streams.fan import Listened
from counterseal.core.streams.rest_shapes import WHOLE, answer, moment_ms
from counterseal.gateway.admission import Admitted
from counterseal.gateway.budget import OWN, Budget, NoRoom
from counterseal.gateway.exchange import Exchange
from counterseal.gateway.state import State as GatewayState
from counterseal.gateway.streams.reader import Reader
from counterseal.ports.venue import Lost, NotSent

# Levels of a snapshot; it costs 50 on spot and 20 on futures, and there are at most so many in a minute. With the most
# that is answered the book may move by as much again before another one is needed.
SNAPSHOT, MOST_LEVELS, BOOKS = 1_000, 500, 100
SNAPSHOTS, SNAPSHOTS_WINDOW_MS = 12, 60_000
UNREAD_MS, SWEEP_S = 60_000, 30.0
_SPEEDS = {"spot": ("@100ms", ""), "usdm": ("@100ms", "", "@500ms"), "coinm": ("@100ms", "", "@500ms")}
# By family and path: the levels that are given when none are asked for, and those that may be asked for.
_FUTURES_LIMITS = frozenset({5, 10, 20, 50, 100, 500})
_DEPTH = {
    ("spot", "/api/v3/depth"): (100, frozenset(range(1, MOST_LEVELS + 1))),
    ("usdm", "/fapi/v1/depth"): (500, _FUTURES_LIMITS),
    ("coinm", "/dapi/v1/depth"): (500, _FUTURES_LIMITS),
}
FindStream = Callable[[str, str], Listened[Reader] | None]


class LiveAnswer(NamedTuple):
    """An answer's body, and how old what it rests on is."""

    body: bytes
    age_ms: int


def nothing_listened(_family: str, _name: str) -> None:
    """Find no stream."""


class LiveReads:
    """Answers what streams can answer. `find` gives a stream by family and name that somebody listens to."""

    def __init__(self, state: GatewayState, find: FindStream, budget: Budget, exchange: Exchange, tasks: Tasks) -> None:
        self._state = state
        self._find = find
        self._budget = budget
        self._exchange = exchange
        self._tasks = tasks
        self._read_ms: dict[Listened[Reader], int] = {}
        self._snapshots = Allowance(SNAPSHOTS, SNAPSHOTS_WINDOW_MS)
        self._is_sweeping = False
        # Wall time less monotonic time, and when it was last seen to have jumped ahead.
        self._ahead_ms = self._wall_ahead_ms()
        self._woke_ms: int | None = None
        self.served = 0

    def answer(self, admitted: Admitted) -> LiveAnswer | None:
        """Give the answer to a public read of one symbol, None where the exchange must be asked."""
        most_ms = self._state.config.gateway.stream_reads_ms
        if not most_ms or admitted.time_unit is not None:
            return None
        place = (admitted.endpoint.family, admitted.endpoint.path)
        asked = dict(admitted.intent.pairs)
        symbol = asked.pop("symbol", "")
        # A stream is named in small letters: of two symbols that share them, that of the capitals is meant.
        if not symbol or symbol != symbol.lower().upper() or self._has_slept(most_ms):
            return None
        found = None
        if place in WHOLE and not asked:
            found = self._whole(place, symbol, most_ms)
        elif place in _DEPTH:
            found = self._depth(place, symbol, asked, most_ms)
        self.served += found is not None
        return found

    def _whole(self, place: tuple[str, str], symbol: str, most_ms: int) -> LiveAnswer | None:
        kind, fields = WHOLE[place]
        stream = self._find(place[0], symbol.lower() + kind)
        if stream is None or not stream.latest:
            return None
        return self._aged(stream, answer(stream.latest, fields, symbol), moment_ms(stream.latest), most_ms)

    def _aged(self, stream: Listened[Reader], body: bytes | None, sent_ms: int, most_ms: int) -> LiveAnswer | None:
        """Give an answer with its age, counted from the exchange's moment of the message where it tells one; None for
        an old one.
        """
        age_ms = (self._state.clock.monotonic_ns() - stream.heard_ns) // 1_000_000
        told_ms = self._state.exchange_ms(self._state.monotonic_ms())
        if sent_ms and told_ms is not None:
            age_ms = max(age_ms, told_ms - sent_ms)
        return None if body is None or age_ms > most_ms else LiveAnswer(body, age_ms)

    def _has_slept(self, most_ms: int) -> bool:
        """Tell whether ages mean nothing: this host slept, and its monotonic clock stood still, so that what was heard
        before seems new; until exchange time has been measured again.
        """
        before_ms, self._ahead_ms = self._ahead_ms, self._wall_ahead_ms()
        if self._ahead_ms - before_ms > most_ms:
            self._woke_ms = self._state.monotonic_ms()
        reading = self._state.reading
        if self._woke_ms is not None and reading is not None and reading.at_ms > self._woke_ms:
            self._woke_ms = None
        return self._woke_ms is not None

    def _wall_ahead_ms(self) -> int:
        return (self._state.clock.wall_ns() - self._state.clock.monotonic_ns()) // 1_000_000

    # -- books

    def _depth(self, place: tuple[str, str], symbol: str, asked: dict[str, str], most_ms: int) -> LiveAnswer | None:
        limit = _limit(asked, *_DEPTH[place])
        if limit is None:
            return None
        found = (self._find(place[0], f"{symbol.lower()}@depth{speed}") for speed in _SPEEDS[place[0]])
        stream = next((stream for stream in found if stream is not None), None)
        if stream is None:
            return None
        book = stream.book
        if book is None or book.state is State.STALE:
            self._begin(stream, place, symbol)
            return None
        self._note(stream)
        body = book.render(limit)
        if body is None and book.state is State.LIVE:
            # It has moved away from what its snapshot reached.
            self._begin(stream, place, symbol)
        return self._aged(stream, body, book.moment_ms, most_ms)

    def _begin(self, stream: Listened[Reader], place: tuple[str, str], symbol: str) -> None:
        """Begin a book anew, unless another one was begun a moment ago: the next read tries again."""
        others = len(self._books()) - (stream.book is not None)
        if others < BOOKS and self._snapshots.take(self._state.monotonic_ms()):
            book = stream.book = LocalBook(place[0], symbol, SNAPSHOT)
            self._note(stream)
            self._tasks.spawn(self._synchronise(book, place, symbol), "book from a stream")

    async def _synchronise(self, book: LocalBook, place: tuple[str, str], symbol: str) -> None:
        book.begin(await self._snapshot(place, symbol))

    async def _snapshot(self, place: tuple[str, str], symbol: str) -> bytes:
        """Ask for a snapshot; without one the answer is empty, and the book is stale."""
        family, path = place
        endpoint = self._state.catalogue.get(family, "GET", path)
        if endpoint is None:
            return b""
        asked = {"symbol": symbol, "limit": str(SNAPSHOT)}
        query = encode_query(asked.items()).decode()
        head = f"GET {path}?{query} HTTP/1.1\r\nHost: {self._state.hosts[family]}\r\n"
        try:
            permit = self._budget.take_own(endpoint, asked, lane=Lane.MARKET)
            reply = await self._exchange.send(permit, f"{head}Accept: application/json\r\n\r\n".encode(), OWN)
        except (NoRoom, NotSent, Lost):
            return b""
        return reply.body if reply.status == 200 else b""

    def _books(self) -> list[LocalBook]:
        return [stream.book for stream in self._read_ms if stream.book is not None]

    def _note(self, stream: Listened[Reader]) -> None:
        self._read_ms[stream] = self._state.monotonic_ms()
        if not self._is_sweeping:
            self._is_sweeping = True
            self._state.clock.call_later(SWEEP_S, self._sweep)

    def _sweep(self) -> None:
        """Let go of what nobody has read for a minute."""
        oldest_ms = self._state.monotonic_ms() - UNREAD_MS
        for stream, at_ms in list(self._read_ms.items()):
            if at_ms < oldest_ms:
                stream.book = None
                del self._read_ms[stream]
        self._is_sweeping = bool(self._read_ms)
        if self._is_sweeping:
            self._state.clock.call_later(SWEEP_S, self._sweep)

    def report(self) -> dict[str, Any]:
        """Give the counts for `counterseal status`."""
        return {"served": self.served, "books": count_states(self._books())}


def _limit(asked: dict[str, str], usual: int, allowed: frozenset[int]) -> int | None:
    """Read the number of levels; None for anything but a plain one that may be asked for."""
    text = asked.get("limit", str(usual))
    if asked.keys() - {"limit"} or not text.isdecimal() or not text.isascii() or len(text) > 5:
        return None
    return int(text) if int(text) in allowed else None
