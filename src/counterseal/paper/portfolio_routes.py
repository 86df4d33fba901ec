"""Which handler serves which portfolio-margin endpoint."""

from __future__ import annotations

from collections.abc import Callable

from counterseal.paper.call import Call
from counterseal.paper.portfolio import Portfolio

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
    return {(method, f"/papi/{path}"): handler for (method, path), handler in found.items()}
