"""core.wsapi.call: which bytes a signature covers, and what is judged of a request."""

import hashlib
import hmac
import json
from typing import Any

import pytest

from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.core.wsapi.call import Call, call_of, wants_limits
from counterseal.core.wsapi.frames import read

# The exchange's documented examples: secret, parameters, signature.
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
VECTORS: list[tuple[dict[str, Any], str]] = [
    (
        {"symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01000000",
         "price": "52000.00", "recvWindow": 100, "timestamp": 1645423376532, "apiKey": KEY},
        "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24",
    ),
    (
        {"symbol": "１２３４５６", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1.00000000",
         "price": "0.10000000", "recvWindow": 5000, "timestamp": 1645423376532, "apiKey": KEY},
        "b33892ae8e687c939f4468c6268ddd4c40ac1af18ad19a064864c47bae0752cd",
    ),
]  # fmt: skip


def call(params: dict[str, Any], session: str | None = None) -> Call:
    """A request to place an order."""
    endpoint = load_catalogue().get("spot", "POST", "/api/v3/order")
    assert endpoint is not None
    return call_of(endpoint, read(json.dumps({"id": 1, "method": "order.place", "params": params})), session)


@pytest.mark.parametrize(("params", "signature"), VECTORS)
def test_the_exchanges_examples(params: dict[str, Any], signature: str) -> None:
    """The documented signature covers our payload, whether or not it stands in the request already."""
    for sent in (params, {"signature": signature, **params}):
        found = call(sent)
        assert hmac.new(SECRET.encode(), found.payload, hashlib.sha256).hexdigest() == signature
        assert found.key_id == KEY
        assert [name for name, _ in found.pairs] == [name for name in params if name != "apiKey"]


def test_what_clients_sign_instead() -> None:
    """Sorted like the other, but encoded as a form or as a component of an address."""
    forms = dict(call({"symbol": "币", "newClientOrderId": "a/b c!~"}).other_payloads())
    assert forms == {
        "ws_form": b"newClientOrderId=a%2Fb+c%21~&symbol=%E5%B8%81",
        "ws_encode_uri_component": b"newClientOrderId=a%2Fb%20c!~&symbol=%E5%B8%81",
    }


def test_values_are_signed_as_the_texts_they_are() -> None:
    """Booleans, numbers and lists."""
    found = call({"returnRateLimits": False, "price": 1.50, "symbols": ["A", "B"]})
    assert found.payload == b'price=1.5&returnRateLimits=false&symbols=["A","B"]'
    assert found.pairs == [("price", "1.5"), ("symbols", '["A","B"]')]


@pytest.mark.parametrize(
    ("params", "kept"),
    [
        ({"newClientOrderId": "a", "clientOrderId": "a"}, ["newClientOrderId"]),
        ({"origClientOrderId": "a", "clientOrderId": "a"}, ["origClientOrderId"]),
        ({"newClientOrderId": "a", "clientOrderId": "b"}, ["newClientOrderId", "clientOrderId"]),
        ({"clientOrderId": "b"}, ["clientOrderId"]),
    ],
)
def test_an_id_said_twice(params: dict[str, str], kept: list[str]) -> None:
    """The second is dropped where it says the same; else it is judged, and refused as unknown."""
    assert [name for name, _ in call(params).pairs] == kept


@pytest.mark.parametrize(
    ("params", "session", "expected"),
    [
        ({"timestamp": 1}, "KEY", True),
        ({"timestamp": 1}, None, False),
        ({"timestamp": 1, "apiKey": "OTHER"}, "KEY", False),
        ({"timestamp": 1, "signature": "s"}, "KEY", False),
    ],
)
def test_who_speaks(params: dict[str, Any], session: str | None, expected: bool) -> None:
    """The logon, unless the request names a key or bears a signature."""
    assert call(params, session).is_of_session is expected


@pytest.mark.parametrize(
    ("params", "otherwise", "expected"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"returnRateLimits": False}, True, False),
        ({"returnRateLimits": "FALSE"}, True, False),
        ({"returnRateLimits": True}, False, True),
    ],
)
def test_whether_the_limits_are_stated(params: dict[str, Any], otherwise: bool, expected: bool) -> None:
    """The request's word counts before the connection's."""
    frame = read(json.dumps({"method": "ping", "params": params}))
    assert wants_limits(frame, otherwise=otherwise) is expected
