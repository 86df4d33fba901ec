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
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import accumulate
from pathlib import Path

from counterseal.paper.market import Flow
from counterseal.paper.money import ZERO
from counterseal.paper.symbols import Symbol

KLINE_COLUMNS, AGG_COLUMNS = (12,), (7, 8)
MICROSECONDS_FROM = 10**14
Sample = tuple[int, Decimal]  # ms, price
NO_FLOW = Flow(ZERO, ZERO, ZERO, ZERO)


@dataclass(frozen=True, slots=True)
class Piece:
    """What was traded from an instant to another (ms), evenly in between; both are the same for a trade."""

    from_ms: int
    to_ms: int
    flow: Flow

    def until(self, at_ms: int) -> Flow:
        """The part that was traded by an instant."""
        if at_ms >= self.to_ms:
            return self.flow
        return self.flow.times(Decimal(max(0, at_ms - self.from_ms)) / (self.to_ms - self.from_ms))


@dataclass(frozen=True, slots=True)
class Recording:
    """Prices at instants, oldest first: at `times_ms[i]` the price becomes `ticks[i]`; and what was traded."""

    times_ms: list[int]
    ticks: list[int]
    pieces: list[Piece]
    before: list[Flow]  # the sum of all pieces that come before each

    @property
    def lasts_ms(self) -> int:
        return self.times_ms[-1] - self.times_ms[0]

    def traded_by(self, at_ms: int) -> Flow:
        """Everything from the beginning to an instant."""
        index = bisect_right(self.pieces, at_ms, key=lambda piece: piece.from_ms) - 1
        return NO_FLOW if index < 0 else self.before[index].plus(self.pieces[index].until(at_ms))


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
        index = bisect_right(self._recording.times_ms, self._at_ms(step)) - 1
        return self._recording.ticks[max(0, index)]

    def flow(self, first: int, last: int) -> Flow:
        """What was traded after the step before `first`, and not after `last`: never what a step cannot know yet."""
        return self._recording.traded_by(self._at_ms(last)).minus(self._recording.traded_by(self._at_ms(first - 1)))

    def _at_ms(self, step: int) -> int:
        return self._from_ms + (step * self._step_ms - self._start_ms) * self._speed


def read(path: Path, symbol: Symbol) -> Recording:
    """Read a file for a symbol.  ValueError, with the line, for what is no such file or leaves the symbol's prices."""
    times: list[int] = []
    ticks: list[int] = []
    pieces: list[Piece] = []
    for number, samples, piece in _read_rows(_rows(path), symbol.contract_size):
        pieces.append(piece)
        for at_ms, price in samples:
            if times and at_ms < times[-1]:
                raise ValueError(f"line {number}: time runs backwards")
            if not symbol.tick * 10 <= price <= symbol.max_price:
                raise ValueError(f"line {number}: {price} is no price that the filters of {symbol.name} allow")
            times.append(at_ms)
            ticks.append(int(price / symbol.tick))
    if not times:
        raise ValueError("the file holds no row")
    before = accumulate((piece.flow for piece in pieces), Flow.plus, initial=NO_FLOW)
    return Recording(times, ticks, pieces, list(before))


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


def _read_rows(rows: list[list[str]], contract_size: Decimal) -> Iterator[tuple[int, list[Sample], Piece]]:
    """(line number, prices, what was traded) of each row behind the header."""
    for number, row in enumerate(rows, 1):
        if not row or (number == 1 and not row[0].strip().isdigit()):
            continue
        try:
            if len(row) in KLINE_COLUMNS:
                found = _of_kline(row), _kline_piece(row, contract_size)
            elif len(row) in AGG_COLUMNS:
                found = [(_ms(row[5]), _price(row[1]))], _trade_piece(row)
            else:
                raise ValueError(f"{len(row)} columns: neither klines (12) nor aggTrades (7 or 8)")
        except (InvalidOperation, ValueError) as error:
            raise ValueError(f"line {number}: {error or 'not a number'}") from None
        yield number, *found


def _trade_piece(row: list[str]) -> Piece:
    """An aggregate trade: so much at once, made of so many trades; the buyer took it unless the buyer was the maker."""
    at_ms, qty, count = _ms(row[5]), _amount(row[2]), int(row[4]) - int(row[3]) + 1
    taker = ZERO if row[6].strip().lower() == "true" else qty
    return Piece(at_ms, at_ms, Flow(qty, qty * _price(row[1]), Decimal(max(1, count)), taker))


def _kline_piece(row: list[str], contract_size: Decimal) -> Piece:
    """A candle's volume, spread evenly over its time.  Of inverse contracts the file has contracts and coins."""
    volume, quote, count, taker = (_amount(row[index]) for index in (5, 7, 8, 9))
    if contract_size and quote:
        quote = volume * volume * contract_size / quote
    return Piece(_ms(row[0]), _ms(row[6]) + 1, Flow(volume, quote, count, taker))


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


def _amount(text: str) -> Decimal:
    amount = Decimal(text)
    if not amount.is_finite() or amount < 0:
        raise ValueError(f"{text} is no amount")
    return amount


def _price(text: str) -> Decimal:
    price = Decimal(text)
    if not price.is_finite() or price <= 0:
        raise ValueError(f"{text} is no price")
    return price
