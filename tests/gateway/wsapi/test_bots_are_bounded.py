"""What a bot may do to a connection, and to others by it: bounded, told, and cheap."""

import gc
import json

import pytest
from tests.gateway.wsapi.rig import ORDER, Rig, reason, with_rig

from counterseal.core.wsapi.call import Call
from counterseal.core.wsapi.frames import Frame
from counterseal.gateway.admission import Inquiry
from counterseal.gateway.wsapi.socket import AT_ONCE, EXITS, MOST_WAITING, ORDERS, READS


@with_rig
async def test_the_33rd_request_in_flight_is_refused(rig: Rig) -> None:
    """An order has room beyond that, a cancel beyond orders; when answers have come there is room again."""
    bot = rig.bot()
    rig.venue.delay_s = 0.5
    for number in range(READS + 1):
        bot.say("order.status", bot.signed({"symbol": "BTCUSDT", "orderId": number + 1}))
    for number in range(ORDERS - READS + 1):
        bot.say("order.place", bot.signed({**ORDER, "newClientOrderId": f"a{number}"}))
    for number in range(EXITS - ORDERS + 1):
        bot.say("order.cancel", bot.signed({"symbol": "BTCUSDT", "orderId": number + 1}, skew_ms=1))
    await rig.wait(0.1)
    refused = bot.answers()
    assert [(each["id"], each["status"], reason(each)) for each in refused] == [
        (READS + 1, 429, "ws_too_many_in_flight"),
        (ORDERS + 2, 429, "ws_too_many_in_flight"),
        (EXITS + 3, 429, "ws_too_many_in_flight"),
    ]
    await rig.wait(0.6)
    assert len(bot.answers()) == EXITS
    assert (await bot.ask("order.place", bot.signed({**ORDER, "newClientOrderId": "b"}), seconds=0.6))["status"] == 200


@with_rig
async def test_an_order_that_only_reduces_has_the_room_of_a_cancel(rig: Rig) -> None:
    """On futures it is the exit: what opens must not keep it out, even where nothing is answered."""
    bot = rig.bot("/ws-fapi/v1")
    rig.venue.delay_s = 0.5
    order = {**ORDER, "price": "60000.00"}
    for number in range(ORDERS + 1):
        bot.say("order.place", bot.signed({**order, "newClientOrderId": f"a{number}"}))
    for number in range(EXITS - ORDERS + 1):
        bot.say("order.place", bot.signed({**order, "newClientOrderId": f"b{number}", "reduceOnly": True}))
    await rig.wait(0.1)
    found = [(each["id"], reason(each)) for each in bot.answers()]
    assert found == [(ORDERS + 1, "ws_too_many_in_flight"), (EXITS + 2, "ws_too_many_in_flight")]


@with_rig
async def test_requests_are_judged_in_the_order_of_arrival(rig: Rig) -> None:
    """However many come at once."""
    bot = rig.bot()
    for number in range(3 * AT_ONCE):
        bot.say("order.place", bot.signed({**ORDER, "newClientOrderId": f"a{number:02}"}))
    await rig.wait()
    placed = [sent.params["newClientOrderId"] for sent in rig.venue.sent]
    assert placed == [f"a{number:02}" for number in range(3 * AT_ONCE)]
    assert [each["id"] for each in bot.answers()] == list(range(1, 3 * AT_ONCE + 1))


@with_rig
async def test_two_requests_may_have_the_same_id(rig: Rig) -> None:
    """Each gets its own answer; another connection's answers never come here."""
    one, other = rig.bot(), rig.bot()
    for bot, name in ((one, "a"), (one, "b"), (other, "c")):
        bot.send({"id": 7, "method": "order.place", "params": bot.signed({**ORDER, "newClientOrderId": name})})
    await rig.wait()
    assert [answer["result"]["clientOrderId"] for answer in one.answers()] == ["a", "b"]
    assert [answer["result"]["clientOrderId"] for answer in other.answers()] == ["c"]


@with_rig
async def test_a_bot_that_is_gone_sends_nothing(rig: Rig) -> None:
    """What has not left when its connection ends does not leave; it says so in the journal."""
    bot = rig.bot()
    rig.gateway.signer.silent = True
    bot.say("order.place", bot.signed({**ORDER, "newClientOrderId": "a"}))
    await rig.wait()
    bot.wire.abort()
    rig.gateway.signer.silent = False
    await rig.wait(4)
    assert rig.venue.sent == []
    assert [outcome["outcome"] for outcome in rig.journal.of("outcome")] == ["NOT_SENT"]
    late = rig.bot()
    late.say("order.place", late.signed({**ORDER, "newClientOrderId": "b"}))
    late.wire.abort()
    await rig.wait(1)
    assert rig.venue.sent == []
    assert rig.journal.of("outcome")[1]["reason"] == "bot_gone"


@pytest.mark.threat(13)
@with_rig
async def test_ten_malformed_frames_in_a_row_are_enough(rig: Rig) -> None:
    """Each is answered and recorded; one good request between them begins the count anew."""
    bot = rig.bot()
    bad = ["{", "[]", '{"id":1,"id":2,"method":"ping"}', '{"id":1,"method":"ping","params":{"a":NaN}}', "[" * 500]
    for text in [*bad, *bad[:4]]:
        say(bot, text)
    await rig.wait()
    assert [each["error"]["code"] for each in bot.answers()] == [-1135] * 9
    assert (await bot.ask("ping"))["status"] == 200
    for text in bad * 8:
        say(bot, text)
    await rig.wait()
    assert [reason(each) for each in bot.answers()] == ["ws_frame_malformed"] * 10
    assert bot.code == 1008
    assert len(rig.journal.of("denied")) == 19


def say(bot: object, text: str) -> None:
    """Send a text that is no request."""
    bot._client.send_text(text.encode())  # type: ignore[attr-defined]
    bot.give(b"".join(bot._client.data_to_send()))  # type: ignore[attr-defined]


@with_rig
async def test_an_id_that_is_none_is_told(rig: Rig) -> None:
    """And a method that is none, by its own reason."""
    bot = rig.bot()
    bot.send({"id": 1.5, "method": "ping"})
    bot.send({"id": "x", "method": "order.everything"})
    bot.send({"id": "y", "method": "ping", "params": []})
    await rig.wait()
    found = [(each["id"], reason(each)) for each in bot.answers()]
    assert found == [(None, "ws_id_malformed"), ("x", "ws_method_unknown"), ("y", "ws_params_malformed")]


@pytest.mark.threat(13)
@with_rig
async def test_what_waits_for_the_exchange_is_small(rig: Rig) -> None:
    """A request may have 64 KiB of what is read and dropped; none of that is kept while its answer is awaited."""
    bot = rig.bot()
    rig.venue.delay_s = 0.5
    gc.collect()
    before = _large_texts()
    for number in range(READS):
        bot.say("depth", {"symbol": "BTCUSDT", "limit": number + 1, "recvWindow": f"{number}" + "0" * 60_000})
    await rig.wait(0.1)
    assert len(rig.venue.sent) == READS
    assert _large_texts() - before <= 2
    await rig.wait(0.6)
    assert {each["status"] for each in bot.answers()} == {200}


def _large_texts() -> int:
    """How many texts and bytes of a whole request there are in what the connections hold."""
    held = [each for each in gc.get_objects() if isinstance(each, Inquiry | Call | Frame)]
    parts = [part for each in held for part in gc.get_referents(each)]
    return sum(isinstance(part, str | bytes) and len(part) > 50_000 for part in parts)


@with_rig
async def test_a_flood_is_read_no_faster_than_it_is_answered(rig: Rig) -> None:
    """A few of a connection in each turn of the loop, and no more is read while many wait."""
    bot, other = rig.bot(), rig.bot()
    paused: list[bool] = []
    bot.wire.pause_reading = lambda: paused.append(True)  # type: ignore[method-assign]
    bot.wire.resume_reading = lambda: paused.append(False)  # type: ignore[method-assign]
    frames = []
    for number in range(MOST_WAITING + 2):
        bot._client.send_text(json.dumps({"id": number, "method": "session.status"}).encode())
        frames += bot._client.data_to_send()
    bot.give(b"".join(frames))
    other.say("session.status")
    bot.look()
    other.look()
    assert (len(bot.texts), len(other.texts)) == (0, 0)
    assert paused == [True]
    await rig.wait()
    assert (len(bot.answers()), len(other.answers())) == (MOST_WAITING + 2, 1)
    assert paused == [True, False]


@with_rig
async def test_what_waits_is_forgotten_with_the_connection(rig: Rig) -> None:
    """Nothing more of it is judged."""
    bot = rig.bot()
    bot.say("session.status")
    for number in range(3 * AT_ONCE):
        bot.say("order.place", bot.signed({**ORDER, "newClientOrderId": f"a{number}"}))
    bot.wire.abort()
    await rig.wait(0)
    assert len(rig.journal.of("intent")) == AT_ONCE
    assert rig.venue.sent == []


@with_rig
async def test_binary_messages_are_refused(rig: Rig) -> None:
    """As on streams."""
    bot = rig.bot()
    bot._client.send_binary(b"{}")
    bot.give(b"".join(bot._client.data_to_send()))
    await rig.wait()
    assert bot.code == 1003


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/ws-api.binance.com/ws-api/v3", (101, None)),
        ("/ws-fapi.binance.com/ws-fapi/v1", (101, None)),
        ("/ws-dapi/v1", (101, None)),
        ("/ws-fapi.binance.com/ws-api/v3", (400, "stream_path_unknown")),
        ("/stream.binance.com/ws-api/v3", (400, "stream_path_unknown")),
        ("/ws-api/v3?responseFormat=sbe&sbeSchemaId=3", (501, "websocket_not_available")),
        ("/ws-papi/v1", (501, "websocket_not_available")),
    ],
)
def test_addresses(path: str, expected: tuple[int, str | None]) -> None:
    """By the plain base URL and with a host's name in front."""

    async def test(rig: Rig) -> None:
        bot = rig.bot(path)
        await rig.wait()
        assert (bot.status, bot.reason) == expected

    with_rig(test)()


@with_rig
async def test_connections_from_elsewhere_are_taken(rig: Rig) -> None:
    """Who asks is judged at each request."""
    bot = rig.bot(peer="10.0.0.5")
    assert bot.status == 101
    assert (await bot.ask("order.place", bot.signed(ORDER)))["status"] == 200


@with_rig
async def test_without_it_nobody_is_let_in(rig: Rig) -> None:
    """A gateway that was not given the API."""
    rig.upgrades.api = None
    bot = rig.bot()
    await rig.wait()
    assert bot.reason == "websocket_not_available"
