"""Weight and counts that are not ours: told, and answered as the settings say.

By default it is no more than a warning: another program behind the same address spends its weight too, and makes nobody
poorer. An order of somebody else is noticed as such.
"""

from collections.abc import Callable, Mapping
from typing import Any

from counterseal.core.config.model import Config
from counterseal.core.ladder import FLEET, Actor, Kind, Rung, Scope, Trip
from counterseal.core.reach import is_known
from counterseal.guard.stopping import Stopping
from counterseal.guard.telling import Telling
from counterseal.ports.clock import Clock

_RUNGS = {"halt": Rung.HALTED, "emergency": Rung.FLATTEN}
_GUARD, _NOISE = "guard", "warn"


class ForeignSpend:
    """Takes the gateway's events `foreign_spend`. `config` gives the settings, None while there are none."""

    def __init__(self, stopping: Stopping, telling: Telling, config: Callable[[], Config | None], clock: Clock) -> None:
        self._stopping, self._telling, self._config, self._clock = stopping, telling, config, clock

    def hear(self, message: Mapping[str, Any]) -> None:
        """Tell people, and stop whom the settings say."""
        if message.get("what") != "foreign_spend":
            return
        config = self._config()
        response = _NOISE if config is None else config.guard.on_foreign_spend
        self._telling.foreign_spend(message, is_noise=response == _NOISE)
        rung = _RUNGS.get(response)
        if rung is None or config is None:
            return
        account = Scope(Kind.ACCOUNT, str(message.get("key")))
        # Weight is counted by address, which belongs to no account: then nobody knows whose it was.
        scope = account if is_known(account, config) else FLEET
        cause = f"others spend {message.get('pool')}"
        now_ms = self._clock.wall_ns() // 1_000_000
        self._stopping.stop(Trip(scope, rung, Actor.GUARD, _GUARD, cause, now_ms, rung is Rung.FLATTEN), {})
