"""Exchange time, told by the monotonic clock: a step of the host's wall clock does not move it.

Its uncertainty grows with age, because clocks drift. Above 500 ms nothing that raises risk is signed; reads, cancels
and reduces go on.
"""

from typing import NamedTuple

MAX_UNCERTAINTY_MS = 500
# A poor clock drifts by 500 ppm, a millisecond in 2,000: a reading stays certain for about 16 minutes.
DRIFT_MS_PER_MS = 2_000


class Reading(NamedTuple):
    """One measurement: exchange time minus monotonic time, half the round trip, and when (monotonic), in ms."""

    ahead_ms: int
    uncertainty_ms: int
    at_ms: int

    def exchange_ms(self, monotonic_ms: int) -> int:
        """Give exchange time at a monotonic moment."""
        return monotonic_ms + self.ahead_ms

    def uncertainty_at(self, monotonic_ms: int) -> int:
        """Give the uncertainty at a monotonic moment, in whole ms rounded up."""
        age_ms = monotonic_ms - self.at_ms
        return self.uncertainty_ms - (-age_ms // DRIFT_MS_PER_MS) if age_ms > 0 else self.uncertainty_ms

    def span(self, monotonic_ms: int) -> tuple[int, int]:
        """Give the earliest and the latest that exchange time may be at a monotonic moment."""
        told, uncertainty = self.exchange_ms(monotonic_ms), self.uncertainty_at(monotonic_ms)
        return told - uncertainty, told + uncertainty

    def uncertain_from_ms(self) -> int:
        """Give the monotonic moment from which on it is not certain enough."""
        return self.at_ms + max(0, MAX_UNCERTAINTY_MS - self.uncertainty_ms) * DRIFT_MS_PER_MS + 1

    def is_certain(self, monotonic_ms: int) -> bool:
        """Tell whether orders may be signed by it."""
        return self.uncertainty_at(monotonic_ms) <= MAX_UNCERTAINTY_MS
