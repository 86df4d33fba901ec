"""Who spent what: each window as it stands, and each bot's calls since the start."""

from collections.abc import Mapping
from typing import NamedTuple

from counterseal.core.budget.share import Lane
from counterseal.core.budget.window import Window

# A bot that calls more endpoints than this has the rest in one row.
MAX_ENDPOINTS = 256
OTHER = "other"


class PoolReport(NamedTuple):
    """One window. Numbers are weight, requests or orders, as the pool counts.

    `ceilings` are by lane up to which use of the pool it may spend. `spent` is ours and settled, `foreign` the most
    that others can have spent, `carried` the part of `spent` that may belong to the window before. `lanes` and `bots`
    tell whose it is, bots with what they have in flight. `unheard` counts headers that were of no use, by fault.
    """

    pool: str
    scope: str
    key: str
    endpoint: str
    limit: int
    ceilings: Mapping[str, int]
    spent: int
    foreign: int
    in_flight: int
    carried: int
    lanes: Mapping[str, int]
    bots: Mapping[str, int]
    window_start_ms: int
    window_end_ms: int
    unheard: Mapping[str, int]


class BotReport(NamedTuple):
    """One bot's calls of one endpoint since the start, and the request weight they cost."""

    bot: str
    endpoint: str
    calls: int
    weight: int


class Tally:
    """Calls and request weight."""

    __slots__ = ("calls", "weight")

    def __init__(self) -> None:
        self.calls = 0
        self.weight = 0


class Tallies:
    """A tally for each bot and endpoint."""

    def __init__(self) -> None:
        self._by_bot: dict[str, dict[str, Tally]] = {}

    def of(self, bot: str, endpoint: str) -> Tally:
        """Give the tally of a bot's endpoint, the one for all others when there are too many."""
        mine = self._by_bot.setdefault(bot, {})
        if endpoint not in mine and len(mine) >= MAX_ENDPOINTS:
            endpoint = OTHER
        return mine.setdefault(endpoint, Tally())

    def report(self) -> list[BotReport]:
        """Give all that was called, by bot, the heaviest first."""
        rows = [
            BotReport(bot, endpoint, tally.calls, tally.weight)
            for bot, mine in self._by_bot.items()
            for endpoint, tally in mine.items()
            if tally.calls
        ]
        return sorted(rows, key=lambda row: (row.bot, -row.weight, -row.calls, row.endpoint))


def pool_report(window: Window) -> PoolReport:
    """Describe a window."""
    used = {seat.bot: seat.spent + seat.in_flight for seat in window.seats.values()}
    return PoolReport(
        pool=window.pool.id,
        scope=window.pool.scope,
        key=window.key,
        endpoint=window.endpoint,
        limit=window.limit,
        ceilings={lane.name: window.ceilings[lane] for lane in Lane},
        spent=window.spent,
        foreign=window.foreign,
        in_flight=window.in_flight,
        carried=window.spent - sum(window.lanes),
        lanes={lane.name: window.lanes[lane] for lane in Lane},
        bots={bot: use for bot, use in used.items() if use},
        window_start_ms=window.begin_ms,
        window_end_ms=window.end_ms,
        unheard=dict(window.unheard),
    )
