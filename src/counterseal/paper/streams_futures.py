"""The futures market streams by name and route: the symbols of one market, USD-M or COIN-M."""

from __future__ import annotations

import re
from collections.abc import Callable

from counterseal.paper import streams_futures_payloads as shapes
from counterseal.paper.errors import Json
from counterseal.paper.public_data import Bar
from counterseal.paper.streams import Payloads, Stream
from counterseal.paper.streams_book import Change
from counterseal.paper.streams_futures_figures import Figures
from counterseal.paper.streams_futures_mixed import MixedStreams
from counterseal.paper.streams_history import KlineFollower, TapeFollower, is_interval
from counterseal.paper.symbols import Symbol

DEPTH = re.compile(r"depth(5|10|20)?(?:@(100|250|500)ms)?|rpiDepth@500ms")
PUBLIC = re.compile(r"bookTicker|depth.*|rpiDepth@500ms|trade")
ONLY_USDM = re.compile(r"rpiDepth@500ms|compositeIndex")  # of what a symbol's stream may be
TICKER_MS = {"usdm": 2000, "coinm": 500}
Candle = Callable[[Symbol, KlineFollower, Bar, bool, int], Json]


class FuturesStreams:
    """Makes the streams of one market's symbols, each on the route where the exchange has it."""

    def __init__(self, figures: Figures, mixed: MixedStreams) -> None:
        self._figures = figures
        self._market = figures.market
        self._mixed = mixed
        self._is_usdm = figures.market.family == "usdm"
        self._symbols = {name.lower(): symbol for name, symbol in self._market.symbols.items()}
        self._pairs = {symbol.pair.lower(): symbol for symbol in self._market.symbols.values()}

    def open(self, name: str, route: str, unit: int, now_ms: int) -> Stream | None:
        """The stream of a name; None when it means nothing, or nothing on this route."""
        head, _, kind = name.partition("@")
        if self._is_usdm and not _is_here(name, kind, route):
            return None
        if head.startswith("!") or not kind:
            return self._mixed.open(name, self._market.family)
        symbol = self._symbols.get(head)
        if symbol is None or (not self._is_usdm and ONLY_USDM.fullmatch(kind)):
            return self._of_pair(name, head, kind, now_ms)
        return self._of_symbol(name, symbol, kind, now_ms)

    def _of_symbol(self, name: str, symbol: Symbol, kind: str, now_ms: int) -> Stream | None:
        depth = DEPTH.fullmatch(kind)
        if depth is not None:
            return self._depth(name, symbol, depth, now_ms)
        if kind.startswith("kline_"):
            return self._klines(name, symbol, kind[6:], shapes.kline, now_ms)
        if kind.startswith("markPriceKline_") and not self._is_usdm:
            return self._klines(name, symbol, kind[15:], self._figures.mark_candle, now_ms)
        return self._simple(name, symbol, kind, now_ms)

    def _of_pair(self, name: str, head: str, kind: str, now_ms: int) -> Stream | None:
        """Continuous contracts, and what COIN-M tells by the underlying instead of the contract."""
        pair, _, contract = head.partition("_")
        symbol = self._pairs.get(pair)
        if symbol is None:
            return None
        if contract:
            is_known = contract == "perpetual" and kind.startswith("continuousKline_")
            return self._klines(name, symbol, kind[16:], shapes.continuous, now_ms) if is_known else None
        if self._is_usdm:
            return None
        if kind.startswith("indexPriceKline_"):
            return self._klines(name, symbol, kind[16:], self._figures.index_candle, now_ms)
        figures = self._figures
        makers: dict[str, tuple[int, Callable[[int], Payloads]]] = {
            "indexPrice": (3000, lambda now: [figures.index(symbol, now)]),
            "indexPrice@1s": (1000, lambda now: [figures.index(symbol, now)]),
            "markPrice": (3000, lambda now: [[figures.mark(symbol, now)]]),
            "markPrice@1s": (1000, lambda now: [[figures.mark(symbol, now)]]),
        }
        return Stream(name, *makers[kind]) if kind in makers else None

    def _simple(self, name: str, symbol: Symbol, kind: str, now_ms: int) -> Stream | None:
        figures, ticker_ms = self._figures, TICKER_MS[self._market.family]
        makers: dict[str, tuple[int, Callable[[int], Payloads]]] = {
            "miniTicker": (ticker_ms, lambda now: [figures.mini(symbol, now)]),
            "ticker": (ticker_ms, lambda now: [figures.day(symbol, now)]),
            "markPrice": (3000, lambda now: [figures.mark(symbol, now)]),
            "markPrice@1s": (1000, lambda now: [figures.mark(symbol, now)]),
            "compositeIndex": (60_000, lambda _: []),  # no index contract is listed
        }
        if kind in makers:
            return Stream(name, *makers[kind])
        if kind == "bookTicker":
            return self._best_changes(name, symbol)
        if kind == "forceOrder":
            return self._mixed.forced(name, symbol.name)
        if kind in ("trade", "aggTrade"):
            follower = TapeFollower(figures.data, symbol.name, now_ms)
            shape = shapes.trade if kind == "trade" else shapes.agg_trade
            period = 0 if kind == "trade" else 100
            return Stream(name, period, lambda now: [shape(symbol, item, now) for item in follower.new(now)])
        return None

    # books

    def _depth(self, name: str, symbol: Symbol, asked: re.Match[str], now_ms: int) -> Stream:
        period = 500 if asked[0].startswith("rpi") else int(asked[2] or 250)
        keeper = self._market.keepers.of(symbol.name)
        cursor = keeper.cursor(now_ms)

        def make(now: int) -> Payloads:
            found = cursor.drain(now)
            if found is None:
                return []
            if asked[1] is not None:
                _, bids, asks = keeper.snapshot(now, int(asked[1]))
                found = Change(found.first, found.last, found.previous, bids, asks)
            return [shapes.depth_update(symbol, found, now)]

        return Stream(name, period, make, cursor.close)

    def _best_changes(self, name: str, symbol: Symbol) -> Stream:
        keeper = self._market.keepers.of(symbol.name)
        seen: list[object] = [None]

        def make(now: int) -> Payloads:
            found = keeper.best(now)[1:]
            if seen[0] == found:
                return []
            seen[0] = found
            return [self._figures.best(symbol, now)]

        return Stream(name, 0, make)

    # candles

    def _klines(self, name: str, symbol: Symbol, interval: str, shape: Candle, now_ms: int) -> Stream | None:
        if not is_interval(interval, with_zone=False) or interval == "1s":
            return None
        follower = KlineFollower(self._figures.data, symbol.name, interval, now_ms)
        return Stream(
            name, 250, lambda now: [shape(symbol, follower, bar, closed, now) for bar, closed in follower.new(now)]
        )


def _is_here(name: str, kind: str, route: str) -> bool:
    """Whether USD-M has a stream on this route.

    The retired addresses ("legacy") still carry best prices and nothing else.  `<symbol>@trade` is in no table, but
    clients ask for it on /public: it is served on both routes, an assumption.
    """
    is_public = bool(PUBLIC.fullmatch(kind)) or name == "!bookTicker"
    if route == "legacy":
        return kind == "bookTicker" or name == "!bookTicker"
    return route == ("public" if is_public else "market") or kind == "trade"
