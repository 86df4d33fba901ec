"""A bot halts itself: here at once, by the guard for good; and what it cannot do that way."""

import asyncio
from typing import Any

import pytest
from tests.gateway.failing_rig import FUTURES
from tests.gateway.guarded import Guarded, trip
from tests.gateway.rig import ORDER, Rig, on_virtual_time, why
from tests.gateway.test_halts import CLOSED, OPEN, asked, ready

from counterseal.core.overload import LEAST
from counterseal.core.own_calls import HALT_PATH
from counterseal.gateway.self_halts import CAUSE, CONFIRM_S

ALPHA = {"bot": "alpha", "cause": CAUSE, "cancels": False}


async def confirmed(rig: Guarded, *, cancels: bool = False) -> None:
    """The guard does what a guard does: the ladder first, then its word for it."""
    await rig.ladder(trip("bot alpha"))
    await rig.tell({"type": "halts_ack", "bots": [{"bot": "alpha", "cancels": cancels}]})


@pytest.mark.threat(61)
@on_virtual_time
async def test_it_is_in_force_before_anybody_else_has_heard_of_it() -> None:
    """And answered when the guard has it."""
    rig = await ready()
    task = rig.start("POST", HALT_PATH, "scope=bot&cause=odd%20fills")
    await rig.clock.advance(0)
    assert not task.done() and rig.venue.sent == []
    assert rig.said("halts") == [{"type": "halts", "wanted": [{**ALPHA, "cause": f"{CAUSE}: odd fills"}]}]
    assert (await asked(rig, *CLOSED["futures"])) == ("halted", False)
    assert (await asked(rig, *OPEN["reduce"]))[0] in (None, "outcome_unknown")
    assert rig.journal.of("event")[-1]["trips"][0]["actor"] == "bot"
    await confirmed(rig)
    await rig.clock.advance(0.01)
    reply = task.result()
    assert (reply.status, reply.body) == (200, b'{"scope":"bot alpha","rung":"HALTED"}')
    await rig.clock.advance(5)
    assert len(rig.said("halts")) == 1
    # An operator gives it back, and nothing here holds against that.
    await rig.ladder()
    assert (await asked(rig, *CLOSED["futures"])) == (None, True)
    await rig.end()


@on_virtual_time
async def test_what_the_guard_does_not_confirm_is_told_again_and_refused_meanwhile() -> None:
    """The bot hears that it must not rely on it over a restart."""
    rig = await ready()
    task = rig.start("POST", HALT_PATH, "scope=bot")
    await rig.clock.advance(CONFIRM_S + 0.1)
    assert (why(task.result()), task.result().status) == ("halt_unconfirmed", 503)
    assert int(task.result().headers["X-Counterseal-Since"]) > 0
    await rig.clock.advance(3)
    assert 4 <= len(rig.said("halts")) <= 5
    await rig.ladder(trip("bot beta"))
    assert (await asked(rig, *CLOSED["futures"])) == ("halted", False)
    await confirmed(rig)
    told = len(rig.said("halts"))
    await rig.clock.advance(3)
    assert len(rig.said("halts")) == told
    await rig.end()


@on_virtual_time
async def test_that_orders_shall_go_too_is_told_even_while_the_first_word_is_on_its_way() -> None:
    rig = await ready()
    rig.start("POST", HALT_PATH, "scope=bot")
    await rig.clock.advance(0.001)
    more = rig.start("POST", HALT_PATH, "scope=bot&cancel=true")
    await rig.clock.advance(0)
    await confirmed(rig)
    await rig.clock.advance(0.01)
    assert not more.done()
    assert rig.said("halts")[-1]["wanted"] == [{**ALPHA, "cancels": True}]
    await confirmed(rig, cancels=True)
    await rig.clock.advance(0.01)
    assert more.result().status == 200
    # One who says it a hundred times more writes nothing more.
    events = len(rig.journal.of("event"))
    for _ in range(100):
        again = rig.start("POST", HALT_PATH, "scope=bot&cancel=true")
        await rig.clock.advance(0.001)
        await confirmed(rig, cancels=True)
        await rig.clock.advance(0.01)
        assert again.result().status == 200
    assert len(rig.journal.of("event")) == events
    await rig.end()


@pytest.mark.threat(62)
@pytest.mark.parametrize(
    ("method", "path", "query", "reason"),
    [
        ("POST", HALT_PATH, "scope=fleet", "malformed_value"),
        ("POST", HALT_PATH, "scope=account", "malformed_value"),
        ("POST", HALT_PATH, "", "mandatory_parameter"),
        ("POST", HALT_PATH, "scope=bot&rung=FLATTEN", "unknown_parameter"),
        ("POST", HALT_PATH, "scope=bot&scope=bot", "repeated_parameter"),
        ("POST", HALT_PATH, "scope=bot&bot=beta", "unknown_parameter"),
        ("DELETE", HALT_PATH, "scope=bot", "unknown_endpoint"),
        ("GET", HALT_PATH, "scope=bot", "unknown_endpoint"),
        ("POST", "/counterseal/v1/resume", "scope=bot", "unknown_endpoint"),
        ("POST", f"/api.binance.com{HALT_PATH}", "scope=bot", "unknown_endpoint"),
    ],
)
def test_a_bot_halts_nobody_else_and_gives_nothing_back(method: str, path: str, query: str, reason: str) -> None:
    @on_virtual_time
    async def run() -> None:
        rig = await ready()
        reply = await rig.ask(method, path, query)
        assert (why(reply), rig.said("halts"), rig.venue.sent) == (reason, [], [])
        assert rig.journal.of("denied")[-1]["reason"] == reason
        await rig.end()

    run()


@pytest.mark.threat(62)
@on_virtual_time
async def test_one_payload_halts_once() -> None:
    """Whoever has seen it cannot undo what an operator has decided since."""
    rig = await ready()
    inquiry = rig.inquiry("POST", HALT_PATH, "scope=bot")
    again = rig.inquiry("POST", HALT_PATH, "scope=bot")
    first = asyncio.get_running_loop().create_task(rig.finish(inquiry))
    await rig.clock.advance(0)
    await confirmed(rig)
    await rig.clock.advance(0.01)
    assert first.result().status == 200
    await rig.ladder()
    assert why(await rig.finish(again)) == "replayed"
    assert (await asked(rig, *CLOSED["futures"])) == (None, True)
    forged = rig.inquiry("POST", HALT_PATH, "scope=bot")
    forged.head = forged.head._replace(query=forged.head.query[:-4] + b"0000")
    assert why(await rig.finish(forged)) == "credential_or_signature"
    await rig.end()


@on_virtual_time
async def test_overload_keeps_nobody_from_halting() -> None:
    rig = await ready()
    rig.state.overload.since_ns = rig.clock.monotonic_ns()
    rig.state.overload._refused_ns = rig.clock.monotonic_ns()
    rig.state.overload._most = LEAST
    for _ in range(LEAST + 1):
        assert rig.handler.shed(rig.inquiry("POST", HALT_PATH, "scope=bot")) is None
    assert rig.handler.shed(rig.inquiry("POST", FUTURES, ORDER)) is not None
    await rig.end()


@pytest.mark.parametrize("message", [{}, {"bots": {}}, {"bots": 1}])
def test_nonsense_of_the_guard_confirms_nothing(message: dict[str, Any]) -> None:
    @on_virtual_time
    async def run() -> None:
        rig = await ready()
        task = rig.start("POST", HALT_PATH, "scope=bot")
        await rig.clock.advance(0)
        await rig.tell({"type": "halts_ack", **message})
        await rig.tell({"type": "halts_ack", "bots": [1, {}, {"bot": "beta", "cancels": True}]})
        await rig.clock.advance(0.1)
        assert rig.link._link.bad == 1 and not task.done()
        await rig.clock.advance(1)
        assert why(task.result()) == "halt_unconfirmed"
        await rig.end()

    run()


def test_without_a_guard_there_is_no_such_call() -> None:
    """Nobody could latch it."""

    @on_virtual_time
    async def run() -> None:
        rig = await Rig().warm()
        assert why(await rig.ask("POST", HALT_PATH, "scope=bot")) == "unknown_endpoint"
        await rig.end()

    run()
