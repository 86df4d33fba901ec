"""Public market data of one market, made from the walks; the spot and USD-M handlers give it their shape."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from counterseal.paper.errors import ApiError, bad_symbol
from counterseal.paper.market import Flow, Walk
from counterseal.paper.money import ZERO
from counterseal.paper.params import Params, integer, limit_of
from counterseal.paper.steps import Steps

INTERVALS = {
    "1s": 1, "1m": 60, "3m": 180, "5m": 300, "15m": 900, "30m": 1800, "1h": 3600, "2h": 7200, "4h": 14400,
    "6h": 21600, "8h": 28800, "12h": 43200, "1d": 86400, "3d": 259200, "1w": 604800, "1M": 2592000,
}  # fmt: skip
SAMPLES = 8
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Bar:
    """One candle, or the whole of a rolling window."""

    open_ms: int
    close_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    quote: Decimal
    trades: int
    taker: Decimal

    def bought(self, worth: Decimal) -> Decimal:
        """Of what the whole volume is worth, the part that takers bought."""
        return worth * self.taker / self.volume if self.volume else ZERO


@dataclass(frozen=True, slots=True)
class Tape:
    """One public trade: there is one in each step of the walk, and its id is the step."""

    trade_id: int
    price: Decimal
    qty: Decimal
    time_ms: int
    is_buyer_maker: bool


class PublicData:
    """Bars, public trades and averages of one market's walks."""

    def __init__(self, walks: dict[str, Walk], steps: Steps) -> None:
        self.walks = walks
        self.steps = steps

    def walk(self, name: str) -> Walk:
        walk = self.walks.get(name)
        if walk is None:
            raise bad_symbol()
        return walk

    def last(self, name: str, now_ms: int) -> Decimal:
        return self.walk(name).price_at(self.steps.at(now_ms))

    def trade(self, name: str, step: int) -> Tape:
        """A step's trade.  Of a recording it is the step's volume, the smallest quantity where nothing was traded."""
        walk, flow = self.walk(name), self.walk(name).flow(step, step)
        amount = walk.quantity_at(step, 5000) / 50 if flow is None else flow.volume
        qty = max(walk.symbol.step, amount // walk.symbol.step * walk.symbol.step)
        is_buyer_maker = bool(int(qty / walk.symbol.step) % 2) if flow is None else flow.taker * 2 < flow.volume
        return Tape(step, walk.price_at(step), qty, self.steps.ms(step), is_buyer_maker)

    def trades(self, name: str, params: Params, now_ms: int) -> list[Tape]:
        """The last `limit` public trades, or those from `fromId`, or those in a time range."""
        last, most = self.steps.at(now_ms), limit_of(params, 500, 1000)
        first = integer(params, "fromId")
        start, end = integer(params, "startTime"), integer(params, "endTime")
        if first is None and start is not None:
            first = -(-start // self.steps.step_ms)
        stop = last if end is None else min(last, end // self.steps.step_ms)
        if first is None:
            first = max(0, stop - most + 1)
        return [self.trade(name, step) for step in range(first, min(first + most - 1, stop) + 1)]

    def bar(self, name: str, open_ms: int, close_ms: int, now_ms: int) -> Bar:
        """The candle of [open_ms, close_ms), as far as it has been lived through."""
        walk = self.walk(name)
        first = self.steps.at(open_ms)
        last = max(first, min(self.steps.at(close_ms - 1), self.steps.at(now_ms)))
        span = last - first
        prices = [walk.price_at(first + span * index // SAMPLES) for index in range(SAMPLES + 1)]
        flow = walk.flow(first, last)
        if flow is None:
            volume = walk.quantity_at(first, 6000) / 50 * (span + 1) // walk.symbol.step * walk.symbol.step
            flow = Flow(volume, volume * (sum(prices, ZERO) / len(prices)), Decimal(span + 1), volume / 2)
        return Bar(open_ms, close_ms - 1, prices[0], max(prices), min(prices), prices[-1], flow.volume, flow.quote,
                   int(flow.trades), flow.taker)  # fmt: skip

    def bars(self, name: str, params: Params, now_ms: int, most: int) -> list[Bar]:
        """Candles as `klines` asks for them, oldest first."""
        seconds = INTERVALS.get(params["interval"])
        if seconds is None:
            raise ApiError(-1120, "Invalid interval.")
        size, limit = seconds * 1000, limit_of(params, 500, most)
        start, end = integer(params, "startTime"), integer(params, "endTime")
        last = min(now_ms, end if end is not None else now_ms) // size
        first = last - limit + 1 if start is None else -(-start // size)
        last = min(last, first + limit - 1)
        return [self.bar(name, index * size, (index + 1) * size, now_ms) for index in range(max(0, first), last + 1)]

    def day(self, name: str, now_ms: int, window_ms: int = DAY_MS) -> Bar:
        """The rolling window that ends now."""
        return self.bar(name, now_ms - window_ms, now_ms + 1, now_ms)


def change(bar: Bar) -> tuple[Decimal, Decimal, Decimal]:
    """Price change, the same in per cent, and the weighted average price of a window."""
    moved = bar.close - bar.open
    average = bar.quote / bar.volume if bar.volume else bar.close
    return moved, moved * 100 / bar.open, average
