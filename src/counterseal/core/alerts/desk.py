"""Where alerts become messages: who gets what next, who stands in for whom, what is told again.

Everything is a call with the time as an argument; nothing waits and nothing is sent here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from counterseal.core.alerts.book import Book
from counterseal.core.alerts.entry import Entry
from counterseal.core.alerts.health import SLOW_MS, Health, Turn
from counterseal.core.alerts.model import Alert, Detail, Failure, Message, Severity
from counterseal.core.alerts.pace import Pace
from counterseal.core.alerts.routing import MUST_REACH, Route, meant_for, ordered
from counterseal.core.alerts.text import cleaned, message_of

# A message that a channel refuses although the channel itself works is given up after so many tries.
MAX_REFUSALS = 3
# So long an alert that is not critical waits for a channel that seems well before it goes on all of them.
PATIENCE_MS = 30_000


@dataclass(frozen=True, slots=True)
class Terms:
    """What the settings say. `order` is whom escalation and failover try first."""

    label: str = "counterseal"
    detail: Detail = Detail.NONE
    order: tuple[str, ...] = ()
    dedupe_ms: int = 300_000
    escalate_ms: int = 300_000
    heartbeat_ms: int = 86_400_000


class Parcel(NamedTuple):
    """A message and the numbers of the alerts that it tells."""

    message: Message
    numbers: tuple[int, ...]


class _Channel:
    """`before` is the channel of this name that it takes the place of: what that one has sent counts on."""

    def __init__(self, route: Route, terms: Terms, now_ms: int, before: "_Channel | None" = None) -> None:
        self.route = route
        self.pace: Pace = Pace() if before is None else before.pace
        self.health = Health(terms.heartbeat_ms, now_ms)
        if before is not None and before.health.is_busy:
            # Until that one has ended nothing is sent, or its message would be sent twice.
            self.health.began(now_ms)
        self.refusals = 0


class Desk:
    """Alerts in, parcels out. `book` holds what is known."""

    def __init__(self, routes: Sequence[Route], terms: Terms, now_ms: int) -> None:
        self._terms = terms
        self._channels = {route.name: _Channel(route, terms, now_ms) for route in routes}
        self._order = ordered([route.name for route in routes], terms.order)
        self.book = Book(terms.dedupe_ms)

    @property
    def names(self) -> tuple[str, ...]:
        """The channels, in the order in which they stand in for one another."""
        return self._order

    def health(self, channel: str) -> Health:
        """Give how a channel is."""
        return self._channels[channel].health

    # -- what happens

    def take(self, alert: Alert, now_ms: int, wall_ms: int) -> Entry | None:
        """Take an alert; gives its entry when it is told, None when it was only counted."""
        entry = self.book.take(cleaned(alert), now_ms, wall_ms)
        if entry is not None:
            entry.waiting |= meant_for(self._routes(), entry.severity, entry.alert.beside)
            self._reach(entry, now_ms)
        return entry

    def restore(self, entries: Iterable[Entry]) -> None:
        """Take up what an earlier run has kept; what was meant for a channel that is gone goes to the others."""
        kept = list(entries)
        for entry in kept:
            entry.waiting &= set(self._channels)
        self.book.restore(kept)

    def reconfigure(self, routes: Sequence[Route], terms: Terms, now_ms: int) -> None:
        """Go on with other channels, each of which has to prove itself; what was meant for one that is gone goes to the
        others.
        """
        before = self._channels
        self._terms, self.book.dedupe_ms = terms, terms.dedupe_ms
        self._channels = {each.name: _Channel(each, terms, now_ms, before.get(each.name)) for each in routes}
        self._order = ordered([route.name for route in routes], terms.order)
        for entry in self.book:
            entry.waiting &= set(self._channels)

    def replaced(self, channel: str, parcel: Parcel | None, wall_ms: int) -> None:
        """Note that what a channel was given is over, after another one took its place; `parcel` is what it took."""
        for entry in self._of(parcel):
            entry.waiting.discard(channel)
            entry.sent[channel] = wall_ms
            self.book.changed(entry)
        if channel in self._channels:
            self._channels[channel].health.ended()

    def acknowledge(self, number: int, operator: str, wall_ms: int) -> Entry | None:
        """Note who answers for an alert; None when there is no such alert."""
        return self.book.acknowledge(number, operator, wall_ms)

    def tick(self, now_ms: int) -> list[tuple[str, Turn]]:
        """Let time pass: whom no channel has told yet goes on others, what nobody answers is told again.

        Gives the channels that have just gone down.
        """
        turns = [(name, channel.health.look(now_ms)) for name, channel in self._channels.items()]
        for entry in self.book:
            if entry.severity >= MUST_REACH and not entry.acked_by:
                self._reach(entry, now_ms)
                self._escalate(entry, now_ms)
        return [(name, turn) for name, turn in turns if turn is not Turn.NONE]

    # -- what goes out

    def next(self, channel: str, now_ms: int) -> Parcel | None:
        """Give what a channel sends now, None while there is nothing or it must not. Urgent ones go first."""
        held = self._channels[channel]
        may_urgent, may_others = (held.pace.allows(now_ms, urgent=each) for each in (True, False))
        if not held.health.may_send(now_ms) or not (may_urgent or may_others):
            return None
        waiting = [entry for entry in self.book if channel in entry.waiting]
        urgent = [entry for entry in waiting if entry.severity >= MUST_REACH]
        if urgent and may_urgent:
            return self._parcel(held, urgent, now_ms, urgent=True)
        others = [entry for entry in waiting if entry.severity is Severity.MEDIUM]
        collected = [entry for entry in waiting if entry.severity is Severity.INFO]
        if any(now_ms - entry.due_ms >= held.route.digest_ms for entry in collected):
            others += collected
        return self._parcel(held, others, now_ms, urgent=False) if others and may_others else None

    def _parcel(self, held: _Channel, entries: Sequence[Entry], now_ms: int, *, urgent: bool) -> Parcel:
        held.pace.spend(now_ms, urgent=urgent)
        held.health.began(now_ms)
        numbers = tuple(entry.number for entry in entries)
        return Parcel(message_of(entries, self._terms.label, self._terms.detail), numbers)

    def probe_due(self, channel: str, now_ms: int) -> bool:
        """Tell whether a channel has to prove itself now; one without a probe does it by a message, which counts."""
        held = self._channels[channel]
        return held.health.probe_due(now_ms) and (held.health.has_probe or held.pace.allows(now_ms, urgent=False))

    def began(self, channel: str, now_ms: int, *, is_message: bool = False) -> None:
        """Note that a channel is busy with something that is no parcel."""
        held = self._channels[channel]
        held.health.began(now_ms)
        if is_message:
            held.pace.spend(now_ms, urgent=False)

    def worked(self, channel: str, parcel: Parcel | None, now_ms: int, wall_ms: int) -> Turn:
        """Note that a channel took a parcel, or proved itself without one."""
        held = self._channels[channel]
        if parcel is not None:  # a probe says nothing about the message that was refused before it
            held.refusals = 0
        for entry in self._of(parcel):
            entry.waiting.discard(channel)
            entry.sent[channel] = wall_ms
            self.book.changed(entry)
        return held.health.worked(now_ms)

    def failed(
        self,
        channel: str,
        parcel: Parcel | None,
        failure: Failure,
        detail: str,
        retry_after_ms: int | None,
        now_ms: int,
    ) -> Turn:
        """Note that a channel did not take a parcel. It keeps waiting, unless it is refused again and again."""
        held = self._channels[channel]
        turn = held.health.failed(failure, detail, retry_after_ms, now_ms)
        if parcel is not None and failure is Failure.REFUSED:
            held.refusals += 1
            if held.refusals >= MAX_REFUSALS:
                held.refusals = 0
                self._give_up(channel, parcel)
        for entry in self._of(parcel):
            if entry.severity >= MUST_REACH:
                self._reach(entry, now_ms)
        return turn

    def unprovable(self, channel: str, now_ms: int) -> None:
        """Note that a channel has no probe."""
        self._channels[channel].health.unprovable(now_ms)

    # -- how it stands

    def failing(self, now_ms: int) -> dict[str, tuple[int, str]]:
        """Give the states of the failing table that hold, by row: how many ms ago each began, and its channels."""
        down = {name: held.health for name, held in self._channels.items() if held.health.is_down}
        if not down:
            return {}
        names = ", ".join(sorted(down))
        found = {"alert_channel_down": (now_ms - min(health.down_ms for health in down.values()), names)}
        if len(down) == len(self._channels):
            found["alerts_down"] = (now_ms - max(health.down_ms for health in down.values()), names)
        return found

    def all_down(self) -> bool:
        """Tell whether no channel works at this moment; without any channel nothing is down."""
        return bool(self._channels) and all(held.health.is_down for held in self._channels.values())

    # -- whom else

    def _routes(self) -> Iterable[Route]:
        return [held.route for held in self._channels.values()]

    def _reach(self, entry: Entry, now_ms: int) -> None:
        """Have an alert that must be told, and that nobody has taken, go on every channel."""
        if entry.severity < MUST_REACH or entry.is_spread or entry.sent:
            return
        hopeful = [name for name in entry.waiting if self._channels[name].health.is_well(now_ms)]
        patience_ms = SLOW_MS if entry.severity is Severity.CRITICAL else PATIENCE_MS
        if hopeful and now_ms - entry.due_ms < patience_ms:
            return
        entry.is_spread = True
        entry.waiting |= set(self._channels) - {entry.alert.beside}
        self.book.changed(entry)

    def _escalate(self, entry: Entry, now_ms: int) -> None:
        """Tell a critical alert that nobody answers for on the next channel: first where it has not been."""
        if not entry.is_open or now_ms - entry.step_ms < self._terms.escalate_ms or not self._order:
            return
        entry.step_ms = now_ms
        entry.steps += 1
        well = [name for name in self._order if self._channels[name].health.is_well(now_ms)]
        new = [name for name in well if name not in entry.sent and name not in entry.waiting]
        names = new[:1] or well or self._order
        chosen = names[entry.steps % len(names)]
        entry.waiting.add(chosen)
        self.book.changed(entry)

    def _of(self, parcel: Parcel | None) -> list[Entry]:
        numbers = parcel.numbers if parcel is not None else ()
        return [entry for number in numbers if (entry := self.book.get(number)) is not None]

    def _give_up(self, channel: str, parcel: Parcel) -> None:
        for entry in self._of(parcel):
            entry.waiting.discard(channel)
            self.book.changed(entry)
