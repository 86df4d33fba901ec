"""Followers of public trades and candles: what is new since the last look."""

from __future__ import annotations

from counterseal.paper.public_data import INTERVALS, Bar, PublicData, Tape

MOST_BEHIND = 2400
EASTERN_MS = 8 * 3_600_000
EASTERN = "@+08:00"


class TapeFollower:
    """The public trades of one symbol, each given once."""

    def __init__(self, data: PublicData, symbol: str, now_ms: int) -> None:
        self._data = data
        self._symbol = symbol
        self._next = data.steps.at(now_ms) + 1

    def new(self, now_ms: int) -> list[Tape]:
        """Those since the last call, oldest first; after a long silence only the latest."""
        last = self._data.steps.at(now_ms)
        if self._next > last:
            return []
        first = max(self._next, last - MOST_BEHIND)
        self._next = last + 1
        return [self._data.trade(self._symbol, step) for step in range(first, last + 1)]


class KlineFollower:
    """The candle that is being made, and each finished one once."""

    def __init__(self, data: PublicData, symbol: str, interval: str, now_ms: int) -> None:
        self._data = data
        self._symbol = symbol
        name, _, zone = interval.partition("@")
        self.interval = name
        self._size = INTERVALS[name] * 1000
        shift = EASTERN_MS if zone else 0
        self._open = (now_ms + shift) // self._size * self._size - shift

    def new(self, now_ms: int) -> list[tuple[Bar, bool]]:
        """(candle, whether it is finished), oldest first."""
        found: list[tuple[Bar, bool]] = []
        behind = (now_ms - self._open) // self._size
        if behind > MOST_BEHIND:
            self._open += (behind - MOST_BEHIND) * self._size
        while now_ms >= self._open + self._size:
            found.append((self._bar(now_ms), True))
            self._open += self._size
        return [*found, (self._bar(now_ms), False)]

    def _bar(self, now_ms: int) -> Bar:
        return self._data.bar(self._symbol, self._open, self._open + self._size, now_ms)

    def first_id(self, bar: Bar) -> int:
        """The id of the candle's first trade: trades are numbered by steps."""
        return self._data.steps.at(bar.open_ms)


def is_interval(text: str, *, with_zone: bool) -> bool:
    """Whether this names a candle size, on spot also one in Eastern time."""
    if with_zone and text.endswith(EASTERN):
        text = text.removesuffix(EASTERN)
    return text in INTERVALS
