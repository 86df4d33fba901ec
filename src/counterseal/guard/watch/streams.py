"""Prices by the exchange's own streams, over the guard's connections: told as they change, not as they are asked for.

USD-M and spot tell all symbols in one stream, COIN-M has one for each. What is not told, or told no more, is read as
it was before: `Reads.marks` looks how old each price is.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from counterseal.adapters.stream_line import ATTEMPTS_WINDOW_MS, Common, Counts, Line, Place
from counterseal.adapters.stream_link import Dial
from counterseal.adapters.tasks import Tasks
from counterseal.core.positions.marks import Told
from counterseal.core.streams.allowance import Allowance
from counterseal.core.streams.telling import MOST_TOLD
from counterseal.guard.watch.world import World
from counterseal.ports.clock import Clock, Timer

TICK_S = 0.25
# Of the 300 attempts to connect that an address has in five minutes, the gateway may take 250.
ATTEMPTS = 40
_PLACES = {"usdm": Place("usdm", "market"), "coinm": Place("coinm"), "spot": Place("spot")}
_ALL = {"usdm": "!markPrice@arr@1s", "spot": "!miniTicker@arr"}


class Links(NamedTuple):
    """The way to the streams: hosts by family; `draw(n)` gives a number from 0 to n - 1."""

    hosts: Mapping[str, str]
    dial: Dial
    draw: Callable[[int], int]


class _Mark(msgspec.Struct, gc=False):
    """A mark price: symbol, price, the exchange's time."""

    s: str = ""
    p: str = ""
    E: int = 0


class _Last(msgspec.Struct, gc=False):
    """A last price."""

    s: str = ""
    c: str = ""
    E: int = 0


_marks = msgspec.json.Decoder(_Mark | list[_Mark]).decode
_lasts = msgspec.json.Decoder(_Last | list[_Last]).decode


def rows_of(family: str, data: bytes | msgspec.Raw) -> list[Told] | None:
    """Read what a stream of prices tells; None for what is none."""
    try:
        if family == "spot":
            last = _lasts(data)
            return [(row.s, row.c, row.E) for row in (last if isinstance(last, list) else (last,))]
        mark = _marks(data)
        return [(row.s, row.p, row.E) for row in (mark if isinstance(mark, list) else (mark,))]
    except (msgspec.DecodeError, RecursionError):
        return None


class PriceStreams:
    """One line for each market that is followed. What it hears goes to the world's prices, and is judged."""

    def __init__(self, links: Links, world: World, clock: Clock, tasks: Tasks, log: Any) -> None:
        self._world, self._clock, self._log = world, clock, log
        self._counts = Counts()
        self._common = Common(
            clock, links.hosts, links.dial, links.draw, tasks, self._tell, self._hear,
            Allowance(ATTEMPTS, ATTEMPTS_WINDOW_MS), self._counts, lambda _line: None,
        )  # fmt: skip
        self._names: dict[str, dict[str, None]] = {}
        self._lines: dict[str, Line] = {}
        self._timer: Timer | None = None

    def start(self) -> None:
        """Connect, and let time pass from now on. Inside the running event loop."""
        self._tick()

    def follow(self, families: set[str]) -> None:
        """Say whose prices are wanted."""
        for family in families & _PLACES.keys() - self._lines.keys():
            names = self._names[family] = dict.fromkeys([_ALL[family]] if family in _ALL else [])
            self._lines[family] = Line(_PLACES[family], names, self._common)
        for family in self._lines.keys() - families:
            self._lines.pop(family).close()

    def close(self) -> None:
        """Disconnect for good."""
        if self._timer is not None:
            self._timer.cancel()
        for line in self._lines.values():
            line.close()

    def view(self) -> dict[str, bool]:
        """Give for each market whether its stream stands."""
        return {family: line.stands for family, line in self._lines.items()}

    def _tick(self) -> None:
        self._timer = self._clock.call_later(TICK_S, self._tick)
        for family, line in self._lines.items():
            if family not in _ALL:
                self._want(family, line)
            line.tick()

    def _want(self, family: str, line: Line) -> None:
        """Listen to the symbols that something rests on, and to no others."""
        symbols = sorted(self._world.prices.wanted(family))[:MOST_TOLD]
        wanted, names = dict.fromkeys(f"{symbol.lower()}@markPrice@1s" for symbol in symbols), self._names[family]
        if wanted.keys() != names.keys():
            names.clear()
            names.update(wanted)
            line.touch()

    def _hear(self, place: Place, _name: str, _text: bytes, data: msgspec.Raw) -> None:
        rows = rows_of(place.family, data)
        if rows is None:
            self._counts.unread += 1
        elif self._world.prices.hear(place.family, rows, self._world.exchange_ms()):
            self._world.judge_soon()

    def _tell(self, **fields: Any) -> None:
        self._log.warning("a stream of prices is not as it was", **fields)
