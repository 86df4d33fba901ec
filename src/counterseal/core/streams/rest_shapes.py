"""Which reads a stream's newest message answers, field by field as the exchange does.

Only where the stream has every field. It has not: futures `bookTicker` (`lastUpdateId`), `premiumIndex`
(`interestRate`), candles (all but the newest), tickers of all symbols.
"""

import json

from counterseal.core.streams.depth_messages import data_of

_SPOT_BEST = {"symbol": "s", "bidPrice": "b", "bidQty": "B", "askPrice": "a", "askQty": "A"}
_SPOT_DAY = {
    "symbol": "s", "priceChange": "p", "priceChangePercent": "P", "weightedAvgPrice": "w", "prevClosePrice": "x",
    "lastPrice": "c", "lastQty": "Q", "bidPrice": "b", "bidQty": "B", "askPrice": "a", "askQty": "A", "openPrice": "o",
    "highPrice": "h", "lowPrice": "l", "volume": "v", "quoteVolume": "q", "openTime": "O", "closeTime": "C",
    "firstId": "F", "lastId": "L", "count": "n",
}  # fmt: skip
# By family and path: the stream's name behind the symbol, and the answer's fields with the stream's.
WHOLE = {
    ("spot", "/api/v3/ticker/bookTicker"): ("@bookTicker", _SPOT_BEST),
    ("spot", "/api/v3/ticker/24hr"): ("@ticker", _SPOT_DAY),
}


def moment_ms(text: bytes) -> int:
    """Give the exchange's moment of a message in its combined form, 0 where it tells none."""
    data = data_of(text)
    moment = 0 if data is None else data.get("E")
    return moment if isinstance(moment, int) else 0


def answer(text: bytes, fields: dict[str, str], symbol: str) -> bytes | None:
    """Give an answer made of a message in its combined form.

    None when it lacks a field, is of another symbol, or holds what no JSON can say.
    """
    data = data_of(text)
    if data is None or data.get("s") != symbol or not data.keys() >= set(fields.values()):
        return None
    shown = {shown: data[name] for shown, name in fields.items()}
    try:
        return json.dumps(shown, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return None
