"""The WebSocket API's cancel of one order: what is signed for it can be read in one way, and it is the REST cancel."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.core.binance.catalogue import MUTATING
from counterseal.core.binance.socket_cancel import CANCEL, PATH, PLACE, SAME_AS, fits, is_plain


def test_it_takes_what_the_rest_cancel_takes_and_nothing_else() -> None:
    (rest,) = [endpoint for endpoint in load_catalogue() if endpoint.name == SAME_AS]

    assert set(CANCEL.params) == set(rest.params) - {"recvWindow"}
    assert (CANCEL.required, CANCEL.purpose, CANCEL.signed) == (rest.required, rest.purpose, rest.signed)
    assert (CANCEL.family, CANCEL.method, CANCEL.path) == PLACE
    assert CANCEL.method not in MUTATING
    assert CANCEL.weight({}) == rest.weight({}) == 1
    assert PATH == "/ws-fapi/v1"


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ("BTCUSDT", True), ("币安人生USDT", True), ("x-1_a.b:c/D", True), ("", True), ("12", True), ("a&b", False),
        ("a=b", False), ("a%26b", False), ("a+b", False), ("a b", False), ("a#b", False), ("a?b", False),
        ("a;b", False), ("a\nb", False), ("a\x00", False), ('a"b', False), ("a\\b", False), ("\ud800", False),
        ("\u2028", False),
    ],
)  # fmt: skip
def test_a_value_is_plain_when_nothing_in_it_could_end_it(value: str, *, plain: bool) -> None:
    assert is_plain(value) is plain


@given(st.text(max_size=8))
def test_plain_values_are_utf_8_and_hold_no_mark_of_a_query(value: str) -> None:
    if is_plain(value):
        assert not set(value) & set('&=%+#?;"\\ \t\r\n\x00')
        assert value.encode().decode() == value


@pytest.mark.parametrize(
    ("pairs", "fit"),
    [
        ((("symbol", "BTCUSDT"), ("orderId", "12")), True),
        ((("origClientOrderId", "mine-1"), ("symbol", "币安人生USDT")), True),
        ((("symbol", "BTCUSDT"), ("orderId", "012")), False),
        ((("symbol", "BTCUSDT"), ("orderId", "-1")), False),
        ((("symbol", "BTCUSDT"), ("orderId", "1.0")), False),
        ((("symbol", "BTCUSDT"), ("orderId", "")), False),
        ((("symbol", "BTCUSDT"), ("orderId", "１２")), False),
        ((("symbol", "BTCUSDT"), ("origClientOrderId", "a&side=BUY")), False),
        ((("symbol", "BTCUSDT"), ("side", "BUY")), False),
        ((("symbol", "BTCUSDT"), ("apiKey", "k")), False),
    ],
)  # fmt: skip
def test_what_cannot_be_said_there_is_known_before(pairs: tuple[tuple[str, str], ...], *, fit: bool) -> None:
    assert fits(pairs) is fit
