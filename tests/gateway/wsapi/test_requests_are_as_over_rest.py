"""A request of the WebSocket API is judged, recorded and sent as the REST request that means the same."""

import asyncio
import json
from typing import Any
from urllib.parse import quote_plus

import msgspec
import pytest
from tests.gateway.rig import why
from tests.gateway.wsapi.rig import ED_KEY, KEY, ORDER, Rig, payload, reason, sign, with_rig

USED = {"x-mbx-used-weight-1m": "12", "x-mbx-order-count-10s": "1", "x-mbx-order-count-1d": "4"}


@with_rig
async def test_an_order_is_placed(rig: Rig) -> None:
    """Its intent comes before it, its outcome after, and the answer's result is the exchange's."""
    bot = rig.bot()
    assert bot.status == 101
    answer = await bot.ask("order.place", bot.signed({**ORDER, "newClientOrderId": "one"}))
    assert answer["status"] == 200
    assert answer["result"]["clientOrderId"] == "one"
    (sent,) = rig.venue.sent
    assert (sent.method, sent.path, sent.params["newClientOrderId"]) == ("POST", "/api/v3/order", "one")
    assert not {"apiKey", "returnRateLimits"} & set(sent.params)
    (intent,), (outcome,) = rig.journal.of("intent"), rig.journal.of("outcome")
    assert (intent["form"], intent["bot"], outcome["outcome"]) == ("ws_raw", "alpha", "ACCEPTED")


@with_rig
async def test_a_cancel_and_a_query(rig: Rig) -> None:
    """On futures too, where the paths are others."""
    for path, root in (("/ws-api/v3", "/api/v3"), ("/ws-fapi/v1", "/fapi/v1")):
        bot = rig.bot(path)
        named = {"symbol": "BTCUSDT", "origClientOrderId": "one"}
        await bot.ask("order.status", bot.signed(named))
        await bot.ask("order.cancel", bot.signed(named, skew_ms=1), seconds=0.1)
        assert [(sent.method, sent.path) for sent in rig.venue.sent] == [
            ("GET", f"{root}/order"),
            ("DELETE", f"{root}/order"),
        ]
        rig.venue.sent.clear()


@with_rig
async def test_the_result_is_not_written_anew(rig: Rig) -> None:
    """Numbers, blanks and the order of names stay as they were; so does the bot's id."""
    bot = rig.bot()
    rig.venue.script["/api/v3/account"] = [(200, json.loads('{"b":1.50,"a":"\\u5e01"}'))]
    bot.send({"id": "币/1", "method": "account.status", "params": bot.signed({})})
    await rig.wait()
    (text,) = bot.take()
    assert text == '{"id":"币/1","status":200,"result":{"b":1.5,"a":"币"},"rateLimits":[]}'.encode()


@with_rig
async def test_a_result_that_is_no_json_cannot_take_the_frame_apart(rig: Rig) -> None:
    """It is an error then, in the exchange's shape."""
    bot = rig.bot()
    rig.venue.script["/api/v3/account"] = [
        (200, msgspec.Raw(b'{},"id":99')),
        (200, msgspec.Raw(b'"\xff"')),
        (200, msgspec.Raw(b"<html>")),
        (500, msgspec.Raw(b"<html>")),
    ]
    for _ in range(3):
        answer = await bot.ask("account.status", bot.signed({}), seconds=0.01)
        assert (answer["status"], answer["error"]["code"]) == (502, -1000)
    answer = await bot.ask("account.status", bot.signed({}), seconds=0.01)
    assert (answer["status"], answer["error"]["code"]) == (500, -1000)


@with_rig
async def test_the_limits_are_stated_unless_they_are_not_wanted(rig: Rig) -> None:
    """From the exchange's headers, by the connection's choice or the request's."""
    plain, quiet = rig.bot(), rig.bot("/ws-api/v3?returnRateLimits=false")
    rig.venue.script["/api/v3/order"] = [(200, {"symbol": "BTCUSDT"}, USED)] * 4
    query = {"symbol": "BTCUSDT", "orderId": 7}
    answer = await plain.ask("order.status", plain.signed(query))
    assert [row["count"] for row in answer["rateLimits"]] == [1, 4, 12]
    assert [row["limit"] for row in answer["rateLimits"]] == [100, 200_000, 6000]
    assert "rateLimits" not in await plain.ask("order.status", plain.signed({**query, "returnRateLimits": False}))
    assert "rateLimits" not in await quiet.ask("order.status", quiet.signed({**query, "recvWindow": 4000}))
    answer = await quiet.ask("order.status", quiet.signed({**query, "recvWindow": 4001, "returnRateLimits": True}))
    assert len(answer["rateLimits"]) == 3


@with_rig
async def test_the_exchanges_errors_are_passed_on(rig: Rig) -> None:
    """With data of their own, and when to come back."""
    bot = rig.bot()
    data = {"cancelResult": "SUCCESS", "newOrderResult": "FAILURE"}
    rig.venue.script["/api/v3/order"] = [(409, {"code": -2021, "msg": "Partly.", "data": data})]
    answer = await bot.ask("order.status", bot.signed({"symbol": "BTCUSDT", "orderId": 7}))
    assert (answer["status"], answer["error"]["code"]) == (409, -2021)
    assert answer["error"]["data"] == data
    rig.venue.script["/api/v3/account"] = [(429, {"code": -1003, "msg": "Too many."}, {"retry-after": "3"})]
    answer = await bot.ask("account.status", bot.signed({}))
    now_ms = bot.now_ms()
    assert (answer["status"], answer["error"]["code"]) == (429, -1003)
    assert answer["error"]["data"] == {"serverTime": now_ms, "retryAfter": now_ms + 3000}


@with_rig
async def test_what_is_no_error_object_keeps_its_status(rig: Rig) -> None:
    """And the moment to come back: a bot that took it for a fault would ask again at once."""
    bot = rig.bot()
    rig.venue.script["/api/v3/account"] = [(429, [], {"retry-after": "3"})]
    answer = await bot.ask("account.status", bot.signed({}))
    now_ms = bot.now_ms()
    assert (answer["status"], answer["error"]["code"]) == (429, -1000)
    assert answer["error"]["data"] == {"serverTime": now_ms, "retryAfter": now_ms + 3000}


@with_rig
async def test_an_error_with_other_data_is_passed_on(rig: Rig) -> None:
    """What stands there is no object, and something is to be added."""
    bot = rig.bot()
    told = {"code": -1003, "msg": "Too many.", "data": ["x"]}
    rig.venue.script["/api/v3/account"] = [(429, told, {"retry-after": "3", "x-mbx-used-weight-1m": "007"})]
    answer = await bot.ask("account.status", bot.signed({}))
    now_ms = bot.now_ms()
    assert answer["error"]["data"] == {"serverTime": now_ms, "retryAfter": now_ms + 3000}
    assert [row["count"] for row in answer["rateLimits"]] == [7]


@pytest.mark.parametrize("told", ["soon", "-1", "9" * 400, "\u0663"])
def test_a_pause_that_is_no_number_says_nothing(told: str) -> None:
    """And costs nobody an answer."""

    async def test(rig: Rig) -> None:
        bot = rig.bot()
        rig.venue.script["/api/v3/account"] = [(429, {"code": -1003, "msg": "Too many."}, {"retry-after": told})]
        answer = await bot.ask("account.status", bot.signed({}))
        assert (answer["status"], "data" in answer["error"]) == (429, False)

    with_rig(test)()


@with_rig
async def test_a_refusal_tells_since_when(rig: Rig) -> None:
    """Where it rests on something that fails."""
    bot = rig.bot()
    rig.state.reading = None
    answer = await bot.ask("order.place", bot.signed(ORDER))
    ours = answer["error"]["data"]["counterseal"]
    assert (ours["reason"], type(ours["since"])) == ("clock_uncertain", int)


@with_rig
async def test_listen_keys_of_futures(rig: Rig) -> None:
    """As over REST: with the key alone, but from elsewhere only where it is bound; here nobody gives any out."""
    for peer, expected in (("127.0.0.1", "stream_not_available"), ("10.0.0.5", "source_not_bound")):
        bot = rig.bot("/ws-fapi/v1", peer=peer)
        for method in ("userDataStream.start", "userDataStream.ping", "userDataStream.stop"):
            assert reason(await bot.ask(method, {"apiKey": KEY})) == expected
        assert reason(await bot.ask("userDataStream.start")) == "credential_missing"
        assert reason(await bot.ask("userDataStream.start", {"apiKey": "W" * 64})) == "credential_or_signature"
    assert rig.venue.sent == []


@with_rig
async def test_nobody_knows_what_became_of_it(rig: Rig) -> None:
    """The exchange's status and code for that, and our word for it."""
    bot = rig.bot()
    rig.venue.script["/api/v3/order"] = ["lost"]
    rig.venue.delay_s = 0.05
    bot.say("order.place", bot.signed({**ORDER, "newClientOrderId": "one"}))
    await rig.wait(0.06)
    (answer,) = bot.answers()
    assert (answer["status"], answer["error"]["code"]) == (503, -1007)
    assert answer["error"]["data"]["counterseal"] == {"reason": "outcome_unknown", "state": "UNKNOWN"}
    assert rig.journal.of("outcome")[0]["outcome"] == "UNKNOWN"


# -- once, by either way


@with_rig
async def test_one_order_by_both_ways_is_one_order(rig: Rig) -> None:
    """Its id is known wherever it came from, and whoever asks again gets the stored answer."""
    bot = rig.bot()
    query = "&".join(f"{name}={value}" for name, value in ORDER.items()) + "&newClientOrderId=one"
    first = await rig.gateway.ask("POST", "/api/v3/order", query)
    again = await bot.ask("order.place", bot.signed({**ORDER, "newClientOrderId": "one"}, skew_ms=1))
    assert again["result"] == json.loads(first.body)
    other = await bot.ask("order.place", bot.signed({**ORDER, "price": "90001.00", "newClientOrderId": "one"}))
    assert reason(other) == "duplicate_client_order_id"
    await bot.ask("order.place", bot.signed({**ORDER, "newClientOrderId": "two"}, skew_ms=2))
    over_rest = await rig.gateway.ask("POST", "/api/v3/order", query.replace("=one", "=two"))
    assert over_rest.status == 200
    assert len(rig.venue.sent) == 2


@pytest.mark.threat(18)
@with_rig
async def test_a_request_is_good_once(rig: Rig) -> None:
    """The same frame again, its signature with other pairs, and the same pairs by REST."""
    bot = rig.bot()
    params = bot.signed(ORDER)
    assert (await bot.ask("order.place", params))["status"] == 200
    assert reason(await bot.ask("order.place", params)) == "replayed"
    assert reason(await bot.ask("order.test", params)) == "replayed"
    assert reason(await rig.bot().ask("order.place", params)) == "replayed"
    query = "&".join(f"{name}={value}" for name, value in ORDER.items())
    assert why(await rig.gateway.ask("POST", "/api/v3/order", query)) == "replayed"
    assert len(rig.venue.sent) == 1


@pytest.mark.threat(18)
@with_rig
async def test_a_signature_cannot_be_cut_anew(rig: Rig) -> None:
    """Nothing is percent-encoded under the signature, so that two requests can have the same text."""
    bot = rig.bot()
    whole = {**ORDER, "newClientOrderId": "one&price=90001.00", "apiKey": KEY, "timestamp": bot.now_ms()}
    del whole["price"]
    signature = sign(payload(whole))
    cut = {**whole, "newClientOrderId": "one", "price": "90001.00"}
    assert payload(cut) == payload(whole)
    assert (await bot.ask("order.place", {**whole, "signature": signature}))["status"] == 200
    assert reason(await bot.ask("order.place", {**cut, "signature": signature})) == "replayed"
    assert len(rig.venue.sent) == 1


# -- who may


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"signature": "0" * 64}, "credential_or_signature"),
        ({"apiKey": "W" * 64}, "credential_or_signature"),
        ({"signature": None}, "signature_missing"),
        ({"apiKey": None}, "credential_missing"),
        ({"timestamp": None}, "timestamp_missing"),
        ({"timestamp": 1}, "timestamp_outside_window"),
        ({"recvWindow": 60_001}, "recv_window_malformed"),
        ({"price": "90000.00", "nonsense": "1"}, "unknown_parameter"),
        ({"price": "-1"}, "malformed_number"),
        ({"symbol": "NOSUCH"}, "unknown_symbol"),
    ],
)
def test_what_is_refused_over_rest_is_refused_here(change: dict[str, Any], expected: str) -> None:
    """For the same reasons, with the exchange's codes; nothing leaves."""

    async def test(rig: Rig) -> None:
        bot = rig.bot()
        whole: dict[str, Any] = {**ORDER, "apiKey": KEY, "timestamp": bot.now_ms(), **change}
        whole = {name: value for name, value in whole.items() if value is not None}
        if "signature" not in change:
            whole["signature"] = sign(payload(whole))
        answer = await bot.ask("order.place", whole)
        assert reason(answer) == expected, answer
        assert answer["status"] >= 400
        assert [sent for sent in rig.venue.sent if sent.method != "GET"] == []
        assert rig.journal.of("denied")[-1]["reason"] == expected

    with_rig(test)()


def _form(params: dict[str, Any]) -> str:
    return "&".join(f"{name}={quote_plus(str(value))}" for name, value in sorted(params.items()))


@pytest.mark.parametrize(("verification", "expected"), [("lenient", 200), ("strict", 401)])
def test_what_libraries_sign_instead(verification: str, expected: int) -> None:
    """A form counts where policy is lenient; a strict bot signs as the exchange demands."""

    async def whole() -> None:
        rig = Rig(f'verification = "{verification}"')
        await rig.gateway.warm()
        bot = rig.bot()
        params = {**ORDER, "newClientOrderId": "a/b:c", "apiKey": KEY, "timestamp": bot.now_ms()}
        answer = await bot.ask("order.place", {**params, "signature": sign(_form(params))})
        assert answer["status"] == expected
        forms = [intent["form"] for intent in rig.journal.of("intent")]
        assert forms == (["ws_form"] if expected == 200 else [])
        raw = await bot.ask("order.place", bot.signed({**ORDER, "newClientOrderId": "d"}))
        assert raw["status"] == 200
        await rig.end()

    asyncio.run(whole())


@with_rig
async def test_public_data_need_no_key_on_this_host(rig: Rig) -> None:
    """As over REST; from elsewhere a key, and a wrong signature is told."""
    near, far = rig.bot(), rig.bot(peer="10.0.0.5")
    assert (await near.ask("ping"))["result"] == {}
    assert "serverTime" in (await near.ask("time", {}))["result"]
    assert (await near.ask("ticker.price", {"symbols": ["BTCUSDT"]}))["status"] == 200
    assert rig.venue.sent[-1].params == {"symbols": '["BTCUSDT"]'}
    assert reason(await far.ask("ping")) == "anonymous_not_allowed"
    assert (await far.ask("ping", {"apiKey": KEY}))["status"] == 200
    assert (await far.ask("ping", far.signed({})))["status"] == 200
    assert reason(await near.ask("ping", {"apiKey": KEY, "signature": "x"})) == "credential_or_signature"
    assert reason(await near.ask("ping", {"apiKey": "W" * 64})) == "credential_or_signature"


@with_rig
async def test_a_gateway_that_stops_takes_nothing_new(rig: Rig) -> None:
    """What is in flight is answered before the goodbye."""
    bot, idle = rig.bot(), rig.bot()
    rig.venue.delay_s = 0.1
    bot.say("order.place", bot.signed(ORDER))
    await rig.wait(0.05)
    rig.state.draining = True
    for connection in list(rig.door.open):
        connection.drain()
    assert (idle.code, bot.code) == (1001, None)
    assert reason(await bot.ask("order.test", bot.signed(ORDER))) == "draining"
    await rig.wait(0.1)
    (answer,) = bot.answers()
    assert (answer["status"], bot.code) == (200, 1001)
    assert rig.door.open == set()


@with_rig
async def test_a_key_of_another_kind_signs_too(rig: Rig) -> None:
    """Ed25519, base64, not percent-encoded."""
    bot = rig.bot()
    answer = await bot.ask("order.place", bot.signed({**ORDER, "newClientOrderId": "a"}, key=ED_KEY))
    assert answer["status"] == 200
