"""The WebSocket API: signatures, sessions, methods, errors, limits."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.paper.harness import ALL, Rig
from tests.paper.ws_harness import Api, Client, run

from counterseal.paper import signature, ws_methods, ws_params
from counterseal.paper.errors import ApiError
from counterseal.paper.keys import ApiKey, make

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "signing_vectors.json").read_text("utf-8"))
LIMIT = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01",
         "price": "96000.00"}  # fmt: skip


@pytest.fixture
def api(rig: Rig) -> Api:
    return Api(rig)


class Ed25519Key:
    """A key pair of the account `main`, registered at the exchange."""

    def __init__(self, rig: Rig, account: str = "main", permissions: tuple[str, ...] = ALL) -> None:
        self._private = Ed25519PrivateKey.generate()
        pem = self._private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        self.key: ApiKey = make("ed25519", pem, permissions, account, rig.now_ms)
        rig.keys.add(self.key)

    def sign(self, payload: str) -> str:
        return base64.b64encode(self._private.sign(payload.encode())).decode()


def log_on(api: Api, key: Ed25519Key) -> Any:
    params = {"apiKey": key.key.api_key, "timestamp": api.rig.now_ms}
    payload = "&".join(f"{name}={value}" for name, value in sorted(params.items()))
    return api.call("session.logon", **params, signature=key.sign(payload))


# signatures


@pytest.mark.parametrize("name", ["spot WS-API ascii (sorted params)",
                                  "spot WS-API non-ascii (NOT percent-encoded, UTF-8)"])  # fmt: skip
def test_a_published_vector_verifies_from_unsorted_json(name: str) -> None:
    vector = next(row for row in VECTORS if row["name"] == name)
    pairs = [pair.split("=", 1) for pair in vector["payload"].split("&")]
    sent = {key: int(value) if key in ("timestamp", "recvWindow") else value for key, value in reversed(pairs)}
    sent["signature"] = vector["expected"]
    request = ws_params.decode(json.dumps({"params": sent}).encode())
    payload = ws_params.payload(ws_params.texts(request["params"]))  # type: ignore[arg-type]
    assert payload.signed == vector["payload"].encode()
    assert signature.is_valid("hmac", vector["key"], payload.signed, payload.signature or "")


@pytest.mark.parametrize("text", ["0.10", "1e3", "-0", "12345678901234567890", "1.0000"])
def test_numbers_are_signed_as_they_were_written(text: str) -> None:
    request = ws_params.decode(b'{"params":{"b":%b,"a":true,"c":["x",%b]}}' % (text.encode(), text.encode()))
    signed = ws_params.payload(ws_params.texts(request["params"])).signed  # type: ignore[arg-type]
    assert signed == f'a=true&b={text}&c=["x",{text}]'.encode()


@pytest.mark.parametrize("text", [b"", b"[", b"[]", b"3", b'{"a":NaN}', b'{"a":1,"a":2}', b"\xff", b"[" * 100_000])
def test_what_is_no_request_is_refused(text: bytes) -> None:
    with pytest.raises(ApiError):
        ws_params.decode(text)


def test_a_wrong_signature_is_refused_and_a_changed_value_too(api: Api) -> None:
    assert api.signed("account.status")["status"] == 200
    good = {"apiKey": api.rig.key.api_key, "timestamp": api.rig.now_ms}
    answer = api.call("account.status", **good, signature="0" * 64)
    assert (answer["status"], answer["error"]["code"]) == (400, -1022)


def test_a_non_ascii_symbol_is_signed_raw(api: Api) -> None:
    answer = api.signed("order.place", symbol="币安人生USDT", side="BUY", type="MARKET", quantity="100")
    assert (answer["status"], answer["result"]["symbol"]) == (200, "币安人生USDT")


# ids, errors, limits in replies


@pytest.mark.parametrize("number", [7, "a" * 36, None, -(1 << 63)])
def test_the_id_comes_back_as_it_was(api: Api, number: object) -> None:
    assert api.ask({"id": number, "method": "ping"})["id"] == number


@pytest.mark.parametrize("number", [1.5, "a" * 37, [1], True, 1 << 63])
def test_an_impossible_id_is_refused(api: Api, number: object) -> None:
    answer = api.ask({"id": number, "method": "ping"})
    assert (answer["id"], answer["status"], answer["error"]["code"]) == (None, 400, -1100)


def test_errors_have_status_and_code(api: Api) -> None:
    assert api.call("no.such")["error"]["code"] == -1020
    assert api.signed("order.status", symbol="BTCUSDT", orderId=1)["error"]["code"] == -2013
    assert api.ask("{")["error"] == {"code": -1135, "msg": "Invalid JSON Request"}
    missing = api.signed("order.place", symbol="BTCUSDT")
    assert (missing["status"], missing["error"]["code"]) == (400, -1102)
    late = api.signed("account.status", timestamp=api.rig.now_ms - 60_001)
    assert late["error"]["code"] == -1021


def test_rate_limits_are_told_unless_they_are_not_wanted(api: Api) -> None:
    row = api.call("ping")["rateLimits"][-1]
    assert row == {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000, "count": 3}
    assert "rateLimits" not in api.call("ping", returnRateLimits=False)
    silent = Api(api.rig, query="?returnRateLimits=false")
    assert "rateLimits" not in silent.call("ping")
    assert "rateLimits" in silent.call("ping", returnRateLimits=True)


def test_an_order_tells_its_counts_and_costs_nothing(api: Api) -> None:
    rows = api.signed("order.place", **LIMIT)["rateLimits"]
    assert [(row["rateLimitType"], row["interval"], row["count"]) for row in rows] == [
        ("ORDERS", "SECOND", 1), ("ORDERS", "DAY", 1), ("REQUEST_WEIGHT", "MINUTE", 2),
    ]  # fmt: skip


def test_rest_and_websocket_share_the_spot_pool_and_not_the_futures_one(rig: Rig) -> None:
    Api(rig)
    assert rig.public("/api/v3/ping").headers["X-MBX-USED-WEIGHT-1M"] == "3"  # connecting weighs 2
    futures = Api(rig, "usdm")
    assert futures.call("depth", symbol="BTCUSDT", limit=5)["rateLimits"][-1]["count"] == 7  # connecting weighs 5
    assert rig.public("/fapi/v1/ping").headers["X-MBX-USED-WEIGHT-1M"] == "1"


def test_429_says_when_to_come_back_and_then_the_ban_comes(tmp_path: Path) -> None:
    rig = Rig(tmp_path, limits={"spot_weight": 5}, ban_after=2)
    api = Api(rig)
    answers = [api.call("ping") for _ in range(8)]
    refused = next(answer for answer in answers if answer["status"] == 429)
    assert refused["error"]["code"] == -1003
    assert refused["error"]["data"]["retryAfter"] % 60_000 == 0
    assert refused["error"]["data"]["serverTime"] == rig.now_ms
    assert answers[-1]["status"] == 418
    assert Api(rig).status == 418
    rig.journal.close()


# sessions


def test_a_session_needs_ed25519_and_then_signs_nothing(rig: Rig, api: Api) -> None:
    key = Ed25519Key(rig)
    assert api.signed("session.logon")["error"]["code"] == -1020
    assert api.call("session.status")["result"]["apiKey"] is None
    answer = log_on(api, key)["result"]
    assert (answer["apiKey"], answer["authorizedSince"], answer["userDataStream"]) == (
        key.key.api_key,
        rig.now_ms,
        False,
    )
    assert api.call("account.status", timestamp=rig.now_ms)["status"] == 200
    assert api.call("account.status")["error"]["code"] == -1102  # the timestamp is still needed
    assert api.call("account.status", timestamp=rig.now_ms - 10_000)["error"]["code"] == -1021


def test_a_request_may_bring_a_key_of_its_own(rig: Rig, api: Api) -> None:
    other = rig.add_key("second")
    log_on(api, Ed25519Key(rig))
    api.signed("order.place", other, **LIMIT)
    assert len(api.signed("openOrders.status", other)["result"]) == 1
    assert api.call("openOrders.status", timestamp=rig.now_ms)["result"] == []


def test_a_session_ends_with_its_key(rig: Rig, api: Api) -> None:
    key = Ed25519Key(rig)
    log_on(api, key)
    rig.keys.delete(key.key.api_key)
    answer = api.call("account.status", timestamp=rig.now_ms)
    assert (answer["id"], answer["status"], answer["error"]["code"]) == (None, 401, -2015)
    assert api.call("session.status")["result"]["apiKey"] is None


def test_logging_out_ends_only_the_session_s_subscription(rig: Rig, api: Api) -> None:
    log_on(api, Ed25519Key(rig))
    assert api.call("userDataStream.subscribe")["result"] == {"subscriptionId": 0}
    assert api.signed("userDataStream.subscribe.signature", rig.add_key("second"))["result"] == {"subscriptionId": 1}
    api.send({"id": 1, "method": "session.logout"})
    ended, answer = api.read()
    assert ended == {"subscriptionId": 0, "event": {"e": "eventStreamTerminated", "E": rig.now_ms}}
    assert answer["result"]["apiKey"] is None
    assert api.call("session.subscriptions")["result"] == [{"subscriptionId": 1}]


def test_subscriptions_are_one_an_account_and_end_by_number_or_all(rig: Rig, api: Api) -> None:
    assert api.call("userDataStream.subscribe")["error"]["code"] == -1002
    assert api.signed("userDataStream.subscribe.signature")["result"] == {"subscriptionId": 0}
    assert api.signed("userDataStream.subscribe.signature")["error"]["code"] == -2035
    api.signed("userDataStream.subscribe.signature", rig.add_key("second"))
    assert api.call("userDataStream.unsubscribe", subscriptionId=5)["error"]["code"] == -2036
    assert api.call("userDataStream.unsubscribe", subscriptionId=0)["result"] == {}
    assert api.call("session.subscriptions")["result"] == [{"subscriptionId": 1}]
    assert api.call("userDataStream.unsubscribe")["result"] == {}
    assert api.call("session.subscriptions")["result"] == []
    assert api.call("userDataStream.subscribe.listenToken", listenToken="x")["error"]["code"] == -1209


def test_a_subscription_ends_with_its_key(rig: Rig, api: Api) -> None:
    api.signed("userDataStream.subscribe.signature")
    rig.keys.delete(rig.key.api_key)
    run(rig, 1100)
    assert api.read()[-1]["event"]["e"] == "eventStreamTerminated"


def test_permissions_are_asked(rig: Rig, api: Api) -> None:
    reader = rig.add_key(permissions=("read",))
    assert api.signed("account.status", reader)["status"] == 200
    assert api.signed("order.place", reader, **LIMIT)["error"]["code"] == -2015


# methods


def test_every_spot_order_method_is_the_rest_endpoint(rig: Rig, api: Api) -> None:
    placed = api.signed("order.place", **LIMIT, newClientOrderId="a1")["result"]
    assert placed["clientOrderId"] == "a1"
    assert rig.signed("GET", "/api/v3/order", symbol="BTCUSDT", orderId=placed["orderId"]).body["status"] == "NEW"
    assert api.signed("order.test", **LIMIT)["result"] == {}
    assert len(api.signed("openOrders.status", symbol="BTCUSDT")["result"]) == 1
    moved = api.signed("order.cancelReplace", **LIMIT, cancelReplaceMode="STOP_ON_FAILURE",
                       cancelOrigClientOrderId="a1", newClientOrderId="a2")  # fmt: skip
    assert moved["result"]["newOrderResult"] == "SUCCESS"
    half = api.signed("order.cancelReplace", **LIMIT, cancelReplaceMode="ALLOW_FAILURE",
                      cancelOrigClientOrderId="gone", newClientOrderId="a3")  # fmt: skip
    assert (half["status"], half["error"]["code"], half["error"]["data"]["newOrderResult"]) == (409, -2021, "SUCCESS")
    assert api.signed("order.cancel", symbol="BTCUSDT", origClientOrderId="a2")["result"]["status"] == "CANCELED"
    assert len(api.signed("openOrders.cancelAll", symbol="BTCUSDT")["result"]) == 1
    assert len(api.signed("allOrders", symbol="BTCUSDT")["result"]) == 3


def test_usdm_methods(rig: Rig) -> None:
    api = Api(rig, "usdm")
    placed = api.signed("order.place", **LIMIT)["result"]
    changed = api.signed("order.modify", symbol="BTCUSDT", side="BUY", orderId=placed["orderId"], quantity="0.02",
                         price="95000.0")  # fmt: skip
    assert changed["result"]["origQty"] == "0.020"
    assert api.signed("order.status", symbol="BTCUSDT", orderId=placed["orderId"])["result"]["status"] == "NEW"
    assert api.signed("order.cancel", symbol="BTCUSDT", orderId=placed["orderId"])["result"]["status"] == "CANCELED"
    algo = api.signed("algoOrder.place", algoType="CONDITIONAL", symbol="BTCUSDT", side="SELL", type="STOP_MARKET",
                      quantity="0.01", triggerPrice="90000")["result"]  # fmt: skip
    assert api.signed("algoOrder.cancel", algoId=algo["algoId"])["result"]["msg"] == "success"
    for method in ("account.status", "v2/account.status", "account.balance", "v2/account.balance", "account.position",
                   "v2/account.position"):  # fmt: skip
        assert api.signed(method)["status"] == 200, method


def test_listen_keys_by_the_usdm_api_are_those_of_rest(rig: Rig) -> None:
    api = Api(rig, "usdm")
    made = api.call("userDataStream.start", apiKey=rig.key.api_key)["result"]["listenKey"]
    same = rig.raw("POST", "/fapi/v1/listenKey", {"X-MBX-APIKEY": rig.key.api_key}).body["listenKey"]
    assert made == same
    assert api.call("userDataStream.ping", apiKey=rig.key.api_key)["result"] == {"listenKey": made}
    assert api.call("userDataStream.stop", apiKey=rig.key.api_key)["result"] == {}
    assert api.call("userDataStream.ping", apiKey=rig.key.api_key)["error"]["code"] == -1125


def test_every_method_of_the_table_is_served_or_says_that_it_is_not(rig: Rig) -> None:
    for market, name in ws_methods.load():
        api = Api(rig, market)
        answer = api.call(name)
        assert answer["status"] in (200, 400), (name, answer)
        assert answer["status"] == 200 or answer["error"]["code"] in (-1020, -1102, -1002, -2036), (name, answer)


def test_times_in_microseconds(rig: Rig) -> None:
    api = Api(rig, query="?timeUnit=MICROSECOND")
    assert api.call("time")["result"]["serverTime"] == rig.now_ms * 1000
    api.signed("userDataStream.subscribe.signature")
    rig.order()
    assert api.read()[0]["event"]["E"] == rig.now_ms * 1000


def test_sbe_is_refused(rig: Rig) -> None:
    client = Client(rig, "/ws-api/v3?responseFormat=sbe&sbeSchemaId=3&sbeSchemaVersion=1", "ws-api.binance.com")
    assert client.status == 400
    assert b"-1155" in client.raw


def test_requests_are_in_the_journal_without_secrets(rig: Rig, api: Api) -> None:
    api.signed("order.place", **LIMIT, newClientOrderId="a1")
    line = next(line for line in reversed(rig.lines()) if line["path"] == "order.place")
    assert (line["method"], line["status"], line["key"]) == ("WS", 200, rig.key.api_key[:8])
    assert line["order"]["clientOrderId"] == "a1"
    assert ["price", "96000.00"] in line["params"]
    text = (rig.home / "journal.jsonl").read_text("utf-8")
    assert rig.key.api_key not in text
    assert "signature" not in text
