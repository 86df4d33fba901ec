"""What is refused, or cannot be reached, is asked for again neither too early nor too often."""

from __future__ import annotations

from typing import Any

from tests.gateway.userdata.feeding import KEY, LIMIT, wire_of
from tests.gateway.userdata.rig import Rig, with_rig
from tests.limits.house import key_of

from counterseal.paper.errors import ApiError


@with_rig(products=("spot", "usdm"))
async def test_a_refused_handshake_is_left_alone_for_as_long_as_the_exchange_wants(rig: Rig) -> None:
    limits, admit = rig.exchange.exchange.realtime.limits, rig.exchange.exchange.realtime.limits.admit

    def refuse(*_: Any) -> None:
        raise ApiError(-1003, "Too many requests.", 429, headers={"Retry-After": "20"})

    limits.admit = refuse  # type: ignore[method-assign]  # this exchange's alone
    for family in ("spot", "usdm"):
        wire_of(rig, family).lose()
    before = rig.attempts.count(rig.clock.monotonic_ns() // 1_000_000)
    await rig.wait(19)
    assert rig.attempts.count(rig.clock.monotonic_ns() // 1_000_000) - before == 2
    limits.admit = admit  # type: ignore[method-assign]
    await rig.wait(3)
    assert all(rig.row(family)["stands"] for family in ("spot", "usdm"))


@with_rig()
async def test_ten_minutes_without_the_exchange(rig: Rig) -> None:
    """Told at once, critical after ten seconds, tried again within the attempts that there are."""
    for heard in rig.listening.values():
        heard.gaps.clear()
    rig.exchange.is_down = rig.network.is_down = True
    for wire in rig.exchange.live:
        wire.abort()
    await rig.wait(9)
    assert all(heard.gaps == [] for heard in rig.listening.values())
    await rig.wait(2)
    assert all(heard.gaps == [whose] for whose, heard in rig.listening.items()), "it cannot be made"
    assert len(rig.log.of("critical")) == 3
    await rig.idle(600)
    assert rig.attempts.count(rig.clock.monotonic_ns() // 1_000_000) <= 19, "REST is down too: spot alone connects"
    assert len(rig.log.of("critical")) == 3
    assert len([line for line in rig.log.of("warning") if line == "no user data"]) <= 6
    rig.exchange.is_down = rig.network.is_down = False
    await rig.idle(60, 0.5)
    assert all(row["stands"] and row["gaps"] == 1 for row in rig.feeds.report())
    assert all(heard.gaps == [whose] * 2 for whose, heard in rig.listening.items())


@with_rig(products=("usdm",))
async def test_connections_without_rest_leave_the_attempts_to_others(rig: Rig) -> None:
    """A key that cannot be had is no connection."""
    rig.network.closed.add(b"POST " + KEY.encode())
    wire_of(rig, "usdm").lose()
    before = rig.attempts.count(rig.clock.monotonic_ns() // 1_000_000)
    await rig.idle(120, 0.5)
    assert rig.attempts.count(rig.clock.monotonic_ns() // 1_000_000) == before
    assert rig.row("usdm")["why"] == "no answer to a listen key's request"


@with_rig(products=("usdm",))
async def test_an_attempt_that_others_took_meanwhile_is_waited_for(rig: Rig) -> None:
    """The key that was got for it would be asked for four times a second."""
    rig.attempts.take = lambda _: False  # type: ignore[method-assign]
    asked = rig.mouth.count("POST", KEY)
    wire_of(rig, "usdm").lose()
    await rig.wait(20)
    assert 3 <= rig.mouth.count("POST", KEY) - asked <= 9
    del rig.attempts.take
    await rig.wait(31, 0.25)
    assert rig.row("usdm")["stands"]


@with_rig(products=("usdm", "spot"))
async def test_a_venue_that_refuses_user_data_disturbs_nothing(rig: Rig) -> None:
    """Told once, asked again after a minute, and orders go on."""
    rig.mouth.script[f"POST {KEY}"] = [(401, {"code": -2015, "msg": "Invalid API-key, IP, or permissions."})] * 9
    wire_of(rig, "usdm").lose()
    asked = rig.mouth.count("POST", KEY)
    await rig.wait(30)
    assert rig.mouth.count("POST", KEY) - asked == 1
    assert rig.row("usdm")["why"] == "listen key refused: status 401, code -2015"
    assert not rig.feeds.is_lost("main"), "what is refused is no feed"
    await rig.order("usdm", LIMIT)
    await rig.idle(200)
    assert 3 <= rig.mouth.count("POST", KEY) - asked <= 5
    assert len(rig.log.of("critical")) == 1
    assert rig.row("spot")["gaps"] == 0


@with_rig(products=("spot",))
async def test_a_subscription_that_the_signer_refuses_is_asked_for_once_a_minute(rig: Rig) -> None:
    rig.side.signer._desk._judge._pages.pop(("spot", "WS", "userDataStream.subscribe.signature"))
    wire_of(rig, "spot").lose()
    await rig.wait(5)
    assert rig.row("spot")["why"] == "the signer refuses a subscription: not_in_table"
    assert not rig.feeds.is_lost("main")
    assert rig.attempts.count(rig.clock.monotonic_ns() // 1_000_000) == 2
    await rig.order("spot", LIMIT)


@with_rig(products=("spot",))
async def test_a_subscription_that_the_exchange_ends_is_made_again(rig: Rig) -> None:
    """As it does when the key is deleted; here a key of the same name comes back."""
    rig.exchange.keys.delete(key_of("main").api_key)
    await rig.wait(2)
    assert (rig.row("spot")["stands"], rig.feeds.is_lost("main")) == (False, False)
    assert rig.row("spot")["why"].startswith("subscription refused: status 4")
    rig.exchange.keys.add(key_of("main"))
    await rig.wait(62, 0.25)
    assert (rig.row("spot")["stands"], rig.row("spot")["gaps"]) == (True, 1)


@with_rig(products=("usdm",))
async def test_a_feed_that_was_refused_and_is_now_lost_is_lost(rig: Rig) -> None:
    """A refusal of long ago does not speak for a connection that cannot be made."""
    rig.mouth.script[f"POST {KEY}"] = [(401, {"code": -2015, "msg": "Invalid API-key, IP, or permissions."})]
    rig.exchange.is_down = True
    wire_of(rig, "usdm").lose()
    await rig.wait(2)
    assert not rig.feeds.is_lost("main")
    await rig.wait(65, 0.25)
    assert rig.row("usdm")["why"] == "down"
    assert rig.feeds.is_lost("main")


@with_rig(products=("usdm",))
async def test_a_handshake_that_is_refused_is_a_refusal(rig: Rig) -> None:
    """The exchange has no user data for this address: nothing is closed by it for ever. Too many requests are none."""
    limits, admit = rig.exchange.exchange.realtime.limits, rig.exchange.exchange.realtime.limits.admit
    status = 403

    def refuse(*_: Any) -> None:
        raise ApiError(-1, "No.", status, headers={"Retry-After": "1"})

    limits.admit = refuse  # type: ignore[method-assign]  # this exchange's alone
    wire_of(rig, "usdm").lose()
    await rig.wait(2)
    assert (rig.row("usdm")["why"], rig.feeds.is_lost("main")) == ("handshake refused: 403", False)
    dialled = rig.exchange.dialled
    await rig.wait(50, 0.25)
    assert rig.exchange.dialled == dialled
    status = 429
    await rig.wait(15, 0.25)
    assert (rig.row("usdm")["why"], rig.feeds.is_lost("main")) == ("handshake refused: 429", True)
    limits.admit = admit  # type: ignore[method-assign]
    await rig.wait(40, 0.25)
    assert rig.row("usdm")["stands"]


@with_rig(products=("usdm",))
async def test_no_room_is_waited_for(rig: Rig) -> None:
    """A ban of the address is one of REST and streams."""
    rig.state.wall.note("usdm", 418, 30, rig.state.monotonic_ms(), "")
    wire_of(rig, "usdm").lose()
    asked = rig.mouth.count("POST", KEY)
    await rig.wait(28)
    assert rig.mouth.count("POST", KEY) == asked
    assert rig.row("usdm")["why"] == "no room for a listen key: venue_ban"
    await rig.wait(8)
    assert rig.row("usdm")["stands"]


@with_rig(products=("spot",))
async def test_a_subscription_that_nobody_answers_is_given_up(rig: Rig) -> None:
    """The connection itself may live on."""
    session = next(iter(rig.exchange.exchange.realtime._sessions))
    type(session).on_text, was = (lambda *_: None), type(session).on_text  # type: ignore[method-assign,union-attr,assignment]
    try:
        wire_of(rig, "spot").lose()
        await rig.wait(25, 0.25)
        assert (rig.exchange.dialled, rig.row("spot")["stands"]) == (2, False)
        await rig.wait(8, 0.25)
        assert rig.row("spot")["why"] == "no subscription"
    finally:
        type(session).on_text = was  # type: ignore[method-assign,union-attr,assignment]
    await rig.wait(32, 0.25)
    assert rig.row("spot")["stands"]


@with_rig(products=("usdm",))
async def test_a_connection_that_is_cut_again_and_again_leaves_attempts_to_others(rig: Rig) -> None:
    """It waits longer each time, until one has lasted a minute."""
    began = rig.attempts.count(rig.clock.monotonic_ns() // 1_000_000)
    for _ in range(240):
        for wire in rig.exchange.live:
            wire.lose()
        await rig.wait(0.25)
    assert 5 <= rig.attempts.count(rig.clock.monotonic_ns() // 1_000_000) - began <= 9
    await rig.wait(100, 0.25)
    assert rig.row("usdm")["stands"]
    wire_of(rig, "usdm").lose()
    await rig.wait(0.7)
    assert rig.row("usdm")["stands"]
