"""Who is let in: key, time window, permission, signature, each with its code and status."""

import base64
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from tests.paper.harness import Rig, sign
from tests.paper.test_signature import pem_of

from counterseal.paper.keys import make

ACCOUNT = "/api/v3/account"


def test_a_signed_request_is_answered(rig: Rig) -> None:
    assert rig.signed("GET", ACCOUNT).status == 200


@pytest.mark.parametrize("name", ["", "short", "x" * 63, "x" * 65, "!" * 64])
def test_a_key_of_the_wrong_form_is_2014(rig: Rig, name: str) -> None:
    answer = rig.raw("GET", f"{ACCOUNT}?timestamp={rig.now_ms}&signature=0", {"X-MBX-APIKEY": name})
    assert (answer.status, answer.code) == (401, -2014)


def test_an_unknown_key_is_2015_with_the_address(rig: Rig) -> None:
    answer = rig.raw("GET", f"{ACCOUNT}?timestamp={rig.now_ms}&signature=0", {"X-MBX-APIKEY": "x" * 64}, peer="1.2.3.4")
    assert (answer.status, answer.code) == (401, -2015)
    assert answer.body["msg"] == "Invalid API-key, IP, or permissions for action, request ip: 1.2.3.4"


@pytest.mark.parametrize(
    ("permissions", "method", "path", "status"),
    [
        (("read",), "GET", ACCOUNT, 200),
        (("read",), "DELETE", "/api/v3/openOrders", 401),
        (("trade",), "GET", ACCOUNT, 401),
        (("read", "trade"), "DELETE", "/fapi/v1/allOpenOrders", 401),
        (("read", "futures"), "DELETE", "/fapi/v1/allOpenOrders", 200),
        (("read", "futures"), "DELETE", "/api/v3/openOrders", 401),
    ],
)
def test_permissions(rig: Rig, permissions: tuple[str, ...], method: str, path: str, status: int) -> None:
    key = rig.add_key(permissions=permissions)
    params = {} if path == ACCOUNT else {"symbol": "BTCUSDT"}
    answer = rig.signed(method, path, key=key, **params)
    assert answer.status == status
    assert answer.code == (-2015 if status == 401 else 200 if "fapi" in path else None)


def test_a_deleted_key_is_unknown_at_once(rig: Rig) -> None:
    key = rig.add_key()
    assert rig.signed("GET", ACCOUNT, key=key).status == 200
    assert rig.keys.delete(key.api_key)
    assert rig.signed("GET", ACCOUNT, key=key).code == -2015


@pytest.mark.parametrize(
    ("offset", "window", "ok"),
    [
        (999, None, True), (1000, None, False), (-5000, None, True), (-5001, None, False),
        (-200, 200, True), (-201, 200, False), (-200, "200.5", True), (-60000, 60000, True),
    ],
)  # fmt: skip
def test_the_time_window(rig: Rig, offset: int, window: object, ok: bool) -> None:
    params = {} if window is None else {"recvWindow": window}
    answer = rig.signed("GET", ACCOUNT, timestamp=rig.now_ms + offset, **params)
    assert (answer.status, answer.code) == ((200, None) if ok else (400, -1021))


def test_the_two_texts_of_1021(rig: Rig) -> None:
    ahead = rig.signed("GET", ACCOUNT, timestamp=rig.now_ms + 1000).body["msg"]
    behind = rig.signed("GET", ACCOUNT, timestamp=rig.now_ms - 6000).body["msg"]
    assert ahead == "Timestamp for this request was 1000ms ahead of the server's time."
    assert behind == "Timestamp for this request is outside of the recvWindow."


def test_microseconds_are_read_on_spot_only(rig: Rig) -> None:
    micro = rig.now_ms * 1000
    assert rig.signed("GET", ACCOUNT, timestamp=micro).status == 200
    assert rig.signed("GET", "/fapi/v3/balance", timestamp=micro).code == -1021


def test_a_recv_window_over_a_minute_or_unreadable_is_refused(rig: Rig) -> None:
    assert rig.signed("GET", ACCOUNT, recvWindow=60001).code == -1131
    assert rig.signed("GET", ACCOUNT, recvWindow="5e3").code == -1100


def test_a_missing_timestamp_or_signature_is_1102(rig: Rig) -> None:
    headers = {"X-MBX-APIKEY": rig.key.api_key}
    assert "'timestamp'" in rig.raw("GET", ACCOUNT, headers).body["msg"]
    assert "'signature'" in rig.raw("GET", f"{ACCOUNT}?timestamp={rig.now_ms}", headers).body["msg"]


def test_a_signature_over_other_bytes_is_1022(rig: Rig) -> None:
    headers = {"X-MBX-APIKEY": rig.key.api_key}
    good = sign(rig.key, f"timestamp={rig.now_ms}")
    answer = rig.raw("GET", f"{ACCOUNT}?timestamp={rig.now_ms}&omitZeroBalances=true&signature={good}", headers)
    assert (answer.status, answer.code) == (400, -1022)


def test_an_encoding_that_differs_from_the_signed_one_is_1022(rig: Rig) -> None:
    """Signed decoded, sent encoded: the exchange looks at the bytes only."""
    query = f"symbol=币安人生USDT&timestamp={rig.now_ms}"
    sent = f"symbol={quote('币安人生USDT')}&timestamp={rig.now_ms}&signature={sign(rig.key, query)}"
    assert rig.raw("GET", f"/api/v3/openOrders?{sent}", {"X-MBX-APIKEY": rig.key.api_key}).code == -1022


def test_an_unescaped_symbol_is_1022_even_when_signed_as_sent(rig: Rig) -> None:
    query = f"symbol=币安人生USDT&timestamp={rig.now_ms}"
    answer = rig.raw("GET", f"/api/v3/openOrders?{query}&signature={sign(rig.key, query)}",
                     {"X-MBX-APIKEY": rig.key.api_key})  # fmt: skip
    assert answer.code == -1022
    assert rig.signed("GET", "/api/v3/openOrders", symbol="币安人生USDT").body == []


def test_an_ed25519_key_signs_percent_encoded_base64(rig: Rig) -> None:
    private = ed25519.Ed25519PrivateKey.generate()
    key = make("ed25519", pem_of(private), ("read",), "main", 0)
    rig.keys.add(key)
    query = f"timestamp={rig.now_ms}"
    signature = base64.b64encode(private.sign(query.encode())).decode()
    target = f"{ACCOUNT}?{query}&signature={quote(signature, safe='')}"
    assert rig.raw("GET", target, {"X-MBX-APIKEY": key.api_key}).status == 200


def test_a_listen_key_needs_the_key_and_no_signature(rig: Rig) -> None:
    assert rig.raw("POST", "/fapi/v1/listenKey").code == -2014
    headers = {"X-MBX-APIKEY": rig.key.api_key}
    first = rig.raw("POST", "/fapi/v1/listenKey", headers).body["listenKey"]
    assert rig.raw("POST", "/fapi/v1/listenKey", headers).body["listenKey"] == first
    rig.wait(3_600_000)
    assert rig.raw("PUT", "/fapi/v1/listenKey", headers).code == -1125
