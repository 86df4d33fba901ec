"""Handlers of the public USD-M endpoints, and the COIN-M list that some clients ask for."""

from __future__ import annotations

from counterseal.paper import usdm_filters
from counterseal.paper.call import Call
from counterseal.paper.errors import ApiError, Json
from counterseal.paper.limits import Windows, limit_row
from counterseal.paper.money import fixed, fixed8, plain
from counterseal.paper.params import integer, limit_of
from counterseal.paper.public_data import PublicData, Tape, change
from counterseal.paper.symbols import Contract, Listing, Symbol
from counterseal.paper.usdm_market import UsdmMarket

ORDER_TYPES = ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"]
TIMES_IN_FORCE = ["GTC", "IOC", "FOK", "GTX", "GTD"]
PERPETUAL_END = 4_133_404_800_000
ONBOARD = 1_569_398_400_000
FUNDING_MS = 8 * 3_600_000
DEPTH_LIMITS = (5, 10, 20, 50, 100, 500, 1000)
POOLS = ("futures_weight", "futures_orders_1m", "futures_orders_10s")


class UsdmPublic:
    """Server facts, symbols, book, trades, candles, tickers, funding."""

    def __init__(self, market: UsdmMarket, windows: Windows, listing: Listing) -> None:
        self.market = market
        self.windows = windows
        self.data = PublicData(market.walks, market.steps)
        self._rows = [_symbol_row(symbol, market.most_orders) for symbol in market.symbols.values()]
        self._contracts = [_contract_row(contract) for contract in listing.coinm]

    def ping(self, call: Call) -> Json:
        return {}

    def time(self, call: Call) -> Json:
        return {"serverTime": call.now_ms}

    def exchange_info(self, call: Call) -> Json:
        return self._info(call) | {
            "exchangeFilters": [],
            "assets": [{"asset": "USDT", "marginAvailable": True, "autoAssetExchange": "-10000"}],
            "symbols": self._rows,
        }

    def coinm_exchange_info(self, call: Call) -> Json:
        return self._info(call) | {"exchangeFilters": [], "symbols": self._contracts}

    def _info(self, call: Call) -> Json:
        limits = [limit_row(self.windows, pool) for pool in POOLS]
        return {"timezone": "UTC", "serverTime": call.now_ms, "futuresType": "U_MARGINED", "rateLimits": limits}

    def _symbol(self, call: Call) -> Symbol:
        return self.market.symbol(call.params["symbol"])

    def _shaped(self, call: Call, rows: list[Json]) -> Json | list[Json]:
        return rows[0] if "symbol" in call.params else rows

    def _asked(self, call: Call) -> list[Symbol]:
        return [self._symbol(call)] if "symbol" in call.params else list(self.market.symbols.values())

    def depth(self, call: Call) -> Json:
        symbol, step = self._symbol(call), self.market.steps.at(call.now_ms)
        most = integer(call.params, "limit", 500)
        if most not in DEPTH_LIMITS:
            raise ApiError(-4021, f"{most} is not valid depth limit (5, 10, 20, 50, 100, 500, 1000).")
        book = self.market.books[symbol.name]
        sides = {name: [[fixed(price, symbol.price_places), fixed(qty, symbol.qty_places)]
                        for price, qty in book.depth(taker, step, most)]
                 for name, taker in (("bids", "SELL"), ("asks", "BUY"))}  # fmt: skip
        return {"lastUpdateId": call.now_ms, "E": call.now_ms, "T": call.now_ms, **sides}

    def trades(self, call: Call) -> list[Json]:
        symbol = self._symbol(call)
        return [_trade(symbol, item) for item in self.data.trades(symbol.name, call.params, call.now_ms)]

    def agg_trades(self, call: Call) -> list[Json]:
        symbol = self._symbol(call)
        return [
            {"a": item.trade_id, "p": fixed(item.price, symbol.price_places),
             "q": fixed(item.qty, symbol.qty_places), "nq": fixed(item.qty, symbol.qty_places),
             "f": item.trade_id, "l": item.trade_id, "T": item.time_ms, "m": item.is_buyer_maker}
            for item in self.data.trades(symbol.name, call.params, call.now_ms)
        ]  # fmt: skip

    def klines(self, call: Call) -> list[list[object]]:
        symbol = self._symbol(call)
        price, qty = symbol.price_places, symbol.qty_places
        return [
            [bar.open_ms, fixed(bar.open, price), fixed(bar.high, price), fixed(bar.low, price),
             fixed(bar.close, price), fixed(bar.volume, qty), bar.close_ms, fixed(bar.quote, 8), bar.trades,
             fixed(bar.taker, qty), fixed(bar.quote / 2, 8), "0"]
            for bar in self.data.bars(symbol.name, call.params, call.now_ms, 1500)
        ]  # fmt: skip

    def day(self, call: Call) -> Json | list[Json]:
        return self._shaped(call, [self._day(symbol, call.now_ms) for symbol in self._asked(call)])

    def _day(self, symbol: Symbol, now_ms: int) -> Json:
        bar, places = self.data.day(symbol.name, now_ms), symbol.price_places
        moved, percent, average = change(bar)
        first = bar.open_ms // 1000
        return {
            "symbol": symbol.name, "priceChange": fixed(moved, places), "priceChangePercent": fixed(percent, 3),
            "weightedAvgPrice": fixed(average, places), "lastPrice": fixed(bar.close, places),
            "lastQty": fixed(self.data.trade(symbol.name, self.market.steps.at(now_ms)).qty, symbol.qty_places),
            "openPrice": fixed(bar.open, places), "highPrice": fixed(bar.high, places),
            "lowPrice": fixed(bar.low, places), "volume": fixed(bar.volume, symbol.qty_places),
            "quoteVolume": fixed(bar.quote, 2), "openTime": bar.open_ms, "closeTime": bar.close_ms,
            "firstId": first, "lastId": first + bar.trades - 1, "count": bar.trades,
        }  # fmt: skip

    def price(self, call: Call) -> Json | list[Json]:
        rows: list[Json] = [
            {"symbol": symbol.name, "price": fixed(self.data.last(symbol.name, call.now_ms), symbol.price_places),
             "time": call.now_ms}
            for symbol in self._asked(call)
        ]  # fmt: skip
        return self._shaped(call, rows)

    def book_ticker(self, call: Call) -> Json | list[Json]:
        step, rows = self.market.steps.at(call.now_ms), []
        for symbol in self._asked(call):
            book = self.market.books[symbol.name]
            (bid, bid_qty), (ask, ask_qty) = book.depth("SELL", step, 1)[0], book.depth("BUY", step, 1)[0]
            price, qty = symbol.price_places, symbol.qty_places
            row: Json = {
                "symbol": symbol.name, "bidPrice": fixed(bid, price), "bidQty": fixed(bid_qty, qty),
                "askPrice": fixed(ask, price), "askQty": fixed(ask_qty, qty), "time": call.now_ms,
                "lastUpdateId": call.now_ms,
            }  # fmt: skip
            rows.append(row)
        return self._shaped(call, rows)

    def premium_index(self, call: Call) -> Json | list[Json]:
        next_funding = (call.now_ms // FUNDING_MS + 1) * FUNDING_MS
        rows: list[Json] = []
        for symbol in self._asked(call):
            mark = fixed8(self.market.mark(symbol.name, call.now_ms))
            rows.append({
                "symbol": symbol.name, "markPrice": mark, "indexPrice": mark, "estimatedSettlePrice": mark,
                "lastFundingRate": "0.00010000", "interestRate": "0.00010000", "nextFundingTime": next_funding,
                "time": call.now_ms,
            })  # fmt: skip
        return self._shaped(call, rows)

    def funding_rate(self, call: Call) -> list[Json]:
        """Past rates: constant, an assumption; nothing is paid."""
        symbols = self._asked(call)
        most = limit_of(call.params, 100, 1000)
        start, end = integer(call.params, "startTime", 0) or 0, integer(call.params, "endTime") or call.now_ms
        last = min(end, call.now_ms) // FUNDING_MS
        first = max(last - most // len(symbols), -(-start // FUNDING_MS))
        return [
            {"symbol": symbol.name, "fundingRate": "0.00010000", "fundingTime": index * FUNDING_MS,
             "markPrice": fixed8(self.market.mark(symbol.name, index * FUNDING_MS)), "rateType": "Regular"}
            for index in range(first, last + 1)
            for symbol in symbols
        ][-most:]  # fmt: skip

    def funding_info(self, call: Call) -> list[Json]:
        return [
            {"symbol": symbol.name, "adjustedFundingRateCap": "0.02000000",
             "adjustedFundingRateFloor": "-0.02000000", "fundingIntervalHours": 8, "disclaimer": False}
            for symbol in self.market.symbols.values()
        ]  # fmt: skip

    def open_interest(self, call: Call) -> Json:
        symbol = self._symbol(call)
        size = fixed(symbol.depth * 10_000, symbol.qty_places)
        return {"symbol": symbol.name, "openInterest": size, "time": call.now_ms}


def _trade(symbol: Symbol, item: Tape) -> Json:
    return {
        "id": item.trade_id, "price": fixed(item.price, symbol.price_places),
        "qty": fixed(item.qty, symbol.qty_places), "quoteQty": fixed(item.price * item.qty, 2),
        "time": item.time_ms, "isBuyerMaker": item.is_buyer_maker, "isRPITrade": False,
    }  # fmt: skip


def _symbol_row(symbol: Symbol, most_orders: int) -> Json:
    return {
        "symbol": symbol.name, "pair": symbol.name, "contractType": "PERPETUAL", "deliveryDate": PERPETUAL_END,
        "onboardDate": ONBOARD, "status": "TRADING", "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000", "baseAsset": symbol.base, "quoteAsset": symbol.quote,
        "marginAsset": symbol.quote, "pricePrecision": symbol.price_places, "quantityPrecision": symbol.qty_places,
        "baseAssetPrecision": 8, "quotePrecision": 8, "underlyingType": "COIN", "underlyingSubType": [],
        "settlePlan": 0, "triggerProtect": "0.0500", "liquidationFee": "0.012500", "marketTakeBound": "0.05",
        "maxMoveOrderLimit": 10000, "filters": usdm_filters.listed(symbol, most_orders), "orderTypes": ORDER_TYPES,
        "timeInForce": TIMES_IN_FORCE,
    }  # fmt: skip


def _contract_row(contract: Contract) -> Json:
    filters: list[Json] = [
        {"filterType": "PRICE_FILTER", "minPrice": plain(contract.tick), "maxPrice": plain(contract.start * 10),
         "tickSize": plain(contract.tick)},
        {"filterType": "LOT_SIZE", "minQty": "1", "maxQty": "1000000", "stepSize": "1"},
        {"filterType": "MARKET_LOT_SIZE", "minQty": "1", "maxQty": "60000", "stepSize": "1"},
    ]  # fmt: skip
    return {
        "symbol": contract.name, "pair": contract.base + contract.quote, "contractType": "PERPETUAL",
        "deliveryDate": PERPETUAL_END, "onboardDate": ONBOARD, "contractStatus": "TRADING",
        "contractSize": contract.size, "quoteAsset": contract.quote, "baseAsset": contract.base,
        "marginAsset": contract.base, "pricePrecision": 1, "quantityPrecision": 0, "baseAssetPrecision": 8,
        "quotePrecision": 8, "equalQtyPrecision": 4, "maxMoveOrderLimit": 10000, "triggerProtect": "0.0500",
        "underlyingType": "COIN", "underlyingSubType": [], "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000", "liquidationFee": "0.012500", "marketTakeBound": "0.05",
        "filters": filters, "orderTypes": ORDER_TYPES, "timeInForce": TIMES_IN_FORCE[:4],
    }  # fmt: skip
