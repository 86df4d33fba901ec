"""The USD-M market streams by name and route, and their payloads."""

from __future__ import annotations

import re
from collections.abc import Callable

from counterseal.paper import streams_usdm_payloads as shapes
from counterseal.paper.errors import Json
from counterseal.paper.feed import Event, OrderEvent
from counterseal.paper.money import fixed, fixed8
from counterseal.paper.public_data import PublicData, change
from counterseal.paper.streams import Payloads, Stream
from counterseal.paper.streams_book import Change, Keepers
from counterseal.paper.streams_history import KlineFollower, TapeFollower, is_interval
from counterseal.paper.symbols import Symbol
from counterseal.paper.usdm_market import UsdmMarket

DEPTH = re.compile(r"depth(5|10|20)?(?:@(100|250|500)ms)?|rpiDepth@500ms")
PUBLIC = re.compile(r"bookTicker|depth.*|rpiDepth@500ms|trade")


class UsdmStreams:
    """Makes the streams of USD-M symbols, each on the route where the exchange has it."""

    def __init__(self, market: UsdmMarket, keepers: Keepers) -> None:
        self._market = market
        self._keepers = keepers
        self._data = PublicData(market.walks, market.steps)
        self._symbols = {name.lower(): symbol for name, symbol in market.symbols.items()}
        self._forced: list[Json] = []  # liquidations, told to every stream that has not passed them yet
        self.notices: list[Json] = []  # contractInfo

    def open(self, name: str, route: str, unit: int, now_ms: int) -> Stream | None:
        """The stream of a name; None when it means nothing, or nothing on this route.

        The retired addresses ("legacy") still carry best prices and nothing else.  `<symbol>@trade` is in no
        table, but clients ask for it on /public: it is served on both routes, an assumption.
        """
        head, _, kind = name.partition("@")
        is_public = bool(PUBLIC.fullmatch(kind)) or name == "!bookTicker"
        if route == "legacy":
            is_here = kind == "bookTicker" or name == "!bookTicker"
        else:
            is_here = route == ("public" if is_public else "market") or kind == "trade"
        if not is_here:
            return None
        if head.startswith("!") or not kind:
            return self._all(name)
        return self._pair(name, head, kind, now_ms)

    def _all(self, name: str) -> Stream | None:
        symbols = list(self._market.symbols.values())
        makers: dict[str, tuple[int, Callable[[int], Payloads]]] = {
            "!miniTicker@arr": (1000, lambda now: [[self._mini(symbol, now) for symbol in symbols]]),
            "!ticker@arr": (1000, lambda now: [[self._day(symbol, now) for symbol in symbols]]),
            "!bookTicker": (5000, lambda now: [self._best(symbol, now) for symbol in symbols]),
            "!markPrice@arr": (3000, lambda now: [[self._mark(symbol, now) for symbol in symbols]]),
            "!markPrice@arr@1s": (1000, lambda now: [[self._mark(symbol, now) for symbol in symbols]]),
            "!assetIndex@arr": (1000, lambda now: [self._asset_index(now)]),
            "tradingSession": (1000, lambda now: [shapes.session(now)]),
        }
        if name in makers:
            return Stream(name, *makers[name])
        if name == "!forceOrder@arr":
            return self._queue(name, self._forced, lambda item: item)
        if name == "!contractInfo":
            return self._queue(name, self.notices, lambda item: item)
        return None

    def _pair(self, name: str, head: str, kind: str, now_ms: int) -> Stream | None:
        pair, _, contract = head.partition("_")
        symbol = self._symbols.get(pair)
        if symbol is None:
            return None
        if contract:
            is_known = contract == "perpetual" and kind.startswith("continuousKline_")
            return self._klines(name, symbol, kind[16:], True, now_ms) if is_known else None
        depth = DEPTH.fullmatch(kind)
        if depth is not None:
            return self._depth(name, symbol, depth, now_ms)
        if kind.startswith("kline_"):
            return self._klines(name, symbol, kind[6:], False, now_ms)
        return self._simple(name, symbol, kind, now_ms)

    def _simple(self, name: str, symbol: Symbol, kind: str, now_ms: int) -> Stream | None:
        makers: dict[str, tuple[int, Callable[[int], Payloads]]] = {
            "miniTicker": (2000, lambda now: [self._mini(symbol, now)]),
            "ticker": (2000, lambda now: [self._day(symbol, now)]),
            "markPrice": (3000, lambda now: [self._mark(symbol, now)]),
            "markPrice@1s": (1000, lambda now: [self._mark(symbol, now)]),
            "compositeIndex": (60_000, lambda _: []),  # no index contract is listed
        }
        if kind in makers:
            return Stream(name, *makers[kind])
        if kind == "bookTicker":
            return self._best_changes(name, symbol)
        if kind == "forceOrder":
            return self._queue(name, self._forced, lambda item: _own(item, symbol.name))
        if kind in ("trade", "aggTrade"):
            follower = TapeFollower(self._data, symbol.name, now_ms)
            shape = shapes.trade if kind == "trade" else shapes.agg_trade
            period = 0 if kind == "trade" else 100
            return Stream(name, period, lambda now: [shape(symbol, item, now) for item in follower.new(now)])
        return None

    # books

    def _depth(self, name: str, symbol: Symbol, asked: re.Match[str], now_ms: int) -> Stream:
        period = 500 if asked[0].startswith("rpi") else int(asked[2] or 250)
        keeper = self._keepers.of(symbol.name)
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

    def _best(self, symbol: Symbol, now: int) -> Json:
        last_id, bid, ask = self._keepers.of(symbol.name).best(now)
        price, qty = symbol.price_places, symbol.qty_places
        return {
            "e": "bookTicker", "u": last_id, "E": now, "T": now, "s": symbol.name, "ps": symbol.name,
            "b": fixed(bid[0], price), "B": fixed(bid[1], qty), "a": fixed(ask[0], price),
            "A": fixed(ask[1], qty), "st": shapes.ONE_MARKET,
        }  # fmt: skip

    def _best_changes(self, name: str, symbol: Symbol) -> Stream:
        keeper = self._keepers.of(symbol.name)
        seen: list[object] = [None]

        def make(now: int) -> Payloads:
            found = keeper.best(now)[1:]
            if seen[0] == found:
                return []
            seen[0] = found
            return [self._best(symbol, now)]

        return Stream(name, 0, make)

    # prices

    def _klines(self, name: str, symbol: Symbol, interval: str, is_continuous: bool, now_ms: int) -> Stream | None:
        if not is_interval(interval, with_zone=False) or interval == "1s":
            return None
        follower = KlineFollower(self._data, symbol.name, interval, now_ms)
        shape = shapes.continuous if is_continuous else shapes.kline
        return Stream(
            name, 250, lambda now: [shape(symbol, follower, bar, closed, now) for bar, closed in follower.new(now)]
        )

    def _mini(self, symbol: Symbol, now: int) -> Json:
        bar, price = self._data.day(symbol.name, now), symbol.price_places
        return {
            "e": "24hrMiniTicker", "E": now, "s": symbol.name, "c": fixed(bar.close, price),
            "o": fixed(bar.open, price), "h": fixed(bar.high, price), "l": fixed(bar.low, price),
            "v": fixed(bar.volume, symbol.qty_places), "q": fixed(bar.quote, 2), "ps": symbol.name,
            "st": shapes.ONE_MARKET,
        }  # fmt: skip

    def _day(self, symbol: Symbol, now: int) -> Json:
        bar, price, qty = self._data.day(symbol.name, now), symbol.price_places, symbol.qty_places
        moved, percent, average = change(bar)
        first = bar.open_ms // 1000
        last = self._data.trade(symbol.name, self._market.steps.at(now))
        return {
            "e": "24hrTicker", "E": now, "s": symbol.name, "p": fixed(moved, price), "P": fixed(percent, 3),
            "w": fixed(average, price), "c": fixed(bar.close, price), "Q": fixed(last.qty, qty),
            "o": fixed(bar.open, price), "h": fixed(bar.high, price), "l": fixed(bar.low, price),
            "v": fixed(bar.volume, qty), "q": fixed(bar.quote, 2), "O": bar.open_ms, "C": bar.close_ms, "F": first,
            "L": first + bar.trades - 1, "n": bar.trades, "ps": symbol.name, "st": shapes.ONE_MARKET,
        }  # fmt: skip

    def _mark(self, symbol: Symbol, now: int) -> Json:
        mark = fixed8(self._market.mark(symbol.name, now))
        index, funding = fixed8(self._market.index(symbol.name, now)), self._market.funding
        return {
            "e": "markPriceUpdate", "E": now, "s": symbol.name, "p": mark, "ap": mark, "P": mark, "i": index,
            "r": fixed8(funding.rate(symbol.name, now)), "T": funding.next_ms(now), "st": shapes.ONE_MARKET,
        }  # fmt: skip

    def _asset_index(self, now: int) -> list[Json]:
        return [shapes.asset_index(rate, now) for rate in self._market.rates.all(now)]

    # what happens now and then

    def _queue(self, name: str, items: list[Json], chosen: Callable[[Json], Json | None]) -> Stream:
        """A stream of the items that are added from now on."""
        place = [len(items)]

        def make(now: int) -> Payloads:
            fresh = [chosen(item) for item in items[place[0] :]]
            place[0] = len(items)
            return [item for item in fresh if item is not None]

        return Stream(name, 1000, make)

    def announce(self, symbol: str, now: int) -> None:
        """Push contractInfo of a symbol.  KeyError when it is not listed."""
        self.notices.append(shapes.contract_info(self._market.symbols[symbol], now))

    # a listener of the market's feed

    def take(self, event: Event) -> None:
        """Liquidations are orders of the exchange's own making."""
        if not isinstance(event, OrderEvent) or event.trade is None:
            return
        if event.order.client_id.startswith("autoclose-"):
            self._forced.append(shapes.forced(self._market.symbols[event.order.symbol], event))

    def flush(self, now_ms: int) -> None:
        """Nothing waits for the end of a transaction."""


def _own(item: Json, symbol: str) -> Json | None:
    order = item["o"]
    if not isinstance(order, dict) or order["s"] != symbol:
        return None
    return {name: item[name] for name in ("e", "E", "o")}
