"""Time, as everything in the product sees it."""

from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """A call that has been asked for and can be taken back."""

    def cancel(self) -> None: ...


class Clock(Protocol):
    """Wall and monotonic time, waiting. Its virtual twin passes a day in milliseconds."""

    def wall_ns(self) -> int:
        """Nanoseconds since the Unix epoch by this host's clock, which may step."""
        ...

    def monotonic_ns(self) -> int:
        """Nanoseconds that only grow; the zero is arbitrary."""
        ...

    def call_later(self, delay_s: float, call: Callable[[], None]) -> Timer:
        """Call once after `delay_s` seconds of monotonic time."""
        ...

    async def sleep(self, delay_s: float) -> None:
        """Wait `delay_s` seconds of monotonic time."""
        ...
