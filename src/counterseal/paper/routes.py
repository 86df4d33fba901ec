"""Which handler serves which endpoint: the one wiring place."""

from __future__ import annotations

from collections.abc import Callable

from counterseal.paper.call import Call
from counterseal.paper.futures_market import FuturesMarket
from counterseal.paper.futures_routes import coinm_routes, usdm_routes
from counterseal.paper.limits import OrderCounts, Windows
from counterseal.paper.margin_accounts import MarginAccounts
from counterseal.paper.portfolio import Portfolio
from counterseal.paper.portfolio_routes import portfolio_routes
from counterseal.paper.spot_market import SpotMarket
from counterseal.paper.spot_routes import sapi_routes, spot_routes
from counterseal.paper.sub_accounts import SubAccounts

Handler = Callable[[Call], object]
Routes = dict[tuple[str, str], Handler]


def routes(
    markets: tuple[SpotMarket, FuturesMarket, FuturesMarket], counts: OrderCounts, windows: Windows,
    accounts: SubAccounts, margin: MarginAccounts,
) -> Routes:  # fmt: skip
    """Every served (method, path) of spot, USD-M and COIN-M (`markets`, in this order) and what goes with them."""
    spot, usdm, coinm = markets
    together = (usdm, coinm)
    return {
        **spot_routes(spot, counts, windows),
        **sapi_routes(spot, counts, accounts, margin),
        **usdm_routes(usdm, together, counts, windows),
        **coinm_routes(coinm, together, counts, windows),
        **portfolio_routes(Portfolio(usdm, coinm, margin, counts, windows)),
    }
