"""The user data of one account in one market, kept connected: opened, renewed before its end, opened again.

Most of the time it is one connection. Its successor is made beside it, and `core/streams/seam.py` joins the two. On a
quiet account no event proves that the old one has brought all that it had: so it is asked, and answers behind it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from counterseal.adapters.stream_line import (
    AFTER_MS,
    JOIN_MS,
    OVERLAP_MOST_MS,
    OVERLAP_MS,
    RENEW_S,
    RENEW_SPREAD_S,
    RETRY_MOST_MS,
    RETRY_MS,
)
from counterseal.adapters.stream_link import Dial, StreamLink
from counterseal.adapters.tasks import Tasks
from counterseal.core.streams.allowance import Allowance
from counterseal.core.streams.seam import Seam
from counterseal.gateway.userdata.way import REFUSED_S, Closed, Heard, Way
from counterseal.ports.clock import Clock
from counterseal.ports.venue import Unreachable

# A connection that has stood for so long was a good one: the next attempt need not wait for those before it.
GOOD_MS = 60_000


@dataclass(frozen=True, slots=True)
class Ties:
    """What all feeds share. `draw(n)` gives a number from 0 to n - 1, `attempts` those of all stream connections."""

    clock: Clock
    dial: Dial
    draw: Callable[[int], int]
    tasks: Tasks
    attempts: Allowance


@dataclass(frozen=True, slots=True)
class Ends:
    """Who is told: of an event (its JSON), that the feed stands (again), and that it is lost, why."""

    on_event: Callable[[bytes], None]
    on_stands: Callable[[], None]
    on_lost: Callable[[str], None]


@dataclass(slots=True, eq=False)
class Voice:
    """One connection, and the way by which it was opened. `stood_ms` is since when its subscription stands, `matches`
    what both had delivered then.

    `is_refused` tells that the exchange, or our signer, has said no to it.
    """

    link: StreamLink
    way: Way
    renew_at_ms: int
    stood_ms: int | None = None
    matches: int = 0
    is_refused: bool = False


class Feed:
    """Keeps one account's events coming. Times are monotonic milliseconds."""

    def __init__(self, host: str, family: str, way: Way, ties: Ties, ends: Ends) -> None:
        self._host = host
        self._family = family
        self._way = way
        self._ties = ties
        self._ends = ends
        self._current: Voice | None = None
        self._successor: Voice | None = None
        self._seam: Seam | None = None
        self._after: tuple[Seam, int] | None = None
        self._is_closed = False
        self._opening: Way | None = None
        self._keeping: Way | None = None
        self._failures = 0
        self._retry_at_ms = 0
        self._hurry_at_ms = 0
        self.renewed = self.unread = 0
        self.is_refused = False
        self.why = ""

    # -- what is asked

    @property
    def stands(self) -> bool:
        """Whether events come at this moment."""
        return self._current is not None and self._current.stood_ms is not None

    @property
    def refs(self) -> list[str]:
        """The version of a key that stands behind each of its connections and of its requests on their way."""
        asked = [way for way in (self._opening, self._keeping) if way is not None]
        return [way.ref for way in (*(voice.way for voice in self._voices()), *asked)]

    def rekey(self, way: Way) -> None:
        """Open the next connection with another version of the key, now; the present one stays until that stands."""
        self._way = way
        for voice in self._voices():
            voice.renew_at_ms = 0
            if voice is self._successor or voice.stood_ms is None:
                voice.link.end("opened with the version before")
        self._retry_at_ms = 0

    def tick(self) -> None:
        """Time has passed."""
        now_ms = self._now_ms()
        for voice in self._voices():
            voice.link.tick(self._ties.clock.monotonic_ns())
        if self._current is None:
            self._open(now_ms)
            return
        if not self.stands and now_ms - self._current.link.born_ns // 1_000_000 >= OVERLAP_MOST_MS:
            self._current.link.end("no subscription")
            return
        self._renew(self._current, now_ms)
        self._keep_due(now_ms)

    def close(self) -> None:
        """Disconnect for good."""
        self._is_closed, voices = True, self._voices()
        self._current = self._successor = self._seam = self._after = None
        for voice in voices:
            voice.link.end("not needed")

    # -- connecting

    def _voices(self) -> list[Voice]:
        return [voice for voice in (self._current, self._successor) if voice is not None]

    def _now_ms(self) -> int:
        return self._ties.clock.monotonic_ns() // 1_000_000

    def _open(self, now_ms: int) -> None:
        """Begin to connect, if it may be tried now."""
        if self._opening is None and now_ms >= self._retry_at_ms and not self._ties.attempts.wait_ms(now_ms):
            self._opening = self._way
            self._ties.tasks.spawn(self._connect(self._way), "connect to user data")

    async def _connect(self, way: Way) -> None:
        try:
            opening = await way.open()
        except Closed as fault:
            self._failed(fault)
            return
        finally:
            self._opening = None
        if self._is_closed or way is not self._way:
            return
        if not self._ties.attempts.take(self._now_ms()):
            # What was free before, others have taken meanwhile: what was asked for it is not asked again at once.
            self._back_off(self._now_ms())
            return
        if opening.is_other and self._current is not None:
            # What the connection that there is was opened with is no longer: nobody knows since when.
            self._current.link.end("replaced")
        voice = self._place(opening.path, way)
        try:
            await self._ties.dial(self._family, voice.link)
        except Unreachable as fault:
            voice.link.end(str(fault))

    def _place(self, path: str, way: Way) -> Voice:
        life_ms = (RENEW_S + self._ties.draw(RENEW_SPREAD_S)) * 1000
        voice = Voice(StreamLink(self._ties.clock, self._host, path, self), way, self._now_ms() + life_ms)
        if self._current is None:
            self._current = voice
        else:
            self._successor, self._seam, self._after = voice, Seam(), None
        return voice

    def _failed(self, fault: Closed) -> None:
        self._back_off(self._now_ms(), fault.wait_s)
        if not self.stands and not self._is_closed:
            self.is_refused, self.why = fault.is_refused, str(fault)
            self._ends.on_lost(self.why)

    def _back_off(self, now_ms: int, least_s: int = 0) -> None:
        """Wait a random time up to a bound that doubles: all accounts are cut off at the same moment."""
        bound = min(RETRY_MS << self._failures, RETRY_MOST_MS)
        self._failures = min(self._failures + 1, 8)
        self._retry_at_ms = now_ms + least_s * 1000 + self._ties.draw(bound) + 1

    def _keep_due(self, now_ms: int) -> None:
        way = None if self._current is None else self._current.way
        keep_at_ms = None if way is None else way.keep_at_ms
        if (
            way is not None
            and self.stands
            and self._keeping is None
            and keep_at_ms is not None
            and now_ms >= keep_at_ms
        ):
            self._keeping = way
            self._ties.tasks.spawn(self._keep(way), "keep user data")

    async def _keep(self, way: Way) -> None:
        try:
            await way.keep()
        except Closed as fault:
            if self._current is not None and self._current.way is way:
                self._current.link.end(str(fault))
        finally:
            self._keeping = None

    # -- renewing

    def _renew(self, current: Voice, now_ms: int) -> None:
        if self._after is not None and now_ms >= self._after[1]:
            self._after = None
        if self._successor is not None:
            self._take_over(self._successor, now_ms)
        elif current.stood_ms is not None and now_ms >= current.renew_at_ms:
            self._open(now_ms)

    def _take_over(self, successor: Voice, now_ms: int) -> None:
        is_joined = self._is_joined()
        if successor.stood_ms is None:
            if now_ms - successor.link.born_ns // 1_000_000 >= OVERLAP_MOST_MS:
                successor.link.end("no subscription")
        elif now_ms - successor.stood_ms >= (OVERLAP_MS if is_joined else JOIN_MS):
            self._switch(now_ms)
            if not is_joined:
                self._miss("behind its successor")

    def _switch(self, now_ms: int) -> None:
        """The successor is the connection from now on; what it alone has delivered is passed on first."""
        old, seam = self._current, self._seam
        self._current, self._successor, self._seam = self._successor, None, None
        if seam is not None:
            self._after = (seam, now_ms + AFTER_MS)
            for _, text in seam.switch():
                self._ends.on_event(text)
        if old is not None:
            self.renewed += 1
            old.link.end("renewed")

    # -- StreamLink's listener

    def on_open(self, link: StreamLink) -> None:
        """Say what has to be said."""
        self._ties.tasks.spawn(self._greet(link), "subscribe to user data")

    async def _greet(self, link: StreamLink) -> None:
        try:
            greeting = await self._way_of(link).greeting()
        except Closed as fault:
            self._give_up(link, fault)
            return
        if not greeting:
            self._stand(link)
        elif link.is_open:
            link.send_text(greeting)

    def _way_of(self, link: StreamLink) -> Way:
        return next((voice.way for voice in self._voices() if voice.link is link), self._way)

    def on_text(self, link: StreamLink, text: bytes) -> None:
        """Pass an event on, once; act upon everything else."""
        current = self._current
        way = current.way if current is not None and current.link is link else self._way_of(link)
        try:
            heard = way.hear(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self.unread += 1
            return
        if heard.event and self._is_news(link, heard):
            self._ends.on_event(heard.event)
        elif not heard.event:
            self._act(link, heard)

    def _act(self, link: StreamLink, heard: Heard) -> None:
        if heard.stands:
            self._stand(link)
        if heard.is_last:
            self._shut_down(link)
        if heard.fault is not None:
            self._give_up(link, heard.fault)

    def _is_news(self, link: StreamLink, heard: Heard) -> bool:
        """Tell whether it is to be passed on now. Only events of one kind come in one order."""
        if self._current is None or link is not self._current.link:
            if self._seam is not None:
                self._seam.new(heard.kind, heard.event)
            return False
        if self._seam is not None:
            self._seam.old(heard.kind, heard.event)
            return True
        return self._after is None or not self._after[0].is_repeat(heard.kind, heard.event)

    def _stand(self, link: StreamLink) -> None:
        for voice in self._voices():
            if voice.link is link and voice.stood_ms is None:
                voice.stood_ms = self._now_ms()
                if voice is self._current:
                    self.is_refused, self.why = False, ""
                    self._ends.on_stands()
                elif self._current is not None and self._seam is not None:
                    voice.matches = self._seam.matches
                    self._current.link.ask()

    def _shut_down(self, link: StreamLink) -> None:
        """The exchange's server goes away, at a moment that it does not tell: make the successor now.

        A successor may hear the same, time after time: it is not followed by another one as fast as that.
        """
        now_ms = self._now_ms()
        if now_ms >= self._hurry_at_ms:
            due_ms, self._hurry_at_ms = now_ms, now_ms + RETRY_MOST_MS
        else:
            due_ms = self._hurry_at_ms
        for voice in self._voices():
            if voice.link is link:
                voice.renew_at_ms = min(voice.renew_at_ms, due_ms)
        if self._current is not None:
            self._renew(self._current, now_ms)

    def _give_up(self, link: StreamLink, fault: Closed) -> None:
        for voice in self._voices():
            if voice.link is link:
                self._retry_at_ms = self._now_ms() + fault.wait_s * 1000
                voice.is_refused = fault.is_refused
        link.end(str(fault))

    def on_lost(self, link: StreamLink, why: str) -> None:
        """A successor that stands takes over at once, and nothing is missing; else connect again, a little later."""
        now_ms = self._now_ms()
        if self._successor is not None and link is self._successor.link:
            self._successor = self._seam = None
            self._back_off_after(link, now_ms)
        elif self._current is not None and link is self._current.link:
            self._lost(link, why, now_ms)

    def _lost(self, link: StreamLink, why: str, now_ms: int) -> None:
        current, is_joined = self._current, self._is_joined()
        self._current = None
        self.is_refused = link.is_refused or (current is not None and current.is_refused)
        if current is not None and current.stood_ms is not None and now_ms - current.stood_ms >= GOOD_MS:
            self._failures = 0
        if self._successor is not None:
            self._switch(now_ms)
        else:
            self._back_off_after(link, now_ms)
        if is_joined:
            self.renewed += 1
        else:
            self._miss(why)

    def _miss(self, why: str) -> None:
        """Events may be missing, whether or not the next connection stands already."""
        self.why = why
        self._ends.on_lost(why)
        if self.stands:
            self._ends.on_stands()

    def _is_joined(self) -> bool:
        """The old connection has brought all that was before the successor stood: both have delivered the same event
        since, or the old one has answered what it was asked then, and nothing shows that it is behind.
        """
        current, successor, seam = self._current, self._successor, self._seam
        if current is None or successor is None or seam is None or successor.stood_ms is None:
            return False
        return seam.matches > successor.matches or (current.link.has_answered and not seam.is_holding)

    def _back_off_after(self, link: StreamLink, now_ms: int) -> None:
        asked_ms = self._retry_at_ms
        self._back_off(now_ms, REFUSED_S if link.is_refused else link.retry_after_s)
        self._retry_at_ms = max(asked_ms, self._retry_at_ms)
