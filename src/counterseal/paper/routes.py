"""Which handler serves which endpoint: the one wiring place."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from counterseal.paper.call import Call
from counterseal.paper.limits import OrderCounts, Windows
from counterseal.paper.portfolio import Portfolio
from counterseal.paper.portfolio_routes import portfolio_routes
from counterseal.paper.spot_market import SpotMarket
from counterseal.paper.spot_routes import sapi_routes, spot_routes
from counterseal.paper.sub_accounts import SubAccounts
from counterseal.paper.usdm_market import UsdmMarket
from counterseal.paper.usdm_routes import coinm_routes, usdm_routes

Handler = Callable[[Call], object]
Routes = dict[tuple[str, str], Handler]


def routes(
    markets: tuple[SpotMarket, UsdmMarket, UsdmMarket], counts: OrderCounts, windows: Windows,
    accounts: SubAccounts, margin_balances: dict[str, Decimal],
) -> Routes:  # fmt: skip
    """Every served (method, path) of spot, USD-M and COIN-M (`markets`, in this order) and what goes with them."""
    spot, usdm, coinm = markets
    together = (usdm, coinm)
    return {
        **spot_routes(spot, counts, windows),
        **sapi_routes(spot, counts, accounts, margin_balances),
        **usdm_routes(usdm, together, counts, windows),
        **coinm_routes(coinm, together, counts, windows),
        **portfolio_routes(Portfolio(usdm, coinm, margin_balances, counts, windows)),
    }
