"""What is known of the market, and that hostile answers make it smaller, never wrong."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.market import (
    DOLLARS,
    MAX_PRICE_AGE_MS,
    MAX_RULES_AGE_MS,
    FamilyMarket,
    SymbolRule,
    parse_prices,
    parse_rules,
)

NOW = 10**9


@pytest.mark.parametrize(
    "price",
    ["NaN", "Infinity",
     "-Infinity", "sNaN", "-1", "0", "0.00000000", "1e9", "1_000", "１", "+1", "", " 1", None, 1, 1.5,
     ["1"], "1" * 19],
)  # fmt: skip
def test_a_price_that_is_none_is_left_out(price: Any) -> None:
    """UPS-3: a row without a positive number of our grammar leaves its symbol without a price; the others stay."""
    rows = [{"symbol": "A", "price": price}, {"symbol": "B", "price": "0.00001000"}]
    assert parse_prices(rows) == {"B": Decimal("0.00001")}


@given(st.lists(st.tuples(st.text(), st.text() | st.floats() | st.none())))
def test_every_price_read_is_finite_and_positive(rows: list[tuple[str, Any]]) -> None:
    """Whatever the rows hold, what is kept can be compared."""
    found = parse_prices([{"symbol": symbol, "price": price} for symbol, price in rows])
    assert all(price.is_finite() and price > 0 for price in found.values())


@pytest.mark.parametrize("rows", [[{}], [{"symbol": "A"}], [1], 5])
def test_what_is_no_list_of_prices_raises(rows: Any) -> None:
    """Another shape is no answer: it must not pass for an empty market."""
    with pytest.raises((KeyError, TypeError)):
        parse_prices(rows)


def test_rules_of_spot_and_of_usd_margined_futures() -> None:
    """What is no text is empty and trades nowhere; only COIN-M counts contracts."""
    rows: list[dict[str, Any]] = [
        {"symbol": "BTCUSDT", "baseAsset": "BTC", "quoteAsset": "USDT", "status": "TRADING", "contractSize": 1},
        {"symbol": "BTCUSD_PERP", "baseAsset": "BTC", "quoteAsset": "USD", "contractStatus": "TRADING"},
        {"symbol": "ODD", "baseAsset": None, "quoteAsset": ["USDT"], "status": 1},
        {"symbol": "BARE"},
    ]
    rules = parse_rules("usdm", rows)
    assert rules == parse_rules("spot", rows)
    assert rules["BTCUSDT"] == SymbolRule("BTC", "USDT", "TRADING")
    assert not rules["BTCUSD_PERP"].trading
    assert rules["ODD"] == rules["BARE"] == SymbolRule("", "", "")
    assert not rules["ODD"].trading
    assert FamilyMarket(rules=rules).dollars("ODD", NOW) is None


@pytest.mark.parametrize("told", [100, "100", "100.0"])
def test_a_contract_is_worth_its_size_at_any_price(told: Any) -> None:
    """COIN-M states `contractStatus`, and the size as a number."""
    row = {"symbol": "BTCUSD_PERP", "baseAsset": "BTC", "quoteAsset": "USD", "contractStatus": "TRADING"}
    rule = parse_rules("coinm", [{**row, "contractSize": told}])["BTCUSD_PERP"]
    assert rule == SymbolRule("BTC", "USD", "TRADING", Decimal(100))
    assert rule.trading
    assert rule.worth(Decimal(7)) == rule.worth(Decimal(10**6)) == 100
    assert SymbolRule("BTC", "USDT", "TRADING").worth(Decimal(7)) == 7


@pytest.mark.threat(43)
@pytest.mark.parametrize("told", [None, 0, -100, True, 1.5, "", "1e2", "-1", "NaN", [100], "０"])
def test_a_contract_without_a_size_trades_nowhere(told: Any) -> None:
    """Nobody could say what an order of it costs."""
    row = {"symbol": "BTCUSD_PERP", "baseAsset": "BTC", "quoteAsset": "USD", "contractStatus": "TRADING"}
    rules = parse_rules("coinm", [{**row, "contractSize": told}, row])
    assert not rules["BTCUSD_PERP"].trading
    assert not parse_rules("coinm", [{**row, "contractSize": told}])["BTCUSD_PERP"].trading


@pytest.mark.parametrize(
    "status", ["BREAK", "HALT", "CANCEL_ONLY", "PENDING_TRADING", "SETTLING", "", "trading", "NEW"]
)
def test_only_trading_trades(status: str) -> None:
    """A status we do not know is closed."""
    assert not SymbolRule("A", "B", status).trading


def test_edges_of_age() -> None:
    """5,000 ms and 24 h are the last fresh moments."""
    market = FamilyMarket({"A": Decimal(1)}, NOW, {}, NOW)
    assert market.price("A", NOW + 5_000) == 1
    assert market.price("A", NOW + 5_001) is None
    assert market.price("B", NOW) is None
    assert FamilyMarket({"A": Decimal(1)}).price("A", NOW) is None
    assert market.rules_fresh(NOW + 86_400_000)
    assert not market.rules_fresh(NOW + 86_400_001)
    assert not FamilyMarket().rules_fresh(NOW)


@pytest.mark.parametrize(
    ("quote", "prices", "dollars"),
    [
        *[(name, {}, "1") for name in sorted(DOLLARS)],
        ("BTC", {"BTCUSDT": "90000"}, "90000"),
        ("BTC", {"BTCUSDC": "90001"}, "90001"),
        ("BTC", {"BTCFDUSD": "90002"}, "90002"),
        ("BTC", {"BTCUSDT": "1", "BTCUSDC": "2"}, "1"),
        ("TRY", {"USDTTRY": "40"}, "0.025"),
        ("JPY", {}, None),
    ],
)
def test_dollars_for_a_unit_of_the_quote(quote: str, prices: dict[str, str], dollars: str | None) -> None:
    """Dollar coins count one, others by a fresh price either way round, and without one not at all."""
    rules = {"S": SymbolRule("X", quote, "TRADING")}
    market = FamilyMarket({name: Decimal(text) for name, text in prices.items()}, NOW, rules, NOW)
    assert market.dollars("S", NOW) == (None if dollars is None else Decimal(dollars))
    assert market.dollars("T", NOW) is None
    if prices:
        assert market.dollars("S", NOW + 5_001) is None


def test_when_prices_and_rules_grow_old() -> None:
    """The first moment at which they are; None as long as they were never read."""
    market = FamilyMarket()
    assert (market.prices_old_from_ms(), market.rules_old_from_ms(), market.prices_fresh(NOW)) == (None, None, False)
    market = FamilyMarket({"A": Decimal(1)}, NOW, {}, NOW)
    assert (market.prices_old_from_ms(), market.rules_old_from_ms()) == (
        NOW + MAX_PRICE_AGE_MS + 1, NOW + MAX_RULES_AGE_MS + 1,
    )  # fmt: skip
    assert market.prices_fresh(NOW + MAX_PRICE_AGE_MS)
    assert not market.prices_fresh(NOW + MAX_PRICE_AGE_MS + 1)
    assert not market.rules_fresh(NOW + MAX_RULES_AGE_MS + 1)


def test_held_prices_are_none() -> None:
    """While they have not been young again for long enough."""
    market = FamilyMarket({"A": Decimal(1)}, NOW)
    assert market.price("A", NOW) == Decimal(1)
    market.prices_held = True
    assert market.price("A", NOW) is None
