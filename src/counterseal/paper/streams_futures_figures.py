"""What the streams of one futures market tell of a symbol's prices: tickers, best prices, marks, candles."""

from __future__ import annotations

from decimal import Decimal

from counterseal.paper import streams_futures_payloads as shapes
from counterseal.paper.errors import Json
from counterseal.paper.futures_market import FuturesMarket
from counterseal.paper.futures_prices import sampled
from counterseal.paper.money import fixed, fixed8
from counterseal.paper.public_data import Bar, PublicData, change
from counterseal.paper.streams_history import KlineFollower
from counterseal.paper.symbols import Symbol


class Figures:
    """Payloads of one market's symbols, each made for an instant in ms."""

    def __init__(self, market: FuturesMarket) -> None:
        self.market = market
        self.data = PublicData(market.walks, market.steps)

    def mini(self, symbol: Symbol, now: int) -> Json:
        bar, price = self.data.day(symbol.name, now), symbol.price_places
        return {
            "e": "24hrMiniTicker", "E": now, "s": symbol.name, "c": fixed(bar.close, price),
            "o": fixed(bar.open, price), "h": fixed(bar.high, price), "l": fixed(bar.low, price),
            "v": fixed(bar.volume, symbol.qty_places), "q": _worth(symbol, bar), "ps": symbol.pair,
            "st": shapes.section(symbol),
        }  # fmt: skip

    def day(self, symbol: Symbol, now: int) -> Json:
        bar, price, qty = self.data.day(symbol.name, now), symbol.price_places, symbol.qty_places
        moved, percent, average = change(bar)
        first = bar.open_ms // 1000
        last = self.data.trade(symbol.name, self.market.steps.at(now))
        return {
            "e": "24hrTicker", "E": now, "s": symbol.name, "p": fixed(moved, price), "P": fixed(percent, 3),
            "w": fixed(average, price), "c": fixed(bar.close, price), "Q": fixed(last.qty, qty),
            "o": fixed(bar.open, price), "h": fixed(bar.high, price), "l": fixed(bar.low, price),
            "v": fixed(bar.volume, qty), "q": _worth(symbol, bar), "O": bar.open_ms, "C": bar.close_ms, "F": first,
            "L": first + bar.trades - 1, "n": bar.trades, "ps": symbol.pair, "st": shapes.section(symbol),
        }  # fmt: skip

    def best(self, symbol: Symbol, now: int) -> Json:
        last_id, bid, ask = self.market.keepers.of(symbol.name).best(now)
        price, qty = symbol.price_places, symbol.qty_places
        return {
            "e": "bookTicker", "u": last_id, "E": now, "T": now, "s": symbol.name, "ps": symbol.pair,
            "b": fixed(bid[0], price), "B": fixed(bid[1], qty), "a": fixed(ask[0], price),
            "A": fixed(ask[1], qty), "st": shapes.section(symbol),
        }  # fmt: skip

    def mark(self, symbol: Symbol, now: int) -> Json:
        """Only USD-M tells the mean of the mark price (`ap`); here it is the mark itself."""
        mark, funding = fixed8(self.market.mark(symbol.name, now)), self.market.funding
        row: Json = {
            "e": "markPriceUpdate", "E": now, "s": symbol.name, "p": mark, "P": mark,
            "i": fixed8(self.market.index(symbol.name, now)), "r": fixed8(funding.rate(symbol.name, now)),
            "T": funding.next_ms(now), "st": shapes.section(symbol),
        }  # fmt: skip
        return row if symbol.contract_size else row | {"ap": mark}

    def index(self, symbol: Symbol, now: int) -> Json:
        return {"e": "indexPriceUpdate", "E": now, "i": symbol.pair, "p": fixed8(self.market.index(symbol.name, now))}

    def mark_candle(self, symbol: Symbol, follower: KlineFollower, bar: Bar, closed: bool, now: int) -> Json:
        found = sampled(bar, now, lambda at_ms: self.market.mark(symbol.name, at_ms))
        candle = _priced(symbol.name, follower, bar, found, now)
        return {"e": "markPrice_kline", "E": now, "ps": symbol.pair, "k": candle | {"x": closed}}

    def index_candle(self, symbol: Symbol, follower: KlineFollower, bar: Bar, closed: bool, now: int) -> Json:
        found = sampled(bar, now, lambda at_ms: self.market.index(symbol.name, at_ms))
        candle = _priced("0", follower, bar, found, now)
        return {"e": "indexPrice_kline", "E": now, "ps": symbol.pair, "k": candle | {"x": closed}}


def _worth(symbol: Symbol, bar: Bar) -> str:
    """The volume in the quote asset, on an inverse contract in coins."""
    if not symbol.contract_size:
        return fixed(bar.quote, 2)
    return fixed(symbol.worth(bar.volume, change(bar)[2]) if bar.volume else Decimal(0), 8)


def _priced(name: str, follower: KlineFollower, bar: Bar, prices: list[Decimal], now: int) -> Json:
    """A candle of a price that nothing is traded at: no volume."""
    last = min(bar.close_ms, now)
    return {
        "t": bar.open_ms, "T": bar.close_ms, "s": name, "i": follower.interval, "f": bar.open_ms, "L": last,
        "o": fixed8(prices[0]), "c": fixed8(prices[-1]), "h": fixed8(max(prices)), "l": fixed8(min(prices)),
        "v": "0", "n": bar.trades, "q": "0", "V": "0", "Q": "0", "B": "0",
    }  # fmt: skip
