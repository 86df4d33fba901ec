"""The host's clocks and the running event loop's timers."""

import asyncio
import time
from collections.abc import Callable

from counterseal.ports.clock import Timer


class SystemClock:
    """Real time."""

    # Asked many times a request: the library's own functions, without one of ours around them.
    wall_ns = staticmethod(time.time_ns)
    monotonic_ns = staticmethod(time.monotonic_ns)

    def call_later(self, delay_s: float, call: Callable[[], None]) -> Timer:
        """Ask the running loop."""
        return asyncio.get_running_loop().call_later(delay_s, call)

    async def sleep(self, delay_s: float) -> None:
        """Wait on the running loop."""
        await asyncio.sleep(delay_s)
