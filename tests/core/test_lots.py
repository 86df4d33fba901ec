"""In which steps a symbol is traded, from exchangeInfo."""

from decimal import Decimal
from typing import Any

import pytest

from counterseal.core.lots import Lot, bare_lot, ceil_to, floor_to, parse_lots

LOT = {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"}
MARKET = {"filterType": "MARKET_LOT_SIZE", "minQty": "0.002", "maxQty": "120", "stepSize": "0.001"}
TICK = {"filterType": "PRICE_FILTER", "tickSize": "0.10"}
PERCENT = {"filterType": "PERCENT_PRICE", "multiplierUp": "1.0500", "multiplierDown": "0.9500"}


def lots(*filters: Any, **row: Any) -> dict[str, Lot]:
    return parse_lots([{"symbol": "BTCUSDT", "filters": list(filters), **row}])


def test_the_filters_of_futures_are_read() -> None:
    found = lots(LOT, MARKET, TICK, {"filterType": "MIN_NOTIONAL", "notional": "5"}, PERCENT)["BTCUSDT"]

    assert found == Lot(
        step=Decimal("0.001"), least=Decimal("0.002"), most=Decimal(1000), most_market=Decimal(120),
        tick=Decimal("0.10"), least_notional=Decimal(5), down=Decimal("0.95"), up=Decimal("1.05"),
    )  # fmt: skip
    assert found.worth(Decimal(90_000)) == 90_000


def test_the_filters_of_spot_are_read() -> None:
    """There the step of MARKET orders may be zero, which is none, and the sides have bounds of their own."""
    by_side = {"filterType": "PERCENT_PRICE_BY_SIDE", "bidMultiplierUp": "5", "bidMultiplierDown": "0.2",
               "askMultiplierUp": "6", "askMultiplierDown": "0.3"}  # fmt: skip
    market = {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00000000", "maxQty": "90.5", "stepSize": "0.00000000"}
    found = lots(LOT, market, {"filterType": "NOTIONAL", "minNotional": "5.00000000"}, by_side)["BTCUSDT"]

    assert (found.step, found.least, found.least_notional) == (Decimal("0.001"), Decimal("0.001"), Decimal(5))
    assert (found.down, found.up) == (Decimal("0.3"), Decimal(5))


def test_a_contract_has_a_worth_of_its_own() -> None:
    assert lots(LOT, contractSize=100)["BTCUSDT"].worth(Decimal(90_000)) == 100
    assert lots(LOT, contractSize="10")["BTCUSDT"].contract_size == 10
    assert lots(LOT, contractSize=[])["BTCUSDT"].contract_size is None


@pytest.mark.parametrize("step", ["0", "", "nan", "-1", None, 1])
def test_a_symbol_whose_step_cannot_be_read_is_left_out(step: Any) -> None:
    assert lots({**LOT, "stepSize": step}) == {}


def test_a_position_tells_its_own_step_where_nothing_else_is_known() -> None:
    assert bare_lot(Decimal("-0.010")) == Lot(step=Decimal("0.001"))
    assert bare_lot(Decimal(7)).step == 1
    assert bare_lot(Decimal("NaN")).step == 1


def test_what_is_no_filter_is_left_out() -> None:
    assert lots("x", {"filterType": 7}, LOT)["BTCUSDT"].least_notional == 0
    assert parse_lots([{"symbol": "BTCUSDT"}]) == {}
    assert parse_lots([{"symbol": "BTCUSDT", "filters": "none"}]) == {}
    assert parse_lots([{"symbol": 7, "filters": [LOT]}]) == {}


@pytest.mark.parametrize(
    ("value", "step", "below", "above"),
    [("1.2345", "0.001", "1.234", "1.235"), ("1.234", "0.001", "1.234", "1.234"), ("7", "0", "7", "7"),
     ("99999999999999999.999999999999999999", "0.1", "99999999999999999.9", "100000000000000000.0")],
)  # fmt: skip
def test_a_step_is_never_rounded_the_wrong_way(value: str, step: str, below: str, above: str) -> None:
    assert floor_to(Decimal(value), Decimal(step)) == Decimal(below)
    assert ceil_to(Decimal(value), Decimal(step)) == Decimal(above)
