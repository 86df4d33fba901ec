"""Handlers of the public futures endpoints: server facts, symbols, book, trades, tickers."""

from __future__ import annotations

from counterseal.paper import futures_filters
from counterseal.paper.call import Call
from counterseal.paper.errors import ApiError, Json
from counterseal.paper.futures_market import FuturesMarket
from counterseal.paper.limits import Windows, limit_row
from counterseal.paper.money import fixed
from counterseal.paper.params import integer
from counterseal.paper.public_data import PublicData, Tape, change
from counterseal.paper.symbols import Symbol

ORDER_TYPES = ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"]
TIMES_IN_FORCE = ["GTC", "IOC", "FOK", "GTX", "GTD"]
PERPETUAL_END = 4_133_404_800_000
ONBOARD = 1_569_398_400_000
DEPTH_LIMITS = (5, 10, 20, 50, 100, 500, 1000)
POOLS = ("futures_weight", "futures_orders_1m", "futures_orders_10s")


class FuturesPublic:
    """What everybody may read of one futures market; COIN-M rows carry their pair and always come as arrays."""

    def __init__(self, market: FuturesMarket, windows: Windows) -> None:
        self.market = market
        self.windows = windows
        self.is_usdm = market.family == "usdm"
        self.data = PublicData(market.walks, market.steps)
        self._rows = [_symbol_row(symbol, market.most_orders) for symbol in market.symbols.values()]

    def ping(self, call: Call) -> Json:
        return {}

    def time(self, call: Call) -> Json:
        return {"serverTime": call.now_ms}

    def exchange_info(self, call: Call) -> Json:
        info: Json = {
            "timezone": "UTC", "serverTime": call.now_ms, "exchangeFilters": [],
            "rateLimits": [limit_row(self.windows, pool) for pool in POOLS], "symbols": self._rows,
        }  # fmt: skip
        if self.is_usdm:
            assets = [{"asset": rate.asset, "marginAvailable": True, "autoAssetExchange": "-10000"}
                      for rate in self.market.rates.all(call.now_ms)]  # fmt: skip
            info |= {"futuresType": "U_MARGINED", "assets": assets}
        return info

    def symbol(self, call: Call) -> Symbol:
        return self.market.symbol(call.params["symbol"])

    def shaped(self, call: Call, rows: list[Json]) -> Json | list[Json]:
        return rows[0] if self.is_usdm and "symbol" in call.params else rows

    def asked(self, call: Call) -> list[Symbol]:
        """The symbol, the symbols of a pair (COIN-M), or all."""
        if "symbol" in call.params:
            return [self.symbol(call)]
        pair = call.params.get("pair")
        return [symbol for symbol in self.market.symbols.values() if pair in (None, symbol.pair)]

    def _pair(self, symbol: Symbol) -> Json:
        return {} if self.is_usdm else {"pair": symbol.pair}

    def depth(self, call: Call) -> Json:
        symbol = self.symbol(call)
        most = integer(call.params, "limit", 500)
        if most not in DEPTH_LIMITS:
            raise ApiError(-4021, f"{most} is not valid depth limit (5, 10, 20, 50, 100, 500, 1000).")
        last_id, bids, asks = self.market.keepers.of(symbol.name).snapshot(call.now_ms, most)
        sides = {name: [[fixed(price, symbol.price_places), fixed(qty, symbol.qty_places)] for price, qty in rows]
                 for name, rows in (("bids", bids), ("asks", asks))}  # fmt: skip
        head: Json = {"lastUpdateId": last_id, "E": call.now_ms, "T": call.now_ms, **sides}
        return head if self.is_usdm else {"symbol": symbol.name, "pair": symbol.pair, **head}

    def trades(self, call: Call) -> list[Json]:
        symbol = self.symbol(call)
        return [_trade(symbol, item) for item in self.data.trades(symbol.name, call.params, call.now_ms)]

    def agg_trades(self, call: Call) -> list[Json]:
        symbol = self.symbol(call)
        rows: list[Json] = []
        for item in self.data.trades(symbol.name, call.params, call.now_ms):
            qty = fixed(item.qty, symbol.qty_places)
            row: Json = {
                "a": item.trade_id, "p": fixed(item.price, symbol.price_places), "q": qty, "f": item.trade_id,
                "l": item.trade_id, "T": item.time_ms, "m": item.is_buyer_maker,
            }  # fmt: skip
            rows.append(row | ({"nq": qty} if self.is_usdm else {}))
        return rows

    def day(self, call: Call) -> Json | list[Json]:
        return self.shaped(call, [self._day(symbol, call.now_ms) for symbol in self.asked(call)])

    def _day(self, symbol: Symbol, now_ms: int) -> Json:
        bar, places = self.data.day(symbol.name, now_ms), symbol.price_places
        moved, percent, average = change(bar)
        first = bar.open_ms // 1000
        volume: Json = {"volume": fixed(bar.volume, symbol.qty_places)}
        volume |= {"quoteVolume": fixed(bar.quote, 2)} if self.is_usdm else {
            "baseVolume": fixed(symbol.worth(bar.volume, average), 8)}  # fmt: skip
        return {
            "symbol": symbol.name, **self._pair(symbol), "priceChange": fixed(moved, places),
            "priceChangePercent": fixed(percent, 3), "weightedAvgPrice": fixed(average, places),
            "lastPrice": fixed(bar.close, places),
            "lastQty": fixed(self.data.trade(symbol.name, self.market.steps.at(now_ms)).qty, symbol.qty_places),
            "openPrice": fixed(bar.open, places), "highPrice": fixed(bar.high, places),
            "lowPrice": fixed(bar.low, places), **volume, "openTime": bar.open_ms, "closeTime": bar.close_ms,
            "firstId": first, "lastId": first + bar.trades - 1, "count": bar.trades,
        }  # fmt: skip

    def price(self, call: Call) -> Json | list[Json]:
        rows: list[Json] = [
            {"symbol": symbol.name, **({} if self.is_usdm else {"ps": symbol.pair}),
             "price": fixed(self.data.last(symbol.name, call.now_ms), symbol.price_places), "time": call.now_ms}
            for symbol in self.asked(call)
        ]  # fmt: skip
        return self.shaped(call, rows)

    def book_ticker(self, call: Call) -> Json | list[Json]:
        step = self.market.steps.at(call.now_ms)
        return self.shaped(call, [self._best(symbol, step, call.now_ms) for symbol in self.asked(call)])

    def _best(self, symbol: Symbol, step: int, now_ms: int) -> Json:
        book = self.market.books[symbol.name]
        (bid, bid_qty), (ask, ask_qty) = book.depth("SELL", step, 1)[0], book.depth("BUY", step, 1)[0]
        price, qty = symbol.price_places, symbol.qty_places
        return {
            "symbol": symbol.name, **self._pair(symbol), "bidPrice": fixed(bid, price), "bidQty": fixed(bid_qty, qty),
            "askPrice": fixed(ask, price), "askQty": fixed(ask_qty, qty), "time": now_ms, "lastUpdateId": now_ms,
        }  # fmt: skip

    def open_interest(self, call: Call) -> Json:
        symbol = self.symbol(call)
        size = fixed(symbol.depth * 10_000, symbol.qty_places)
        row: Json = {"symbol": symbol.name, "openInterest": size, "time": call.now_ms}
        return row if self.is_usdm else row | {"pair": symbol.pair, "contractType": "PERPETUAL"}


def _trade(symbol: Symbol, item: Tape) -> Json:
    worth = symbol.worth(item.qty, item.price)
    volume: Json = {"baseQty": fixed(worth, 8)} if symbol.contract_size else {
        "quoteQty": fixed(worth, 2), "isRPITrade": False}  # fmt: skip
    return {
        "id": item.trade_id, "price": fixed(item.price, symbol.price_places),
        "qty": fixed(item.qty, symbol.qty_places), **volume, "time": item.time_ms,
        "isBuyerMaker": item.is_buyer_maker,
    }  # fmt: skip


def _symbol_row(symbol: Symbol, most_orders: int) -> Json:
    is_inverse = bool(symbol.contract_size)
    status: Json = {"contractStatus": "TRADING", "contractSize": int(symbol.contract_size), "equalQtyPrecision": 4} if (
        is_inverse) else {"status": "TRADING", "settlePlan": 0}  # fmt: skip
    return {
        "symbol": symbol.name, "pair": symbol.pair, "contractType": "PERPETUAL", "deliveryDate": PERPETUAL_END,
        "onboardDate": ONBOARD, **status, "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000", "baseAsset": symbol.base, "quoteAsset": symbol.quote,
        "marginAsset": symbol.margin_asset, "pricePrecision": symbol.price_places,
        "quantityPrecision": symbol.qty_places, "baseAssetPrecision": 8, "quotePrecision": 8,
        "underlyingType": "COIN", "underlyingSubType": [], "triggerProtect": "0.0500",
        "liquidationFee": "0.012500", "marketTakeBound": "0.05", "maxMoveOrderLimit": 10000,
        "filters": futures_filters.listed(symbol, most_orders), "orderTypes": ORDER_TYPES,
        "timeInForce": TIMES_IN_FORCE if not is_inverse else TIMES_IN_FORCE[:4],
    }  # fmt: skip
