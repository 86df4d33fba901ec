"""A session speaks for its bot until it logs out, and not a request longer than its credential may."""

from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from tests.gateway.wsapi.rig import ED_KEY, KEY, ORDER, Caller, Rig, public_pem, reason, with_rig

from counterseal.core.config.model import HourRange


async def logged_on(rig: Rig, **more: Any) -> Caller:
    """A bot with a session."""
    bot = rig.bot(**more)
    answer = await bot.ask("session.logon", bot.signed({}, key=ED_KEY))
    assert answer["status"] == 200, answer
    return bot


@with_rig
async def test_a_session_from_logon_to_logout(rig: Rig) -> None:
    """It shows the bot's own key, and a request needs a time alone."""
    bot = rig.bot()
    begun_ms = bot.now_ms()
    before = (await bot.ask("session.status"))["result"]
    assert before == {
        "apiKey": None, "authorizedSince": None, "connectedSince": begun_ms, "returnRateLimits": True,
        "serverTime": begun_ms, "userDataStream": False,
    }  # fmt: skip
    assert reason(await bot.ask("order.place", {**ORDER, "timestamp": bot.now_ms()})) == "credential_missing"
    await rig.wait(1)
    answer = await bot.ask("session.logon", bot.signed({}, key=ED_KEY))
    since_ms = begun_ms + 1000
    assert answer["result"] == {**before, "apiKey": ED_KEY, "authorizedSince": since_ms, "serverTime": since_ms}
    placed = await bot.ask("order.place", {**ORDER, "timestamp": bot.now_ms()})
    assert placed["status"] == 200
    (intent,) = rig.journal.of("intent")
    assert (intent["form"], intent["bot"], intent["signature"]) == ("session", "alpha", intent["request"])
    assert (await bot.ask("session.subscriptions"))["result"] == []
    assert (await bot.ask("session.logout"))["result"]["apiKey"] is None
    assert reason(await bot.ask("order.place", {**ORDER, "timestamp": bot.now_ms(1)})) == "credential_missing"


@pytest.mark.threat(24)
@with_rig
async def test_no_key_of_ours_is_shown(rig: Rig) -> None:
    """The signer's key stands in no answer of a session."""
    bot = await logged_on(rig)
    bot.say("session.status")
    bot.say("account.status", {"timestamp": bot.now_ms()})
    await rig.wait()
    assert all(b"K" * 64 not in text for text in bot.take())


@with_rig
async def test_a_session_is_its_connections(rig: Rig) -> None:
    """Another connection of the same bot has none."""
    await logged_on(rig)
    other = rig.bot()
    assert reason(await other.ask("account.status", {"timestamp": other.now_ms()})) == "credential_missing"


@with_rig
async def test_a_request_may_name_another_key(rig: Rig) -> None:
    """With its signature; without one the session does not help it."""
    bot = await logged_on(rig)
    assert (await bot.ask("order.place", bot.signed(ORDER, key=KEY)))["status"] == 200
    bare = {**ORDER, "apiKey": ED_KEY, "timestamp": bot.now_ms(1)}
    assert reason(await bot.ask("order.place", bare)) == "signature_missing"
    wrong = {**ORDER, "timestamp": bot.now_ms(1), "signature": "x"}
    assert reason(await bot.ask("order.place", wrong)) == "credential_or_signature"


@pytest.mark.threat(18)
@with_rig
async def test_a_sessions_request_is_good_once(rig: Rig) -> None:
    """As any other; and so is a logon."""
    bot = await logged_on(rig)
    asked = {**ORDER, "timestamp": bot.now_ms(1)}
    assert (await bot.ask("order.place", asked))["status"] == 200
    assert reason(await bot.ask("order.place", asked)) == "replayed"
    logon, other = bot.signed({}, key=ED_KEY, skew_ms=2), rig.bot()
    assert (await bot.ask("session.logon", logon))["status"] == 200
    assert reason(await other.ask("session.logon", logon)) == "replayed"
    assert (await other.ask("session.status"))["result"]["apiKey"] is None
    assert reason(await other.ask("order.test", {**logon, **ORDER})) == "credential_or_signature"


@with_rig
async def test_two_methods_of_one_moment_are_two_requests(rig: Rig) -> None:
    """Without a signature nothing can be carried from one to the other; an exit must not be taken for the question."""
    bot = await logged_on(rig)
    named = {"symbol": "BTCUSDT", "orderId": 7, "timestamp": bot.now_ms(1)}
    assert reason(await bot.ask("order.status", named)) is None
    assert reason(await bot.ask("order.cancel", named)) is None
    assert [sent.method for sent in rig.venue.sent] == ["GET", "DELETE"]
    assert (await bot.ask("account.status", {"timestamp": bot.now_ms(2)}))["status"] == 200
    assert reason(await bot.ask("userDataStream.subscribe.signature", {"timestamp": bot.now_ms(2)})) != "replayed"


@pytest.mark.threat(18)
@with_rig
async def test_an_order_of_a_session_is_good_once_by_any_way(rig: Rig) -> None:
    """Also where it has no id by which it would be known."""
    bot = await logged_on(rig)
    at_ms = bot.now_ms(1)
    assert (await bot.ask("order.place", {**ORDER, "timestamp": at_ms}))["status"] == 200
    assert reason(await bot.ask("order.test", {**ORDER, "timestamp": at_ms})) == "replayed"
    assert reason(await bot.ask("order.place", bot.signed(ORDER, key=ED_KEY, skew_ms=1))) == "replayed"
    assert reason(await rig.bot().ask("order.place", bot.signed(ORDER, key=ED_KEY, skew_ms=1))) == "replayed"
    assert len(rig.venue.sent) == 1


@with_rig
async def test_only_ed25519_logs_on(rig: Rig) -> None:
    """As at the exchange."""
    bot = rig.bot()
    answer = await bot.ask("session.logon", bot.signed({}))
    assert (reason(answer), answer["error"]["code"]) == ("ws_session_key_kind", -1020)
    assert (await bot.ask("session.status"))["result"]["apiKey"] is None
    wrong = {**bot.signed({}, key=ED_KEY), "signature": "AA=="}
    assert reason(await bot.ask("session.logon", wrong)) == "credential_or_signature"
    assert reason(await bot.ask("session.logon", bot.signed({"symbol": "X"}, key=ED_KEY))) == "unknown_parameter"
    assert [entry["reason"] for entry in rig.journal.of("denied")] == [
        "ws_session_key_kind", "credential_or_signature", "unknown_parameter",
    ]  # fmt: skip


@pytest.mark.threat(17)
@pytest.mark.parametrize("what", ["revoked", "replaced", "expired", "elsewhere", "hours", "policy"])
def test_a_session_ends_with_its_credential(what: str) -> None:
    """At the next request, whatever took the right away."""
    expected = {"replaced": "credential_or_signature", "revoked": "credential_or_signature",
                "expired": "credential_expired", "elsewhere": "source_not_allowed", "hours": "outside_hours",
                "policy": "purpose_not_allowed"}[what]  # fmt: skip

    async def test(rig: Rig) -> None:
        bot = await logged_on(rig)
        known = rig.state.credentials[ED_KEY]
        saturday = HourRange(0, 1, frozenset({5}))
        changed = {
            "replaced": replace(known, public_key=public_pem(ed25519.Ed25519PrivateKey.from_private_bytes(b"x" * 32))),
            "expired": replace(known, expires_ms=bot.now_ms()),
            "elsewhere": replace(known, sources=(ip_network("10.0.0.0/8"),)),
            "hours": replace(known, hours=(saturday,)),
        }
        others = {name: each for name, each in rig.state.credentials.items() if name != ED_KEY}
        rig.state.credentials = {**others, ED_KEY: changed[what]} if what in changed else others
        if what == "policy":
            rig.state.credentials = {**others, ED_KEY: known}
            rig.state.config = replace(rig.state.config, bots={})
        for number in range(2):
            answer = await bot.ask("order.place", {**ORDER, "timestamp": bot.now_ms(number)})
            is_over = number and expected == "credential_or_signature"
            assert reason(answer) == ("credential_missing" if is_over else expected)
        assert rig.venue.sent == []
        told = (await bot.ask("session.status"))["result"]["apiKey"]
        assert told == (None if expected == "credential_or_signature" else ED_KEY)

    with_rig(test)()


@with_rig
async def test_a_revoked_session_is_not_shown_either(rig: Rig) -> None:
    """Also when it is asked for its status first."""
    bot = await logged_on(rig)
    rig.state.credentials = {}
    assert (await bot.ask("session.status"))["result"]["apiKey"] is None


@with_rig
async def test_a_logon_takes_the_place_of_the_one_before(rig: Rig) -> None:
    """And a refused one changes nothing."""
    bot = await logged_on(rig)
    assert (await bot.ask("session.logon", {"timestamp": bot.now_ms(1)}))["result"]["apiKey"] == ED_KEY
    assert reason(await bot.ask("session.logon", bot.signed({}, key=KEY))) == "ws_session_key_kind"
    assert (await bot.ask("session.status"))["result"]["apiKey"] == ED_KEY


@with_rig
async def test_a_session_of_futures(rig: Rig) -> None:
    """It has no subscriptions to list."""
    bot = await logged_on(rig, path="/ws-fapi/v1")
    assert (await bot.ask("v2/account.status", {"timestamp": bot.now_ms()}))["status"] == 200
    assert reason(await bot.ask("session.subscriptions")) == "ws_method_unknown"
