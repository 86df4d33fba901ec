"""Streams and who listens to them: joined here, relayed from here, written once per turn of the loop."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from counterseal.adapters.stream_link import Dial
from counterseal.adapters.tasks import Tasks
from counterseal.core.streams.allowance import Allowance
from counterseal.core.streams.fan import Fan
from counterseal.core.streams.frames import text_frame
from counterseal.core.streams.names import find
from counterseal.gateway.streams.reader import Reader
from counterseal.gateway.streams.upstream import ATTEMPTS, ATTEMPTS_WINDOW_MS, Common, Counts, Line, Place
from counterseal.ports.clock import Clock, Timer

TICK_S = 0.25


class Hub:
    """All market streams. `hosts` are the stream hosts by family, `draw(n)` gives a number from 0 to n - 1.

    `tell` puts on record what an operator must know.
    """

    def __init__(
        self,
        clock: Clock,
        hosts: Mapping[str, str],
        dial: Dial,
        draw: Callable[[int], int],
        tasks: Tasks,
        tell: Callable[..., None],
    ) -> None:
        self.clock = clock
        self.tell = tell
        self.counts = Counts()
        self._attempts = Allowance(ATTEMPTS, ATTEMPTS_WINDOW_MS)
        self._common = Common(clock, hosts, dial, draw, tasks, tell, self._relay, self._attempts, self.counts)
        self._fans: dict[Place, Fan[Reader]] = {}
        self._lines: dict[tuple[Place, int], Line] = {}
        self._touched: dict[Line, None] = {}
        self._unwritten: dict[Reader, None] = {}
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
        self.start()

    def close(self) -> None:
        """Disconnect from the exchange for good."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
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
        number = fan.join(reader, name, newest_only=known.newest_only)
        if number is None:
            return False
        self._touch_soon(self._line(place, number, fan))
        return True

    def leave(self, reader: Reader, family: str, unit: str, name: str) -> None:
        """Let it listen no more."""
        known = find(family, name)
        fan = known and self._fans.get(Place(family, known.route, unit))
        if fan and known:
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
        """Give a message to all who listen: as it came, or its payload alone. Each form is framed once."""
        stream = self._fans[place].find(name)
        if stream is None:
            return
        key = name if stream.newest_only else None
        raw = combined = b""
        for reader in stream.members:
            if reader.is_combined:
                combined = combined or text_frame(text)
                reader.push(combined, key)
            else:
                raw = raw or text_frame(bytes(data))
                reader.push(raw, key)

    def write_soon(self, reader: Reader) -> None:
        """Write what a bot is to be sent at the end of this turn of the loop, all of it at once."""
        if not self._unwritten:
            asyncio.get_running_loop().call_soon(self._write)
        self._unwritten[reader] = None

    def _write(self) -> None:
        unwritten, self._unwritten = self._unwritten, {}
        for reader in unwritten:
            reader.write()

    # -- reporting

    def report(self) -> dict[str, Any]:
        """Give the counts for `counterseal status`."""
        return {
            "bots": len(self.readers),
            "streams": sum(len(fan) for fan in self._fans.values()),
            "connections": sum(line.connections for line in self._lines.values()),
            "attempts": self._attempts.count(self.clock.monotonic_ns() // 1_000_000),
            "lost": self.counts.lost,
            "renewed": self.counts.renewed,
            "unread": self.counts.unread,
            "dropped": self.dropped,
            "cut": self.cut,
        }
