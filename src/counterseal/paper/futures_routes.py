"""Which handler serves which futures endpoint: one engine each for USD-M (/fapi) and COIN-M (/dapi)."""

from __future__ import annotations

from collections.abc import Callable

from counterseal.paper.call import Call
from counterseal.paper.futures_algo import FuturesAlgos
from counterseal.paper.futures_balances import FuturesBalances
from counterseal.paper.futures_batch import FuturesBatches
from counterseal.paper.futures_config import FuturesConfig
from counterseal.paper.futures_market import FuturesMarket
from counterseal.paper.futures_orders import FuturesOrders
from counterseal.paper.futures_positions import FuturesPositions
from counterseal.paper.futures_prices import FuturesPrices
from counterseal.paper.futures_public import FuturesPublic
from counterseal.paper.futures_settings import FuturesSettings
from counterseal.paper.limits import OrderCounts, Windows

Routes = dict[tuple[str, str], Callable[[Call], object]]


def usdm_routes(
    market: FuturesMarket, together: tuple[FuturesMarket, ...], counts: OrderCounts, windows: Windows
) -> Routes:
    """Every served (method, path) under /fapi."""
    return _common("/fapi", market, together, counts, windows) | _usdm_only(market, counts, windows)


def coinm_routes(
    market: FuturesMarket, together: tuple[FuturesMarket, ...], counts: OrderCounts, windows: Windows
) -> Routes:
    """Every served (method, path) under /dapi."""
    balances, config = FuturesBalances(market), FuturesConfig(market, counts)
    return _common("/dapi", market, together, counts, windows) | {
        ("GET", "/dapi/v1/balance"): balances.balance,
        ("GET", "/dapi/v1/account"): balances.coinm_account,
        ("GET", "/dapi/v1/positionRisk"): FuturesPositions(market, balances).risk_coinm,
        ("GET", "/dapi/v1/leverageBracket"): config.pair_brackets,
        ("GET", "/dapi/v2/leverageBracket"): config.leverage_bracket,
    }


def _common(
    root: str, market: FuturesMarket, together: tuple[FuturesMarket, ...], counts: OrderCounts, windows: Windows
) -> Routes:
    """What both markets have under the same paths."""
    public, orders = FuturesPublic(market, windows), FuturesOrders(market, counts)
    config = FuturesConfig(market, counts)
    found = (
        _public(public)
        | _prices(FuturesPrices(public))
        | _orders(orders, FuturesBatches(orders))
        | _algos(FuturesAlgos(market, counts))
        | _settings(FuturesSettings(market, together))
        | _reports(FuturesPositions(market, FuturesBalances(market)), config)
    )
    return {(method, f"{root}/v1/{path}"): handler for (method, path), handler in found.items()}


def _public(public: FuturesPublic) -> Routes:
    return {
        ("GET", "ping"): public.ping,
        ("GET", "time"): public.time,
        ("GET", "exchangeInfo"): public.exchange_info,
        ("GET", "depth"): public.depth,
        ("GET", "trades"): public.trades,
        ("GET", "historicalTrades"): public.trades,
        ("GET", "aggTrades"): public.agg_trades,
        ("GET", "ticker/24hr"): public.day,
        ("GET", "ticker/price"): public.price,
        ("GET", "ticker/bookTicker"): public.book_ticker,
        ("GET", "openInterest"): public.open_interest,
    }


def _prices(prices: FuturesPrices) -> Routes:
    return {
        ("GET", "klines"): prices.klines,
        ("GET", "continuousKlines"): prices.continuous,
        ("GET", "indexPriceKlines"): prices.index_klines,
        ("GET", "markPriceKlines"): prices.mark_klines,
        ("GET", "premiumIndexKlines"): prices.premium_klines,
        ("GET", "premiumIndex"): prices.premium_index,
        ("GET", "fundingRate"): prices.funding_rate,
        ("GET", "fundingInfo"): prices.funding_info,
        ("GET", "constituents"): prices.constituents,
    }


def _orders(orders: FuturesOrders, batches: FuturesBatches) -> Routes:
    return {
        ("POST", "order"): orders.place,
        ("GET", "order"): orders.query,
        ("PUT", "order"): orders.modify,
        ("DELETE", "order"): orders.cancel,
        ("POST", "batchOrders"): batches.place,
        ("PUT", "batchOrders"): batches.modify,
        ("DELETE", "batchOrders"): batches.cancel,
        ("GET", "orderAmendment"): orders.amendments,
        ("GET", "openOrders"): orders.open_orders,
        ("GET", "openOrder"): orders.query_open,
        ("GET", "allOrders"): orders.all_orders,
        ("DELETE", "allOpenOrders"): orders.cancel_all,
        ("GET", "userTrades"): orders.user_trades,
        ("POST", "countdownCancelAll"): orders.countdown,
    }


def _algos(algos: FuturesAlgos) -> Routes:
    return {
        ("POST", "algoOrder"): algos.place,
        ("DELETE", "algoOrder"): algos.cancel,
        ("GET", "openAlgoOrders"): algos.open_orders,
        ("DELETE", "algoOpenOrders"): algos.cancel_open,
    }


def _settings(settings: FuturesSettings) -> Routes:
    return {
        ("POST", "leverage"): settings.leverage,
        ("POST", "marginType"): settings.margin_type,
        ("POST", "positionMargin"): settings.position_margin,
        ("GET", "positionSide/dual"): settings.position_mode,
        ("POST", "positionSide/dual"): settings.set_position_mode,
        ("POST", "listenKey"): settings.start_stream,
        ("PUT", "listenKey"): settings.extend_stream,
        ("DELETE", "listenKey"): settings.close_stream,
    }


def _reports(positions: FuturesPositions, config: FuturesConfig) -> Routes:
    return {
        ("GET", "adlQuantile"): positions.adl_quantile,
        ("GET", "forceOrders"): positions.force_orders,
        ("GET", "commissionRate"): config.commission_rate,
        ("GET", "income"): config.income,
        ("GET", "positionMargin/history"): config.margin_history,
    }


def _usdm_only(market: FuturesMarket, counts: OrderCounts, windows: Windows) -> Routes:
    public, balances, config = FuturesPublic(market, windows), FuturesBalances(market), FuturesConfig(market, counts)
    prices, positions, algos = FuturesPrices(public), FuturesPositions(market, balances), FuturesAlgos(market, counts)
    settings = FuturesSettings(market, (market,))
    return {
        ("GET", "/fapi/v2/ticker/price"): public.price,
        ("POST", "/fapi/v1/order/test"): FuturesOrders(market, counts).test,
        ("GET", "/fapi/v1/algoOrder"): algos.query,
        ("GET", "/fapi/v1/allAlgoOrders"): algos.all_orders,
        ("GET", "/fapi/v2/balance"): balances.balance,
        ("GET", "/fapi/v3/balance"): balances.balance,
        ("GET", "/fapi/v2/account"): balances.account_v2,
        ("GET", "/fapi/v3/account"): balances.account_v3,
        ("GET", "/fapi/v2/positionRisk"): positions.risk_v2,
        ("GET", "/fapi/v3/positionRisk"): positions.risk_v3,
        ("GET", "/fapi/v1/accountConfig"): config.account_config,
        ("GET", "/fapi/v1/symbolConfig"): config.symbol_config,
        ("GET", "/fapi/v1/leverageBracket"): config.leverage_bracket,
        ("GET", "/fapi/v1/rateLimit/order"): config.rate_limits,
        ("GET", "/fapi/v1/apiTradingStatus"): config.trading_status,
        ("GET", "/fapi/v1/feeBurn"): config.fee_burn,
        ("POST", "/fapi/v1/feeBurn"): config.set_fee_burn,
        ("GET", "/fapi/v1/multiAssetsMargin"): settings.assets_mode,
        ("POST", "/fapi/v1/multiAssetsMargin"): settings.set_assets_mode,
        ("GET", "/fapi/v1/insuranceBalance"): prices.insurance,
        ("GET", "/fapi/v1/assetIndex"): prices.asset_index,
        ("GET", "/fapi/v1/symbolAdlRisk"): prices.adl_risk,
        ("GET", "/fapi/v1/rpiDepth"): public.depth,
    }
