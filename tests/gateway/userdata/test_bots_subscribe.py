"""Bots subscribe to spot user data on the WebSocket API: one subscription an account and connection."""

import hashlib
import hmac
import json
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest
from tests.gateway.streams.rig import Bot
from tests.gateway.userdata.bots import SHARED, BotsRig, with_bots
from tests.gateway.userdata.test_bots_keys import AWAY, bind

from counterseal.gateway.recovery import recover
from counterseal.gateway.wsapi.users import UserAsk

ALPHA, BETA = "&type=MARKET&newClientOrderId=a-", "&type=MARKET&newClientOrderId=b-"
API = "/ws-api/v3"


def ask(rig: BotsRig, socket: Bot, method: str, bot: str = "", asked: int = 1, **values: Any) -> None:
    """Send a request, signed where a bot is named."""
    if bot:
        credential = rig.side.line.credential(bot, "")
        values = {**values, "apiKey": credential.key_id, "timestamp": rig.clock.wall_ns() // 1_000_000}
        payload = "&".join(f"{name}={values[name]}" for name in sorted(values))
        values["signature"] = hmac.new(credential.secret, payload.encode(), hashlib.sha256).hexdigest()
    socket.send({"id": asked, "method": f"userDataStream.{method}" if "." not in method else method, "params": values})


async def subscribed(rig: BotsRig, bot: str, socket: Bot | None = None) -> Bot:
    """Connect and subscribe."""
    socket = socket or rig.bot(API)
    ask(rig, socket, "userDataStream.subscribe.signature", bot)
    await rig.wait(0.1)
    answer = json.loads(socket.take()[-1])
    assert answer["status"] == 200, answer
    return socket


def replies(socket: Bot) -> list[dict[str, Any]]:
    """What came since the last call, events left out."""
    return [found for text in socket.take() if "id" in (found := json.loads(text))]


def seen(socket: Bot) -> list[tuple[int, str, str]]:
    """Subscription, kind and client order id of the events that came."""
    found = [json.loads(text) for text in socket.take()]
    return [
        (each["subscriptionId"], each["event"]["e"], each["event"].get("c", "")) for each in found if "event" in each
    ]


@pytest.mark.threat(25)
@with_bots()
async def test_each_sees_its_own_orders_and_ends_its_own_subscription(rig: BotsRig) -> None:
    """`unsubscribe` without a number ends everything of that connection, and of no other."""
    alpha, beta = [await subscribed(rig, name) for name in SHARED]
    await rig.order("spot", ALPHA + "1")
    await rig.order("spot", BETA + "1", bot="beta")
    rig.outside("spot")
    await rig.wait(0.3)
    assert seen(alpha) == [(0, "executionReport", "a-1")] * 2
    assert seen(beta) == [(0, "executionReport", "b-1")] * 2
    ask(rig, alpha, "unsubscribe")
    await rig.wait(0.1)
    # The goodbye of a subscription, and the answer.
    texts = [json.loads(text) for text in alpha.take()]
    assert [text.get("event", text.get("result", {})).get("e") for text in texts] == ["eventStreamTerminated", None]
    await rig.order("spot", ALPHA + "2")
    await rig.order("spot", BETA + "2", bot="beta")
    await rig.wait(0.3)
    assert (seen(alpha), seen(beta)) == ([], [(0, "executionReport", "b-2")] * 2)


@with_bots({"alpha": "main"})
async def test_the_only_bot_gets_every_byte(rig: BotsRig) -> None:
    """Reports, lists and balances, as the exchange wrote them."""
    socket = await subscribed(rig, "alpha")
    rig.heard("spot").events.clear()
    rig.outside("spot")
    await rig.order("spot", "&type=LIMIT&timeInForce=GTC&price=50000")
    await rig.wait(0.3)
    told = [event.text for event in rig.heard("spot").events]
    assert len(told) >= 4
    assert socket.take() == [b'{"subscriptionId":0,"event":%b}' % text for text in told]


@with_bots({"alpha": "main", "beta": "other"})
async def test_one_for_each_account_of_a_connection(rig: BotsRig) -> None:
    """A second one of the same account is refused as the exchange refuses it; numbers are never used again."""
    socket = await subscribed(rig, "alpha")
    ask(rig, socket, "userDataStream.subscribe.signature", "alpha", 2)
    ask(rig, socket, "userDataStream.subscribe.signature", "beta", 3)
    await rig.wait(0.1)
    assert [(each["status"], each.get("error", each.get("result"))) for each in replies(socket)] == [
        (400, {"code": -2035, "msg": "User Data Stream subscription already active."}),
        (200, {"subscriptionId": 1}),
    ]
    ask(rig, socket, "session.subscriptions")
    ask(rig, socket, "unsubscribe", subscriptionId=0)
    ask(rig, socket, "unsubscribe", subscriptionId=0)
    await subscribed(rig, "alpha", socket)
    ask(rig, socket, "session.subscriptions")
    await rig.wait(0.1)
    assert replies(socket)[-1]["result"] == [{"subscriptionId": 1}, {"subscriptionId": 2}]
    await rig.order("spot", ALPHA + "1")
    await rig.order("spot", BETA + "1", bot="beta")
    await rig.wait(0.3)
    assert {(number, name) for number, kind, name in seen(socket) if kind == "executionReport"} == {
        (2, "a-1"), (1, "b-1"),
    }  # fmt: skip


@with_bots({"alpha": "main"})
async def test_a_number_that_is_not_there(rig: BotsRig) -> None:
    """-2036, also for another connection's."""
    socket, other = await subscribed(rig, "alpha"), rig.bot(API)
    ask(rig, other, "unsubscribe", subscriptionId=0)
    ask(rig, socket, "unsubscribe", subscriptionId=7)
    await rig.wait(0.1)
    assert [each["error"]["code"] for each in (*replies(other), *replies(socket))] == [-2036, -2036]
    await rig.order("spot")
    await rig.wait(0.3)
    assert len(seen(socket)) >= 2


@pytest.mark.threat(25)
@with_bots()
async def test_a_revoked_credential_and_a_gap_end_it(rig: BotsRig) -> None:
    """As the exchange ends a subscription, within a second. After a gap the connection ends too.

    ccxt waits for the next event and does not hear that its subscription has ended; a lost connection it does hear.
    """
    alpha, beta = [await subscribed(rig, name) for name in SHARED]
    key_id = rig.side.line.credential("alpha", "").key_id
    rig.state.credentials = {name: held for name, held in rig.state.credentials.items() if name != key_id}
    await rig.wait(0.6)
    assert (seen(alpha), seen(beta)) == ([(0, "eventStreamTerminated", "")], [])
    assert (alpha.code, rig.subscriptions.subscriptions(beta.wire.protocol)) == (None, [0])
    for wire in rig.exchange.live:
        wire.abort()
    await rig.wait(1.0)
    assert seen(beta) == [(0, "eventStreamTerminated", "")]
    assert (alpha.code, beta.code) == (None, 1001)
    again = await subscribed(rig, "beta")
    await rig.order("spot", BETA + "2", bot="beta")
    await rig.wait(0.3)
    assert seen(again) == [(0, "executionReport", "b-2")] * 2


@pytest.mark.threat(25)
@with_bots()
async def test_a_signature_is_believed_from_any_host(rig: BotsRig) -> None:
    """As that of an order is: no address need vouch for it, until one is asked for."""
    alpha = await subscribed(rig, "alpha", rig.bot(API, peer=AWAY))
    await rig.wait(0.6)
    await rig.order("spot", ALPHA + "1")
    await rig.wait(0.3)
    assert seen(alpha) == [(0, "executionReport", "a-1")] * 2
    bind(rig, "alpha", "127.0.0.0/8")
    await rig.wait(0.6)
    assert seen(alpha) == [(0, "eventStreamTerminated", "")]


@pytest.mark.threat(25)
@with_bots()
async def test_without_a_feed_nobody_is_let_wait(rig: BotsRig) -> None:
    """A stream that would be silent is refused, by either way; when events come again it is not."""
    key, socket = await rig.key("alpha"), rig.bot(API)
    said = rig.bot("/private/ws")
    rig.exchange.is_down = True
    for wire in rig.exchange.live:
        wire.abort()
    await rig.wait(0.1)
    assert await rig.refused(f"/private/ws/{key}") == "user_data_unavailable"
    ask(rig, socket, "userDataStream.subscribe.signature", "alpha")
    said.send({"method": "SUBSCRIBE", "params": [key], "id": 1})
    await rig.wait(0.1)
    assert [each["status"] for each in replies(socket)] == [503]
    assert "error" in json.loads(said.take()[0])
    rig.exchange.is_down = False
    await rig.wait(3)
    await subscribed(rig, "alpha", socket)
    assert rig.bot(f"/private/ws/{key}").status == 101


@with_bots({"alpha": "main"})
async def test_a_lost_connection_leaves_nothing_behind(rig: BotsRig) -> None:
    """Nobody listens to the account any more, and nothing is looked at again and again."""
    socket = await subscribed(rig, "alpha")
    assert rig.audience._places
    socket.wire.abort()
    await rig.wait(0.6)
    assert not rig.audience._places
    assert rig.subscriptions._timer is None


@with_bots({"alpha": "main"})
async def test_futures_keys_by_the_websocket_api(rig: BotsRig) -> None:
    """The same key as by REST, started, prolonged and ended by its API key alone."""
    key, socket = await rig.key("alpha"), rig.bot("/ws-fapi/v1")
    api_key = rig.side.line.credential("alpha", "").key_id
    for method in ("start", "ping", "stop", "ping"):
        ask(rig, socket, method, apiKey=api_key)
        await rig.wait(0.1)
    assert [(each["status"], each.get("result", each.get("error", {}).get("code"))) for each in replies(socket)] == [
        (200, {"listenKey": key}), (200, {"listenKey": key}), (200, {}), (400, -1125),
    ]  # fmt: skip


@pytest.mark.threat(25)
@with_bots()
async def test_a_cancel_replace_and_a_list_name_their_owner_alone(rig: BotsRig) -> None:
    """No event that a bot gets has an id of the other's orders in it."""
    alpha, beta = [await subscribed(rig, name) for name in SHARED]
    far = "&type=LIMIT&timeInForce=GTC&price=50000&newClientOrderId="
    await rig.order("spot", far + "beta-1", bot="beta")
    await rig.order("spot", far + "alpha-1")
    replaced = await rig.ask(
        "alpha", "POST", "/api/v3/order/cancelReplace",
        "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&price=51000&quantity=0.002"
        "&cancelReplaceMode=STOP_ON_FAILURE&cancelOrigClientOrderId=alpha-1&newClientOrderId=alpha-2",
    )  # fmt: skip
    assert replaced.status == 200, replaced
    listed = await rig.ask(
        "beta", "POST", "/api/v3/orderList/oco",
        "symbol=BTCUSDT&side=SELL&quantity=0.002&aboveType=LIMIT_MAKER&abovePrice=150000&belowType=STOP_LOSS"
        "&belowStopPrice=50000&listClientOrderId=beta-list&aboveClientOrderId=beta-2&belowClientOrderId=beta-3",
    )  # fmt: skip
    assert listed.status == 200, listed
    await rig.wait(0.3)
    ours, theirs = b"".join(alpha.take()), b"".join(beta.take())
    assert b"beta-" not in ours
    assert b"alpha-" not in theirs
    assert ours.count(b"executionReport") == 3
    assert b'"CANCELED"' in ours
    assert b"listStatus" in theirs
    assert theirs.count(b"executionReport") == 3
    await rig.order("spot", ALPHA + "9")


@pytest.mark.threat(25)
@with_bots()
async def test_an_order_that_another_amended_stays_its_owners(rig: BotsRig) -> None:
    """Who sees the account gives it another id: its bot hears of it as before and may cancel it, now and later."""
    bots = rig.state.config.bots
    rig.state.config = replace(rig.state.config, bots={**bots, "beta": replace(bots["beta"], sees_account=True)})
    alpha = await subscribed(rig, "alpha")
    await rig.order("spot", "&type=LIMIT&timeInForce=GTC&price=50000&newClientOrderId=a-1")
    for bot, old, new, size in (("beta", "a-1", "b-1", "0.0015"), ("alpha", "b-1", "a-2", "0.0014"),
                                ("beta", "a-2", "b-2", "0.0012")):  # fmt: skip
        query = f"symbol=BTCUSDT&origClientOrderId={old}&newClientOrderId={new}&newQty={size}"
        answer = await rig.ask(bot, "PUT", "/api/v3/order/amend/keepPriority", query)
        assert answer.status == 200, answer
    records = [{**record, "t": 0} for record in rig.side.journal.records]
    for ledger in (rig.state.ledger, recover(records, 1_000, 1_000).ledger):
        assert [ledger.owners("spot", "BTCUSDT", name, None) for name in ("b-1", "a-2", "b-2")] == [("alpha",)] * 3
    assert [each["bot"] for each in records if each["type"] == "intent"] == ["alpha", "beta", "alpha", "beta"]
    answer = await rig.ask("alpha", "DELETE", "/api/v3/order", "symbol=BTCUSDT&origClientOrderId=b-2")
    assert answer.status == 200, answer
    await rig.wait(0.3)
    told = [json.loads(text)["event"] for text in alpha.take()]
    assert [each["x"] for each in told] == ["NEW", "REPLACED", "REPLACED", "REPLACED", "CANCELED"]
    assert [each["c"] for each in told[:-1]] == ["a-1", "b-1", "a-2", "b-2"]
    assert told[-1]["C"] == "b-2"


@with_bots({"alpha": "main"})
async def test_what_came_by_the_logon_ends_with_it(rig: BotsRig) -> None:
    """And nothing else; a connection that has gone asks in vain."""
    socket = await subscribed(rig, "alpha")
    held = rig.state.credentials[rig.side.line.credential("alpha", "").key_id]
    listening = socket.wire.protocol
    asked = UserAsk(listening, "userDataStream.subscribe", {}, held, by_session=True, source=ip_address("127.0.0.1"))
    assert not rig.subscriptions.has_session_one(listening)
    ask(rig, socket, "unsubscribe")
    await rig.wait(0.1)
    assert rig.subscriptions.answer(asked).body == b'{"subscriptionId":1}'
    assert rig.subscriptions.has_session_one(listening)
    socket.take()
    rig.subscriptions.logged_out(listening)
    await rig.wait(0.1)
    assert seen(socket) == [(1, "eventStreamTerminated", "")]
    assert rig.subscriptions.subscriptions(listening) == []
    socket.wire.abort()
    await rig.wait(0.1)
    assert rig.subscriptions.answer(asked).status == 503
    assert rig.subscriptions.answer(asked._replace(credential=None)).status == 403
    assert rig.subscriptions.answer(asked._replace(method="userDataStream.subscribe.listenToken")).status == 403


@with_bots({"alpha": "main"})
async def test_no_events_in_microseconds(rig: BotsRig) -> None:
    """They come from the exchange in milliseconds, and are not changed: who asks for others gets none."""
    socket = rig.bot(f"{API}?timeUnit=MICROSECOND")
    ask(rig, socket, "userDataStream.subscribe.signature", "alpha")
    await rig.wait(0.1)
    assert [(each["status"], each["error"]["code"]) for each in replies(socket)] == [(501, -1020)]


@with_bots()
async def test_a_signer_that_is_away_ends_no_stream(rig: BotsRig) -> None:
    """It holds no keys for a moment: the bots' rights are as they were."""
    alpha = rig.bot(f"/private/ws/{await rig.key('alpha')}")
    held = dict(rig.side.signer.keys())
    rig.side.signer._held = {}
    assert (await rig.call("alpha", "POST")).status == 403
    await rig.wait(0.15)
    rig.side.signer._held = held
    await rig.wait(0.3)
    assert alpha.code in (None, 1012)
