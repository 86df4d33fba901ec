"""Handlers of the public spot endpoints."""

from __future__ import annotations

import json
import re

from counterseal.paper import filters
from counterseal.paper.call import Call
from counterseal.paper.errors import ApiError, Json, bad_symbol, illegal, invalid, mandatory
from counterseal.paper.limits import Windows, limit_row
from counterseal.paper.money import ZERO, fixed, fixed8
from counterseal.paper.params import SYMBOL_SHOWN, limit_of
from counterseal.paper.public_data import DAY_MS, Bar, PublicData, Tape, change
from counterseal.paper.spot_market import SpotMarket
from counterseal.paper.spot_new import ALLOWED_STP
from counterseal.paper.symbols import Symbol

ORDER_TYPES = ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"]
REFERENCE_BUCKETS, REFERENCE_MS = 10, 1000
MOST_ZONE_MINUTES = 14 * 60
WINDOWS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}


class SpotPublic:
    """Server facts, symbols, book, trades, candles and tickers."""

    def __init__(self, market: SpotMarket, windows: Windows) -> None:
        self.market = market
        self.windows = windows
        self.data = PublicData(market.walks, market.steps)
        self._rows = {name: _symbol_row(symbol, market.most_orders) for name, symbol in market.symbols.items()}
        self._sors = [{"baseAsset": base, "symbols": names} for base, names in market.routed.items()]

    def ping(self, call: Call) -> Json:
        return {}

    def time(self, call: Call) -> Json:
        return {"serverTime": call.now_ms}

    def exchange_info(self, call: Call) -> Json:
        pools = ("spot_weight", "spot_orders_10s", "spot_orders_1d", "spot_raw")
        names = self._names(call)
        if call.params.get("permissions", "SPOT").strip('[]"') not in ("SPOT", "MARGIN"):
            names = []
        return {
            "timezone": "UTC",
            "serverTime": call.now_ms,
            "rateLimits": [limit_row(self.windows, pool) for pool in pools],
            "exchangeFilters": [],
            "symbols": [self._rows[name] for name in names],
            "sors": self._sors,
        }

    def _names(self, call: Call) -> list[str]:
        """The symbols that `symbol` or `symbols` names, else all."""
        one, several = call.params.get("symbol"), call.params.get("symbols")
        if one is not None and several is not None:
            raise ApiError(-1128, "Combination of optional parameters invalid.")
        if one is None and several is None:
            return list(self._rows)
        names = [one] if one is not None else _list_of(several or "")
        if len(set(names)) != len(names):
            raise ApiError(-1151, "Symbol is present multiple times in the list.")
        for name in names:
            if name not in self._rows:
                raise bad_symbol()
        return names

    def _shaped(self, call: Call, rows: list[Json]) -> Json | list[Json]:
        """One object when one symbol was asked for by `symbol`, an array otherwise."""
        return rows[0] if "symbol" in call.params else rows

    def depth(self, call: Call) -> Json:
        keeper, most = self.market.keepers.of(self._name(call)), limit_of(call.params, 100, 5000)
        last_id, bids, asks = keeper.snapshot(call.now_ms, most)
        return {
            "lastUpdateId": last_id,
            "bids": [[fixed8(price), fixed8(qty)] for price, qty in bids],
            "asks": [[fixed8(price), fixed8(qty)] for price, qty in asks],
        }

    def _name(self, call: Call) -> str:
        return self.market.symbol(call.params["symbol"]).name

    def trades(self, call: Call) -> list[Json]:
        return [_trade(item) for item in self.data.trades(self._name(call), call.params, call.now_ms)]

    def agg_trades(self, call: Call) -> list[Json]:
        items = self.data.trades(self._name(call), call.params, call.now_ms)
        return [
            {"a": item.trade_id, "p": fixed8(item.price), "q": fixed8(item.qty), "f": item.trade_id,
             "l": item.trade_id, "T": item.time_ms, "m": item.is_buyer_maker, "M": True}
            for item in items
        ]  # fmt: skip

    def klines(self, call: Call) -> list[list[object]]:
        return [kline(bar) for bar in self.data.bars(self._name(call), call.params, call.now_ms, 1000)]

    def avg_price(self, call: Call) -> Json:
        price = self.market.average_price(self._name(call), call.now_ms)
        return {"mins": 5, "price": fixed8(price), "closeTime": call.now_ms}

    def price(self, call: Call) -> Json | list[Json]:
        rows: list[Json] = [
            {"symbol": name, "price": fixed8(self.data.last(name, call.now_ms))} for name in self._names(call)
        ]
        return self._shaped(call, rows)

    def book_ticker(self, call: Call) -> Json | list[Json]:
        return self._shaped(call, [self._best(name, call.now_ms) for name in self._names(call)])

    def _best(self, name: str, now_ms: int) -> Json:
        book, step = self.market.books[name], self.market.steps.at(now_ms)
        (bid, bid_qty), (ask, ask_qty) = book.depth("SELL", step, 1)[0], book.depth("BUY", step, 1)[0]
        return {"symbol": name, "bidPrice": fixed8(bid), "bidQty": fixed8(bid_qty), "askPrice": fixed8(ask),
                "askQty": fixed8(ask_qty)}  # fmt: skip

    def day(self, call: Call) -> Json | list[Json]:
        """ticker/24hr."""
        return self._shaped(call, [self._day(name, call) for name in self._names(call)])

    def _day(self, name: str, call: Call) -> Json:
        bar = self.data.day(name, call.now_ms)
        if call.params.get("type") == "MINI":
            return {"symbol": name} | _window(bar)
        moved, percent, average = change(bar)
        best = self._best(name, call.now_ms)
        best.pop("symbol")
        return {
            "symbol": name, "priceChange": fixed8(moved), "priceChangePercent": fixed(percent, 3),
            "weightedAvgPrice": fixed8(average), "prevClosePrice": fixed8(bar.open),
            "lastQty": fixed8(self.data.trade(name, self.market.steps.at(call.now_ms)).qty), **best, **_window(bar),
        }  # fmt: skip

    def rolling(self, call: Call) -> Json | list[Json]:
        """ticker: one object or many over `windowSize` (1m-59m, 1h-23h, 1d-7d)."""
        if "symbol" not in call.params and "symbols" not in call.params:
            raise mandatory("symbol")
        text = call.params.get("windowSize", "1d")
        if text[-1] not in WINDOWS or not text[:-1].isdigit():
            raise illegal("windowSize", "^[0-9]{1,2}[mhd]$")
        size = int(text[:-1]) * WINDOWS[text[-1]]
        rows = [self._rolling(name, call, size) for name in self._names(call)]
        return self._shaped(call, rows)

    def trading_day(self, call: Call) -> Json | list[Json]:
        """The day so far, which begins at midnight of `timeZone` (hours, or hours and minutes)."""
        if "symbol" not in call.params and "symbols" not in call.params:
            raise mandatory("symbol")
        shift = _zone_ms(call.params.get("timeZone", "0"))
        start = (call.now_ms + shift) // DAY_MS * DAY_MS - shift
        rows = []
        for name in self._names(call):
            bar = self.data.bar(name, start, start + DAY_MS, call.now_ms)
            moved, percent, average = change(bar)
            head: Json = {"symbol": name}
            if call.params.get("type") != "MINI":
                head |= {"priceChange": fixed8(moved), "priceChangePercent": fixed(percent, 3),
                         "weightedAvgPrice": fixed8(average)}  # fmt: skip
            rows.append(head | _window(bar))
        return self._shaped(call, rows)

    def reference_price(self, call: Call) -> Json:
        """The mean of the last ten seconds (an assumption)."""
        name, step = self._name(call), self.market.steps.at(call.now_ms)
        stride = max(1, REFERENCE_MS // self.market.steps.step_ms)
        prices = [self.market.walks[name].price_at(step - number * stride) for number in range(REFERENCE_BUCKETS)]
        return {"symbol": name, "referencePrice": fixed8(sum(prices, ZERO) / len(prices)), "timestamp": call.now_ms}

    def reference_calculation(self, call: Call) -> Json:
        return {"symbol": self._name(call), "calculationType": "ARITHMETIC_MEAN", "bucketCount": REFERENCE_BUCKETS,
                "bucketWidthMs": REFERENCE_MS}  # fmt: skip

    def execution_rules(self, call: Call) -> Json:
        """No symbol has a price range rule here."""
        return {"symbolRules": [{"symbol": name, "rules": []} for name in self._names(call)]}

    def block_trades(self, call: Call) -> list[Json]:
        """There are none."""
        self._name(call)
        return []

    def my_filters(self, call: Call) -> Json:
        name = self._name(call)
        return {"exchangeFilters": [], "symbolFilters": self._rows[name]["filters"], "assetFilters": []}

    def _rolling(self, name: str, call: Call, size: int) -> Json:
        bar = self.data.day(name, call.now_ms, size)
        if call.params.get("type") == "MINI":
            return {"symbol": name} | _window(bar)
        moved, percent, average = change(bar)
        head = {"symbol": name, "priceChange": fixed8(moved), "priceChangePercent": fixed(percent, 3),
                "weightedAvgPrice": fixed8(average)}  # fmt: skip
        return head | _window(bar)


def _zone_ms(text: str) -> int:
    found = re.fullmatch(r"([+-]?)([0-9]{1,2})(?::([0-9]{2}))?", text)
    minutes = 0 if found is None else int(found[2]) * 60 + int(found[3] or 0)
    if found is None or minutes > MOST_ZONE_MINUTES:
        raise invalid("timeZone")
    return (-minutes if found[1] == "-" else minutes) * 60_000


def _window(bar: Bar) -> Json:
    first = bar.open_ms // 1000
    return {
        "openPrice": fixed8(bar.open), "highPrice": fixed8(bar.high), "lowPrice": fixed8(bar.low),
        "lastPrice": fixed8(bar.close), "volume": fixed8(bar.volume), "quoteVolume": fixed8(bar.quote),
        "openTime": bar.open_ms, "closeTime": bar.close_ms,
        "firstId": first, "lastId": first + bar.trades - 1, "count": bar.trades,
    }  # fmt: skip


def kline(bar: Bar) -> list[object]:
    """One candle as an array of twelve."""
    return [
        bar.open_ms, fixed8(bar.open), fixed8(bar.high), fixed8(bar.low), fixed8(bar.close), fixed8(bar.volume),
        bar.close_ms, fixed8(bar.quote), bar.trades, fixed8(bar.taker), fixed8(bar.bought(bar.quote)), "0",
    ]  # fmt: skip


def _trade(item: Tape) -> Json:
    return {
        "id": item.trade_id, "price": fixed8(item.price), "qty": fixed8(item.qty),
        "quoteQty": fixed8(item.price * item.qty), "time": item.time_ms,
        "isBuyerMaker": item.is_buyer_maker, "isBestMatch": True,
    }  # fmt: skip


def _list_of(text: str) -> list[str]:
    try:
        names = json.loads(text)
    except ValueError:
        raise illegal("symbols", SYMBOL_SHOWN) from None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise illegal("symbols", SYMBOL_SHOWN)
    return names


def _symbol_row(symbol: Symbol, most_orders: int) -> Json:
    precision = dict.fromkeys(
        ("baseAssetPrecision", "quotePrecision", "quoteAssetPrecision", "baseCommissionPrecision",
         "quoteCommissionPrecision"), 8)  # fmt: skip
    allowed = dict.fromkeys(
        ("icebergAllowed", "ocoAllowed", "quoteOrderQtyMarketAllowed", "cancelReplaceAllowed", "otoAllowed",
         "opoAllowed", "allowTrailingStop", "amendAllowed", "pegInstructionsAllowed",
         "isSpotTradingAllowed"), True)  # fmt: skip
    not_served = {"isMarginTradingAllowed": False}
    return {
        "symbol": symbol.name, "status": "TRADING", "baseAsset": symbol.base, "quoteAsset": symbol.quote,
        **precision, "orderTypes": ORDER_TYPES, **allowed, **not_served, "filters": filters.listed(symbol, most_orders),
        "permissions": [], "permissionSets": [["SPOT"]], "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": list(ALLOWED_STP),
    }  # fmt: skip
