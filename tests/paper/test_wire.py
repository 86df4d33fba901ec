"""Query and body become parameters and signed bytes exactly as documented."""

import pytest

from counterseal.paper.errors import ApiError
from counterseal.paper.wire import Request, read


def request(target: bytes, body: bytes = b"", method: str = "POST") -> Request:
    return Request(method, target, {}, [], body, "127.0.0.1")


def test_payload_is_query_and_body_without_a_separator() -> None:
    payload = read(request(b"/api/v3/order?symbol=LTCBTC&side=BUY", b"quantity=1&price=0.1&signature=ab"))
    assert payload.signed == b"symbol=LTCBTC&side=BUYquantity=1&price=0.1"
    assert payload.signature == "ab"
    assert payload.merged() == {"symbol": "LTCBTC", "side": "BUY", "quantity": "1", "price": "0.1"}


@pytest.mark.parametrize("query", [b"signature=x&a=1&b=2", b"a=1&signature=x&b=2", b"a=1&b=2&signature=x"])
def test_signature_may_stand_anywhere(query: bytes) -> None:
    payload = read(request(b"/p?" + query))
    assert payload.signed == b"a=1&b=2"
    assert payload.signature == "x"


def test_a_name_that_ends_in_signature_is_a_parameter() -> None:
    payload = read(request(b"/p?mysignature=1&a=2"))
    assert payload.signature is None
    assert payload.pairs == [("mysignature", "1"), ("a", "2")]


def test_query_value_wins_over_body_value() -> None:
    payload = read(request(b"/p?side=BUY", b"side=SELL"))
    assert payload.merged() == {"side": "BUY"}
    assert not payload.has_duplicates


def test_the_same_name_twice_in_one_place_is_a_duplicate() -> None:
    assert read(request(b"/p?side=BUY&side=SELL")).has_duplicates


def test_values_are_percent_decoded_once() -> None:
    payload = read(request(b"/p?symbol=%E5%B8%81USDT&a=b+c&d=%2541"))
    assert payload.merged() == {"symbol": "币USDT", "a": "b c", "d": "%41"}


def test_a_get_has_no_body_parameters() -> None:
    payload = read(request(b"/p?a=1", b"b=2", "GET"))
    assert payload.signed == b"a=1"
    assert payload.merged() == {"a": "1"}


def test_raw_non_ascii_is_noticed_and_bad_utf8_refused() -> None:
    assert not read(request("/p?symbol=币".encode())).is_ascii
    with pytest.raises(ApiError) as caught:
        read(request(b"/p?symbol=%FF"))
    assert caught.value.code == -1100
