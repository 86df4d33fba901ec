"""The grammar of each kind of value: what passes leaves as it came, or in the one spelling that goes upstream."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.binance.schema import Kind
from counterseal.core.binance.values import CHECKS, MAX_ITEMS, MAX_TEXT, items_of, reason_of

PASS = [
    (Kind.TEXT, "", ""), (Kind.TEXT, "x" * MAX_TEXT, "x" * MAX_TEXT), (Kind.LEGS, "[]", "[]"),
    (Kind.SYMBOL, "BTCUSDT", "BTCUSDT"), (Kind.SYMBOL, "测试USDT", "测试USDT"), (Kind.SYMBOL, "１２３４５６",
    "１２３４５６"),
    (Kind.SYMBOL, "BTCUSD_PERP", "BTCUSD_PERP"), (Kind.SYMBOL, "BTC-240628-60000-C", "BTC-240628-60000-C"),
    (Kind.SYMBOLS, '["A","测"]', '["A","测"]'), (Kind.SYMBOLS, '[ "A" , "\\u6d4b" ]', '["A","测"]'),
    (Kind.DECIMAL, "0.10", "0.10"), (Kind.INT, "10", "10"),
    (Kind.BOOL, "true", "true"), (Kind.BOOL, "True", "true"), (Kind.BOOL, "FALSE", "false"), (Kind.BOOL, "fAlSe",
    "false"),
    (Kind.ENUM, "TAKE_PROFIT_MARKET", "TAKE_PROFIT_MARKET"), (Kind.ENUM, "GTX", "GTX"), (Kind.ENUM, "A" * 40,
    "A" * 40),
    (Kind.CLIENT_ID, "x-TKT5PX2F/a:b.c", "x-TKT5PX2F/a:b.c"), (Kind.CLIENT_ID, "币 安", "币 安"),
    (Kind.CLIENT_ID, "i" * 64, "i" * 64),
    (Kind.INT_LIST, "[1,2]", "[1,2]"), (Kind.INT_LIST, "[ 1 , 2 ]", "[1,2]"), (Kind.INT_LIST, '["1","2"]', "[1,2]"),
    (Kind.INT_LIST, '"[1,2]"', "[1,2]"), (Kind.INT_LIST, "[9223372036854775807]", "[9223372036854775807]"),
    (Kind.CLIENT_ID_LIST, '["a","b"]', '["a","b"]'), (Kind.CLIENT_ID_LIST, '["币\\"x"]', '["币\\"x"]'),
    (Kind.CLIENT_ID_LIST, '"[\\"a\\"]"', '["a"]'),
]  # fmt: skip
FAIL = [
    (Kind.TEXT, "x" * (MAX_TEXT + 1)), (Kind.LEGS, "x" * (MAX_TEXT + 1)),
    *[(Kind.SYMBOL, v) for v in ("", "A B", "A&B", "A=B", "A%B", "A+B", 'A"B', "A'B", "A\\B", "A\tB", "A\x00",
    "A\n", "A\x7f",
                                "A\u00a0B", "A\u2028B", "A\x85", "A" * 65)],
    *[(Kind.SYMBOLS, v) for v in ("", "A", '"A"', "[]", '["A","A&B"]', "[null]", "[[]]", '["A",]', "['A']",
    '{"A":1}', "[true]")],
    *[(Kind.DECIMAL, v) for v in ("", "1e9", "-1", "+1", "１", "1_0", ".5", "5.", " 1", "NaN")],
    *[(Kind.INT, v) for v in ("", "1.0", "-1", "1e3", "１", "01", "1" * 20)],
    *[(Kind.BOOL, v) for v in ("", "1", "0", "yes", "tru", "true ", " true", "ｔrue", "falſe", "null", "TRUE\x00")],
    *[(Kind.ENUM, v) for v in ("", "buy", "Buy", "BUY ", " BUY", "BUY\n", "_A", "1", "ＢＵＹ", "BUY,SELL", "A" * 41,
    "А")],
    *[(Kind.CLIENT_ID, v) for v in ("", "a\x00", "a\nb", "\x1b[31m", "a\x7f", "i" * 65)],
    *[(Kind.INT_LIST, v) for v in ("", "1", "[]", "[1.0]", "[1e3]", "[-1]", "[01]", "[1,]", "[null]", "[[1]]",
    "[true]", '["x"]',
                                   '["1 "]', "[１]", '"1"', '"\\"[1]\\""', "[1] x")],
    *[(Kind.CLIENT_ID_LIST, v) for v in ("", "a", "[]", '[""]', '["a\\u0000"]', "[null]", '[["a"]]', '{"a":1}',
    '["\\ud800"]')],
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value", "sent"), PASS)
def test_values_of_the_grammar_pass(kind: Kind, value: str, sent: str) -> None:
    assert CHECKS[kind](value) == sent


@pytest.mark.threat(14)
@pytest.mark.threat(15)
@pytest.mark.parametrize(("kind", "value"), FAIL)
def test_other_values_do_not(kind: Kind, value: str) -> None:
    assert CHECKS[kind](value) is None


def test_every_kind_has_its_grammar_and_both_tables_cover_it() -> None:
    assert set(CHECKS) == set(Kind) == {kind for kind, *_ in PASS} == {kind for kind, _ in FAIL}


def test_reasons_tell_numbers_from_other_values() -> None:
    assert {kind for kind in Kind if reason_of(kind) == "malformed_number"} == {Kind.DECIMAL, Kind.INT}
    assert {reason_of(kind) for kind in Kind} == {"malformed_number", "malformed_value"}


@pytest.mark.threat(65)
def test_lists_are_bounded() -> None:
    full = "[" + ",".join(["1"] * MAX_ITEMS) + "]"
    assert CHECKS[Kind.INT_LIST](full) == full
    assert items_of("[" + ",".join(["1"] * (MAX_ITEMS + 1)) + "]") is None
    assert items_of("[") is None
    assert items_of('"["') is None
    assert items_of("7") is None


@pytest.mark.threat(16)
@given(
    st.sampled_from(list(Kind)),
    st.one_of(st.text(max_size=20), st.lists(st.text(max_size=5), max_size=4).map(json.dumps)),
)
def test_what_is_sent_is_judged_the_same_again(kind: Kind, value: str) -> None:
    """The text that was judged is the text that is sent: a second reading changes nothing."""
    sent = CHECKS[kind](value)
    if sent is not None:
        assert CHECKS[kind](sent) == sent
        if kind not in (Kind.BOOL, Kind.INT_LIST, Kind.CLIENT_ID_LIST, Kind.SYMBOLS):
            assert sent == value
