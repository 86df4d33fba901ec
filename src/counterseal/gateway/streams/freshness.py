"""What bots did not get is said: a connection to the exchange that was lost, a message that a live one left out."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Protocol

from counterseal.adapters.stream_line import Place
from counterseal.core.streams.allowance import Allowance
from counterseal.core.streams.fan import Fan, Listened
from counterseal.core.streams.frames import text_frame
from counterseal.core.streams.notices import LIVE, LOST, MISSED, MISSED_CLOSE, NOTHING_CLOSE, notice
from counterseal.core.streams.outage import Outage
from counterseal.gateway.streams.reader import Reader
from counterseal.ports.clock import Clock, Timer

# Codes of a close: the service restarts, and try again later.
RESTART, TRY_LATER = 1012, 1013
# Bots come back at the pace at which they are sent away: 50 a second, but all of them within so long.
APART_MS, SPREAD_MS, STEP_S = 20, 3_000, 0.02
# Meanwhile their streams stay subscribed: who comes back costs the exchange nothing.
KEEP_MS = 15_000
# Of a stream that is never whole its listeners are told so often; they see it by the ids, too.
AGAIN_MS = 60_000
RECORDS, RECORDS_WINDOW_MS = 20, 300_000


class Upstream(Protocol):
    """A connection to the exchange that is made again when it is lost, as far as it matters here."""

    @property
    def place(self) -> Place:
        """Where it leads."""
        ...

    @property
    def wanted(self) -> Mapping[str, None]:
        """The streams on it that somebody listens to."""
        ...

    @property
    def stands(self) -> bool:
        """All that was wanted has been asked for and answered."""
        ...

    def keep(self, until_ms: int) -> None:
        """Unsubscribe nothing before this moment."""
        ...

    def __hash__(self) -> int: ...


class Freshness:
    """Watches the connections upstream for the bots. `manner()` is "close" or "event"; `draw(n)` gives a number from 0
    to n - 1; `tell` puts on record what an operator must know.
    """

    def __init__(
        self,
        clock: Clock,
        fans: Mapping[Place, Fan[Reader]],
        draw: Callable[[int], int],
        tell: Callable[..., None],
        manner: Callable[[], str],
    ) -> None:
        self._clock = clock
        self._fans = fans
        self._draw = draw
        self._tell = tell
        self._manner = manner
        self._outages: dict[Upstream, Outage[Reader]] = {}
        self._due: dict[Reader, tuple[int, int, str]] = {}
        self._lately: dict[tuple[Place, str], int] = {}
        self._records = Allowance(RECORDS, RECORDS_WINDOW_MS)
        self._timer: Timer | None = None
        self.gaps = self.told = 0

    # -- what happens upstream

    def lost(self, line: Upstream) -> None:
        """A connection that stood has ended before its successor stood."""
        now_ms = self._now_ms()
        outage = self._outages.setdefault(line, Outage(now_ms))
        line.keep(now_ms + KEEP_MS)
        if self._closes:
            outage.lose(self._fans[line.place].silence(line.wanted), now_ms)
        else:
            self._fans[line.place].restart(line.wanted)
            self._say_lost(line, outage)

    def look(self, lines: Iterable[Upstream]) -> None:
        """Time has passed."""
        for line in lines:
            outage = self._outages.get(line)
            if line.stands or not line.wanted:
                if outage is not None:
                    self._end(line, outage)
            elif outage is None:
                self._outages[line] = Outage(self._now_ms())
            else:
                self._wait(line, outage)

    def _end(self, line: Upstream, outage: Outage[Reader]) -> None:
        del self._outages[line]
        self._close_soon(outage.settle(), RESTART, MISSED_CLOSE)
        if outage.is_said:
            self._say(LIVE, line.place, line.wanted)

    def _wait(self, line: Upstream, outage: Outage[Reader]) -> None:
        now_ms = self._now_ms()
        self._close_soon(outage.take_owed(now_ms), RESTART, MISSED_CLOSE)
        if outage.is_long(now_ms):
            line.keep(now_ms + KEEP_MS)
            if self._closes:
                self._close_soon(self._fans[line.place].silence(line.wanted), TRY_LATER, NOTHING_CLOSE)
            else:
                self._say_lost(line, outage)

    def _say_lost(self, line: Upstream, outage: Outage[Reader]) -> None:
        outage.is_said = True
        self._say(LOST, line.place, line.wanted)

    def broken(self, line: Upstream, stream: Listened[Reader]) -> None:
        """A message did not follow the one before it, on a connection that stands."""
        now_ms = self._now_ms()
        self.gaps += 1
        if self._records.take(now_ms):
            self._tell(what="stream_gap", family=line.place.family, stream=stream.name, gaps=self.gaps)
        if not self._may_tell(line.place, stream.name, now_ms):
            return
        if self._closes:
            line.keep(now_ms + KEEP_MS)
            self._close_soon(self._fans[line.place].silence([stream.name]), RESTART, MISSED_CLOSE)
        else:
            self._say(MISSED, line.place, [stream.name])

    def _may_tell(self, place: Place, name: str, now_ms: int) -> bool:
        """Remember for a minute which streams were told of; the one told of first stands first."""
        while self._lately and now_ms - next(iter(self._lately.values())) >= AGAIN_MS:
            del self._lately[next(iter(self._lately))]
        if (place, name) in self._lately:
            return False
        self._lately[place, name] = now_ms
        return True

    # -- telling

    @property
    def _closes(self) -> bool:
        return self._manner() != "event"

    def _say(self, state: str, place: Place, names: Iterable[str]) -> None:
        """Tell each bot at once which of its streams it is about."""
        about: dict[Reader, list[str]] = {}
        for stream in self._fans[place].listened(names):
            for reader in stream.members:
                about.setdefault(reader, []).append(stream.name)
        wall_ms = self._clock.wall_ns() // 1_000_000
        self.told += len(about)
        for reader, streams in about.items():
            reader.push(text_frame(notice(state, streams, wall_ms, is_combined=reader.is_combined)), None)

    def _close_soon(self, readers: Collection[Reader], code: int, why: str) -> None:
        """Not all at once: they all come back, and ask for what they missed."""
        now_ms, spread = self._now_ms(), min(SPREAD_MS, APART_MS * len(readers))
        for reader in readers:
            self._due.setdefault(reader, (now_ms + self._draw(spread), code, why))
        self._wake_up()

    def _wake_up(self) -> None:
        if self._due and self._timer is None:
            self._timer = self._clock.call_later(STEP_S, self._step)

    def _step(self) -> None:
        self._timer = None
        now_ms = self._now_ms()
        for reader, (at_ms, code, why) in list(self._due.items()):
            if now_ms >= at_ms:
                del self._due[reader]
                self.told += reader.is_open
                reader.close(code, why)
        self._wake_up()

    # -- the rest

    def close(self) -> None:
        """Tell nobody any more."""
        self._due.clear()
        if self._timer is not None:
            self._timer.cancel()

    def report(self) -> dict[str, Any]:
        """Give the counts for `counterseal status`: gaps on live connections, how often bots were told of anything,
        and connections that do not stand although they are wanted."""
        return {"gaps": self.gaps, "told": self.told, "down": len(self._outages)}

    def _now_ms(self) -> int:
        return self._clock.monotonic_ns() // 1_000_000
