"""Calls that wait for a moment: people are told when the orders have left, which takes less than they would notice."""

from collections.abc import Callable
from typing import Generic, TypeVar

from counterseal.ports.clock import Clock

SOON_S = 0.01
T = TypeVar("T")


class Soon(Generic[T]):
    """Calls `call` with what it is given, in order, a moment later; `flush` does so at once."""

    def __init__(self, call: Callable[[T], None], clock: Clock) -> None:
        self._call, self._clock = call, clock
        self._waiting: list[T] = []

    def __call__(self, what: T) -> None:
        """Take something."""
        self._waiting.append(what)
        if len(self._waiting) == 1:
            self._clock.call_later(SOON_S, self.flush)

    def flush(self) -> None:
        """Pass on what waits."""
        waiting, self._waiting = self._waiting, []
        for what in waiting:
            self._call(what)
