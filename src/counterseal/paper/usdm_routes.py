"""Which handler serves which USD-M (and COIN-M) endpoint."""

from __future__ import annotations

from collections.abc import Callable

from counterseal.paper.call import Call
from counterseal.paper.limits import OrderCounts, Windows
from counterseal.paper.symbols import Listing
from counterseal.paper.usdm_algo import UsdmAlgos
from counterseal.paper.usdm_batch import UsdmBatches
from counterseal.paper.usdm_market import UsdmMarket
from counterseal.paper.usdm_orders import UsdmOrders
from counterseal.paper.usdm_public import UsdmPublic
from counterseal.paper.usdm_reports import UsdmReports
from counterseal.paper.usdm_settings import UsdmSettings

Routes = dict[tuple[str, str], Callable[[Call], object]]


def usdm_routes(market: UsdmMarket, counts: OrderCounts, windows: Windows, listing: Listing) -> Routes:
    """Every served (method, path) under /fapi and /dapi."""
    orders = UsdmOrders(market, counts)
    return {
        **_public(UsdmPublic(market, windows, listing)),
        **_orders(orders, UsdmBatches(orders)),
        **_algos(UsdmAlgos(market, counts)),
        **_reports(UsdmReports(market, counts)),
        **_settings(UsdmSettings(market)),
    }


def _public(public: UsdmPublic) -> Routes:
    return {
        ("GET", "/fapi/v1/ping"): public.ping,
        ("GET", "/fapi/v1/time"): public.time,
        ("GET", "/fapi/v1/exchangeInfo"): public.exchange_info,
        ("GET", "/fapi/v1/depth"): public.depth,
        ("GET", "/fapi/v1/trades"): public.trades,
        ("GET", "/fapi/v1/aggTrades"): public.agg_trades,
        ("GET", "/fapi/v1/klines"): public.klines,
        ("GET", "/fapi/v1/ticker/24hr"): public.day,
        ("GET", "/fapi/v1/ticker/price"): public.price,
        ("GET", "/fapi/v2/ticker/price"): public.price,
        ("GET", "/fapi/v1/ticker/bookTicker"): public.book_ticker,
        ("GET", "/fapi/v1/premiumIndex"): public.premium_index,
        ("GET", "/fapi/v1/fundingRate"): public.funding_rate,
        ("GET", "/fapi/v1/fundingInfo"): public.funding_info,
        ("GET", "/fapi/v1/openInterest"): public.open_interest,
        ("GET", "/dapi/v1/ping"): public.ping,
        ("GET", "/dapi/v1/time"): public.time,
        ("GET", "/dapi/v1/exchangeInfo"): public.coinm_exchange_info,
    }


def _orders(orders: UsdmOrders, batches: UsdmBatches) -> Routes:
    return {
        ("POST", "/fapi/v1/order"): orders.place,
        ("GET", "/fapi/v1/order"): orders.query,
        ("PUT", "/fapi/v1/order"): orders.modify,
        ("DELETE", "/fapi/v1/order"): orders.cancel,
        ("POST", "/fapi/v1/order/test"): orders.test,
        ("POST", "/fapi/v1/batchOrders"): batches.place,
        ("PUT", "/fapi/v1/batchOrders"): batches.modify,
        ("DELETE", "/fapi/v1/batchOrders"): batches.cancel,
        ("GET", "/fapi/v1/openOrders"): orders.open_orders,
        ("GET", "/fapi/v1/openOrder"): orders.query_open,
        ("GET", "/fapi/v1/allOrders"): orders.all_orders,
        ("DELETE", "/fapi/v1/allOpenOrders"): orders.cancel_all,
        ("GET", "/fapi/v1/userTrades"): orders.user_trades,
        ("POST", "/fapi/v1/countdownCancelAll"): orders.countdown,
    }


def _algos(algos: UsdmAlgos) -> Routes:
    return {
        ("POST", "/fapi/v1/algoOrder"): algos.place,
        ("GET", "/fapi/v1/algoOrder"): algos.query,
        ("DELETE", "/fapi/v1/algoOrder"): algos.cancel,
        ("GET", "/fapi/v1/openAlgoOrders"): algos.open_orders,
        ("GET", "/fapi/v1/allAlgoOrders"): algos.all_orders,
        ("DELETE", "/fapi/v1/algoOpenOrders"): algos.cancel_open,
    }


def _reports(reports: UsdmReports) -> Routes:
    return {
        ("GET", "/fapi/v2/balance"): reports.balance,
        ("GET", "/fapi/v3/balance"): reports.balance,
        ("GET", "/fapi/v2/account"): reports.account_v2,
        ("GET", "/fapi/v3/account"): reports.account_v3,
        ("GET", "/fapi/v2/positionRisk"): reports.risk_v2,
        ("GET", "/fapi/v3/positionRisk"): reports.risk_v3,
        ("GET", "/fapi/v1/accountConfig"): reports.account_config,
        ("GET", "/fapi/v1/symbolConfig"): reports.symbol_config,
        ("GET", "/fapi/v1/leverageBracket"): reports.leverage_bracket,
        ("GET", "/fapi/v1/commissionRate"): reports.commission_rate,
        ("GET", "/fapi/v1/income"): reports.income,
        ("GET", "/fapi/v1/rateLimit/order"): reports.rate_limits,
        ("GET", "/fapi/v1/apiTradingStatus"): reports.trading_status,
    }


def _settings(settings: UsdmSettings) -> Routes:
    return {
        ("POST", "/fapi/v1/leverage"): settings.leverage,
        ("POST", "/fapi/v1/marginType"): settings.margin_type,
        ("POST", "/fapi/v1/positionMargin"): settings.position_margin,
        ("GET", "/fapi/v1/positionSide/dual"): settings.position_mode,
        ("POST", "/fapi/v1/positionSide/dual"): settings.set_position_mode,
        ("GET", "/fapi/v1/multiAssetsMargin"): settings.assets_mode,
        ("POST", "/fapi/v1/multiAssetsMargin"): settings.set_assets_mode,
        ("POST", "/fapi/v1/listenKey"): settings.start_stream,
        ("PUT", "/fapi/v1/listenKey"): settings.extend_stream,
        ("DELETE", "/fapi/v1/listenKey"): settings.close_stream,
    }
