"""Large answers to reads wait outside of memory that is theirs alone, and hold up nobody's orders."""

import asyncio
import json
from unittest import mock

import msgspec
import pytest
from tests.gateway.wsapi.rig import ORDER, Caller, Rig, reason, with_rig

from counterseal.gateway.wsapi import large
from counterseal.gateway.wsapi.large import ALWAYS, LARGE
from counterseal.gateway.wsapi.socket import READS

RULES = "/api/v3/executionRules"


def body_of(size: int) -> msgspec.Raw:
    """An answer of that many bytes and a few more."""
    return msgspec.Raw(b'{"symbols":["%b"]}' % (b"x" * size))


def held(*bots: Caller) -> int:
    """How many bytes wait in memory for bots to read them."""
    return sum(bot.wire.get_write_buffer_size() for bot in bots)


@pytest.mark.threat(13)
@with_rig
async def test_one_connection_holds_one_large_answer(rig: Rig) -> None:
    """However many it asked for and did not read; when it reads it gets all, and orders pass meanwhile."""
    bot = rig.bot()
    rig.venue.script[RULES] = [(200, body_of(1 << 20))]
    bot.wire.reads = False
    for _ in range(READS):
        bot.say("executionRules")
    await rig.wait()
    assert 1 << 20 < held(bot) < 2 << 20
    bot.say("order.place", bot.signed(ORDER))
    await rig.wait()
    assert len(rig.journal.of("outcome")) == 1
    for _ in range(READS):
        bot.wire.read()
        bot.wire.reads = False
        await rig.wait()
    bot.wire.read()
    bot.look()
    assert sorted(json.loads(text)["id"] for text in bot.take()) == list(range(1, READS + 2))


@pytest.mark.threat(13)
@with_rig
async def test_all_connections_together_hold_so_much(rig: Rig) -> None:
    """What has no room waits until others have read or are cut; small answers and orders' wait for nobody."""
    # As it is, an eighth of it.
    with mock.patch.object(large, "MOST", large.MOST // 8):
        await _fill(rig, large.MOST)


async def _fill(rig: Rig, most: int) -> None:
    bots = [rig.bot() for _ in range(24)]
    rig.venue.script[RULES] = [(200, body_of(2 << 20))]
    rig.venue.script["/api/v3/klines"] = [(200, body_of(ALWAYS // 2))]
    for bot in bots:
        bot.wire.reads = False
        bot.say("executionRules")
    await rig.wait()
    assert most - (3 << 20) < held(*bots) <= most
    other = rig.bot()
    other.say("executionRules")
    assert (await other.ask("order.place", other.signed(ORDER)))["status"] == 200
    assert (await other.ask("klines", {"symbol": "BTCUSDT", "interval": "1m"}))["status"] == 200
    for _ in range(10):
        await rig.wait(4)
        for bot in (*bots, other):
            bot.look()
        assert held(*[bot for bot in bots if not bot.wire.is_over]) <= most
    (answer,) = other.answers()
    assert (answer["id"], answer["status"]) == (1, 200)
    assert all(bot.wire.is_over for bot in bots)


@pytest.mark.threat(13)
@with_rig
async def test_what_tls_has_taken_is_held_too(rig: Rig) -> None:
    """Its own transport takes any one write whole, and says so at none but the next."""
    bot = rig.bot()
    rig.venue.script[RULES] = [(200, body_of(ALWAYS))]
    taken = _sealed(bot)
    for _ in range(4):
        bot.say("executionRules")
    await rig.wait()
    assert ALWAYS < sum(taken) < 2 * ALWAYS
    line = rig.upgrades.api and rig.upgrades.api.large
    assert line is not None
    assert line.held > ALWAYS
    await rig.wait(10)
    assert bot.wire.is_over


def _sealed(bot: Caller) -> list[int]:
    """Have the bot read nothing, behind TLS: gives the sizes of what was written."""
    taken: list[int] = []
    outer = bot.wire.write

    def write(data: bytes) -> None:
        taken.append(len(data))
        if sum(taken) - len(data) > 64 << 10:
            outer(data)

    bot.wire.reads = False
    bot.wire.write = write  # type: ignore[method-assign]
    return taken


@with_rig
async def test_what_waits_has_its_place_in_flight(rig: Rig) -> None:
    """Else a bot that never reads could have any number of answers kept for it."""
    bot = rig.bot()
    rig.venue.script[RULES] = [(200, body_of(LARGE * 40))] * 3
    bot.wire.reads = False
    for _ in range(READS + 2):
        bot.say("executionRules")
        await rig.wait()
    bot.wire.read()
    await rig.wait()
    found = bot.answers()
    assert [reason(each) for each in found if each["status"] != 200] == ["ws_too_many_in_flight"]
    assert len(found) == READS + 2


@with_rig
async def test_a_gateway_that_stops_gives_what_waits(rig: Rig) -> None:
    """The goodbye comes behind it."""
    bot = rig.bot()
    rig.venue.script[RULES] = [(200, body_of(LARGE * 40))]
    bot.wire.reads = False
    bot.say("executionRules")
    bot.say("executionRules")
    await rig.wait()
    for connection in list(rig.door.open):
        connection.drain()
    await rig.wait()
    assert not bot.wire.is_closing()
    bot.wire.read()
    await rig.wait()
    assert len(bot.answers()) == 2
    assert bot.code == 1001


@with_rig
async def test_what_waited_is_forgotten_with_the_connection(rig: Rig) -> None:
    """And its room is others'."""
    bot = rig.bot()
    rig.venue.script[RULES] = [(200, body_of(LARGE * 40))]
    bot.wire.reads = False
    for _ in range(3):
        bot.say("executionRules")
    await rig.wait()
    line = rig.upgrades.api and rig.upgrades.api.large
    assert line is not None
    assert (len(line), line.held > 0) == (1, True)
    bot.wire.abort()
    await rig.wait()
    assert (len(line), line.held) == (0, 0)


def test_one_that_breaks_costs_the_others_nothing() -> None:
    """The loop is told of it."""

    async def whole() -> tuple[list[str], list[str]]:
        given: list[str] = []
        told: list[str] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: told.append(str(context["exception"])))
        line = large.LargeAnswers()
        for name in ("a", "b"):
            line.add(Ready(), 1, lambda name=name: given.append(name) if name == "b" else int(name))  # type: ignore[misc]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return given, told

    assert asyncio.run(whole()) == (["b"], ["invalid literal for int() with base 10: 'a'"])


class Ready:
    """A connection that takes everything."""

    is_ready = True
