"""The table of reads: complete, and closed for what it does not know."""

from collections import Counter
from dataclasses import replace

import pytest

from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.core.binance.catalogue import Endpoint
from counterseal.core.ownership import Named
from counterseal.core.sight import ACCOUNT, PASSED, VIEWS, Sight, view_of
from counterseal.core.subjects import Store

ENDPOINTS = {endpoint.name: endpoint for endpoint in load_catalogue()}


def endpoint(family: str, path: str) -> Endpoint:
    return ENDPOINTS[f"{family} GET {path}"]


@pytest.mark.threat(21)
def test_every_account_read_of_the_trading_families_has_a_row() -> None:
    """None falls to the default by being forgotten; what is no read of an account is not in the table's hands."""
    known = {
        one.path for one in ENDPOINTS.values() if one.purpose == "account" and one.family in ("spot", "usdm", "coinm")
    }
    assert {path for path in known if not path.startswith("/sapi/")} <= VIEWS.keys()
    assert view_of(endpoint("spot", "/api/v3/depth")) is PASSED
    assert view_of(replace(endpoint("usdm", "/fapi/v1/income"), path="/fapi/v9/new")) is ACCOUNT


@pytest.mark.parametrize(
    ("family", "path", "sight"),
    [
        ("spot", "/api/v3/account", Sight.PASSED),
        ("usdm", "/fapi/v3/balance", Sight.PASSED),
        ("usdm", "/fapi/v3/account", Sight.ACCOUNT),
        ("usdm", "/fapi/v3/positionRisk", Sight.ACCOUNT),
        ("coinm", "/dapi/v1/positionRisk", Sight.ACCOUNT),
        ("coinm", "/dapi/v1/userTrades", Sight.ROWS),
        ("usdm", "/fapi/v1/order", Sight.NAMED),
        ("spot", "/sapi/v1/asset/tradeFee", Sight.PASSED),
        ("spot", "/sapi/v1/margin/rateLimit/order", Sight.PASSED),
        ("spot", "/sapi/v1/capital/config/getall", Sight.PASSED),
        ("spot", "/sapi/v1/margin/openOrders", Sight.ACCOUNT),
        ("spot", "/sapi/v1/margin/myPreventedMatches", Sight.ACCOUNT),
        ("spot", "/sapi/v1/margin/capital-flow", Sight.ACCOUNT),
        ("spot", "/sapi/v1/accountSnapshot", Sight.ACCOUNT),
        ("spot", "/sapi/v1/sub-account/futures/positionRisk", Sight.ACCOUNT),
        ("papi", "/papi/v1/um/openOrders", Sight.ACCOUNT),
        ("options", "/eapi/v1/position", Sight.ACCOUNT),
    ],
)
def test_rows_of_the_table(family: str, path: str, sight: Sight) -> None:
    assert view_of(endpoint(family, path)).sight is sight


def test_what_is_asked_and_what_a_row_shows() -> None:
    """By client id and number; a row without a symbol has the request's; a prevented match names two orders."""
    view = view_of(endpoint("usdm", "/fapi/v1/algoOrder"))
    assert view.names_asked({"algoId": "7", "clientAlgoId": "x"}) == Named("*algo", "x", 7)
    assert view.store is Store.ALGO
    trades = view_of(endpoint("spot", "/api/v3/myTrades"))
    assert trades.names_shown({"symbol": "B", "orderId": 7, "clientOrderId": "no"}, "A") == (Named("B", None, 7),)
    assert trades.names_shown({"orderId": 7}, "A") == (Named("A", None, 7),)
    assert trades.names_shown({"symbol": {"B": 1}, "orderId": 7}, "A") == (Named("A", None, 7),)
    prevented = view_of(endpoint("spot", "/api/v3/myPreventedMatches"))
    shown = prevented.names_shown({"symbol": "A", "takerOrderId": 7, "makerOrderId": 8}, "A")
    assert shown == (Named("A", None, 7), Named("A", None, 8))


def test_how_many_of_each() -> None:
    """So that a change of the catalogue that moves many is seen."""
    counts = Counter(view_of(one).sight for one in ENDPOINTS.values() if one.purpose == "account")
    assert counts[Sight.NAMED] + counts[Sight.ROWS] == 26
