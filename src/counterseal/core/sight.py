"""What of an account's reads a bot may see that does not own the account: one table, an entry for each endpoint.

Balances, settings and limits are the account's and pass. Orders and trades are shown but for other bots' own.
Positions, and whatever sums up what all bots did, need the right: an empty list in their place would be a lie about
money.
"""

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple

from counterseal.core.binance.catalogue import Endpoint
from counterseal.core.ownership import Named, name_of, symbol_in
from counterseal.core.subjects import Store


class Sight(Enum):
    """PASSED: shown whole. ROWS: without other bots' rows. NAMED: one order, by its name. ACCOUNT: with the right."""

    PASSED = "passed"
    ROWS = "rows"
    NAMED = "named"
    ACCOUNT = "account"


class View(NamedTuple):
    """How one endpoint is shown. `asked` are the parameters that name an order, client id and number; `shown` the
    fields of a row that do: the client id (empty where a row has none) and the numbers.
    """

    sight: Sight
    store: Store = Store.ORDER
    asked: tuple[str, str] = ("", "")
    shown: tuple[str, ...] = ("clientOrderId", "orderId")

    def names_asked(self, values: Mapping[str, str]) -> Named:
        """Give what the request names."""
        return name_of(self.store, *self.asked, values, values.get("symbol", ""))

    def names_shown(self, row: Mapping[str, Any], symbol: str) -> tuple[Named, ...]:
        """Give what a row of the answer names; `symbol` is the request's, for rows that state none."""
        by_id, *by_number = self.shown
        own = symbol_in(row, symbol)
        return tuple([name_of(self.store, by_id, each, row, own) for each in by_number])


PASSED, ACCOUNT = View(Sight.PASSED), View(Sight.ACCOUNT)
_ORDER_NAMES, _ALGO_NAMES = ("origClientOrderId", "orderId"), ("clientAlgoId", "algoId")
_ORDERS, _TRADES = View(Sight.ROWS), View(Sight.ROWS, shown=("", "orderId"))
_LISTS = View(Sight.ROWS, Store.LIST, shown=("listClientOrderId", "orderListId"))
_ALGOS = View(Sight.ROWS, Store.ALGO, shown=_ALGO_NAMES)
_ORDER = View(Sight.NAMED, asked=_ORDER_NAMES)
_ALGO = View(Sight.NAMED, Store.ALGO, _ALGO_NAMES, _ALGO_NAMES)
_SPOT: Mapping[str, View] = {
    "account": PASSED,
    "account/commission": PASSED,
    "allOrderList": _LISTS,
    "allOrders": _ORDERS,
    "myAllocations": _TRADES,
    "myFilters": PASSED,
    "myPreventedMatches": View(Sight.ROWS, shown=("", "takerOrderId", "makerOrderId")),
    "myTrades": _TRADES,
    "openOrderList": _LISTS,
    "openOrders": _ORDERS,
    "order": _ORDER,
    "order/amendments": View(Sight.NAMED, asked=("", "orderId"), shown=("", "orderId")),
    "orderList": View(Sight.NAMED, Store.LIST, ("origClientOrderId", "orderListId"), _LISTS.shown),
    "rateLimit/order": PASSED,
}
_FUTURES: Mapping[str, View] = {
    "v1/accountConfig": PASSED,
    "v1/adlQuantile": ACCOUNT,
    "v1/algoOrder": _ALGO,
    "v1/allAlgoOrders": _ALGOS,
    "v1/allOrders": _ORDERS,
    "v1/apiTradingStatus": PASSED,
    "v1/commissionRate": PASSED,
    "v1/convert/orderStatus": ACCOUNT,
    "v1/feeBurn": PASSED,
    "v1/forceOrders": ACCOUNT,
    **{f"v1/{name}/asyn{end}": ACCOUNT for name in ("income", "order", "trade") for end in ("", "/id")},
    "v1/income": ACCOUNT,
    "v1/multiAssetsMargin": PASSED,
    "v1/openAlgoOrders": _ALGOS,
    "v1/openOrder": _ORDER,
    "v1/openOrders": _ORDERS,
    "v1/order": _ORDER,
    "v1/orderAmendment": _ORDER,
    "v1/pmAccountInfo": ACCOUNT,
    "v1/positionMargin/history": ACCOUNT,
    "v1/positionSide/dual": PASSED,
    "v1/rateLimit/order": PASSED,
    "v1/symbolConfig": PASSED,
    "v1/userTrades": _TRADES,
    **{f"v{n}/leverageBracket": PASSED for n in (1, 2)},
    **{f"v{n}/account": ACCOUNT for n in (1, 2, 3)},
    **{f"v{n}/balance": PASSED for n in (1, 2, 3)},
    **{f"v{n}/positionRisk": ACCOUNT for n in (1, 2, 3)},
}
VIEWS: Mapping[str, View] = {
    **{f"/api/v3/{name}": view for name, view in _SPOT.items()},
    **{f"{root}/{name}": view for root in ("/fapi", "/dapi") for name, view in _FUTURES.items()},
}
# Of the endpoints under /sapi none shows orders of our bots; these show what the account did elsewhere.
_SAPI_ACCOUNT = re.compile(
    r"order|trade(?!Fee|Coeff)|position|/algo/|liquidation|sub-?account|portfolio|prevented|snapshot|capital-flow", re.I
).search
_SAPI_PASSED = frozenset({"/sapi/v1/margin/rateLimit/order"})


def view_of(endpoint: Endpoint) -> View:
    """Give how an endpoint is shown to a bot without the right; what the table does not know is not shown."""
    if endpoint.purpose != "account":
        return PASSED
    if endpoint.path.startswith("/sapi/"):
        is_open = endpoint.path in _SAPI_PASSED or not _SAPI_ACCOUNT(endpoint.path)
        return PASSED if is_open else ACCOUNT
    return VIEWS.get(endpoint.path, ACCOUNT)
