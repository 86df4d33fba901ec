"""core.binance.sizes: how large an answer may be."""

import pytest

from counterseal.core.binance.sizes import CHANGE, RULES, USUAL, most_of


@pytest.mark.parametrize("path", ["/api/v3/exchangeInfo", "/fapi/v1/exchangeInfo", "/api/v3/executionRules"])
def test_lists_of_all_symbols_are_large(path: str) -> None:
    """They hold all rules of thousands of symbols."""
    assert most_of("GET", path) == RULES == 32 << 20


@pytest.mark.parametrize("path", ["/api/v3/order", "/api/v3/ticker/24hr", "/exchangeInfo/of", "/api/v3/openOrders", ""])
def test_everything_else_is_not(path: str) -> None:
    """All tickers have some two MiB."""
    assert most_of("GET", path) == USUAL == 4 << 20


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_what_a_change_is_answered_is_small(method: str) -> None:
    """All of it is taken apart: it must not become large then."""
    assert most_of(method, "/api/v3/openOrders") == CHANGE == 1 << 20
