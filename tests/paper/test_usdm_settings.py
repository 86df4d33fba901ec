"""Leverage, margin types and modes, and the order in which they may change."""

import itertools

from tests.paper.harness import Rig

SYMBOL = {"symbol": "BTCUSDT"}


def test_leverage_is_bounded_and_told_by_symbol_config(rig: Rig) -> None:
    body = rig.signed("POST", "/fapi/v1/leverage", **SYMBOL, leverage=100).body
    assert body == {"symbol": "BTCUSDT", "leverage": 100, "maxNotionalValue": "600000"}
    assert rig.signed("GET", "/fapi/v1/symbolConfig", **SYMBOL).body[0]["leverage"] == 100
    assert rig.signed("POST", "/fapi/v1/leverage", **SYMBOL, leverage=126).code == -4028
    assert rig.signed("POST", "/fapi/v1/leverage", **SYMBOL, leverage=0).code == -4028


def test_high_leverage_bounds_the_position(rig: Rig) -> None:
    rig.signed("POST", "/fapi/v1/leverage", **SYMBOL, leverage=125)
    assert rig.futures_order(type="MARKET", quantity="0.6").code == -2027
    assert rig.futures_order(type="MARKET", quantity="0.4").status == 200


def test_margin_type_changes_only_when_flat(rig: Rig) -> None:
    change = ("POST", "/fapi/v1/marginType")
    assert rig.signed(*change, **SYMBOL, marginType="CROSSED").code == -4046
    rig.futures_order()
    assert rig.signed(*change, **SYMBOL, marginType="ISOLATED").code == -4047
    rig.signed("DELETE", "/fapi/v1/allOpenOrders", **SYMBOL)
    rig.futures_order(type="MARKET")
    assert rig.signed(*change, **SYMBOL, marginType="ISOLATED").code == -4048
    rig.futures_order(type="MARKET", side="SELL")
    assert rig.signed(*change, **SYMBOL, marginType="ISOLATED").body["code"] == 200
    assert rig.signed(*change, **SYMBOL, marginType="FISH").code == -1100


def test_isolated_margin_is_held_added_and_given_back(rig: Rig) -> None:
    rig.signed("POST", "/fapi/v1/marginType", **SYMBOL, marginType="ISOLATED")
    margin = ("POST", "/fapi/v1/positionMargin")
    assert rig.signed(*margin, **SYMBOL, amount="10", type="1").code == -4054
    rig.futures_order(type="MARKET", quantity="0.2")
    held = rig.signed("GET", "/fapi/v3/positionRisk").body[0]
    assert float(held["isolatedWallet"]) == 1000.001
    assert rig.signed(*margin, **SYMBOL, amount="10", type="1").body["code"] == 200
    assert rig.signed(*margin, **SYMBOL, amount="100", type="2").code == -4051
    assert rig.signed(*margin, **SYMBOL, amount="0", type="1").code == -4055
    assert rig.signed("POST", "/fapi/v1/leverage", **SYMBOL, leverage=10).code == -4161
    rig.futures_order(type="MARKET", side="SELL", quantity="0.2", reduceOnly="true")
    account = rig.signed("GET", "/fapi/v3/account").body
    assert account["availableBalance"] == account["totalWalletBalance"] == account["totalCrossWalletBalance"]


def test_position_mode(rig: Rig) -> None:
    mode = "/fapi/v1/positionSide/dual"
    assert rig.signed("POST", mode, dualSidePosition="false").code == -4059
    rig.futures_order()
    assert rig.signed("POST", mode, dualSidePosition="true").code == -4067
    rig.signed("DELETE", "/fapi/v1/allOpenOrders", **SYMBOL)
    assert rig.signed("POST", mode, dualSidePosition="true").body["code"] == 200
    assert rig.signed("GET", mode).body == {"dualSidePosition": True}
    assert rig.signed("GET", "/fapi/v1/accountConfig").body["dualSidePosition"] is True


def test_multi_assets_mode(rig: Rig) -> None:
    mode = "/fapi/v1/multiAssetsMargin"
    assert rig.signed("POST", mode, multiAssetsMargin="false").code == -4171
    assert rig.signed("POST", mode, multiAssetsMargin="TRUE").body["code"] == 200
    assert rig.signed("POST", "/fapi/v1/marginType", **SYMBOL, marginType="ISOLATED").code == -4168


def test_brackets_are_continuous_and_shaped_by_what_was_asked(rig: Rig) -> None:
    one = rig.signed("GET", "/fapi/v1/leverageBracket", **SYMBOL).body
    rows = one["brackets"]
    for lower, upper in itertools.pairwise(rows):
        assert lower["notionalCap"] == upper["notionalFloor"]
        at = upper["notionalFloor"]
        below = at * lower["maintMarginRatio"] - lower["cum"]
        assert abs(below - (at * upper["maintMarginRatio"] - upper["cum"])) < 1e-6
    assert len(rig.signed("GET", "/fapi/v1/leverageBracket").body) == 23
