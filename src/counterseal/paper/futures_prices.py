"""Handlers of futures prices over time: candles, mark and index price, funding, insurance fund, asset rates."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from counterseal.paper.call import Call
from counterseal.paper.errors import ApiError, Json
from counterseal.paper.funding import CAP, INTEREST
from counterseal.paper.futures_public import FuturesPublic
from counterseal.paper.money import fixed, fixed8
from counterseal.paper.params import integer, limit_of
from counterseal.paper.public_data import Bar
from counterseal.paper.rates import AssetRate
from counterseal.paper.symbols import Symbol

SAMPLES = 4
CONTRACT_TYPES = frozenset({"PERPETUAL", "CURRENT_QUARTER", "NEXT_QUARTER", "TRADIFI_PERPETUAL"})
HOUR_MS = 3_600_000


class FuturesPrices:
    """Candles of five kinds, and what margin and funding are reckoned with."""

    def __init__(self, public: FuturesPublic) -> None:
        self.public = public
        self.market = public.market
        self.data = public.data

    # candles

    def klines(self, call: Call) -> list[list[object]]:
        symbol = self.public.symbol(call)
        return [self._candle(symbol, bar) for bar in self._bars(call, symbol)]

    def continuous(self, call: Call) -> list[list[object]]:
        """Only perpetual contracts are listed: every other contract type has no candles."""
        kind = call.params["contractType"]
        if kind not in CONTRACT_TYPES:
            raise ApiError(-4104, "Invalid contract type.")
        symbol = self._of_pair(call)
        return [self._candle(symbol, bar) for bar in self._bars(call, symbol)] if kind == "PERPETUAL" else []

    def _bars(self, call: Call, symbol: Symbol) -> list[Bar]:
        return self.data.bars(symbol.name, call.params, call.now_ms, 1500)

    def _of_pair(self, call: Call) -> Symbol:
        for symbol in self.market.symbols.values():
            if symbol.pair == call.params["pair"]:
                return symbol
        raise ApiError(-4144, "Invalid pair.")

    @staticmethod
    def _candle(symbol: Symbol, bar: Bar) -> list[object]:
        price, qty = symbol.price_places, symbol.qty_places
        quote = symbol.worth(bar.volume, bar.close) if symbol.contract_size else bar.quote
        return [bar.open_ms, fixed(bar.open, price), fixed(bar.high, price), fixed(bar.low, price),
                fixed(bar.close, price), fixed(bar.volume, qty), bar.close_ms, fixed(quote, 8), bar.trades,
                fixed(bar.taker, qty), fixed(bar.bought(quote), 8), "0"]  # fmt: skip

    def mark_klines(self, call: Call) -> list[list[object]]:
        symbol = self.public.symbol(call)
        return self._sampled(call, symbol, lambda at_ms: self.market.mark(symbol.name, at_ms))

    def index_klines(self, call: Call) -> list[list[object]]:
        symbol = self._of_pair(call)
        return self._sampled(call, symbol, lambda at_ms: self.market.index(symbol.name, at_ms))

    def premium_klines(self, call: Call) -> list[list[object]]:
        symbol = self.public.symbol(call)
        return self._sampled(call, symbol, lambda at_ms: self._premium(symbol.name, at_ms))

    def _premium(self, name: str, at_ms: int) -> Decimal:
        return self.market.last(name, at_ms) / self.market.index(name, at_ms) - 1

    def _sampled(self, call: Call, symbol: Symbol, value: Callable[[int], Decimal]) -> list[list[object]]:
        """Candles of a price that nothing is traded at: no volume."""
        rows: list[list[object]] = []
        for bar in self._bars(call, symbol):
            found = sampled(bar, call.now_ms, value)
            rows.append([bar.open_ms, fixed8(found[0]), fixed8(max(found)), fixed8(min(found)), fixed8(found[-1]),
                         "0", bar.close_ms, "0", bar.trades, "0", "0", "0"])  # fmt: skip
        return rows

    # mark price and funding

    def premium_index(self, call: Call) -> Json | list[Json]:
        funding, rows = self.market.funding, []
        for symbol in self.public.asked(call):
            index = fixed8(self.market.index(symbol.name, call.now_ms))
            row: Json = {
                "symbol": symbol.name, "markPrice": fixed8(self.market.mark(symbol.name, call.now_ms)),
                "indexPrice": index, "estimatedSettlePrice": index,
                "lastFundingRate": fixed8(funding.rate(symbol.name, call.now_ms)), "interestRate": fixed8(INTEREST),
                "nextFundingTime": funding.next_ms(call.now_ms), "time": call.now_ms,
            }  # fmt: skip
            rows.append(row if self.public.is_usdm else row | {"pair": symbol.pair})
        return self.public.shaped(call, rows)

    def funding_rate(self, call: Call) -> list[Json]:
        """Past rates, the oldest first."""
        symbols, size = self.public.asked(call), self.market.funding.interval_ms
        most = limit_of(call.params, 100, 1000)
        start, end = integer(call.params, "startTime"), integer(call.params, "endTime") or call.now_ms
        last = min(end, call.now_ms) // size
        first = max(0, last - most + 1) if start is None else -(-start // size)
        times = range(first, min(last, first + most - 1) + 1)
        if len(symbols) > 1:
            times = times[-max(1, most // len(symbols)) :]
        return [self._rate_row(symbol, number * size) for number in times for symbol in symbols][-most:]

    def _rate_row(self, symbol: Symbol, at_ms: int) -> Json:
        row: Json = {"symbol": symbol.name, "fundingTime": at_ms,
                     "fundingRate": fixed8(self.market.funding.settled(symbol.name, at_ms))}  # fmt: skip
        if not self.public.is_usdm:
            return row
        return row | {"markPrice": fixed8(self.market.mark(symbol.name, at_ms)), "rateType": "Regular"}

    def funding_info(self, call: Call) -> list[Json]:
        hours = self.market.funding.interval_ms // HOUR_MS
        return [
            {"symbol": symbol.name, "adjustedFundingRateCap": fixed8(CAP), "adjustedFundingRateFloor": fixed8(-CAP),
             "fundingIntervalHours": hours, "disclaimer": False}
            for symbol in self.market.symbols.values()
        ]  # fmt: skip

    # what backs the market

    def insurance(self, call: Call) -> Json | list[Json]:
        """The insurance fund of each margin asset, with the symbols that it backs."""
        name = call.params.get("symbol")
        assets = sorted({symbol.margin_asset for symbol in self.market.symbols.values()})
        rows: list[Json] = []
        for asset in assets:
            backed = [symbol.name for symbol in self.market.symbols.values() if symbol.margin_asset == asset]
            if name is None or self.market.symbol(name).name in backed:
                balance = fixed8(self.market.risk.fund(asset))
                rows.append({"symbols": backed, "assets": [
                    {"asset": asset, "marginBalance": balance, "updateTime": call.now_ms}]})  # fmt: skip
        return rows[0] if name is not None else rows

    def asset_index(self, call: Call) -> Json | list[Json]:
        """Rates of the assets that back each other in multi-assets mode (symbol: BTCUSD)."""
        rows = [_asset_row(rate, call.now_ms) for rate in self.market.rates.all(call.now_ms)]
        name = call.params.get("symbol")
        if name is None:
            return rows
        for row in rows:
            if row["symbol"] == name:
                return row
        raise ApiError(-1121, "Invalid symbol.")

    def adl_risk(self, call: Call) -> Json | list[Json]:
        """How near auto-deleveraging is: low while the insurance fund holds something."""
        rows: list[Json] = [
            {"symbol": symbol.name, "adlRisk": "low" if self.market.risk.fund(symbol.margin_asset) > 0 else "high",
             "updateTime": call.now_ms}
            for symbol in self.public.asked(call)
        ]  # fmt: skip
        return rows[0] if "symbol" in call.params else rows

    def constituents(self, call: Call) -> Json:
        """What the index is made of: this exchange's walk alone (an assumption)."""
        symbol = self.public.symbol(call)
        price = fixed8(self.market.index(symbol.name, call.now_ms))
        row = {"exchange": "paper", "symbol": symbol.pair, "price": price, "weight": "1.00000000"}
        return {"symbol": symbol.name, "time": call.now_ms, "constituents": [row]}


def sampled(bar: Bar, now_ms: int, value: Callable[[int], Decimal]) -> list[Decimal]:
    """A price at evenly spaced instants of a candle, as far as it has been lived through; the ends among them."""
    span = max(0, min(bar.close_ms, now_ms) - bar.open_ms)
    return [value(bar.open_ms + span * number // SAMPLES) for number in range(SAMPLES + 1)]


def _asset_row(rate: AssetRate, now_ms: int) -> Json:
    index, exchange = rate.index, rate.exchange_buffer
    return {
        "symbol": f"{rate.asset}USD", "time": now_ms, "index": fixed8(index), "bidBuffer": fixed8(rate.buffer),
        "askBuffer": fixed8(rate.buffer), "bidRate": fixed8(rate.bid), "askRate": fixed8(rate.ask),
        "autoExchangeBidBuffer": fixed8(exchange), "autoExchangeAskBuffer": fixed8(exchange),
        "autoExchangeBidRate": fixed8(index * (1 - exchange)), "autoExchangeAskRate": fixed8(index * (1 + exchange)),
    }  # fmt: skip
