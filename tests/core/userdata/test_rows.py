"""Events of every market as the rows that reads would give."""

from decimal import Decimal
from typing import Any

import pytest

from counterseal.core.exposure.rows import Shown, shown
from counterseal.core.userdata.rows import Told, told

SPOT = {
    "e": "executionReport", "E": 1, "s": "ETHBTC", "c": "mUvo", "S": "BUY", "o": "LIMIT", "q": "1.0", "p": "0.1",
    "g": -1, "C": "", "x": "TRADE", "X": "PARTIALLY_FILLED", "r": "NONE", "i": 4293153, "l": "0.4", "z": "0.4", "t": 7,
}  # fmt: skip
FUTURES = {"s": "BTCUSDT", "c": "TEST", "S": "SELL", "o": "LIMIT", "x": "NEW", "X": "NEW", "i": 8886774, "z": "0"}
ALGO = {
    "caid": "Q5xa",
    "aid": 2148719,
    "at": "CONDITIONAL",
    "s": "BNBUSDT",
    "S": "SELL",
    "q": "0.01",
    "X": "NEW",
    "ai": "",
}


def row_of(one: Told) -> Shown:
    assert one.row is not None
    found = shown(one.row)
    assert found is not None
    return found


def test_a_spot_report() -> None:
    (one,) = told("executionReport", SPOT)
    assert one[:7] == ("ETHBTC", "ETHBTC", ("mUvo",), 4293153, None, "BUY", "PARTIALLY_FILLED")
    assert row_of(one) == Shown("ETHBTC", ("mUvo",), "4293153", "", Decimal("0.4"), ended=False)


def test_an_amendment_brings_a_new_id() -> None:
    (one,) = told("executionReport", SPOT | {"c": "amended", "C": "mUvo", "X": "NEW"})
    assert one.names == ("mUvo", "amended")
    assert row_of(one)[1:] == (("mUvo", "amended"), "4293153", "", Decimal("0.4"), False)


def test_a_cancel_brings_an_id_that_names_no_order() -> None:
    """Whoever cancels may have chosen that of another's."""
    (one,) = told("executionReport", SPOT | {"c": "another's", "C": "mUvo", "X": "CANCELED"})
    assert one.names == ("mUvo",)
    assert row_of(one)[1:] == (("mUvo",), "4293153", "", Decimal("0.4"), True)


def test_both_futures_markets_have_the_order_inside() -> None:
    (one,) = told("ORDER_TRADE_UPDATE", {"o": FUTURES | {"X": "FILLED", "z": "0.014"}})
    assert (one.scope, one.names, one.number, one.side) == ("BTCUSDT", ("TEST",), 8886774, "SELL")
    assert row_of(one) == Shown("BTCUSDT", ("TEST",), "8886774", "", Decimal("0.014"), ended=True)


def test_a_conditional_order_and_what_it_became() -> None:
    (one,) = told("ALGO_UPDATE", {"o": ALGO})
    assert (one.scope, one.names, one.number, one.became) == ("*algo", ("Q5xa",), 2148719, None)
    assert row_of(one) == Shown("BNBUSDT", ("Q5xa",), "a2148719", "", Decimal(0), ended=False)
    (one,) = told("ALGO_UPDATE", {"o": ALGO | {"X": "TRIGGERED", "ai": "8886774"}})
    assert (one.became, row_of(one).became) == (8886774, "8886774")
    (one,) = told("ALGO_UPDATE", {"o": ALGO | {"X": "CANCELED", "ai": "0"}})
    assert (one.became, row_of(one).ended) == (None, True)


def test_a_list_has_a_number_and_no_row() -> None:
    (one,) = told("listStatus", {"s": "ETHBTC", "g": 2, "C": "list", "L": "EXECUTING", "O": []})
    assert one == Told("*list", "ETHBTC", ("list",), 2, None, "", "EXECUTING", None)


@pytest.mark.parametrize(
    "kind", ["executionReport", "listStatus", "ORDER_TRADE_UPDATE", "ALGO_UPDATE", "TRADE_LITE", ""]
)
@pytest.mark.parametrize(
    "body", [{}, {"o": None}, {"o": []}, {"o": {}}, {"o": {"i": True, "c": 5, "s": []}}, {"i": "-"}]
)
def test_what_names_no_order_tells_of_none(kind: str, body: dict[str, Any]) -> None:
    assert told(kind, body) == ()


def test_a_number_alone_is_enough() -> None:
    (one,) = told("ORDER_TRADE_UPDATE", {"o": {"i": 5, "s": "BTCUSDT", "z": 1}})
    assert (one.names, one.number) == ((), 5)
    assert row_of(one) == Shown("BTCUSDT", (), "5", "", Decimal(0), ended=False)


def test_texts_that_are_longer_than_any_are_left_out() -> None:
    """They would go into records."""
    for name in ("s", "c", "S", "X"):
        (one,) = told("executionReport", SPOT | {name: "x" * 65})
        assert "x" * 65 not in repr(one)
    (one,) = told("executionReport", SPOT | {"c": "x" * 64})
    assert one.names == ("x" * 64,)
