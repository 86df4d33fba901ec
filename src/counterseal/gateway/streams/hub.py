"""Streams and who listens to them: joined here, relayed from here, written once per turn of the loop."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from counterseal.adapters.stream_line import ATTEMPTS, ATTEMPTS_WINDOW_MS, Common, Counts, Line, Place
from counterseal.adapters.stream_link import Dial
from counterseal.adapters.tasks import Tasks
from counterseal.core.streams.ages import Age, oldest
from counterseal.core.streams.allowance import Allowance
from counterseal.core.streams.fan import Fan, Listened
from counterseal.core.streams.names import find
from counterseal.gateway.streams.batch import Batch
from counterseal.gateway.streams.freshness import Freshness
from counterseal.gateway.streams.reader import Reader
from counterseal.ports.clock import Clock, Timer

TICK_S = 0.25
# Of the streams that were silent longest, so many are told in a report.
MOST_SILENT = 5


class Hub:
    """All market streams. `hosts` are the stream hosts by family, `draw(n)` gives a number from 0 to n - 1.

    `tell` puts on record what an operator must know. `manner()` is how bots are told of gaps: "close" or "event".
    """

    def __init__(
        self,
        clock: Clock,
        hosts: Mapping[str, str],
        dial: Dial,
        draw: Callable[[int], int],
        tasks: Tasks,
        tell: Callable[..., None],
        manner: Callable[[], str] = lambda: "close",
    ) -> None:
        self.clock = clock
        self.tell = tell
        self.counts = Counts()
        self.attempts = Allowance(ATTEMPTS, ATTEMPTS_WINDOW_MS)
        self._fans: dict[Place, Fan[Reader]] = {}
        self._freshness = Freshness(clock, self._fans, draw, tell, manner)
        self._common = Common(
            clock, hosts, dial, draw, tasks, tell, self._relay, self.attempts, self.counts, self._lost
        )
        self._lines: dict[tuple[Place, int], Line] = {}
        self._touched: dict[Line, None] = {}
        self._batch = Batch()
        self._unwritten: dict[Reader, None] = {}
        self._writes_soon = False
        self._timer: Timer | None = None
        self.readers: dict[Reader, None] = {}
        self.dropped = self.cut = 0
        self._is_closed = False

    # -- life

    def start(self) -> None:
        """Let time pass for the lines from now on."""
        self._timer = self.clock.call_later(TICK_S, self._tick)

    def _tick(self) -> None:
        for line in list(self._lines.values()):
            line.tick()
        self._batch.flush()
        self._freshness.look(self._lines.values())
        self.start()

    def close(self) -> None:
        """Disconnect from the exchange for good."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._freshness.close()
        for line in self._lines.values():
            line.close()

    # -- who listens

    def join(self, reader: Reader, family: str, unit: str, name: str) -> bool:
        """Let a bot listen to a stream; False for what is none, and when there is no room upstream."""
        known = find(family, name)
        if known is None:
            return False
        place = Place(family, known.route, unit)
        fan = self._fans.setdefault(place, Fan())
        self._batch.catch_up(reader)
        number = fan.join(reader, name, newest_only=known.newest_only, now_ns=self.clock.monotonic_ns())
        if number is None:
            return False
        self._touch_soon(self._line(place, number, fan))
        return True

    def leave(self, reader: Reader, family: str, unit: str, name: str) -> None:
        """Let it listen no more."""
        known = find(family, name)
        fan = known and self._fans.get(Place(family, known.route, unit))
        if fan and known:
            self._batch.catch_up(reader)
            number = fan.leave(reader, name)
            if number is not None:
                self._touch_soon(self._lines[Place(family, known.route, unit), number])

    def _line(self, place: Place, number: int, fan: Fan[Reader]) -> Line:
        line = self._lines.get((place, number))
        if line is None:
            line = self._lines[place, number] = Line(place, fan.wanted(number), self._common)
        return line

    def _touch_soon(self, line: Line) -> None:
        """Tell a line at the end of this turn of the loop: what changes together is told in one message."""
        if not self._touched:
            asyncio.get_running_loop().call_soon(self._touch)
        self._touched[line] = None

    def _touch(self) -> None:
        touched, self._touched = self._touched, {}
        for line in touched:
            if not self._is_closed:
                line.touch()

    # -- relaying

    def _relay(self, place: Place, name: str, text: bytes, data: msgspec.Raw) -> None:
        """Give a message to all who listen, at the end of this turn: as it came, or its payload alone."""
        stream = self._fans[place].find(name)
        if stream is None:
            return
        stream.hear(text, self.clock.monotonic_ns())
        if stream.sequence is not None and not stream.sequence.follows(text):
            self._batch.flush()
            self._freshness.broken(self._lines[place, stream.line], stream)
        self._batch.add(stream, text, data)
        self._write_all_soon()

    def _lost(self, line: Line) -> None:
        self._batch.flush()
        self._freshness.lost(line)

    def catch_up(self, reader: Reader) -> None:
        """Put what a bot is meant to get of this turn so far."""
        self._batch.catch_up(reader)

    def write_soon(self, reader: Reader) -> None:
        """Write what a bot is to be sent at the end of this turn of the loop, all of it at once."""
        self._unwritten[reader] = None
        self._write_all_soon()

    def _write_all_soon(self) -> None:
        if not self._writes_soon:
            self._writes_soon = True
            asyncio.get_running_loop().call_soon(self._write)

    def _write(self) -> None:
        self._writes_soon = False
        self._batch.flush()
        unwritten, self._unwritten = self._unwritten, {}
        for reader in unwritten:
            reader.write()

    # -- reading

    def listened(self, family: str, name: str) -> Listened[Reader] | None:
        """Give a stream in milliseconds that some bot listens to, on a connection that stands; None for any other."""
        known = find(family, name)
        place = Place(family, known.route if known else "")
        fan = self._fans.get(place)
        stream = None if fan is None else fan.find(name)
        return stream if stream is not None and self._lines[place, stream.line].stands else None

    # -- reporting

    def report(self) -> dict[str, Any]:
        """Give the counts for `counterseal status`."""
        return {
            "bots": len(self.readers),
            "streams": sum(len(fan) for fan in self._fans.values()),
            "connections": sum(line.connections for line in self._lines.values()),
            "attempts": self.attempts.count(self.clock.monotonic_ns() // 1_000_000),
            "lost": self.counts.lost,
            "renewed": self.counts.renewed,
            "unread": self.counts.unread,
            "dropped": self.dropped,
            "cut": self.cut,
            **self._freshness.report(),
            "silent": [age._asdict() for age in oldest(self._ages(), MOST_SILENT)],
        }

    def _ages(self) -> Iterator[Age]:
        now_ns = self.clock.monotonic_ns()
        for place, fan in self._fans.items():
            for stream in fan:
                yield Age(place.family, stream.name, (now_ns - stream.heard_ns) // 1_000_000)
