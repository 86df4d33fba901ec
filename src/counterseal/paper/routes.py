"""Which handler serves which endpoint: the one wiring place."""

from __future__ import annotations

from collections.abc import Callable

from counterseal.paper.call import Call
from counterseal.paper.limits import OrderCounts, Windows
from counterseal.paper.spot_account import SpotAccount
from counterseal.paper.spot_market import SpotMarket
from counterseal.paper.spot_oco import SpotLists
from counterseal.paper.spot_orders import SpotOrders
from counterseal.paper.spot_public import SpotPublic
from counterseal.paper.symbols import Listing
from counterseal.paper.usdm_market import UsdmMarket
from counterseal.paper.usdm_routes import usdm_routes

Handler = Callable[[Call], object]
Routes = dict[tuple[str, str], Handler]


def routes(spot: SpotMarket, usdm: UsdmMarket, counts: OrderCounts, windows: Windows, listing: Listing) -> Routes:
    """Every served (method, path)."""
    return {
        **_spot_public(SpotPublic(spot, windows)),
        **_spot_private(SpotOrders(spot, counts), SpotLists(spot, counts), SpotAccount(spot, counts)),
        **usdm_routes(usdm, counts, windows, listing),
    }


def _spot_public(public: SpotPublic) -> Routes:
    paths: dict[str, Handler] = {
        "ping": public.ping,
        "time": public.time,
        "exchangeInfo": public.exchange_info,
        "depth": public.depth,
        "trades": public.trades,
        "historicalTrades": public.trades,
        "aggTrades": public.agg_trades,
        "klines": public.klines,
        "uiKlines": public.klines,
        "avgPrice": public.avg_price,
        "ticker/24hr": public.day,
        "ticker/price": public.price,
        "ticker/bookTicker": public.book_ticker,
        "ticker": public.rolling,
    }
    return {("GET", f"/api/v3/{path}"): handler for path, handler in paths.items()}


def _spot_private(orders: SpotOrders, lists: SpotLists, account: SpotAccount) -> Routes:
    return {
        ("POST", "/api/v3/order"): orders.place,
        ("GET", "/api/v3/order"): orders.query,
        ("DELETE", "/api/v3/order"): orders.cancel,
        ("POST", "/api/v3/order/test"): orders.test,
        ("GET", "/api/v3/openOrders"): orders.open_orders,
        ("DELETE", "/api/v3/openOrders"): orders.cancel_open,
        ("GET", "/api/v3/allOrders"): orders.all_orders,
        ("POST", "/api/v3/order/cancelReplace"): orders.cancel_replace,
        ("GET", "/api/v3/myTrades"): orders.my_trades,
        ("POST", "/api/v3/orderList/oco"): lists.place,
        ("POST", "/api/v3/order/oco"): lists.place_old,
        ("GET", "/api/v3/orderList"): lists.query,
        ("DELETE", "/api/v3/orderList"): lists.cancel,
        ("GET", "/api/v3/openOrderList"): lists.open_lists,
        ("GET", "/api/v3/allOrderList"): lists.all_lists,
        ("GET", "/api/v3/account"): account.account,
        ("GET", "/api/v3/account/commission"): account.commission,
        ("GET", "/api/v3/rateLimit/order"): account.rate_limits,
        ("GET", "/sapi/v1/account/apiRestrictions"): account.restrictions,
        ("GET", "/sapi/v1/account/apiTradingStatus"): account.trading_status,
        ("GET", "/sapi/v1/account/status"): account.status,
        ("GET", "/sapi/v1/capital/config/getall"): account.coins,
        ("GET", "/sapi/v1/margin/allPairs"): account.margin_pairs,
        ("GET", "/sapi/v1/margin/isolated/allPairs"): account.margin_pairs,
        ("GET", "/sapi/v1/asset/tradeFee"): account.trade_fee,
    }
