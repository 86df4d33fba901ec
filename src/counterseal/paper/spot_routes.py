"""Which handler serves which spot, wallet, sub-account and margin endpoint."""

from __future__ import annotations

from collections.abc import Callable

from counterseal.paper.broker import Broker
from counterseal.paper.call import Call
from counterseal.paper.limits import OrderCounts, Windows
from counterseal.paper.margin_accounts import MarginAccounts
from counterseal.paper.margin_orders import MarginOrders
from counterseal.paper.margin_reads import MarginReads
from counterseal.paper.spot_account import SpotAccount
from counterseal.paper.spot_changes import SpotChanges
from counterseal.paper.spot_history import SpotHistory
from counterseal.paper.spot_market import SpotMarket
from counterseal.paper.spot_oco import SpotLists
from counterseal.paper.spot_orders import SpotOrders
from counterseal.paper.spot_public import SpotPublic
from counterseal.paper.sub_account_routes import SubAccountKeys
from counterseal.paper.sub_accounts import SubAccounts
from counterseal.paper.wallet import Wallet

Routes = dict[tuple[str, str], Callable[[Call], object]]


def spot_routes(market: SpotMarket, counts: OrderCounts, windows: Windows) -> Routes:
    """Every served (method, path) under /api."""
    public, orders, account = SpotPublic(market, windows), SpotOrders(market, counts), SpotAccount(market, counts)
    found = (
        _public(public)
        | _orders(orders, SpotChanges(market, orders))
        | _lists(SpotLists(market, counts))
        | _history(SpotHistory(market))
        | {
            ("GET", "account"): account.account,
            ("GET", "account/commission"): account.commission,
            ("GET", "rateLimit/order"): account.rate_limits,
            ("GET", "myFilters"): public.my_filters,
        }
    )
    return {(method, f"/api/v3/{path}"): handler for (method, path), handler in found.items()}


def sapi_routes(market: SpotMarket, counts: OrderCounts, accounts: SubAccounts, margin: MarginAccounts) -> Routes:
    """Every served (method, path) under /sapi."""
    account = SpotAccount(market, counts)
    found = (
        _wallet(Wallet(market, account))
        | _margin(MarginReads(margin, account))
        | _margin_orders(MarginOrders(margin, counts))
        | _sub_accounts(SubAccountKeys(accounts))
        | _broker(Broker(accounts))
    )
    return {(method, f"/sapi/{path}"): handler for (method, path), handler in found.items()}


def _public(public: SpotPublic) -> Routes:
    return {
        ("GET", "ping"): public.ping,
        ("GET", "time"): public.time,
        ("GET", "exchangeInfo"): public.exchange_info,
        ("GET", "executionRules"): public.execution_rules,
        ("GET", "depth"): public.depth,
        ("GET", "trades"): public.trades,
        ("GET", "historicalTrades"): public.trades,
        ("GET", "historicalBlockTrades"): public.block_trades,
        ("GET", "aggTrades"): public.agg_trades,
        ("GET", "klines"): public.klines,
        ("GET", "uiKlines"): public.klines,
        ("GET", "avgPrice"): public.avg_price,
        ("GET", "referencePrice"): public.reference_price,
        ("GET", "referencePrice/calculation"): public.reference_calculation,
        ("GET", "ticker/24hr"): public.day,
        ("GET", "ticker/tradingDay"): public.trading_day,
        ("GET", "ticker/price"): public.price,
        ("GET", "ticker/bookTicker"): public.book_ticker,
        ("GET", "ticker"): public.rolling,
    }


def _orders(orders: SpotOrders, changes: SpotChanges) -> Routes:
    return {
        ("POST", "order"): orders.place,
        ("GET", "order"): orders.query,
        ("DELETE", "order"): orders.cancel,
        ("POST", "order/test"): orders.test,
        ("POST", "sor/order"): orders.place_routed,
        ("POST", "sor/order/test"): orders.test_routed,
        ("GET", "openOrders"): orders.open_orders,
        ("DELETE", "openOrders"): orders.cancel_open,
        ("POST", "order/cancelReplace"): changes.cancel_replace,
        ("PUT", "order/amend/keepPriority"): changes.amend,
    }


def _lists(lists: SpotLists) -> Routes:
    return {
        ("POST", "orderList/oco"): lists.place,
        ("POST", "order/oco"): lists.place_old,
        ("POST", "orderList/oto"): lists.place_oto,
        ("POST", "orderList/otoco"): lists.place_otoco,
        ("POST", "orderList/opo"): lists.place_opo,
        ("POST", "orderList/opoco"): lists.place_opoco,
        ("GET", "orderList"): lists.query,
        ("DELETE", "orderList"): lists.cancel,
        ("GET", "openOrderList"): lists.open_lists,
        ("GET", "allOrderList"): lists.all_lists,
    }


def _history(history: SpotHistory) -> Routes:
    return {
        ("GET", "allOrders"): history.all_orders,
        ("GET", "myTrades"): history.my_trades,
        ("GET", "myAllocations"): history.my_allocations,
        ("GET", "myPreventedMatches"): history.my_prevented,
        ("GET", "order/amendments"): history.amendments,
    }


def _wallet(wallet: Wallet) -> Routes:
    return {
        ("GET", "v1/account/apiRestrictions"): wallet.restrictions,
        ("GET", "v1/account/apiTradingStatus"): wallet.trading_status,
        ("GET", "v1/account/status"): wallet.status,
        ("GET", "v1/account/info"): wallet.info,
        ("GET", "v1/system/status"): wallet.system_status,
        ("GET", "v1/capital/config/getall"): wallet.coins,
        ("GET", "v1/asset/tradeFee"): wallet.trade_fee,
        ("GET", "v1/bnbBurn"): wallet.bnb_burn,
        ("POST", "v1/bnbBurn"): wallet.set_bnb_burn,
        ("GET", "v1/margin/allPairs"): wallet.margin_pairs,
        ("GET", "v1/margin/isolated/allPairs"): wallet.margin_pairs,
    }


def _margin(margin: MarginReads) -> Routes:
    return {
        ("GET", "v1/margin/account"): margin.account,
        ("GET", "v1/margin/isolated/account"): margin.isolated,
        ("GET", "v1/margin/isolated/accountLimit"): margin.isolated_limit,
        ("GET", "v1/margin/tradeCoeff"): margin.coefficients,
        ("GET", "v1/margin/allAssets"): margin.assets,
        ("GET", "v1/margin/priceIndex"): margin.price_index,
        ("GET", "v1/margin/maxBorrowable"): margin.max_borrowable,
        ("GET", "v1/margin/maxTransferable"): margin.max_transferable,
    }


def _margin_orders(orders: MarginOrders) -> Routes:
    return {
        ("POST", "v1/margin/order"): orders.place,
        ("GET", "v1/margin/order"): orders.query,
        ("DELETE", "v1/margin/order"): orders.cancel,
        ("GET", "v1/margin/openOrders"): orders.open_orders,
        ("DELETE", "v1/margin/openOrders"): orders.cancel_open,
        ("GET", "v1/margin/allOrders"): orders.all_orders,
        ("GET", "v1/margin/myTrades"): orders.my_trades,
        ("POST", "v1/margin/borrow-repay"): orders.borrow_repay,
        ("GET", "v1/margin/borrow-repay"): orders.loans,
        ("GET", "v1/margin/interestHistory"): orders.interests,
    }


def _sub_accounts(subs: SubAccountKeys) -> Routes:
    return {
        ("POST", "v1/sub-account/virtualSubAccount"): subs.create_account,
        ("GET", "v1/sub-account/list"): subs.list_accounts,
        ("GET", "v1/sub-account/status"): subs.account_status,
        ("POST", "v1/sub-account/subAccountApi"): subs.create,
        ("GET", "v1/sub-account/subAccountApi"): subs.list_keys,
        ("DELETE", "v1/sub-account/subAccountApi"): subs.delete,
        ("POST", "v1/sub-account/subAccountApiPermission"): subs.set_permission,
        ("POST", "v2/sub-account/subAccountApi/ipRestriction"): subs.set_addresses,
        ("GET", "v1/sub-account/subAccountApi/ipRestriction"): subs.addresses,
        ("DELETE", "v1/sub-account/subAccountApi/ipRestriction/ipList"): subs.delete_addresses,
    }


def _broker(broker: Broker) -> Routes:
    return {
        ("POST", "v1/broker/subAccountApi"): broker.create,
        ("GET", "v1/broker/subAccountApi"): broker.list_keys,
        ("DELETE", "v1/broker/subAccountApi"): broker.delete,
        ("POST", "v1/broker/subAccountApi/permission"): broker.set_permission,
        ("POST", "v1/broker/subAccountApi/permission/universalTransfer"): broker.set_transfer,
        ("POST", "v2/broker/subAccountApi/ipRestriction"): broker.set_addresses,
        ("GET", "v1/broker/subAccountApi/ipRestriction"): broker.addresses,
        ("DELETE", "v1/broker/subAccountApi/ipRestriction/ipList"): broker.delete_addresses,
        ("GET", "v1/broker/info"): broker.info,
    }
