"""Figures and fills are read as the exchange writes them; anything else is nothing."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.positions.shapes import D, spot_fill, usdm_fill

from counterseal.core.positions.fills import fill_in
from counterseal.core.positions.reading import Place, figure, number, place_of, rows, text
from counterseal.core.positions.snapshots import (
    coinm_snapshot,
    margin_snapshot,
    portfolio_snapshot,
    spot_snapshot,
    usdm_snapshot,
)
from counterseal.core.positions.statements import NOTHING, Held, Margin, Moved, stated_in

JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["NaN", "1e999", "-", "0.1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("aoseSxXlLpBPmbc"), inner, max_size=5),
    max_leaves=12,
)
KINDS = ("executionReport", "ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "outboundAccountPosition", "balanceUpdate")


@pytest.mark.parametrize(("given_", "value"), [
    ("1.50", "1.5"), ("-0.1", "-0.1"), ("0E-8", "0"), (7, "7"), ("NaN", None), ("Infinity", None), ("", None),
    (True, None), (1.5, None), (None, None), ("1" * 19, None), ("1e400", None),
])  # fmt: skip
def test_a_figure(given_: object, value: str | None) -> None:
    assert figure(given_) == (None if value is None else Decimal(value))


def test_texts_numbers_rows_and_places() -> None:
    assert (text({"a": "b"}, "a"), text({"a": 1}, "a"), text({"a": "x" * 65}, "a")) == ("b", "", "")
    assert (number({"a": 1}, "a"), number({"a": -1}, "a"), number({"a": True}, "a")) == (1, 0, 0)
    assert rows([{}, 1, None]) == [{}]
    assert rows("no") == []
    assert (place_of("A", "BOTH"), place_of("A", "LONG")) == (Place("A"), Place("A", "LONG"))
    assert (str(Place("A")), str(Place("A", "LONG"))) == ("A", "A LONG")


def test_fills_of_both_kinds() -> None:
    found = fill_in(
        "ORDER_TRADE_UPDATE", usdm_fill("SELL", "2", "10", n="0.1", rp="-3", ps="LONG", ma="USDT", i=5, t=6)
    )
    assert found is not None
    assert (found.place, found.signed, found.price, found.quote) == (Place("BTCUSDT", "LONG"), D(-2), D(10), D(20))
    assert (found.fee, found.fee_asset, found.realized, found.trade) == (D("0.1"), "USDT", D(-3), ("BTCUSDT", 6, 5))
    assert not found.is_forced
    for change in ({"c": "autoclose-1"}, {"x": "CALCULATED"}):
        forced = fill_in("ORDER_TRADE_UPDATE", usdm_fill("SELL", "1", "10", **change))
        assert forced is not None
        assert forced.is_forced
    spot = fill_in("executionReport", spot_fill("BUY", "2", "10", Y="19.9", n="0.002", N="BTC"))
    assert spot is not None
    assert (spot.place, spot.signed, spot.quote, spot.realized) == (Place("BTCUSDT"), D(2), D("19.9"), None)


@pytest.mark.parametrize("change", [
    {"x": "NEW"}, {"S": "NONE"}, {"l": "0"}, {"L": "0"}, {"l": "x"}, {"L": None}, {"s": ""},
])  # fmt: skip
def test_what_is_no_fill(change: dict[str, Any]) -> None:
    assert fill_in("ORDER_TRADE_UPDATE", usdm_fill("BUY", "1", "10", **change)) is None
    assert fill_in("TRADE_LITE", usdm_fill("BUY", "1", "10")) is None
    assert fill_in("ORDER_TRADE_UPDATE", {"o": []}) is None


@given(kind=st.sampled_from(KINDS), body=st.dictionaries(st.sampled_from("aoseSxXlLpBPmbcdTu"), JUNK, max_size=8))
def test_no_event_breaks_the_readers(kind: str, body: dict[str, Any]) -> None:
    stated_in(kind, body)
    fill_in(kind, body)


@given(body=JUNK)
def test_no_answer_breaks_the_readers(body: object) -> None:
    for read in (spot_snapshot, usdm_snapshot, coinm_snapshot, margin_snapshot, portfolio_snapshot):
        read(body)


def test_what_events_state() -> None:
    body = {"e": "ACCOUNT_UPDATE", "T": 9, "a": {"m": "FUNDING_FEE", "S": "BTCUSDT", "B": [
        {"a": "USDT", "wb": "10", "bc": "-1"}, {"a": "BNB", "wb": "x", "bc": "0"}, {"a": "", "wb": "1", "bc": "1"},
    ], "P": [
        {"s": "BTCUSDT", "pa": "2", "ep": "10", "ps": "LONG"}, {"s": "X", "pa": "?"}, {"s": "Y", "pa": "0", "ep": "0"},
    ]}}  # fmt: skip
    found = stated_in("ACCOUNT_UPDATE", body)
    assert found.positions == {Place("BTCUSDT", "LONG"): Held(D(2), D(10)), Place("Y"): Held(D(0), None)}
    assert found.balances == {"USDT": D(10)}
    assert found.moved == (Moved("USDT", D(-1), "FUNDING_FEE", "BTCUSDT"),)
    assert found.moved[0].is_funding
    assert (found.at_ms, found.whole) == (9, False)
    assert stated_in("ACCOUNT_UPDATE", {"a": 1}) == NOTHING
    assert stated_in("listStatus", {}) == NOTHING
    spot = stated_in("outboundAccountPosition", {"u": 3, "B": [{"a": "BTC", "f": "1", "l": "2"}, {"a": "X", "f": "?"}]})
    assert (spot.balances, spot.free) == ({"BTC": D(3)}, {"BTC": D(1)})
    assert stated_in("balanceUpdate", {"a": "BTC", "d": "-2"}).moved == (Moved("BTC", D(-2), "BALANCE"),)
    assert stated_in("balanceUpdate", {"a": "BTC"}).moved == ()


def test_snapshots() -> None:
    spot = spot_snapshot({"balances": [{"asset": "BTC", "free": "1", "locked": "1"}], "updateTime": 5})
    assert spot is not None
    assert (spot.balances, spot.free, spot.whole) == ({"BTC": D(2)}, {"BTC": D(1)}, True)
    assert spot_snapshot({"balances": [{"asset": "BTC", "free": "?"}]}) is None
    row = {
        "symbol": "BTCUSDT",
        "positionSide": "BOTH",
        "positionAmt": "-2",
        "notional": "-220",
        "unrealizedProfit": "-20",
    }
    flat = {"symbol": "ETHUSDT", "positionSide": "BOTH", "positionAmt": "0"}
    assets = [{"asset": "USDT", "walletBalance": "7"}]
    usdm = usdm_snapshot(
        {"positions": [row, flat], "assets": assets, "totalMarginBalance": "5", "totalMaintMargin": "1"}
    )
    assert usdm is not None
    assert usdm.positions == {Place("BTCUSDT"): Held(D(-2), D(100), D(110))}
    assert usdm.balances == {"USDT": D(7)}
    assert usdm.margin == Margin(D(5), D(1))
    no_worth = {"symbol": "A", "positionAmt": "1", "notional": "?"}
    assert usdm_snapshot({"positions": [no_worth]}).positions == {Place("A"): Held(D(1))}  # type: ignore[union-attr]
    nothing = row | {"notional": "0", "unrealizedProfit": "0"}
    assert usdm_snapshot({"positions": [nothing]}).positions == {Place("BTCUSDT"): Held(D(-2))}  # type: ignore[union-attr]
    coinm = coinm_snapshot({"positions": [row | {"entryPrice": "50"}, flat | {"entryPrice": "0"}], "assets": assets})
    assert coinm is not None
    assert coinm.positions == {Place("BTCUSDT"): Held(D(-2), D(50))}


@pytest.mark.parametrize("body", [
    {}, [], {"positions": [{"symbol": "A"}]}, {"positions": [{"positionAmt": "0"}]},
    {"positions": [], "assets": [{"asset": "USDT"}]}, {"positions": [], "assets": [{"walletBalance": "1"}]},
])  # fmt: skip
def test_snapshots_that_cannot_be_read_whole_are_none(body: object) -> None:
    assert usdm_snapshot(body) is None
    assert coinm_snapshot({"positions": [{"symbol": "A"}]}) is None


def test_levels() -> None:
    assert margin_snapshot({"marginLevel": "3.5"}) == Margin(level=D("3.5"))
    assert margin_snapshot({}) is None
    body = {"uniMMR": "5", "accountEquity": "10", "accountMaintMargin": "2", "accountStatus": "NORMAL"}
    assert portfolio_snapshot(body) == Margin(D(10), D(2), D(5), "NORMAL")
    assert portfolio_snapshot({"uniMMR": None}) is None
    assert portfolio_snapshot(1) is None
