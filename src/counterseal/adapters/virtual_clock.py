"""The clock's virtual twin: time stands still until a test moves it, and then all timers fire in order."""

import asyncio
import heapq
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(order=True)
class VirtualTimer:
    """A call due at `at_ns` of virtual monotonic time."""

    at_ns: int
    order: int
    call: Callable[[], None] = field(compare=False)
    cancelled: bool = field(default=False, compare=False)

    def cancel(self) -> None:
        """Take the call back."""
        self.cancelled = True


class VirtualClock:
    """Wall and monotonic time that only `advance` and `step_wall` move."""

    def __init__(self, wall_ms: int = 1_795_000_000_000) -> None:
        self._wall_ns = wall_ms * 1_000_000
        self._monotonic_ns = 0
        self._timers: list[VirtualTimer] = []
        self._order = 0

    def wall_ns(self) -> int:
        """Virtual nanoseconds since the epoch."""
        return self._wall_ns

    def monotonic_ns(self) -> int:
        """Virtual nanoseconds since the test began."""
        return self._monotonic_ns

    def call_later(self, delay_s: float, call: Callable[[], None]) -> VirtualTimer:
        """Call when time has been advanced that far."""
        self._order += 1
        timer = VirtualTimer(self._monotonic_ns + round(delay_s * 1e9), self._order, call)
        heapq.heappush(self._timers, timer)
        return timer

    async def sleep(self, delay_s: float) -> None:
        """Wait until time has been advanced that far."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def wake() -> None:
            if not done.done():
                done.set_result(None)

        timer = self.call_later(delay_s, wake)
        try:
            await done
        finally:
            timer.cancel()

    def step_wall(self, delta_ms: int) -> None:
        """Step the wall clock as an operator or NTP would; monotonic time does not notice."""
        self._wall_ns += delta_ms * 1_000_000

    async def advance(self, delta_s: float) -> None:
        """Let time pass, timer by timer, each with the loop's turns that it causes."""
        end = self._monotonic_ns + round(delta_s * 1e9)
        await self._settle()
        while self._timers and self._timers[0].at_ns <= end:
            timer = heapq.heappop(self._timers)
            self._move(timer.at_ns)
            if not timer.cancelled:
                timer.call()
                await self._settle()
        self._move(end)
        await self._settle()

    def _move(self, to_ns: int) -> None:
        self._wall_ns += to_ns - self._monotonic_ns
        self._monotonic_ns = to_ns

    async def _settle(self) -> None:
        """Let everything that is ready run; chains of awaits need several turns."""
        for _ in range(25):
            await asyncio.sleep(0)
