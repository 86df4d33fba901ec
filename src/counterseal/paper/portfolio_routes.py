"""Which handler serves which portfolio-margin endpoint."""

from __future__ import annotations

from collections.abc import Callable

from counterseal.paper.call import Call
from counterseal.paper.portfolio import Portfolio
from counterseal.paper.portfolio_orders import PortfolioOrders

Routes = dict[tuple[str, str], Callable[[Call], object]]


def portfolio_routes(portfolio: Portfolio) -> Routes:
    """Every served (method, path) under /papi."""
    um, cm = portfolio.um_config, portfolio.cm_config
    found: Routes = {
        ("GET", "v1/ping"): portfolio.ping,
        ("GET", "v1/account"): portfolio.account,
        ("GET", "v1/balance"): portfolio.balance,
        ("GET", "v1/um/account"): portfolio.um_account,
        ("GET", "v2/um/account"): portfolio.um_account_v2,
        ("GET", "v1/cm/account"): portfolio.cm_account,
        ("GET", "v1/um/positionRisk"): portfolio.um_risk,
        ("GET", "v1/cm/positionRisk"): portfolio.cm_risk,
        ("GET", "v1/um/accountConfig"): um.account_config,
        ("GET", "v1/um/symbolConfig"): portfolio.um_symbol_config,
        ("GET", "v1/um/leverageBracket"): portfolio.um_brackets,
        ("GET", "v1/cm/leverageBracket"): portfolio.cm_brackets,
        ("GET", "v1/um/commissionRate"): um.commission_rate,
        ("GET", "v1/cm/commissionRate"): cm.commission_rate,
        ("GET", "v1/um/income"): portfolio.um_income,
        ("GET", "v1/cm/income"): cm.income,
        ("GET", "v1/um/adlQuantile"): portfolio.um_adl,
        ("GET", "v1/cm/adlQuantile"): portfolio.cm_adl,
        ("GET", "v1/um/apiTradingStatus"): um.trading_status,
        ("GET", "v1/rateLimit/order"): portfolio.rate_limits,
    }
    found |= _orders("um", portfolio.um_orders) | _orders("cm", portfolio.cm_orders)
    return {(method, f"/papi/{path}"): handler for (method, path), handler in found.items()}


def _orders(side: str, orders: PortfolioOrders) -> Routes:
    return {
        ("POST", f"v1/{side}/order"): orders.place,
        ("GET", f"v1/{side}/order"): orders.query,
        ("PUT", f"v1/{side}/order"): orders.modify,
        ("DELETE", f"v1/{side}/order"): orders.cancel,
        ("GET", f"v1/{side}/openOrder"): orders.query_open if side == "um" else orders.list_open,
        ("GET", f"v1/{side}/openOrders"): orders.open_orders,
        ("GET", f"v1/{side}/allOrders"): orders.all_orders,
        ("DELETE", f"v1/{side}/allOpenOrders"): orders.cancel_all,
        ("GET", f"v1/{side}/userTrades"): orders.user_trades,
    }
