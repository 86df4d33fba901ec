"""Loosened limits as the guard tells them: in force at once, and over at their time even when it says no more."""

from collections.abc import Callable, Mapping
from typing import Any

from counterseal.core.config.model import Config
from counterseal.core.overrides import MOST_MS, Override, config_with, override_data, override_of
from counterseal.gateway.state import State
from counterseal.ports.clock import Timer


class Overriding:
    """Keeps `state.config` as it holds now. `changed` is called with what is loosened when that is another than before.

    The guard tells all of them; those that it tells no more are over.
    """

    def __init__(self, state: State, changed: Callable[[list[dict[str, Any]]], None]) -> None:
        self._state, self._changed = state, changed
        self._written = state.config
        # With the monotonic moment at which each ends.
        self._held: tuple[tuple[Override, int], ...] = ()
        self._timer: Timer | None = None

    @property
    def written(self) -> Config:
        """The settings as they are written."""
        return self._written

    def reloaded(self, config: Config) -> None:
        """Take up other settings; what is loosened stays so."""
        self._written = config
        self._put_in_force()

    def hear(self, message: Mapping[str, Any]) -> None:
        """Take the guard's word. Raises ValueError for nonsense, and then what it told before holds on to its time."""
        rows = message.get("rows")
        if not isinstance(rows, list):
            raise ValueError("not overrides")
        now_ms = self._state.monotonic_ms()
        held = tuple([(override_of(row), now_ms + _left_ms(row)) for row in rows])
        is_new = [one for one, _ in held] != [one for one, _ in self._held]
        # Said again, it lasts no longer than it was first to last.
        ends = dict(self._held)
        self._held = tuple([(one, min(end_ms, ends.get(one, end_ms))) for one, end_ms in held])
        if is_new:
            self._tell()

    def close(self) -> None:
        """End no more by itself."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        now_ms = self._state.monotonic_ms()
        left = tuple([(one, end_ms) for one, end_ms in self._held if now_ms < end_ms])
        if left != self._held:
            self._held = left
            self._tell()

    def _tell(self) -> None:
        self._put_in_force()
        self._changed([override_data(one) for one, _ in self._held])

    def _put_in_force(self) -> None:
        # Their time is kept here, by the clock that nobody puts back.
        self._state.config = config_with(self._written, [one for one, _ in self._held], 0)
        self.close()
        if self._held:
            first_ms = min(end_ms for _, end_ms in self._held)
            wait_ms = max(0, first_ms - self._state.monotonic_ms())
            self._timer = self._state.clock.call_later(wait_ms / 1000 + 0.001, self._look)


def _left_ms(row: Mapping[str, Any]) -> int:
    left_ms = row.get("left_ms")
    if type(left_ms) is not int or not 0 <= left_ms <= MOST_MS:
        raise ValueError("not an override")
    return left_ms
