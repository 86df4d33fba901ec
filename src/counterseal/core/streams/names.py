"""Which stream names exist: the documented patterns of each family as data, and nothing else.

Only what matches ever reaches the exchange. A listen key matches no pattern: it has no `@`, and the one name without
`@` and `!` is spelt out.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

MAX_NAME = 96
# Names that clients use where they want nothing yet: an empty one, and the numbers that ccxt gives its connections.
is_nothing = re.compile(r"[0-9]{0,6}").fullmatch

# A symbol, pair or asset. Some are not ASCII; what has an upper case is written without it.
_SYMBOL = r"[\w.-]{1,40}"
_CONTRACT = r"(?:perpetual|tradifi_perpetual|current_quarter|next_quarter)"
_KLINE = r"(?:1m|3m|5m|15m|30m|1h|2h|4h|6h|8h|12h|1d|3d|1w|1M)"
_WINDOW = r"(?:1h|4h|1d)"
_FUTURES_SPEED = r"(?:@(?:100|250|500)ms)?"
_SPOT_SPEED = r"(?:@(?:100|1000)ms)?"


class Stream(NamedTuple):
    """What is known of a name.

    `route` is where the exchange serves it: "public" or "market" on USD-M, "" elsewhere. Of a stream that is
    `newest_only` each message replaces the one before it, so that a slow reader may be given the last one alone.
    """

    route: str
    newest_only: bool = False


# pattern, route, newest_only
_SPOT = (
    (rf"{_SYMBOL}@(?:aggTrade|trade|blockTrade)", "", False),
    (rf"{_SYMBOL}@kline_(?:1s|{_KLINE})(?:@\+08:00)?", "", False),
    (rf"{_SYMBOL}@depth{_SPOT_SPEED}", "", False),
    (rf"{_SYMBOL}@(?:miniTicker|ticker|bookTicker|avgPrice|referencePrice)", "", True),
    (rf"{_SYMBOL}@ticker_{_WINDOW}", "", True),
    (rf"{_SYMBOL}@depth(?:5|10|20){_SPOT_SPEED}", "", True),
    (rf"!miniTicker@arr|!ticker_{_WINDOW}@arr", "", False),
)
_USDM = (
    (rf"{_SYMBOL}@(?:aggTrade|forceOrder)", "market", False),
    (rf"{_SYMBOL}@kline_{_KLINE}", "market", False),
    (rf"{_SYMBOL}_{_CONTRACT}@continuousKline_{_KLINE}", "market", False),
    (rf"{_SYMBOL}@(?:miniTicker|ticker|compositeIndex|assetIndex|markPrice(?:@1s)?)", "market", True),
    (r"!(?:forceOrder|miniTicker|ticker|assetIndex)@arr|!markPrice@arr(?:@1s)?", "market", False),
    (r"!contractInfo|tradingSession", "market", False),
    # The exchange's documents do not list trades; it serves them, and ccxt asks for them here.
    (rf"{_SYMBOL}@trade", "public", False),
    (rf"{_SYMBOL}@depth{_FUTURES_SPEED}|{_SYMBOL}@rpiDepth@500ms", "public", False),
    (rf"{_SYMBOL}@bookTicker", "public", True),
    (rf"{_SYMBOL}@depth(?:5|10|20){_FUTURES_SPEED}", "public", True),
    (r"!bookTicker", "public", False),
)
_COINM = (
    (rf"{_SYMBOL}@(?:aggTrade|forceOrder|trade)", "", False),
    (rf"{_SYMBOL}@(?:kline|indexPriceKline|markPriceKline)_{_KLINE}", "", False),
    (rf"{_SYMBOL}_{_CONTRACT}@continuousKline_{_KLINE}", "", False),
    (rf"{_SYMBOL}@depth{_FUTURES_SPEED}", "", False),
    # Asked for by pair, a mark price comes for each contract of it.
    (rf"{_SYMBOL}@markPrice(?:@1s)?", "", False),
    (rf"{_SYMBOL}@(?:miniTicker|ticker|bookTicker|indexPrice(?:@1s)?)", "", True),
    (rf"{_SYMBOL}@depth(?:5|10|20){_FUTURES_SPEED}", "", True),
    (r"!(?:forceOrder|miniTicker|ticker)@arr|!bookTicker|!contractInfo", "", False),
)
_KNOWN: Mapping[str, tuple[tuple[re.Pattern[str], Stream], ...]] = {
    family: tuple((re.compile(pattern), Stream(route, newest_only)) for pattern, route, newest_only in rows)
    for family, rows in {"spot": _SPOT, "usdm": _USDM, "coinm": _COINM}.items()
}
FAMILIES = tuple(_KNOWN)
# Names of streams that are neither a symbol's nor of all symbols.
_BARE = frozenset({"tradingSession"})


def find(family: str, name: str) -> Stream | None:
    """Tell what a name means in a family ("spot", "usdm", "coinm"); None for what is no market stream there.

    Of no family there is none.
    """
    symbol, at, _ = name.partition("@")
    is_of_all = name.startswith("!") or name in _BARE
    if len(name) > MAX_NAME or not (is_of_all or (at and symbol == symbol.lower())):
        return None
    return _match(family, name)


@lru_cache(maxsize=4096)
def _match(family: str, name: str) -> Stream | None:
    """What looks like a listen key does not come here, so none is kept."""
    return next((stream for pattern, stream in _KNOWN.get(family, ()) if pattern.fullmatch(name)), None)
