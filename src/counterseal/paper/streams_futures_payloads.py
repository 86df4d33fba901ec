"""The payloads of futures market streams, field by field."""

from __future__ import annotations

from counterseal.paper.brackets import brackets
from counterseal.paper.errors import Json
from counterseal.paper.feed import OrderEvent
from counterseal.paper.futures_public import ONBOARD, PERPETUAL_END
from counterseal.paper.money import fixed, fixed8
from counterseal.paper.public_data import Bar, Tape
from counterseal.paper.rates import AssetRate
from counterseal.paper.streams_book import Change
from counterseal.paper.streams_history import KlineFollower
from counterseal.paper.symbols import Symbol

SESSION_MS = 8 * 3_600_000


def section(symbol: Symbol) -> int:
    """`st`: 1 is USD-M, 2 COIN-M."""
    return 2 if symbol.contract_size else 1


def asset_index(rate: AssetRate, now: int) -> Json:
    """What an asset counts for as margin, and for automatic exchange."""
    low, high = rate.index * (1 - rate.exchange_buffer), rate.index * (1 + rate.exchange_buffer)
    return {
        "e": "assetIndexUpdate", "E": now, "s": f"{rate.asset}USD", "i": fixed8(rate.index), "b": fixed8(rate.buffer),
        "a": fixed8(rate.buffer), "B": fixed8(rate.bid), "A": fixed8(rate.ask), "q": fixed8(rate.exchange_buffer),
        "g": fixed8(rate.exchange_buffer), "Q": fixed8(low), "G": fixed8(high),
    }  # fmt: skip


def session(now: int) -> Json:
    """Assumption: three sessions of eight hours a day."""
    first = now // SESSION_MS * SESSION_MS
    words = ("OVERNIGHT", "PRE_MARKET", "REGULAR")
    return {"e": "EquityUpdate", "E": now, "t": first, "T": first + SESSION_MS, "S": words[now // SESSION_MS % 3]}


def depth_update(symbol: Symbol, found: Change, now: int) -> Json:
    price, qty = symbol.price_places, symbol.qty_places
    rows = [[[fixed(level[0], price), fixed(level[1], qty)] for level in side] for side in (found.bids, found.asks)]
    return {
        "e": "depthUpdate", "E": now, "T": now, "s": symbol.name, "ps": symbol.pair, "U": found.first,
        "u": found.last, "pu": found.previous, "b": rows[0], "a": rows[1], "st": section(symbol),
    }  # fmt: skip


def trade(symbol: Symbol, item: Tape, now: int) -> Json:
    return {"e": "trade", "E": now, "T": item.time_ms, "s": symbol.name, "t": item.trade_id,
            "p": fixed(item.price, symbol.price_places), "q": fixed(item.qty, symbol.qty_places), "X": "MARKET",
            "m": item.is_buyer_maker}  # fmt: skip


def agg_trade(symbol: Symbol, item: Tape, now: int) -> Json:
    quantity = fixed(item.qty, symbol.qty_places)
    row: Json = {"e": "aggTrade", "E": now, "s": symbol.name, "a": item.trade_id,
                 "p": fixed(item.price, symbol.price_places), "q": quantity, "f": item.trade_id, "l": item.trade_id,
                 "T": item.time_ms, "m": item.is_buyer_maker, "st": section(symbol)}  # fmt: skip
    return row if symbol.contract_size else row | {"nq": quantity}


def _candle(symbol: Symbol, follower: KlineFollower, bar: Bar, closed: bool) -> Json:
    price, qty, first = symbol.price_places, symbol.qty_places, follower.first_id(bar)
    quote = symbol.worth(bar.volume, bar.close) if symbol.contract_size else bar.quote
    return {
        "t": bar.open_ms, "T": bar.close_ms, "i": follower.interval, "f": first, "L": first + bar.trades - 1,
        "o": fixed(bar.open, price), "c": fixed(bar.close, price), "h": fixed(bar.high, price),
        "l": fixed(bar.low, price), "v": fixed(bar.volume, qty), "n": bar.trades, "x": closed,
        "q": fixed(quote, 8), "V": fixed(bar.taker, qty), "Q": fixed(bar.bought(quote), 8), "B": "0",
    }  # fmt: skip


def kline(symbol: Symbol, follower: KlineFollower, bar: Bar, closed: bool, now: int) -> Json:
    candle = _candle(symbol, follower, bar, closed)
    return {"e": "kline", "E": now, "s": symbol.name, "k": {"s": symbol.name} | candle}


def continuous(symbol: Symbol, follower: KlineFollower, bar: Bar, closed: bool, now: int) -> Json:
    return {"e": "continuous_kline", "E": now, "ps": symbol.pair, "ct": "PERPETUAL",
            "k": _candle(symbol, follower, bar, closed)}  # fmt: skip


def forced(symbol: Symbol, event: OrderEvent) -> Json:
    """A liquidation as it is told to everybody; COIN-M names the pair inside of the order."""
    order, price, qty = event.order, symbol.price_places, symbol.qty_places
    done = event.trade.qty if event.trade is not None else order.filled
    pair: Json = {"ps": symbol.pair}
    inner: Json = {
        "s": order.symbol, "S": order.side, "o": order.type, "f": order.tif, "q": fixed(order.qty, qty),
        "p": fixed(order.price, price), "ap": fixed(order.average, price), "X": order.status, "l": fixed(done, qty),
        "z": fixed(order.filled, qty), "T": event.now_ms,
    }  # fmt: skip
    row: Json = {"e": "forceOrder", "E": event.now_ms, "st": section(symbol)}
    return row | {"o": pair | inner} if symbol.contract_size else row | pair | {"o": inner}


def contract_info(symbol: Symbol, now: int) -> Json:
    rows = [
        {"bs": item.number, "bnf": int(item.floor), "bnc": int(item.cap), "mmr": float(item.ratio),
         "cf": float(item.cum), "mi": 1, "ma": item.leverage}
        for item in brackets(symbol)
    ]  # fmt: skip
    return {"e": "contractInfo", "E": now, "s": symbol.name, "ps": symbol.pair, "ct": "PERPETUAL",
            "dt": PERPETUAL_END, "ot": ONBOARD, "cs": "TRADING", "bks": rows, "st": section(symbol)}  # fmt: skip
