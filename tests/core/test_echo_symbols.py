"""core.echo: an answer that names another symbol belongs to another request."""

from typing import Any

import pytest
from tests.core.test_echo import intent

from counterseal.core.echo import contradicts

MINE, OTHER = {"symbol": "BTCUSDT", "clientOrderId": "n"}, {"symbol": "ETHUSDT", "clientOrderId": "n"}


@pytest.mark.parametrize(
    ("new", "old", "wrong"),
    [
        (MINE, MINE, False),
        (MINE, {"code": -2011}, False),
        (MINE, None, False),
        (MINE, OTHER, True),
        (OTHER, MINE, True),
    ],
)
def test_both_halves_of_a_replacement_are_of_its_symbol(new: Any, old: Any, wrong: bool) -> None:
    """Whatever names another one belongs to another request."""
    asked = intent(
        "spot", "POST", "/api/v3/order/cancelReplace", symbol="BTCUSDT", side="BUY", type="MARKET", quantity="1",
        cancelReplaceMode="STOP_ON_FAILURE", cancelOrderId="1", newClientOrderId="n",
    )  # fmt: skip
    assert contradicts(asked, {"newOrderResponse": new, "cancelResponse": old}) is wrong


@pytest.mark.parametrize(
    ("rows", "wrong"), [([], False), ([MINE, MINE], False), ([MINE, OTHER], True), ([{"orderId": 1}], False)]
)
def test_what_a_cancel_of_everything_found_is_of_its_symbol(rows: list[Any], wrong: bool) -> None:
    """Rows of another symbol are the answer to another request."""
    assert contradicts(intent("spot", "DELETE", "/api/v3/openOrders", symbol="BTCUSDT"), rows) is wrong
