"""How many messages a channel gets: at most 20 in any minute, and what is urgent (high, critical) never waits long.

What waits is put together, so that one message carries all of it. Two budgets, each spent at its own pace, add up to
the bound: of urgent ones two may leave at once and then one every 4 s (16 a minute), of others two at once and then
one every 20 s (4 a minute).
"""

from collections import deque

MOST, WINDOW_MS = 20, 60_000
URGENT_BURST, URGENT_MS = 2, 4_000
OTHERS_BURST, OTHERS_MS = 2, 20_000


class Pace:
    """One channel's budget, in monotonic milliseconds."""

    def __init__(self) -> None:
        self._sent: deque[int] = deque(maxlen=MOST)
        self._urgent = _Bucket(URGENT_BURST, URGENT_MS)
        self._others = _Bucket(OTHERS_BURST, OTHERS_MS)

    def allows(self, now_ms: int, *, urgent: bool) -> bool:
        """Tell whether a message may leave now."""
        is_full = len(self._sent) == MOST and now_ms - self._sent[0] < WINDOW_MS
        return not is_full and (self._urgent if urgent else self._others).has_one(now_ms)

    def spend(self, now_ms: int, *, urgent: bool) -> None:
        """Count a message that leaves."""
        self._sent.append(now_ms)
        (self._urgent if urgent else self._others).take(now_ms)


class _Bucket:
    """`most` at once, and one more every `every_ms`."""

    def __init__(self, most: int, every_ms: int) -> None:
        self._most, self._every_ms = most, every_ms
        # When it is full again.
        self._full_ms: int | None = None

    def has_one(self, now_ms: int) -> bool:
        return self._full_ms is None or self._full_ms - now_ms <= (self._most - 1) * self._every_ms

    def take(self, now_ms: int) -> None:
        begun = now_ms if self._full_ms is None else max(now_ms, self._full_ms)
        self._full_ms = begun + self._every_ms
