"""Which public reads bots share, for how long an answer may be served again, and when two reads are the same.

What is in no group is shared by nobody: `time` and `ping` (a bot measures the moment itself), what wants an API key,
what is signed, and the web hosts, whose answers may depend on who asks.
"""

from collections.abc import Sequence
from typing import NamedTuple

from counterseal.core.binance.catalogue import Endpoint

Pair = tuple[str, str]
# Endpoint, pairs by name, unit of time, and the period of exchange time in which it was asked.
Key = tuple[str, tuple[Pair, ...], str | None, tuple[int, int] | None]
MINUTE_MS = 60_000
# The one candle that is shorter than a minute.
SHORTEST = ("interval", "1s")


class Group(NamedTuple):
    """How long answers may be served, counted from before they were asked for. `by_period`: what is made once per
    candle or period is never shared from one minute to the next, or a bot that waited for the end would miss it."""

    serve_ms: int
    by_period: bool = False


class SharedRead(NamedTuple):
    """A read that may be shared: what makes it the same as another one, and how long its answer may be served."""

    key: Key
    serve_ms: int


# A round trip to the exchange and its jitter: who asks once a second sees no older prices than the network gives.
BOOK = Group(100)
PRICE = Group(250)
# The exchange itself pushes candles every 1 to 2 s, and gives statistics for five minutes and more.
CANDLES = Group(500, by_period=True)
STATISTICS = Group(1_000, by_period=True)
# Symbols, filters and limits change a few times a day. Bots read them at their start, many at once.
RULES = Group(60_000)

_PATHS: dict[tuple[str, Group], str] = {
    ("spot", BOOK): "/api/v3/depth /api/v3/ticker/bookTicker",
    ("spot", PRICE): """/api/v3/ticker/price /api/v3/ticker /api/v3/ticker/24hr /api/v3/ticker/tradingDay
        /api/v3/avgPrice /api/v3/referencePrice /api/v3/referencePrice/calculation
        /api/v3/trades /api/v3/aggTrades /api/v3/historicalTrades""",
    ("spot", CANDLES): "/api/v3/klines /api/v3/uiKlines",
    ("spot", STATISTICS): "/sapi/v1/system/status",
    ("spot", RULES): "/api/v3/exchangeInfo /api/v3/executionRules /sapi/v1/convert/exchangeInfo",
    ("usdm", BOOK): "/fapi/v1/depth /fapi/v1/rpiDepth /fapi/v1/ticker/bookTicker",
    ("usdm", PRICE): """/fapi/v1/ticker/price /fapi/v2/ticker/price /fapi/v1/ticker/24hr /fapi/v1/premiumIndex
        /fapi/v1/assetIndex /fapi/v1/trades /fapi/v1/aggTrades""",
    ("usdm", CANDLES): """/fapi/v1/klines /fapi/v1/continuousKlines /fapi/v1/indexPriceKlines
        /fapi/v1/markPriceKlines /fapi/v1/premiumIndexKlines""",
    ("usdm", STATISTICS): """/fapi/v1/fundingRate /fapi/v1/openInterest /fapi/v1/constituents /fapi/v1/indexInfo
        /fapi/v1/insuranceBalance /fapi/v1/symbolAdlRisk /futures/data/basis /futures/data/delivery-price
        /futures/data/globalLongShortAccountRatio /futures/data/openInterestHist /futures/data/takerlongshortRatio""",
    ("usdm", RULES): """/fapi/v1/exchangeInfo /fapi/v1/fundingInfo /fapi/v1/tradingSchedule
        /fapi/v1/convert/exchangeInfo""",
    ("coinm", BOOK): "/dapi/v1/depth /dapi/v1/ticker/bookTicker",
    ("coinm", PRICE): """/dapi/v1/ticker/price /dapi/v1/ticker/24hr /dapi/v1/premiumIndex /dapi/v1/trades
        /dapi/v1/aggTrades""",
    ("coinm", CANDLES): """/dapi/v1/klines /dapi/v1/continuousKlines /dapi/v1/indexPriceKlines
        /dapi/v1/markPriceKlines /dapi/v1/premiumIndexKlines""",
    ("coinm", STATISTICS): """/dapi/v1/fundingRate /dapi/v1/openInterest /dapi/v1/constituents /futures/data/basis
        /futures/data/globalLongShortAccountRatio /futures/data/openInterestHist /futures/data/takerBuySellVol
        /futures/data/topLongShortAccountRatio /futures/data/topLongShortPositionRatio""",
    ("coinm", RULES): "/dapi/v1/exchangeInfo /dapi/v1/fundingInfo",
    ("options", BOOK): "/eapi/v1/depth",
    ("options", PRICE): """/eapi/v1/ticker /eapi/v1/mark /eapi/v1/index /eapi/v1/trades /eapi/v1/blockTrades""",
    ("options", CANDLES): "/eapi/v1/klines",
    ("options", STATISTICS): "/eapi/v1/openInterest /eapi/v1/exerciseHistory",
    ("options", RULES): "/eapi/v1/exchangeInfo",
}
SHARED: dict[tuple[str, str], Group] = {
    (family, path): group for (family, group), paths in _PATHS.items() for path in paths.split()
}


def group_of(endpoint: Endpoint) -> Group | None:
    """Give the group of an endpoint that may be shared, None for every other.

    The table alone does not make an endpoint public: one that came to be signed would not be shared.
    """
    if endpoint.signed or endpoint.security != "NONE" or endpoint.method != "GET" or endpoint.purpose != "read":
        return None
    return SHARED.get((endpoint.family, endpoint.path))


def shared_read(
    endpoint: Endpoint, pairs: Sequence[Pair], time_unit: str | None, span: tuple[int, int] | None
) -> SharedRead | None:
    """Give the identity of a read with these judged pairs, None where it is not shared.

    `span` is the earliest and the latest that exchange time may be now, in ms; None while nobody knows. Pairs are
    sorted by name: the exchange does not care about order, except among values of one name.
    """
    group = group_of(endpoint)
    if group is None or (group.by_period and span is None):
        return None
    ordered = tuple(sorted(pairs, key=_name))
    return SharedRead((endpoint.name, ordered, time_unit, _period(group, ordered, span)), group.serve_ms)


def _name(pair: Pair) -> str:
    return pair[0]


def _period(group: Group, pairs: tuple[Pair, ...], span: tuple[int, int] | None) -> tuple[int, int] | None:
    """Number the period of both ends of the span: where it crosses a boundary is a period of its own, so that nobody
    who asks after the boundary for certain gets what was asked for before it."""
    if not group.by_period or span is None:
        return None
    length_ms = 1_000 if SHORTEST in pairs else MINUTE_MS
    return span[0] // length_ms, span[1] // length_ms
