"""A token bucket in whole numbers; the clock is an argument."""


class Bucket:
    """At most `limit` at once, refilled evenly over `period_ns`."""

    __slots__ = ("_limit", "_now_ns", "_owed", "_period_ns")

    def __init__(self, limit: int, period_ns: int) -> None:
        self._limit, self._period_ns = limit, period_ns
        # One token is `period_ns` units and a nanosecond gives `limit` of them back, so nothing is ever rounded.
        self._owed = 0
        self._now_ns = 0

    def has(self, count: int, now_ns: int) -> bool:
        """Tell whether `count` tokens are there; `now_ns` is monotonic."""
        self._owed = max(0, self._owed - (now_ns - self._now_ns) * self._limit)
        self._now_ns = now_ns
        return self._owed + count * self._period_ns <= self._limit * self._period_ns

    def take(self, count: int) -> None:
        """Take tokens that are there."""
        self._owed += count * self._period_ns
