"""Recorded markets: kline and aggTrades files as Binance publishes them, played on the paper clock.

Told apart by the number of columns: 12 are klines, 7 or 8 aggregate trades (futures have no `is_best_match`).  A header
row may be there or not.  Times are milliseconds, or microseconds in spot files from 2025 on.  A file may be the
published zip with the one CSV in it.
"""

from __future__ import annotations

import csv
import io
import zipfile
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from counterseal.paper.symbols import Symbol

KLINE_COLUMNS, AGG_COLUMNS = (12,), (7, 8)
MICROSECONDS_FROM = 10**14
Sample = tuple[int, Decimal]  # ms, price


@dataclass(frozen=True, slots=True)
class Recording:
    """Prices at instants, oldest first: at `times_ms[i]` the price becomes `ticks[i]`."""

    times_ms: list[int]
    ticks: list[int]

    @property
    def lasts_ms(self) -> int:
        return self.times_ms[-1] - self.times_ms[0]


class Player:
    """A recording on the paper clock: its instant `skip_ms` falls on `start_ms`; it ends on its last price."""

    def __init__(self, recording: Recording, start_ms: int, step_ms: int, skip_ms: int = 0, speed: int = 1) -> None:
        self._recording = recording
        self._start_ms = start_ms
        self._step_ms = step_ms
        self._from_ms = recording.times_ms[0] + skip_ms
        self._speed = speed

    def __call__(self, step: int) -> int:
        """Ticks at a step; before the recording begins its first price."""
        at_ms = self._from_ms + (step * self._step_ms - self._start_ms) * self._speed
        index = bisect_right(self._recording.times_ms, at_ms) - 1
        return self._recording.ticks[max(0, index)]


def read(path: Path, symbol: Symbol) -> Recording:
    """Read a file for a symbol.  ValueError, with the line, for what is no such file or leaves the symbol's prices."""
    times: list[int] = []
    ticks: list[int] = []
    for number, (at_ms, price) in _samples(_rows(path)):
        if times and at_ms < times[-1]:
            raise ValueError(f"line {number}: time runs backwards")
        if not symbol.tick * 10 <= price <= symbol.max_price:
            raise ValueError(f"line {number}: {price} is no price that the filters of {symbol.name} allow")
        times.append(at_ms)
        ticks.append(int(price / symbol.tick))
    if not times:
        raise ValueError("the file holds no row")
    return Recording(times, ticks)


def _rows(path: Path) -> list[list[str]]:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith(".csv")]
            if len(names) != 1:
                raise ValueError("the archive does not hold exactly one CSV")
            text = archive.read(names[0]).decode("utf-8-sig")
    else:
        text = path.read_text("utf-8-sig")
    return list(csv.reader(io.StringIO(text)))


def _samples(rows: list[list[str]]) -> Iterator[tuple[int, Sample]]:
    """(line number, sample) of each row behind the header."""
    for number, row in enumerate(rows, 1):
        if not row or (number == 1 and not row[0].strip().isdigit()):
            continue
        try:
            samples = _of_row(row)
        except (InvalidOperation, ValueError) as error:
            raise ValueError(f"line {number}: {error or 'not a number'}") from None
        for sample in samples:
            yield number, sample


def _of_row(row: list[str]) -> Iterable[Sample]:
    if len(row) in KLINE_COLUMNS:
        return _of_kline(row)
    if len(row) in AGG_COLUMNS:
        return [(_ms(row[5]), _price(row[1]))]
    raise ValueError(f"{len(row)} columns: neither klines (12) nor aggTrades (7 or 8)")


def _of_kline(row: list[str]) -> list[Sample]:
    """A candle as four prices at its quarters: the extreme against its direction comes first."""
    opened, closed = _ms(row[0]), _ms(row[6])
    first, high, low, last = (_price(text) for text in row[1:5])
    if not low <= min(first, last) <= max(first, last) <= high or closed < opened:
        raise ValueError("no candle")
    second, third = (low, high) if last >= first else (high, low)
    quarter = (closed - opened) // 4
    return [(opened, first), (opened + quarter, second), (opened + 2 * quarter, third), (closed - quarter, last)]


def _ms(text: str) -> int:
    value = int(text)
    return value // 1000 if value >= MICROSECONDS_FROM else value


def _price(text: str) -> Decimal:
    price = Decimal(text)
    if not price.is_finite() or price <= 0:
        raise ValueError(f"{text} is no price")
    return price
