"""What a connection asks of whoever gives out user data, and what it tells it."""

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

from tests.gateway.wsapi.rig import ED_KEY, KEY, ORDER, Rig, reason

from counterseal.gateway.reply import Reply
from counterseal.gateway.wsapi.users import EventSocket, UserAsk


@dataclass
class Recorder:
    """Gives each a subscription, and its first event at once."""

    asked: list[UserAsk] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def answer(self, ask: UserAsk) -> Reply:
        self.asked.append(ask)
        asyncio.get_running_loop().call_soon(ask.socket.send, b'{"subscriptionId":0,"event":{}}')
        return Reply(200, b'{"subscriptionId":0}')

    def subscriptions(self, _socket: EventSocket) -> list[int]:
        return [0, 3]

    def has_session_one(self, _socket: EventSocket) -> bool:
        return True

    def logged_out(self, _socket: EventSocket) -> None:
        self.told.append("logged out")

    def gone(self, _socket: EventSocket) -> None:
        self.told.append("gone")


def with_users(test: Any) -> Any:
    """Run a test with a recorder behind the connections."""

    def run() -> None:
        async def whole() -> None:
            users = Recorder()
            rig = Rig(users=users)
            await rig.gateway.warm()
            await test(rig, users)
            await rig.end()

        asyncio.run(whole())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


@with_users
async def test_a_subscription_by_signature(rig: Rig, users: Recorder) -> None:
    """Whose it is has been proven; the answer comes before the first event."""
    bot = rig.bot()
    bot.say("userDataStream.subscribe.signature", bot.signed({}))
    await rig.wait()
    assert bot.answers() == [
        {"id": 1, "status": 200, "result": {"subscriptionId": 0}, "rateLimits": []},
        {"subscriptionId": 0, "event": {}},
    ]
    (ask,) = users.asked
    assert (ask.method, dict(ask.values), ask.by_session) == ("userDataStream.subscribe.signature", {}, False)
    assert ask.credential is rig.state.credentials[KEY]
    assert (await bot.ask("session.subscriptions"))["result"] == [{"subscriptionId": 0}, {"subscriptionId": 3}]


@with_users
async def test_a_subscription_by_session(rig: Rig, users: Recorder) -> None:
    """It needs no time, and a library that names the signed method in a session means the same."""
    bot = rig.bot()
    assert reason(await bot.ask("userDataStream.subscribe")) == "credential_missing"
    assert reason(await bot.ask("userDataStream.subscribe", {"apiKey": KEY})) == "endpoint_refused"
    logon = await bot.ask("session.logon", bot.signed({}, key=ED_KEY))
    assert logon["result"]["userDataStream"] is True
    bot.say("userDataStream.subscribe")
    bot.say("userDataStream.subscribe.signature", {"timestamp": bot.now_ms(1)})
    await rig.wait()
    bot.answers()
    assert [(ask.by_session, ask.credential and ask.credential.key_id) for ask in users.asked] == [(True, ED_KEY)] * 2
    users.told.clear()
    await bot.ask("session.logout")
    assert users.told == ["logged out"]


@with_users
async def test_the_end_of_a_subscription(rig: Rig, users: Recorder) -> None:
    """It is the connection's own affair, so that nobody has to prove anything."""
    bot = rig.bot()
    bot.say("userDataStream.unsubscribe", {"subscriptionId": 3, "apiKey": KEY})
    await rig.wait()
    assert (dict(users.asked[0].values), users.asked[0].credential) == ({"subscriptionId": "3"}, None)
    bot.wire.abort()
    await rig.wait()
    assert users.told == ["gone"]


@with_users
async def test_what_asks_for_something_else_ends_nothing(rig: Rig, users: Recorder) -> None:
    """Without the one number that it knows it would end all of them."""
    bot = rig.bot()
    for wrong in ("subscriptionID", "subscriptionid", "id"):
        assert reason(await bot.ask("userDataStream.unsubscribe", {wrong: 3})) == "unknown_parameter"
    assert reason(await bot.ask("session.logout", {"symbol": "BTCUSDT"})) == "unknown_parameter"
    assert (users.asked, users.told) == ([], [])
    asked = bot.signed({"subscriptionId": 3, "returnRateLimits": False, "recvWindow": 5000})
    bot.say("userDataStream.unsubscribe", asked)
    bot.say("session.status", bot.signed({}))
    await rig.wait()
    assert [each["status"] for each in bot.answers() if "event" not in each] == [200, 200]
    assert [dict(ask.values) for ask in users.asked] == [{"subscriptionId": "3"}]


@with_users
async def test_a_connection_that_is_to_end_takes_exits_only(rig: Rig, users: Recorder) -> None:
    """Else it would never end while a bot goes on trading on it, deaf to what it has missed."""
    bot = rig.bot()
    rig.venue.delay_s = 0.1
    bot.say("order.place", bot.signed({**ORDER, "newClientOrderId": "one"}))
    bot.say("userDataStream.subscribe.signature", bot.signed({}))
    await rig.wait(0.05)
    users.asked[0].socket.drain()
    bot.answers()
    bot.say("order.place", bot.signed({**ORDER, "newClientOrderId": "two"}))
    bot.say("ping")
    bot.say("userDataStream.subscribe.signature", bot.signed({}, skew_ms=1))
    bot.say("order.cancel", bot.signed({"symbol": "BTCUSDT", "orderId": 7}))
    await rig.wait()
    assert [(each["status"], reason(each)) for each in bot.answers()] == [(503, "draining")] * 3
    await rig.wait(0.06)
    assert bot.code is None
    await rig.wait(0.06)
    assert ([each["status"] for each in bot.answers()], bot.code) == ([200, 200], 1001)
    assert [sent.method for sent in rig.venue.sent] == ["POST", "DELETE"]
    assert len(users.asked) == 1


@with_users
async def test_a_revoked_credential_ends_the_sessions_events(rig: Rig, users: Recorder) -> None:
    """As soon as the connection asks for anything."""
    bot = rig.bot()
    await bot.ask("session.logon", bot.signed({}, key=ED_KEY))
    users.told.clear()
    rig.state.credentials = {}
    assert reason(await bot.ask("userDataStream.subscribe")) == "credential_or_signature"
    assert users.told == ["logged out"]
    assert users.asked == []


@with_users
async def test_a_bot_without_the_right_is_refused(rig: Rig, users: Recorder) -> None:
    """User data is the account's: a bot needs that purpose."""
    config = rig.state.config
    rig.state.config = replace(config, bots={"alpha": replace(config.bots["alpha"], purposes=("trade",))})
    bot = rig.bot()
    assert reason(await bot.ask("userDataStream.subscribe.signature", bot.signed({}))) == "purpose_not_allowed"
    assert (await bot.ask("session.logon", bot.signed({}, key=ED_KEY, skew_ms=1)))["status"] == 200
    assert users.asked == []
