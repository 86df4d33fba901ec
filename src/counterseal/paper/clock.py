"""The exchange's clock: the machine's (or a test's), ahead or behind by an offset and a drift that can change."""

from __future__ import annotations

from collections.abc import Callable

MILLION = 1_000_000


class PaperClock:
    """Nanoseconds since the epoch as the exchange believes them; what a call gives never depends on who asks."""

    def __init__(self, base_ns: Callable[[], int], offset_ms: int = 0, drift_ppm: int = 0) -> None:
        self._base_ns = base_ns
        self._since_ns = base_ns()
        self._offset_ns = offset_ms * MILLION
        self._drift_ppm = drift_ppm

    def __call__(self) -> int:
        base_ns = self._base_ns()
        return base_ns + self._skew_ns(base_ns)

    def _skew_ns(self, base_ns: int) -> int:
        return self._offset_ns + (base_ns - self._since_ns) * self._drift_ppm // MILLION

    def skew_ms(self) -> int:
        """How far this clock is ahead of its base now."""
        return self._skew_ns(self._base_ns()) // MILLION

    def skew(self, offset_ms: int | None = None, drift_ppm: int | None = None) -> None:
        """Jump to another offset, or run on from the present one with another drift (ppm), or both."""
        base_ns = self._base_ns()
        self._offset_ns = self._skew_ns(base_ns) if offset_ms is None else offset_ms * MILLION
        self._since_ns = base_ns
        if drift_ppm is not None:
            self._drift_ppm = drift_ppm
