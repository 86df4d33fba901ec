"""What is held, as the exchange states it: all of it is read, or nothing."""

from decimal import Decimal
from typing import Any

import pytest

from counterseal.core.holdings import Holding, read_free, read_positions, spot_holdings

ROW = {"symbol": "BTCUSDT", "positionSide": "BOTH", "positionAmt": "-0.010", "markPrice": "90000.5"}


def test_positions_are_read_with_their_sign_and_mark() -> None:
    rows = [ROW, {**ROW, "symbol": "ETHUSDT", "positionAmt": "0.000"}, {"symbol": "XRPUSDT", "positionAmt": "5"}]

    assert read_positions(rows) == [
        Holding("BTCUSDT", "BOTH", Decimal("-0.010"), Decimal("90000.5")),
        Holding("XRPUSDT", "BOTH", Decimal(5), None),
    ]


def test_both_sides_of_hedge_mode_are_read() -> None:
    rows = [{**ROW, "positionSide": "LONG", "positionAmt": "2"}, {**ROW, "positionSide": "SHORT", "positionAmt": "-3"}]
    found = read_positions(rows)

    assert found is not None
    assert [(one.side, one.amount) for one in found] == [("LONG", 2), ("SHORT", -3)]


@pytest.mark.parametrize(
    "change",
    [{"positionAmt": 1}, {"positionAmt": "1e3"}, {"positionSide": "UP"}, {"symbol": None},
     {"positionSide": "LONG", "positionAmt": "-1"}, {"positionSide": "SHORT", "positionAmt": "1"}],
)  # fmt: skip
def test_one_row_that_is_no_position_makes_all_of_them_unknown(change: dict[str, Any]) -> None:
    assert read_positions([ROW, {**ROW, **change}]) is None


@pytest.mark.parametrize("body", [{}, None, "x", ["x"]])
def test_what_is_no_list_of_positions_is_unknown(body: Any) -> None:
    assert read_positions(body) is None


@pytest.mark.parametrize("mark", ["0", "-1", "x", None])
def test_a_mark_that_is_no_price_is_none(mark: Any) -> None:
    found = read_positions([{**ROW, "markPrice": mark}])

    assert found is not None
    assert found[0].mark is None


def test_what_is_free_is_read_whole_or_not_at_all() -> None:
    good = {"asset": "BTC", "free": "0.5", "locked": "1"}

    assert read_free({"balances": [good]}) == {"BTC": Decimal("0.5")}
    for bad in ("x", {**good, "free": "-1"}, {**good, "free": None}, {**good, "asset": 7}):
        assert read_free({"balances": [good, bad]}) is None
    assert read_free({}) is None
    assert read_free([]) is None


def test_of_what_bots_bought_no_more_is_sold_than_is_free_and_no_base_is_sold_twice() -> None:
    bases = {"BTCUSDT": "BTC", "BTCEUR": "BTC", "ETHUSDT": "ETH"}
    bought = {"BTCUSDT": Decimal(2), "BTCEUR": Decimal(2), "ETHUSDT": Decimal(1), "XRPUSDT": Decimal(9)}
    free = {"BTC": Decimal(3), "ETH": Decimal(5), "XRP": Decimal(9)}

    assert [(one.symbol, one.amount) for one in spot_holdings(free, bought, bases)] == [
        ("BTCEUR", 2), ("BTCUSDT", 1), ("ETHUSDT", 1),
    ]  # fmt: skip
    assert spot_holdings({}, bought, bases) == []
