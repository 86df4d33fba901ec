"""The spot market streams by name, and their payloads."""

from __future__ import annotations

import re
from collections.abc import Callable

from counterseal.paper.errors import Json
from counterseal.paper.money import fixed, fixed8
from counterseal.paper.public_data import Bar, PublicData, Tape, change
from counterseal.paper.spot_market import SpotMarket
from counterseal.paper.streams import Payloads, Stream
from counterseal.paper.streams_book import Cursor, Keepers, Levels
from counterseal.paper.streams_history import KlineFollower, TapeFollower, is_interval

DEPTH = re.compile(r"depth(5|10|20)?(?:@(100|1000)ms)?")
WINDOWS = {"1h": 3_600_000, "4h": 14_400_000, "1d": 86_400_000}


class SpotStreams:
    """Makes the streams of spot symbols.  Names are lower case, as the exchange's."""

    def __init__(self, market: SpotMarket, keepers: Keepers) -> None:
        self._market = market
        self._keepers = keepers
        self._data = PublicData(market.walks, market.steps)
        self._symbols = {name.lower(): name for name in market.symbols}

    def open(self, name: str, route: str, unit: int, now_ms: int) -> Stream | None:
        """The stream of a name; None for a name that means nothing, and for those that left the exchange."""
        if name.startswith("!"):
            return self._all(name, unit)
        symbol, _, kind = name.partition("@")
        if symbol not in self._symbols:
            return None
        return self._one(name, self._symbols[symbol], kind, unit, now_ms)

    def _all(self, name: str, unit: int) -> Stream | None:
        if name == "!miniTicker@arr":
            return Stream(name, 1000, lambda now: [[self._mini(symbol, unit, now) for symbol in self._data.walks]])
        window = name.removeprefix("!ticker_").removesuffix("@arr")
        if name == f"!ticker_{window}@arr" and window in WINDOWS:
            return Stream(
                name, 1000, lambda now: [[self._rolling(symbol, window, unit, now) for symbol in self._data.walks]]
            )
        return None

    def _one(self, name: str, symbol: str, kind: str, unit: int, now_ms: int) -> Stream | None:
        depth = DEPTH.fullmatch(kind)
        if depth is not None:
            return self._depth(name, symbol, depth, unit, now_ms)
        if kind.startswith("kline_") and is_interval(kind[6:], with_zone=True):
            return self._klines(name, symbol, kind[6:], unit, now_ms)
        if kind.startswith("ticker_") and kind[7:] in WINDOWS:
            return Stream(name, 1000, lambda now: [self._rolling(symbol, kind[7:], unit, now)])
        simple: dict[str, Callable[[], Stream]] = {
            "trade": lambda: self._tape(name, symbol, _trade, unit, now_ms),
            "aggTrade": lambda: self._tape(name, symbol, _agg_trade, unit, now_ms),
            "blockTrade": lambda: Stream(name, 60_000, lambda _: []),  # none happen here
            "bookTicker": lambda: self._best(name, symbol),
            "miniTicker": lambda: Stream(name, 1000, lambda now: [self._mini(symbol, unit, now)]),
            "ticker": lambda: Stream(name, 1000, lambda now: [self._day(symbol, unit, now)]),
            "avgPrice": lambda: Stream(name, 1000, lambda now: [self._average(symbol, unit, now)]),
            "referencePrice": lambda: Stream(name, 1000, lambda now: [self._reference(symbol, unit, now)]),
        }
        return simple[kind]() if kind in simple else None

    # books

    def _depth(self, name: str, symbol: str, asked: re.Match[str], unit: int, now_ms: int) -> Stream:
        period = int(asked[2] or 1000)
        keeper = self._keepers.of(symbol)
        cursor = keeper.cursor(now_ms)
        if asked[1] is None:
            return Stream(name, period, lambda now: _diff(cursor, symbol, unit, now), cursor.close)
        most = int(asked[1])

        def partial(now: int) -> Payloads:
            if cursor.drain(now) is None:
                return []
            last_id, bids, asks = keeper.snapshot(now, most)
            return [{"lastUpdateId": last_id, "bids": _levels(bids), "asks": _levels(asks)}]

        return Stream(name, period, partial, cursor.close)

    def _best(self, name: str, symbol: str) -> Stream:
        keeper = self._keepers.of(symbol)
        seen: list[object] = [None]

        def make(now: int) -> Payloads:
            last_id, bid, ask = keeper.best(now)
            if seen[0] == (bid, ask):
                return []
            seen[0] = (bid, ask)
            return [{"u": last_id, "s": symbol, "b": fixed8(bid[0]), "B": fixed8(bid[1]), "a": fixed8(ask[0]),
                     "A": fixed8(ask[1])}]  # fmt: skip

        return Stream(name, 0, make)

    # trades and candles

    def _tape(
        self, name: str, symbol: str, shape: Callable[[str, Tape, int, int], Json], unit: int, now_ms: int
    ) -> Stream:
        follower = TapeFollower(self._data, symbol, now_ms)
        return Stream(name, 0, lambda now: [shape(symbol, item, unit, now) for item in follower.new(now)])

    def _klines(self, name: str, symbol: str, interval: str, unit: int, now_ms: int) -> Stream:
        follower = KlineFollower(self._data, symbol, interval, now_ms)
        period = 1000 if follower.interval == "1s" else 2000
        return Stream(
            name, period, lambda now: [_kline(symbol, follower, found, unit, now) for found in follower.new(now)]
        )

    # tickers

    def _mini(self, symbol: str, unit: int, now: int) -> Json:
        bar = self._data.day(symbol, now)
        return {
            "e": "24hrMiniTicker", "E": now * unit, "s": symbol, "c": fixed8(bar.close), "o": fixed8(bar.open),
            "h": fixed8(bar.high), "l": fixed8(bar.low), "v": fixed8(bar.volume), "q": fixed8(bar.quote),
        }  # fmt: skip

    def _day(self, symbol: str, unit: int, now: int) -> Json:
        bar = self._data.day(symbol, now)
        moved, percent, average = change(bar)
        _, bid, ask = self._keepers.of(symbol).best(now)
        quantity = self._data.trade(symbol, self._market.steps.at(now)).qty
        head: Json = {
            "e": "24hrTicker", "E": now * unit, "s": symbol, "p": fixed8(moved), "P": fixed(percent, 3),
            "w": fixed8(average), "x": fixed8(bar.open), "c": fixed8(bar.close), "Q": fixed8(quantity),
            "b": fixed8(bid[0]), "B": fixed8(bid[1]), "a": fixed8(ask[0]), "A": fixed8(ask[1]),
        }  # fmt: skip
        return head | _window(bar, unit)

    def _rolling(self, symbol: str, window: str, unit: int, now: int) -> Json:
        bar = self._data.day(symbol, now, WINDOWS[window])
        moved, percent, average = change(bar)
        head: Json = {"e": f"{window}Ticker", "E": now * unit, "s": symbol, "p": fixed8(moved), "P": fixed(percent, 3),
                      "w": fixed8(average), "c": fixed8(bar.close)}  # fmt: skip
        return head | _window(bar, unit)

    def _average(self, symbol: str, unit: int, now: int) -> Json:
        price = self._market.average_price(symbol, now)
        return {"e": "avgPrice", "E": now * unit, "s": symbol, "i": "5m", "w": fixed8(price), "T": now * unit}

    def _reference(self, symbol: str, unit: int, now: int) -> Json:
        """Assumption: the reference price of every symbol is its five-minute average."""
        price = self._market.average_price(symbol, now)
        return {"e": "referencePrice", "s": symbol, "r": fixed8(price), "t": now * unit}


def _diff(cursor: Cursor, symbol: str, unit: int, now: int) -> Payloads:
    found = cursor.drain(now)
    if found is None:
        return []
    return [{"e": "depthUpdate", "E": now * unit, "s": symbol, "U": found.first, "u": found.last,
             "b": _levels(found.bids), "a": _levels(found.asks)}]  # fmt: skip


def _levels(rows: Levels) -> list[list[str]]:
    return [[fixed8(price), fixed8(qty)] for price, qty in rows]


def _trade(symbol: str, item: Tape, unit: int, now: int) -> Json:
    return {"e": "trade", "E": now * unit, "s": symbol, "t": item.trade_id, "p": fixed8(item.price),
            "q": fixed8(item.qty), "T": item.time_ms * unit, "m": item.is_buyer_maker, "M": True}  # fmt: skip


def _agg_trade(symbol: str, item: Tape, unit: int, now: int) -> Json:
    return {"e": "aggTrade", "E": now * unit, "s": symbol, "a": item.trade_id, "p": fixed8(item.price),
            "q": fixed8(item.qty), "f": item.trade_id, "l": item.trade_id, "T": item.time_ms * unit,
            "m": item.is_buyer_maker, "M": True}  # fmt: skip


def _window(bar: Bar, unit: int) -> Json:
    first = bar.open_ms // 1000
    return {
        "o": fixed8(bar.open), "h": fixed8(bar.high), "l": fixed8(bar.low), "v": fixed8(bar.volume),
        "q": fixed8(bar.quote), "O": bar.open_ms * unit, "C": bar.close_ms * unit, "F": first,
        "L": first + bar.trades - 1, "n": bar.trades,
    }  # fmt: skip


def _kline(symbol: str, follower: KlineFollower, found: tuple[Bar, bool], unit: int, now: int) -> Json:
    bar, is_closed = found
    first = follower.first_id(bar)
    return {"e": "kline", "E": now * unit, "s": symbol, "k": {
        "t": bar.open_ms * unit, "T": (bar.close_ms + 1) * unit - 1, "s": symbol, "i": follower.interval,
        "f": first, "L": first + bar.trades - 1, "o": fixed8(bar.open), "c": fixed8(bar.close), "h": fixed8(bar.high),
        "l": fixed8(bar.low), "v": fixed8(bar.volume), "n": bar.trades, "x": is_closed, "q": fixed8(bar.quote),
        "V": fixed8(bar.taker), "Q": fixed8(bar.bought(bar.quote)), "B": "0",
    }}  # fmt: skip
