"""The gateway's end of its link with the guard: the ladder comes in, and goes into force before it is acknowledged.

From the guard:
- {"type": "ladder", "seq": n, "trips": [...]}, at each change and every second. Acknowledged when nothing that it
  forbids can leave any more.
- {"type": "ids", "family": f, "account": a, "ids": [...]}: client order ids of its own, before it sends them; all that
  may still be seen again after each start of the gateway.
- {"type": "spend", "pools": {...}} as `core.budget.partner` gives it, before what it tells of is sent.
- {"type": "walls", "walls": {PLACE: {"banned_until_ms": n, "closed_until_ms": {POOL: n}}}}, on the host's monotonic
  clock: where the exchange has told it to stop. The same goes to the guard.
- {"type": "states", "failing": {NAME: {"since_ms_ago": n, "detail": s, "accounts": [...]}}}: all that fails there, at
  each change and from time to time. NAME is a row of `core.failing`: `monitor_stale`, `foreign_order`,
  `alert_channel_down`, `alerts_down` (which closes five minutes after it began). Without accounts it holds for all.
- {"type": "keys", "refused": {REF: s}, "restricted": {REF: b}}: of keys that it has asked the exchange about, those
  that the settings refuse and why, and whether each is bound to addresses; at each change, to each new gateway, and
  from time to time. As long as it has not said anything, no key is refused; what it has not asked again stays so.
- {"type": "overrides", "rows": [{"bot": b, "limit": s, "symbol": s, "value": s, "left_ms": n, ...}]}: all limits that
  are loosened, as `core.overrides` gives them, with how long each still is; at each change and every five seconds.
- {"type": "whose", "seq": n, "account": a, "family": f, "ids": [...]}: whose these open orders are; without the rest it
  asks for all that is known to rest, as a guard does that has just begun.
- {"type": "halts_ack", "bots": [{"bot": b, "cancels": c}, ...]}: these bots' own halts stand on its ladder.

To the guard:
- {"type": "ladder_ack", "seq": n}
- {"type": "beat", "serving": b, "spend": {...}, "since_ms": n, "feeds": [[account, family], ...], "bots": {NAME:
  {"seen_ms": wall ms or null, "silent_ms": n, "resting": [[account, family, symbol], ...]}}} every second. `feeds` are
  those of user data that stand. `silent_ms` counts from the gateway's start, `since_ms` ago, for a bot that has asked
  nothing since; of orders from before that start `resting` knows nothing.
- {"type": "event", "what": w, "account": a, "family": f, ...}: "order" and "account" with the exchange's own event as
  `body`, its `kind`, and `owner`, the bot (or "guard") whose order it is about; "stream_gap", "stream_lost",
  "stream_stands"; "foreign", "foreign_many" and "exchange_order" for orders that this gateway did not send;
  "foreign_spend".
- {"type": "critical", "code": c, "text": s}: whatever is critical in the log.
- {"type": "owners", "seq": n, "account": a, "family": f, "rows": [[client id, bot], ...]}: the answer, in parts; the
  last one has the number of the question, the others none. Ids of nobody that is known are left out.
- {"type": "halts", "wanted": [{"bot": b, "cause": s, "cancels": c}, ...]}: bots that have halted themselves and that
  it has not confirmed yet, at once and every second.
"""

import socket
from collections.abc import Callable, Mapping
from typing import Any

from counterseal.adapters.packet_link import PacketLink
from counterseal.core.failures import Sign
from counterseal.core.guard_states import Told, read_states, signs
from counterseal.core.halts import SILENT_MS
from counterseal.core.ladder import Kind, Rung, Trip, trip_data, trip_of
from counterseal.core.orders import Entry
from counterseal.core.resting import Resting
from counterseal.gateway.guard_news import Criticals, News
from counterseal.gateway.plane import Plane
from counterseal.gateway.self_halts import SelfHalts
from counterseal.gateway.state import State
from counterseal.gateway.whose import Whose
from counterseal.ports.clock import Timer

BEAT_S = 1.0
# The gateway opens without the guard's word after this time, closed for what raises risk.
FIRST_S = 3.0
# Whose orders the guard's are in the ledger of ids.
GUARD = "guard"
_MAX_ID = 36


class GuardLink:
    """Talks with the guard from `start` on."""

    def __init__(self, end: socket.socket, state: State, plane: Plane, log: Any, criticals: Criticals) -> None:
        self._state, self._plane, self._log, self._criticals = state, plane, log, criticals
        self._link = PacketLink(end, self._take, self._gone)
        self._takers: Mapping[str, Callable[[Mapping[str, Any]], None]] = {
            "ladder": self._ladder, "ids": self._ids, "spend": self._spend, "states": self._states,
            "walls": self._walls, "halts_ack": self._confirmed, "keys": plane.wards.hear,
            "overrides": lambda message: self.on_overrides(message),
            "whose": Whose(state, self._link.send).answer,
        }  # fmt: skip
        self.on_overrides: Callable[[Mapping[str, Any]], None] = lambda _message: None
        self._told: list[Trip] = []
        self._own = SelfHalts(state, self._link.send, self._put_in_force)
        self._started_ms = state.monotonic_ms()
        self._heard_ms: int | None = None
        self._failing: list[Told] = []
        self._timer: Timer | None = None
        state.resting, state.wall.on_stop = Resting(), self._tell_walls

    def start(self) -> None:
        """Listen and beat, inside the running event loop."""
        news = News(self._state, self._link.send)
        self._plane.news, self._plane.inside.next = news.record, news
        self._plane.handler.own = self._own.answer
        self._criticals.to(self._link.send)
        self._link.start()
        self._tick()

    def close(self) -> None:
        """Stop."""
        if self._timer is not None:
            self._timer.cancel()
        self._link.close()

    async def first_ladder(self) -> None:
        """Wait for the guard's first word, three seconds at most; without it what raises risk is closed."""
        clock = self._state.clock
        deadline_ns = clock.monotonic_ns() + int(FIRST_S * 1e9)
        while not self._is_up_to_date() and clock.monotonic_ns() < deadline_ns:
            await clock.sleep(0.005)
        if self._heard_ms is None:
            self._note(Sign("kill_unreadable", is_failing=True, detail="no word of the guard yet"))

    def _is_up_to_date(self) -> bool:
        """Tell whether the newest ladder has been heard: what a gateway before us has left unread comes first."""
        return self._heard_ms is not None and not self._link.has_more

    def report(self) -> dict[str, Any]:
        """Give what `counterseal status` shows of the ladder as it is in force here."""
        heard_ms = self._heard_ms
        return {
            "trips": list(map(trip_data, self._state.halts.trips)),
            "heard_ms_ago": None if heard_ms is None else self._state.monotonic_ms() - heard_ms,
            "unsent": self._link.waiting,
            "lost": self._link.lost,
        }

    # -- in

    def _take(self, message: Mapping[str, Any]) -> None:
        take = self._takers.get(message["type"])
        if take is not None:
            take(message)

    def _ladder(self, message: Mapping[str, Any]) -> None:
        number = message.get("seq")
        if type(number) is not int:
            raise ValueError("a ladder without a number")
        trips = _trips(message.get("trips"))
        is_new = trips is not None and self._take_ladder(trips)
        self._heard_ms = self._state.monotonic_ms()
        self._note(Sign("kill_unreadable", is_failing=trips is None, detail="the ladder cannot be read"))
        self._note(Sign("guard_silent", is_failing=False))
        self._link.send({"type": "ladder_ack", "seq": number})
        if is_new:
            self._changed()

    def _take_ladder(self, trips: list[Trip]) -> bool:
        """Put the guard's ladder in force, with the bots' own halts that it has not confirmed; whether that is new."""
        self._told = trips
        halted = {trip.scope.name for trip in trips if trip.scope.kind is Kind.BOT and trip.rung >= Rung.HALTED}
        return self._state.halts.take([*trips, *[trip for trip in self._own.trips if trip.who not in halted]])

    def _put_in_force(self) -> None:
        if self._take_ladder(self._told):
            self._changed()

    def _confirmed(self, message: Mapping[str, Any]) -> None:
        self._own.confirm(message)

    def _changed(self) -> None:
        """Put it on record, and let who waits in line hear it at once."""
        trips = list(map(trip_data, self._state.halts.trips))
        self._plane.gate.record({"type": "event", "what": "ladder", "trips": trips})
        self._log.warning("the ladder", trips=[f"{trip['kind']} {trip['name']}: {trip['rung']}" for trip in trips])
        self._look_again()

    def _ids(self, message: Mapping[str, Any]) -> None:
        family, ids = message.get("family"), message.get("ids")
        if not isinstance(family, str) or not isinstance(ids, list):
            raise ValueError("not ids")
        ledger = self._state.ledger
        for name in ids:
            if type(name) is not str or not 0 < len(name) <= _MAX_ID:
                raise ValueError("not ids")
            known = ledger.get(family, name)
            if known is None:
                ledger.open(family, (name,), Entry(GUARD, GUARD, b"", self._state.monotonic_ms()))
            elif known.bot != GUARD:
                self._log.critical("the guard names an id that a bot has used", family=family, bot=known.bot)

    def _spend(self, message: Mapping[str, Any]) -> None:
        pools = message.get("pools")
        if not isinstance(pools, dict):
            raise ValueError("not spending")
        self._plane.budget.ledger.hear_partner(pools, self._plane.budget.moment())
        self._look_again()

    def _walls(self, message: Mapping[str, Any]) -> None:
        self._state.wall.hear(message.get("walls"), self._state.monotonic_ms())

    def _tell_walls(self) -> None:
        told = self._state.wall.told(self._state.monotonic_ms())
        if told:
            self._link.send({"type": "walls", "walls": told})

    def _states(self, message: Mapping[str, Any]) -> None:
        self._failing = read_states(message.get("failing"), self._state.monotonic_ms())
        self._look()

    def _look_again(self) -> None:
        budget = self._plane.budget
        if budget.queue.size:
            budget.on_room()

    def _note(self, sign: Sign) -> None:
        self._plane.gate.note(sign)

    # -- from second to second

    def _tick(self) -> None:
        self._timer = self._state.clock.call_later(BEAT_S, self._tick)
        self._look()
        self._own.tell()
        self._link.send(self._beat())
        self._tell_walls()

    def _look(self) -> None:
        """Note what fails there, and whether anybody is there at all."""
        now_ms, failures = self._state.monotonic_ms(), self._state.failures
        in_force = [(failure.row.name, failure.scope) for failure in failures]
        for sign in signs(self._failing, in_force, now_ms):
            self._note(sign)
        if self._heard_ms is not None and now_ms - self._heard_ms > SILENT_MS:
            self._note(Sign("guard_silent", is_failing=True, since_ms=self._heard_ms))

    def _beat(self) -> dict[str, Any]:
        state, budget = self._state, self._plane.budget
        now_ms, wall_ms = state.monotonic_ms(), state.clock.wall_ns() // 1_000_000
        resting = {} if state.resting is None else state.resting.of_bots()
        bots = {}
        for name in state.config.bots.keys() | resting.keys():
            heard_ms = state.heard_ms.get(name)
            silent_ms = now_ms - (self._started_ms if heard_ms is None else heard_ms)
            seen_ms = None if heard_ms is None else wall_ms - silent_ms
            bots[name] = {"seen_ms": seen_ms, "silent_ms": silent_ms, "resting": list(resting.get(name, ()))}
        serving, since_ms = state.serving and not state.draining, now_ms - self._started_ms
        return {
            "type": "beat", "serving": serving, "spend": budget.ledger.spend(budget.moment()), "since_ms": since_ms,
            "feeds": self._plane.feeds.standing(), "bots": bots,
        }  # fmt: skip

    def _gone(self) -> None:
        """The last ladder stays in force; the guard that comes next begins with a pair of its own."""
        self._log.warning("the guard's link has ended")


def _trips(rows: Any) -> list[Trip] | None:
    """Read a ladder; None for one that cannot be read whole."""
    try:
        return [trip_of(row) for row in rows] if isinstance(rows, list) else None
    except ValueError:
        return None
