"""A bot that halts itself: in force here at once, latched by the guard, given back by an operator alone.

What the guard has not confirmed is told to it again every second, and refused here meanwhile: a guard that is just
being started again must not let a bot go that has said stop.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from counterseal.core import redact
from counterseal.core.ladder import Actor, Kind, Rung, Scope, Trip
from counterseal.gateway import reply as replies
from counterseal.gateway.admission import Admitted
from counterseal.gateway.reply import Reply
from counterseal.gateway.state import State

# How long an answer waits for the guard.
CONFIRM_S, STEP_S = 1.0, 0.002
CAUSE = "the bot's own word"


class SelfHalts:
    """What bots asked for and the guard has not confirmed. `changed` is called when there is more of it.

    `send` tells the guard: {"type": "halts", "wanted": [...]}, all that is not confirmed.
    """

    def __init__(self, state: State, send: Callable[[Mapping[str, Any]], None], changed: Callable[[], None]) -> None:
        self._state, self._send, self._changed = state, send, changed
        self._wanted: dict[str, Trip] = {}

    @property
    def trips(self) -> tuple[Trip, ...]:
        """What is in force here before the guard's ladder says so."""
        return tuple(self._wanted.values())

    async def answer(self, admitted: Admitted) -> Reply:
        """Halt the bot that asks, and answer when the guard has it."""
        bot, values = admitted.bot, admitted.intent.values
        self._want(bot, values.get("cause", ""), cancels=values.get("cancel") == "true")
        deadline_ns = self._state.clock.monotonic_ns() + int(CONFIRM_S * 1e9)
        while bot in self._wanted:
            if self._state.clock.monotonic_ns() >= deadline_ns:
                return replies.denial("halt_unconfirmed", since_ms=self._since_ms(self._wanted[bot]))
            await self._state.clock.sleep(STEP_S)
        body = {"scope": str(Scope(Kind.BOT, bot)), "rung": Rung.HALTED.name}
        return Reply(200, json.dumps(body, separators=(",", ":")).encode())

    def tell(self) -> None:
        """Tell the guard what it has not confirmed."""
        if self._wanted:
            rows = [{"bot": trip.who, "cause": trip.cause, "cancels": trip.cancels} for trip in self._wanted.values()]
            self._send({"type": "halts", "wanted": rows})

    def confirm(self, message: Mapping[str, Any]) -> None:
        """The guard has these on its ladder, which was heard before. Raises ValueError for nonsense."""
        rows = message.get("bots")
        if not isinstance(rows, list):
            raise ValueError("not bots")
        for row in rows:
            bot, cancels = (row.get("bot"), row.get("cancels")) if isinstance(row, dict) else (None, None)
            standing = self._wanted.get(str(bot))
            # What was asked for meanwhile, that orders be cancelled too, is told again.
            if standing is not None and (cancels is True or not standing.cancels):
                del self._wanted[str(bot)]

    def _want(self, bot: str, cause: str, *, cancels: bool) -> None:
        standing, at_ms = self._wanted.get(bot), self._state.clock.wall_ns() // 1_000_000
        cancels = cancels or (standing is not None and standing.cancels)
        text = f"{CAUSE}: {redact.line(cause)}" if cause else CAUSE
        self._wanted[bot] = Trip(Scope(Kind.BOT, bot), Rung.HALTED, Actor.BOT, bot, text, at_ms, cancels)
        self._changed()
        self.tell()

    def _since_ms(self, trip: Trip) -> int:
        return trip.at_ms + self._state.offset_ms()
