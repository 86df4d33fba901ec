"""The methods of the WebSocket APIs and the REST requests that mean the same.

A method that is the same as a request is judged, recorded and sent as that request. Those of a session and of user data
concern the bot's own connection: the gateway answers them itself.
"""

from collections.abc import Mapping
from typing import NamedTuple

from counterseal.core.binance.catalogue import Catalogue, build

# Market, method, HTTP method, path.
_AS_REST = """
spot ping GET /api/v3/ping
spot time GET /api/v3/time
spot exchangeInfo GET /api/v3/exchangeInfo
spot executionRules GET /api/v3/executionRules
spot depth GET /api/v3/depth
spot trades.recent GET /api/v3/trades
spot trades.historical GET /api/v3/historicalTrades
spot trades.aggregate GET /api/v3/aggTrades
spot blockTrades.historical GET /api/v3/historicalBlockTrades
spot klines GET /api/v3/klines
spot uiKlines GET /api/v3/uiKlines
spot avgPrice GET /api/v3/avgPrice
spot referencePrice GET /api/v3/referencePrice
spot referencePrice.calculation GET /api/v3/referencePrice/calculation
spot ticker GET /api/v3/ticker
spot ticker.24hr GET /api/v3/ticker/24hr
spot ticker.tradingDay GET /api/v3/ticker/tradingDay
spot ticker.price GET /api/v3/ticker/price
spot ticker.book GET /api/v3/ticker/bookTicker
spot order.place POST /api/v3/order
spot order.test POST /api/v3/order/test
spot order.status GET /api/v3/order
spot order.cancel DELETE /api/v3/order
spot order.cancelReplace POST /api/v3/order/cancelReplace
spot order.amend.keepPriority PUT /api/v3/order/amend/keepPriority
spot order.amendments GET /api/v3/order/amendments
spot openOrders.status GET /api/v3/openOrders
spot openOrders.cancelAll DELETE /api/v3/openOrders
spot allOrders GET /api/v3/allOrders
spot orderList.place POST /api/v3/order/oco
spot orderList.place.oco POST /api/v3/orderList/oco
spot orderList.place.oto POST /api/v3/orderList/oto
spot orderList.place.otoco POST /api/v3/orderList/otoco
spot orderList.place.opo POST /api/v3/orderList/opo
spot orderList.place.opoco POST /api/v3/orderList/opoco
spot orderList.status GET /api/v3/orderList
spot orderList.cancel DELETE /api/v3/orderList
spot openOrderLists.status GET /api/v3/openOrderList
spot allOrderLists GET /api/v3/allOrderList
spot sor.order.place POST /api/v3/sor/order
spot sor.order.test POST /api/v3/sor/order/test
spot account.status GET /api/v3/account
spot account.commission GET /api/v3/account/commission
spot account.rateLimits.orders GET /api/v3/rateLimit/order
spot myTrades GET /api/v3/myTrades
spot myAllocations GET /api/v3/myAllocations
spot myFilters GET /api/v3/myFilters
spot myPreventedMatches GET /api/v3/myPreventedMatches
usdm depth GET /fapi/v1/depth
usdm ticker.price GET /fapi/v1/ticker/price
usdm ticker.book GET /fapi/v1/ticker/bookTicker
usdm order.place POST /fapi/v1/order
usdm order.modify PUT /fapi/v1/order
usdm order.cancel DELETE /fapi/v1/order
usdm order.status GET /fapi/v1/order
usdm algoOrder.place POST /fapi/v1/algoOrder
usdm algoOrder.cancel DELETE /fapi/v1/algoOrder
usdm account.balance GET /fapi/v2/balance
usdm v2/account.balance GET /fapi/v3/balance
usdm account.status GET /fapi/v2/account
usdm v2/account.status GET /fapi/v3/account
usdm userDataStream.start POST /fapi/v1/listenKey
usdm userDataStream.ping PUT /fapi/v1/listenKey
usdm userDataStream.stop DELETE /fapi/v1/listenKey
usdm account.position GET /fapi/v2/positionRisk
usdm v2/account.position GET /fapi/v3/positionRisk
coinm order.place POST /dapi/v1/order
coinm order.modify PUT /dapi/v1/order
coinm order.cancel DELETE /dapi/v1/order
coinm order.status GET /dapi/v1/order
coinm account.balance GET /dapi/v1/balance
coinm account.status GET /dapi/v1/account
coinm userDataStream.start POST /dapi/v1/listenKey
coinm userDataStream.ping PUT /dapi/v1/listenKey
coinm userDataStream.stop DELETE /dapi/v1/listenKey
coinm account.position GET /dapi/v1/positionRisk
"""
# What the gateway answers itself. Market, method, what it asks of the bot ("signed": a signature or a session;
# "session"; "open": nothing), its parameters.
_ENDS_HERE = """
spot session.logon signed
spot session.status open
spot session.logout open
spot session.subscriptions open
spot userDataStream.subscribe.signature signed
spot userDataStream.subscribe session
spot userDataStream.unsubscribe open subscriptionId?
spot userDataStream.subscribe.listenToken open listenToken
usdm session.logon signed
usdm session.status open
usdm session.logout open
coinm session.logon signed
coinm session.status open
coinm session.logout open
"""
# The HTTP method that stands in the catalogue for what has none.
HERE = "WS"


class Method(NamedTuple):
    """One method of a market: the catalogue's key of the request that means the same.

    `is_open`: the gateway answers it itself, whoever asks.
    """

    name: str
    verb: str
    path: str
    is_open: bool = False

    @property
    def ends_here(self) -> bool:
        """Whether nothing goes to the exchange for it."""
        return self.verb == HERE


def _read() -> dict[tuple[str, str], Method]:
    found = {}
    for line in _AS_REST.split("\n")[1:-1]:
        family, name, verb, path = line.split(" ")
        found[family, name] = Method(name, verb, path)
    for line in _ENDS_HERE.split("\n")[1:-1]:
        family, name, demand, *_ = line.split(" ")
        found[family, name] = Method(name, HERE, name, demand == "open")
    return found


METHODS: Mapping[tuple[str, str], Method] = _read()


def find(family: str, name: str) -> Method | None:
    """Give a market's method, None where there is none of this name."""
    return METHODS.get((family, name))


def catalogue() -> Catalogue:
    """Build the endpoints of what ends here, so that it is judged by the same rules as a request.

    To log on needs no right of its own: each request of the session is judged by itself.
    """
    rows = []
    for line in _ENDS_HERE.split("\n")[1:-1]:
        family, name, demand, *params = line.split(" ")
        rows.append(
            {
                "family": family,
                "method": HERE,
                "path": name,
                "purpose": "session" if name.startswith("session.") else "account",
                "security": "NONE" if demand == "open" else "USER_STREAM",
                "signed": demand == "signed",
                "weight": {"kind": "fixed", "value": 0},
                "params": params,
            }
        )
    return build(rows)
