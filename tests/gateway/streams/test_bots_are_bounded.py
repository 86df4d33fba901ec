"""What a bot may do to a stream connection, and what that costs everybody else: nothing."""

import json
import os

import pytest
from tests.gateway.streams.rig import STEP_S, Bot, Rig, with_rig

from counterseal.core.streams import fan
from counterseal.gateway.streams import socket as module


@with_rig
async def test_the_exchanges_pace_is_the_bots(rig: Rig) -> None:
    """Five messages a second on spot, ten on futures, for as long as one likes."""
    spot, futures = rig.bot("/ws"), rig.bot("/market/ws")
    for _ in range(5):
        for bot, count in ((spot, 4), (futures, 9)):
            for number in range(count):
                bot.send({"method": "LIST_SUBSCRIPTIONS", "id": number})
        await rig.wait(1.1)
    assert (spot.code, futures.code) == (None, None)
    for number in range(6):
        spot.send({"method": "LIST_SUBSCRIPTIONS", "id": number})
    for number in range(11):
        futures.send({"method": "LIST_SUBSCRIPTIONS", "id": number})
    assert (spot.code, futures.code) == (1008, 1008)


@with_rig
async def test_a_bot_has_at_most_1024_streams(rig: Rig) -> None:
    """The command that would exceed it is refused as a whole."""
    bot = rig.bot("/ws")
    names = [f"s{number}@trade" for number in range(1025)]
    bot.send({"method": "SUBSCRIBE", "params": names[:1000], "id": 1})
    bot.send({"method": "SUBSCRIBE", "params": names[999:], "id": 2})
    bot.send({"method": "SUBSCRIBE", "params": names[999:1024], "id": 3})
    await rig.wait(0.2)
    answers = [json.loads(text) for text in bot.take()]
    assert [("error" in answer, answer["id"]) for answer in answers] == [(False, 1), (True, 2), (False, 3)]
    assert rig.hub.report()["streams"] == 1024


@with_rig
async def test_what_does_not_fit_upstream_is_refused_whole(rig: Rig) -> None:
    """Four full connections are enough; nothing is half subscribed, and places become free again."""
    before, fan.MOST_ON_A_LINE = fan.MOST_ON_A_LINE, 2
    try:
        full, late = rig.bot("/stream?streams=" + "/".join(f"s{number}@trade" for number in range(7))), rig.bot("/ws")
        late.send({"method": "SUBSCRIBE", "params": ["s0@trade", "x@trade", "x@trade", "y@trade"], "id": 1})
        late.send({"method": "LIST_SUBSCRIPTIONS", "id": 2})
        never = rig.bot("/stream?streams=x@trade/y@trade")
        await rig.wait(1)
        refused, listed = (json.loads(text) for text in late.take())
        assert (refused["error"]["code"], listed["result"], never.code) == (2, [], 1013)
        assert (rig.hub.report()["streams"], len(rig.exchange.live)) == (7, 4)
        full.wire.abort()
        await rig.wait(1)
        late.send({"method": "SUBSCRIBE", "params": ["s0@trade", "x@trade", "y@trade"], "id": 3})
        await rig.wait(1)
        assert late.take() == [b'{"result":null,"id":3}']
    finally:
        fan.MOST_ON_A_LINE = before


@with_rig
async def test_a_bot_that_answers_no_ping_is_ended(rig: Rig) -> None:
    """A minute after it was asked."""
    bot = rig.bot("/ws/btcusdt@trade")
    mute = rig.bots.pop()
    other = rig.bot("/ws/btcusdt@trade")
    await rig.idle(79, 1)
    assert not mute.wire.is_over
    await rig.idle(3, 1)
    assert mute.wire.is_over
    assert mute.code == 1008
    assert (other.code, bot) == (None, mute)


@pytest.mark.threat(38)
@with_rig
async def test_a_slow_reader_is_cut_and_nobody_else_waits(rig: Rig) -> None:
    """WSF-2: of 100 bots one stops reading for ten minutes (WSF2_MINUTES; fewer are enough to see it cut).

    It is told and gone within ten seconds; the others lose nothing, then and later.
    """
    path = "/stream?streams=btcusdt@trade/btcusdt@depth@100ms/ethusdt@trade"
    bots = [rig.bot(path) for _ in range(100)]
    slow = bots[7]
    await rig.wait(1)
    slow.wire.reads, slow.wire._high = False, 1
    stopped = rig.clock.monotonic_ns()
    while not slow.wire.is_over:
        await rig.wait(STEP_S)
        assert rig.clock.monotonic_ns() - stopped <= 10e9 + STEP_S * 1e9
    cut_s = (rig.clock.monotonic_ns() - stopped) / 1e9
    assert [row["what"] for row in rig.told] == ["stream_reader_cut"]
    await rig.wait(float(os.environ.get("WSF2_MINUTES", "1")) * 60 - cut_s)
    others = [bot.take() for bot in bots if bot is not slow]
    assert all(texts == others[0] for texts in others)
    updates = [json.loads(text)["data"] for text in others[0] if b"@depth" in text[:40]]
    assert len(updates) > 50
    assert [after["U"] for after in updates[1:]] == [before["u"] + 1 for before in updates[:-1]]
    assert {bot.code for bot in bots if bot is not slow} == {None}
    assert rig.hub.report()["cut"] == 1
    print(f"\n100 bots: the slow one was cut after {cut_s:.1f} s; each other one got {len(others[0])} messages, lost 0")


@pytest.mark.threat(38)
@with_rig
async def test_who_did_not_even_read_the_handshakes_answer_is_cut(rig: Rig) -> None:
    """Its buffer was full when the stream began, and nobody says so a second time."""
    bot = Bot(rig, "/ws/btcusdt@trade")
    bot.wire.reads, bot.wire._high = False, 100
    bot.connect()
    await rig.wait(11)
    assert [row["what"] for row in rig.told] == ["stream_reader_cut"]
    assert bot.wire.is_over


@pytest.mark.threat(38)
@with_rig
async def test_too_much_that_waits_ends_the_connection_before_its_time(rig: Rig) -> None:
    """Changes of a book may not be left out, so the bot is told to start anew: 1013."""
    before, module.BACKLOG = module.BACKLOG, 2_000
    try:
        bot = rig.bot("/ws/btcusdt@depth@100ms")
        await rig.wait(0.5)
        bot.wire.reads, bot.wire._high = False, 1
        await rig.wait(6)
        assert rig.told == [{"what": "stream_reader_cut", "why": "more waits than may", "streams": 1, "waited": 0}]
        bot.wire.read()
        assert bot.code == 1013
    finally:
        module.BACKLOG = before


@with_rig
async def test_of_best_prices_the_newest_waits(rig: Rig) -> None:
    """A bot that reads again in time gets the last message of each such stream, not all of them."""
    fast, slow = rig.bot("/ws/btcusdt@bookTicker"), rig.bot("/ws/btcusdt@bookTicker")
    await rig.wait(1)
    slow.wire.reads, slow.wire._high = False, 1
    await rig.wait(5)
    slow.wire.read()
    await rig.wait(0.1)
    assert slow.code is None
    mine, all_of_it = slow.take(), fast.take()
    assert mine[-1] == all_of_it[-1]
    assert len(mine) < len(all_of_it)
    assert rig.hub.report()["dropped"] == len(all_of_it) - len(mine)


@with_rig
async def test_a_gateway_that_stops_says_so(rig: Rig) -> None:
    """1001, and nothing is left behind."""
    bots = [rig.bot("/ws/btcusdt@trade") for _ in range(3)]
    await rig.wait(1)
    for held in list(rig.door.open):
        held.drain()
    await rig.wait(1)
    assert [bot.code for bot in bots] == [1001] * 3
    assert not rig.door.open
    assert not rig.door.per_source
