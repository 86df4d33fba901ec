"""Bots that halt themselves: what the gateway passes on of them becomes a trip of the ladder, as any other.

The gateway names the bot by its credential. More than halting bots that the settings name nobody gains by this way:
the ladder refuses a bot every other scope and every other rung.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from counterseal.core.config.model import Config
from counterseal.core.ladder import Actor, Kind, Refusal, Rung, Scope, Trip
from counterseal.core.own_calls import MAX_CAUSE
from counterseal.core.reach import is_known
from counterseal.guard.stopping import Stopping
from counterseal.ports.clock import Clock

# The gateway puts some words of its own before a bot's.
_MAX_CAUSE = 2 * MAX_CAUSE


class SelfHalts:
    """Takes {"type": "halts", "wanted": [...]} and answers by `send`; what stands already costs no record."""

    def __init__(
        self,
        stopping: Stopping,
        config: Callable[[], Config | None],
        send: Callable[[Mapping[str, Any]], None],
        clock: Clock,
    ) -> None:
        self._stopping, self._config, self._send, self._clock = stopping, config, send, clock

    def hear(self, message: Mapping[str, Any]) -> None:
        """Halt them, and say so behind the ladder. Raises ValueError for nonsense, and then halts nobody."""
        done = []
        for trip in list(_read(message.get("wanted"), self._clock.wall_ns() // 1_000_000)):
            config = self._config()
            # Without settings nobody knows the bots: then the gateway's word is enough.
            if config is not None and not is_known(trip.scope, config):
                continue
            if not isinstance(self._stopping.stop(trip, {}), Refusal):
                done.append({"bot": trip.who, "cancels": trip.cancels})
        self._send({"type": "halts_ack", "bots": done})


def _read(rows: object, now_ms: int) -> Iterator[Trip]:
    if not isinstance(rows, list):
        raise ValueError("no halts of bots")
    for row in rows:
        bot, cause, cancels = (
            [row.get(name) for name in ("bot", "cause", "cancels")] if isinstance(row, dict) else [None] * 3
        )
        if not isinstance(bot, str) or not bot or not isinstance(cause, str) or type(cancels) is not bool:
            raise ValueError("no halt of a bot")
        yield Trip(Scope(Kind.BOT, bot), Rung.HALTED, Actor.BOT, bot, cause[:_MAX_CAUSE], now_ms, cancels)
