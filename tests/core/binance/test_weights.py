"""What one call weighs, by every kind of rule and for every endpoint of the shipped catalogue."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.core.binance.weights import count_symbols, parse_rule

CATALOGUE = load_catalogue()
LIMITS = {"kind": "by_limit", "param": "limit", "default_limit": 100, "steps": [[100, 5], [500, 25], [None, 50]]}
CAPPED = {"kind": "by_limit", "param": "limit", "default_limit": 500, "steps": [[50, 2], [1000, 20]]}
SYMBOLS = {"kind": "symbols", "symbol": 4, "each": 4, "cap": 200, "none": 200}
STEPS = {"kind": "symbols_steps", "symbol": 2, "none": 80, "steps": [[20, 2], [100, 40], [None, 80]]}
PARAM = {"kind": "by_param", "param": "symbol", "with": 3, "without": 40}
VALUE = {"kind": "by_value", "param": "computeCommissionRates", "values": {"true": 20}, "default": 1}


def _list(count: int) -> str:
    return "[" + ",".join(f'"S{n}"' for n in range(count)) + "]"


@pytest.mark.threat(40)
@pytest.mark.parametrize(
    ("rule", "values", "weight"),
    [
        ({"kind": "fixed", "value": 5}, {}, 5),
        ({"kind": "special_pool", "pool": "funding", "value": 0}, {"symbol": "A"}, 0),
        (PARAM, {"symbol": "BTCUSDT"}, 3),
        (PARAM, {"symbol": ""}, 3),
        (PARAM, {}, 40),
        (LIMITS, {}, 5),
        (LIMITS, {"limit": "0"}, 5),
        (LIMITS, {"limit": "100"}, 5),
        (LIMITS, {"limit": "101"}, 25),
        (LIMITS, {"limit": "500"}, 25),
        (LIMITS, {"limit": "501"}, 50),
        (LIMITS, {"limit": "9" * 4096}, 50),
        (LIMITS, {"limit": "x"}, 5),
        (LIMITS, {"limit": "-5"}, 5),
        (LIMITS, {"limit": "１０００"}, 5),
        (LIMITS, {"limit": "²"}, 5),
        (CAPPED, {}, 20),
        (CAPPED, {"limit": "50"}, 2),
        (CAPPED, {"limit": "1001"}, 20),
        (VALUE, {}, 1),
        (VALUE, {"computeCommissionRates": "true"}, 20),
        (VALUE, {"computeCommissionRates": "false"}, 1),
        (SYMBOLS, {"symbol": "BTCUSDT"}, 4),
        (SYMBOLS, {"symbols": _list(1)}, 4),
        (SYMBOLS, {"symbols": _list(50)}, 200),
        (SYMBOLS, {"symbols": _list(51)}, 200),
        (SYMBOLS, {"symbols": "no list"}, 4),
        (SYMBOLS, {}, 200),
        (STEPS, {"symbol": "BTCUSDT"}, 2),
        (STEPS, {"symbols": _list(20)}, 2),
        (STEPS, {"symbols": _list(21)}, 40),
        (STEPS, {"symbols": _list(101)}, 80),
        (STEPS, {}, 80),
    ],
)
def test_rules(rule: dict[str, Any], values: dict[str, str], weight: int) -> None:
    assert parse_rule(rule)(values) == weight


def test_a_rule_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown weight rule 'lunar'"):
        parse_rule({"kind": "lunar", "value": 1})


@pytest.mark.threat(39)
@pytest.mark.parametrize(
    ("text", "count"),
    [('["A","B"]', 2), ("[]", 1), ('"A"', 1), ("A,B", 1), ("", 1), ("{}", 1), ("[" * 4096, 1), ('["A"', 1)],
)
def test_symbols_are_counted_and_what_is_no_list_is_one(text: str, count: int) -> None:
    """Four thousand brackets once ended in a RecursionError."""
    assert count_symbols(text) == count


@pytest.mark.threat(40)
@pytest.mark.parametrize("endpoint", list(CATALOGUE), ids=lambda e: e.name)
def test_every_endpoint_weighs_something_without_parameters(endpoint: Any) -> None:
    weight = endpoint.weight({})
    assert type(weight) is int
    assert weight >= 0


@given(
    st.sampled_from(list(CATALOGUE)),
    st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("symbol", "symbols", "limit", "sideEffectType"), st.text(max_size=9))
    ),
)
def test_no_value_makes_a_rule_raise_or_go_negative(endpoint: Any, values: dict[str, str]) -> None:
    assert 0 <= endpoint.weight(values) <= 45_000
