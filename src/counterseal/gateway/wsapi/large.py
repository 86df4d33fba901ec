"""Large answers to reads: one at a time for each connection, and of all connections so much as memory has room for.

What waits here is the exchange's body, which many wait for at once where a read is shared; the frame of each is made
when its connection takes it.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, Protocol

# What is no larger goes into a connection's backlog: those of all requests in flight fit into one.
LARGE = 16 << 10
# How many bytes may wait in memory for bots to read them, and up to which size an answer does not wait for other bots.
MOST, ALWAYS = 128 << 20, 1 << 20
# So much is given in one turn of the loop, or one answer.
AT_ONCE = 4 << 20


class Taker(Protocol):
    """A connection. `is_ready`: what was written to it before has left."""

    @property
    def is_ready(self) -> bool: ...

    def __hash__(self) -> int: ...


class _Waits(NamedTuple):
    size: int
    give: Callable[[], None]


class LargeAnswers:
    """Those of all connections, in the order in which they came."""

    def __init__(self) -> None:
        self._waiting: dict[Taker, deque[_Waits]] = {}
        self._unread: dict[Taker, int] = {}
        self._is_due = False

    def __len__(self) -> int:
        """How many connections have answers that wait."""
        return len(self._waiting)

    @property
    def held(self) -> int:
        """How many bytes were given to connections that have not read them."""
        return sum(self._unread.values())

    def add(self, taker: Taker, size: int, give: Callable[[], None]) -> None:
        """Have `give` called when the connection takes an answer of `size` bytes and there is room for it."""
        self._waiting.setdefault(taker, deque()).append(_Waits(size, give))
        self._serve_soon()

    def forget(self, taker: Taker) -> None:
        """Give a connection nothing more."""
        self._waiting.pop(taker, None)

    def left(self, taker: Taker) -> None:
        """What was given to a connection has left, or is gone with it."""
        self._unread.pop(taker, None)
        self._serve_soon()

    def _serve_soon(self) -> None:
        if self._waiting and not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._serve)

    def _serve(self) -> None:
        self._is_due = False
        given, room = 0, True
        for taker, waits in list(self._waiting.items()):
            if not taker.is_ready:
                continue
            # Who came first for much gets it first, or it would never have room.
            room = room and self._has_room(waits[0].size)
            one = waits[0] if room else next((each for each in waits if each.size <= ALWAYS), None)
            if one is None:
                continue
            self._give(taker, waits, one)
            given += one.size
            if given >= AT_ONCE:
                self._serve_soon()
                return

    def _has_room(self, size: int) -> bool:
        return size <= ALWAYS or not self._unread or self.held + size <= MOST

    def _give(self, taker: Taker, waits: deque[_Waits], one: _Waits) -> None:
        waits.remove(one)
        del self._waiting[taker]
        if waits:
            self._waiting[taker] = waits
        try:
            one.give()
        except Exception:
            # One bot's broken connection must not cost the others their answers.
            self._serve_soon()
            raise
        if not taker.is_ready:
            self._unread[taker] = one.size
        elif waits:
            self._serve_soon()
