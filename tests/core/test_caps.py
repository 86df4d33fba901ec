"""Caps as values: which ones hold for a key, and the document that says so."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core import caps
from counterseal.core.caps import KINDS, MAX_LEVERAGE, MAX_RATE, Caps, CapsError

FULL = Caps(
    symbols=frozenset({"ETHUSDT", "BTCUSDT"}),
    max_quantity={"BTCUSDT": Decimal("0.5"), "*": Decimal(10)},
    max_quote_quantity={"BTCUSDT": Decimal(5000)},
    max_per_second=10,
    max_per_minute=200,
    max_leverage=5,
)
_symbols = st.sampled_from(["BTCUSDT", "*", "测试USDT", "1000SHIBUSDT"])
_sizes = st.decimals(0, 10**9, places=8).map(abs)
CAPS = st.builds(
    Caps,
    symbols=st.none() | st.frozensets(_symbols),
    max_quantity=st.none() | st.dictionaries(_symbols, _sizes),
    max_quote_quantity=st.none() | st.dictionaries(_symbols, _sizes),
    max_per_second=st.none() | st.integers(1, MAX_RATE),
    max_per_minute=st.none() | st.integers(1, MAX_RATE),
    max_leverage=st.none() | st.integers(1, MAX_LEVERAGE),
)


def document(**entry: Any) -> str:
    return json.dumps({"format": 1, "keys": {"main": entry}})


@given(st.dictionaries(st.sampled_from(["main", "*", "other"]), CAPS))
def test_what_is_dumped_is_parsed(entries: dict[str, Caps]) -> None:
    assert caps.parse(caps.dump(entries)) == entries


def test_every_kind_of_cap_may_stand_in_one_document() -> None:
    assert caps.parse(caps.dump({"main": FULL, "*": Caps()})) == {"main": FULL, "*": Caps()}


def test_what_a_key_has_none_of_comes_from_every_key_by_kind() -> None:
    own = Caps(max_quantity={"BTCUSDT": Decimal(1)}, max_per_second=1)

    held = caps.caps_of({"main": own, "*": FULL}, "main")

    assert held == Caps(
        symbols=FULL.symbols,
        max_quantity=own.max_quantity,
        max_quote_quantity=FULL.max_quote_quantity,
        max_per_second=1,
        max_per_minute=200,
        max_leverage=5,
    )
    assert caps.caps_of({"main": own, "*": FULL}, "other") == FULL
    assert caps.caps_of({"main": own}, "other") == Caps() == caps.caps_of({}, "main")


def test_an_empty_table_is_a_cap_and_none_is_not() -> None:
    assert caps.caps_of({"main": Caps(max_quantity={}), "*": FULL}, "main").max_quantity == {}
    assert Caps(max_quantity={}).sized
    assert Caps(max_quote_quantity={}).sized
    assert not Caps(max_per_second=1).sized


@pytest.mark.parametrize(
    ("symbol", "expected"),
    [
        ("BTCUSDT", Decimal("0.5")),
        ("ETHUSDT", Decimal(10)),
        ("测试USDT", Decimal(10)),
        ("", Decimal(10)),
        ("btcusdt", None),
        ("Btcusdt", None),
        ("BTCU\u017fDT", None),
        ("BTCUSDT ", None),
        (" BTCUSDT", None),
        ("BTCUSDT\n", None),
        ("BTCUSDT\u00a0", None),
        ("BTC\u200bUSDT", None),
        ("BTCUSDT\x00", None),
    ],
)
def test_every_symbol_covers_no_second_spelling(symbol: str, expected: Decimal | None) -> None:
    """The exchange might fold case or drop blanks, and a smaller cap of the same symbol would be passed by."""
    assert caps.size_for({"BTCUSDT": Decimal("0.5"), "*": Decimal(10)}, symbol) == expected


def test_a_symbol_without_any_row_has_no_cap_and_one_in_lower_case_may_have_its_own() -> None:
    assert caps.size_for({"BTCUSDT": Decimal(1)}, "ETHUSDT") is None
    assert caps.size_for({"abc": Decimal(1)}, "abc") == 1


def test_it_is_shown_in_words() -> None:
    assert caps.show(FULL) == [
        ("symbols", "BTCUSDT, ETHUSDT"),
        ("max_quantity", "BTCUSDT 0.5, * 10"),
        ("max_quote_quantity", "BTCUSDT 5000"),
        ("max_per_second", "10"),
        ("max_per_minute", "200"),
        ("max_leverage", "5"),
    ]
    assert caps.show(Caps(symbols=frozenset(), max_quantity={})) == [("symbols", "none"), ("max_quantity", "none")]
    assert caps.show(Caps()) == []
    assert tuple(kind for kind, _ in caps.show(FULL)) == KINDS


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "JSON"),
        ("[]", "not a document"),
        ('{"format": 1, "format": 1, "keys": {}}', "JSON"),
        ('{"format": 1}', "not a document"),
        ('{"format": 1, "keys": {}, "more": 1}', "not a document"),
        ('{"format": 2, "keys": {}}', "format"),
        ('{"format": 1, "keys": []}', "keys"),
        ('{"format": 1, "keys": {"main": 1}}', "keys"),
        (document(max_leverag=1), "kind"),
        (document(max_leverage=0), "max_leverage"),
        (document(max_leverage=126), "125"),
        (document(max_leverage=True), "max_leverage"),
        (document(max_per_second=1.5), "max_per_second"),
        (document(max_per_second=None), "max_per_second"),
        (document(max_per_minute=100_001), "100000"),
        (document(max_quantity=1), "max_quantity"),
        (document(max_quantity={"BTCUSDT": "1e9"}), "decimal"),
        (document(max_quantity={"BTCUSDT": -1}), "decimal"),
        (document(max_quantity={"BTC USDT": "1"}), "symbol"),
        (document(symbols="BTCUSDT"), "symbols"),
        (document(symbols=["A", ["B"]]), "symbol"),
    ],
)
def test_anything_else_is_no_document(text: str, fault: str) -> None:
    with pytest.raises(CapsError, match=fault):
        caps.parse(text)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "no JSON document that can be read in one way only"),
        ("[]", "not a document of caps"),
        ('{"format": 2, "keys": {}}', "a format that this version does not know"),
        ('{"format": 1, "keys": []}', "no table of keys"),
        (document(max_leverag=1), "a cap of a kind that this version does not know"),
        (document(max_leverage=0), "max_leverage is a whole number from 1 to 125"),
        (document(max_per_second=100_001), "max_per_second is a whole number from 1 to 100000"),
        (document(max_per_minute=0), "max_per_minute is a whole number from 1 to 100000"),
        (document(max_quantity=1), "max_quantity has another form"),
        (document(symbols={}), "symbols has another form"),
        (document(max_quantity=["A"]), "max_quantity has another form"),
        (document(max_quote_quantity={"A": "-1"}), "a size is a plain decimal number, such as 0.5"),
        (document(symbols=["A B"]), "a symbol is 1 to 64 characters without blanks, such as BTCUSDT"),
    ],
)
def test_an_operator_is_told_what_is_wrong_in_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(CapsError) as caught:
        caps.parse(text)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("kind", "most"), [("max_per_second", 100_000), ("max_per_minute", 100_000), ("max_leverage", 125)]
)
def test_a_count_has_its_bounds(kind: str, most: int) -> None:
    assert (caps.count(kind, "1"), caps.count(kind, str(most))) == (1, most)
    for text in ("0", str(most + 1), "", "1.0", "-1"):
        with pytest.raises(CapsError):
            caps.count(kind, text)


def test_numbers_may_stand_as_json_numbers() -> None:
    assert caps.parse(document(max_quantity={"A": 0.5}, max_leverage="5")) == {
        "main": Caps(max_quantity={"A": Decimal("0.5")}, max_leverage=5)
    }
