"""The market's ticking: instants in ms become step numbers, and no step is forgotten."""

from __future__ import annotations

from collections.abc import Iterator

MOST = 2400  # after a long silence the walk is sampled, not replayed


class Steps:
    """Counts the steps that a market has lived through."""

    def __init__(self, step_ms: int) -> None:
        self.step_ms = step_ms
        self._last: int | None = None

    def at(self, now_ms: int) -> int:
        return now_ms // self.step_ms

    def ms(self, step: int) -> int:
        return step * self.step_ms

    def until(self, now_ms: int) -> Iterator[int]:
        """The steps since the last call, oldest first, at most MOST of them, always ending at the present."""
        target = self.at(now_ms)
        first = target if self._last is None else self._last + 1
        if first > target:
            return iter(())
        self._last = target
        stride = max(1, (target - first + 1) // MOST)
        return iter(range(target, first - 1, -stride).__reversed__())
