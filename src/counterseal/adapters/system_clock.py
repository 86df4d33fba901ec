"""The host's clocks and the running event loop's timers."""

import asyncio
import time
from collections.abc import Callable

from counterseal.ports.clock import Timer


class SystemClock:
    """Real time."""

    def wall_ns(self) -> int:
        """Nanoseconds since the epoch by the host's clock."""
        return time.time_ns()

    def monotonic_ns(self) -> int:
        """Nanoseconds that only grow."""
        return time.monotonic_ns()

    def call_later(self, delay_s: float, call: Callable[[], None]) -> Timer:
        """Ask the running loop."""
        return asyncio.get_running_loop().call_later(delay_s, call)

    async def sleep(self, delay_s: float) -> None:
        """Wait on the running loop."""
        await asyncio.sleep(delay_s)
