"""Whether what is booked from events agrees with what the exchange states, and when it is said that it does not.

Events and answers overtake each other. What is stated is explained when it was booked at some moment shortly before,
or becomes so shortly after; what nothing explains within that time is a difference.
"""

from collections.abc import Hashable, Iterator
from decimal import Decimal
from typing import Generic, NamedTuple, TypeVar

from counterseal.core.exposure.money import ZERO, subtract

# The exchange's reads may be so far behind its events.
LAG_MS = 2_000
# An event may come so much later than an answer that has it already.
SETTLE_MS = 1_500
# While fills keep coming nobody can tell by how much; but not for longer than this.
QUIET_MS, MOST_MS = 300, 4_000

K = TypeVar("K", bound=Hashable)


class Open(NamedTuple):
    """A statement that nothing explains yet, and when it came."""

    since_ms: int
    stated: Decimal


class Agreement(Generic[K]):
    """One market of an account: all its items, each with its last few booked values. All times are monotonic ms."""

    def __init__(self) -> None:
        self._booked: dict[K, list[tuple[int, Decimal]]] = {}
        self._open: dict[K, list[Open]] = {}

    def booked(self, item: K, value: Decimal, now_ms: int) -> None:
        """Something was booked: the item has this value from now on."""
        values = self._booked.setdefault(item, [(0, ZERO)])
        values.append((now_ms, value))
        while len(values) > 1 and values[1][0] < now_ms - LAG_MS - MOST_MS:
            del values[0]
        # It explains a statement, and with it those before: they were on the way to it.
        waiting = self._open.get(item, [])
        explained = max((index for index, one in enumerate(waiting, 1) if one.stated == value), default=0)
        del waiting[:explained]
        if explained and not waiting:
            del self._open[item]

    def stated(self, item: K, value: Decimal, asked_ms: int, now_ms: int, tolerance: Decimal = ZERO) -> None:
        """The exchange states a value; the question was asked at `asked_ms` (an event's is now)."""
        if any(subtract(known, value).copy_abs() <= tolerance for known in self._since(item, asked_ms - LAG_MS)):
            self._open.pop(item, None)
            return
        self._open.setdefault(item, []).append(Open(now_ms, value))

    def due(self, now_ms: int) -> Iterator[tuple[K, Decimal, Decimal]]:
        """Give what has not been explained in time: item, booked and stated value. Each is given once."""
        for item, waiting in list(self._open.items()):
            values = self._booked.get(item, [(0, ZERO)])
            waited = now_ms - waiting[0].since_ms
            is_quiet = now_ms - values[-1][0] >= QUIET_MS or len(values) == 1
            if waited >= (SETTLE_MS if is_quiet else MOST_MS):
                del self._open[item]
                yield item, values[-1][1], waiting[-1].stated

    def open(self) -> int:
        """Tell of how many items statements wait for what explains them."""
        return len(self._open)

    def _since(self, item: K, from_ms: int) -> Iterator[Decimal]:
        """Give the values that were booked at any moment from `from_ms` on."""
        values = self._booked.get(item, [(0, ZERO)])
        for index, (_, value) in enumerate(values):
            if index + 1 == len(values) or values[index + 1][0] >= from_ms:
                yield value
