"""Stops a bot that repeats one order, and starts it again when a named operator says so."""

from collections.abc import Callable, Sequence
from typing import Any

from counterseal.core.orders import Entry
from counterseal.core.outcome import Outcome
from counterseal.core.repeats import Latch, Placed, Repeats
from counterseal.gateway.admission import Admitted
from counterseal.gateway.state import State

REPEATS = "repeats"
_UNBORN = frozenset({Outcome.REJECTED, Outcome.NOT_SENT})


class Throttle:
    """Counts orders by `core.repeats`. The stops in force are `state.latches`; `write` puts a record on record."""

    def __init__(self, state: State, write: Callable[[dict[str, Any]], None], log: Any) -> None:
        self._state = state
        self._write = write
        self._log = log
        self._repeats = Repeats()
        self._placed: dict[str, tuple[Placed, ...]] = {}

    def refuses(self, admitted: Admitted) -> str | None:
        """Give the reason why an order that raises risk is refused: its bot is stopped."""
        if admitted.bot not in self._state.latches or admitted.intent.reduces or not admitted.intent.legs:
            return None
        return "bot_disabled"

    def place(self, admitted: Admitted, entry: Entry) -> None:
        """Count an order that is about to be sent; the last that is allowed stops its bot."""
        policy, intent = admitted.policy, admitted.intent
        if policy is None or not policy.max_repeats or not intent.client_ids or admitted.endpoint.method != "POST":
            return
        if intent.reduces:
            return
        placed, most = self._repeats.place(
            admitted.bot, admitted.endpoint.name, intent.legs, entry.at_ms, policy.repeat_window_s * 1000
        )
        self._placed[entry.request] = placed
        if most >= policy.max_repeats and admitted.bot not in self._state.latches:
            self._disable(admitted, entry, most)

    def settle(self, admitted: Admitted, entry: Entry, freed: Sequence[str]) -> None:
        """An order that was provably never taken does not count; nor do a batch's legs whose ids are `freed`."""
        placed = self._placed.pop(entry.request, None)
        is_unborn = entry.outcome in _UNBORN
        if placed is None or not (is_unborn or freed):
            return
        for client_id, one in zip(admitted.intent.client_ids, placed, strict=False):
            if is_unborn or client_id in freed:
                one.drop()

    def enable(self, bot: str, operator: str, uid: int) -> dict[str, Any]:
        """End a stop. Gives since when it was in force, and why. Raises KeyError where there is none."""
        latch = self._state.latches.pop(bot)
        self._repeats.forget(bot)
        record = {"type": "latch", "bot": bot, "state": "enabled", "why": latch.why}
        self._write({**record, "operator": operator, "uid": uid})
        self._log.warning("bot is enabled again", bot=bot, operator=operator, uid=uid)
        return {"bot": bot, "why": latch.why, "since_ms": latch.since_ms}

    def _disable(self, admitted: Admitted, entry: Entry, most: int) -> None:
        symbols = list(admitted.intent.symbols)
        self._state.latches[admitted.bot] = Latch(REPEATS, self._state.clock.wall_ns() // 1_000_000)
        self._write(
            {
                "type": "latch", "bot": admitted.bot, "state": "disabled", "why": REPEATS, "id": entry.request,
                "endpoint": admitted.endpoint.name, "symbols": symbols, "count": most,
            }
        )  # fmt: skip
        self._log.critical(
            "bot is disabled: it repeats one order; an operator must enable it", bot=admitted.bot, count=most,
            endpoint=admitted.endpoint.name, symbols=symbols,
        )  # fmt: skip
