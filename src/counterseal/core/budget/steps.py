"""Whether exchange time stepped: two readings of the clock that cannot both be true."""

from counterseal.core.budget.window import Moment
from counterseal.core.exchange_clock import DRIFT_MS_PER_MS

# Two servers of the exchange may differ by this much: no contradiction.
_TOLERATED_MS = 20


class Steps:
    """Remembers the last reading: how far exchange time is ahead of the monotonic clock, how surely, and since when.

    `count` is how many contradictions there were, `stepped_ms` when the last was noticed.
    """

    __slots__ = ("_seen_ms", "_unsure_ms", "ahead_ms", "count", "stepped_ms")

    def __init__(self) -> None:
        self.count = 0
        self.stepped_ms = 0
        self.ahead_ms: int | None = None
        self._unsure_ms = 0
        self._seen_ms = 0

    def note(self, now: Moment) -> bool:
        """Take a reading that may be another one; tell whether it contradicts the last, drift allowed for."""
        ahead_ms, before_ms = now.exchange_ms - now.monotonic_ms, self.ahead_ms
        drift_ms = max(0, now.monotonic_ms - self._seen_ms) // DRIFT_MS_PER_MS
        bound_ms = now.uncertainty_ms + self._unsure_ms + drift_ms + _TOLERATED_MS
        self.ahead_ms, self._unsure_ms, self._seen_ms = ahead_ms, now.uncertainty_ms, now.monotonic_ms
        if before_ms is None or abs(ahead_ms - before_ms) <= bound_ms:
            return False
        self.count += 1
        self.stepped_ms = now.monotonic_ms
        return True
