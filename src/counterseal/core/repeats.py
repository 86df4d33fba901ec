"""The throttle of repeated executions: a bot that places one and the same order over and over is stopped.

Orders are equal when endpoint, symbol, side, type, quantity and prices are; the client order id does not count. A stop
is latched: it ends by a named person's word alone, and outlives restarts.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from counterseal.core.intent import Leg

# The type of the journal's records that set and end a latched stop.
LATCH = "latch"
# A hash of 64 bits names an order: two that share one by chance would only be counted together.
_Key = int


class Latch(NamedTuple):
    """Why a bot is stopped, and since when (wall time in ms)."""

    why: str
    since_ms: int


@dataclass(slots=True)
class _Window:
    placed: "deque[Placed]" = field(default_factory=deque)
    counts: dict[_Key, int] = field(default_factory=dict)

    def count(self, key: _Key, now_ms: int, window_ms: int) -> "tuple[Placed, int]":
        """Count one; give it, and how many equal ones there are within the window."""
        while self.placed and now_ms - self.placed[0].at_ms >= window_ms:
            self.placed.popleft().drop()
        # What was refused at once is not kept: a window may be a day, and a bot in a loop is fast.
        while self.placed and self.placed[-1].key is None:
            self.placed.pop()
        one = Placed(now_ms, key, self.counts)
        self.placed.append(one)
        number = self.counts[key] = self.counts.get(key, 0) + 1
        return one, number


@dataclass(slots=True, eq=False)
class Placed:
    """One order that counts among `counts`, at a monotonic moment in ms; `key` is None once it does no more."""

    at_ms: int
    key: _Key | None
    counts: dict[_Key, int]

    def drop(self) -> None:
        """Count it no longer: it is too old, or was provably never taken. A second time does nothing."""
        if self.key is None:
            return
        left = self.counts[self.key] - 1
        if left:
            self.counts[self.key] = left
        else:
            del self.counts[self.key]
        self.key = None


class Repeats:
    """Counts what each bot places, within its own window. What lies behind the window is forgotten."""

    def __init__(self) -> None:
        self._windows: dict[str, _Window] = {}

    def place(
        self, bot: str, endpoint: str, legs: tuple[Leg, ...], now_ms: int, window_ms: int
    ) -> tuple[tuple[Placed, ...], int]:
        """Count the legs of an order that is about to be sent; give what was counted, and the most equal ones.

        `now_ms` is monotonic.
        """
        window = self._windows.get(bot)
        if window is None:
            window = self._windows[bot] = _Window()
        if len(legs) == 1:
            one, most = window.count(hash((endpoint, legs[0])), now_ms, window_ms)
            return (one,), most
        counted = [window.count(hash((endpoint, leg)), now_ms, window_ms) for leg in legs]
        return tuple([one for one, _ in counted]), max(number for _, number in counted)

    def forget(self, bot: str) -> None:
        """Begin anew: an operator has enabled the bot."""
        self._windows.pop(bot, None)


def learn(latches: dict[str, Latch], record: Mapping[str, Any]) -> None:
    """Take a record of type `latch` into the stops that are in force."""
    if record["state"] == "disabled":
        latches[record["bot"]] = Latch(record["why"], record["t"])
    else:
        latches.pop(record["bot"], None)
