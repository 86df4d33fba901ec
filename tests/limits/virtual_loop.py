"""An event loop whose time is virtual: with nothing left to do it leaps to the next timer. Half an hour passes in as
long as its computing takes, and coroutines use the loop as they always do.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Leap(selectors.DefaultSelector):
    """Where a loop waits for sockets, time passes at once instead. There are no sockets."""

    now_ns = 0

    def select(self, timeout: float | None = None) -> list[Any]:
        """Let `timeout` seconds pass."""
        if timeout is None:
            raise RuntimeError("everything waits, and no timer is set")
        self.now_ns += max(0, round(timeout * 1e9))
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """asyncio's own loop on virtual time."""

    def __init__(self) -> None:
        self._leap = _Leap()
        super().__init__(self._leap)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._leap.now_ns / 1e9

    def time_ns(self) -> int:
        """The same in whole nanoseconds."""
        return self._leap.now_ns


class LoopClock:
    """The Clock port on a virtual loop."""

    def __init__(self, loop: VirtualLoop, wall_ms: int) -> None:
        self._loop = loop
        self._wall_ns = wall_ms * 1_000_000

    def wall_ns(self) -> int:
        """Virtual nanoseconds since the epoch."""
        return self._wall_ns + self._loop.time_ns()

    def monotonic_ns(self) -> int:
        """Virtual nanoseconds since the loop was made."""
        return self._loop.time_ns()

    def call_later(self, delay_s: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        """Ask the loop."""
        return self._loop.call_later(delay_s, call)

    async def sleep(self, delay_s: float) -> None:
        """Wait on the loop."""
        await asyncio.sleep(delay_s)

    def step_wall(self, delta_ms: int) -> None:
        """Step the wall clock as an operator or NTP would; monotonic time does not notice."""
        self._wall_ns += delta_ms * 1_000_000


def run_virtually(main: Callable[[VirtualLoop], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine on a virtual loop of its own."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        return runner.run(main(loop))
