"""What a bot may do to a stream connection, and what that costs everybody else: nothing."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.gateway.streams.rig import STEP_S, Bot, Rig, with_rig
from websockets.frames import Frame, Opcode

from counterseal.core.streams import fan
from counterseal.gateway.streams import socket as module

MASK = bytes(4)


def frame(opcode: Opcode, data: bytes = b"", fin: bool = True) -> bytes:
    """A client's frame."""
    return Frame(opcode, data, fin).serialize(mask=True)


def _ping_flood() -> bytes:
    return frame(Opcode.PING) * 100_000


def _pong_flood() -> bytes:
    return frame(Opcode.PONG) * 100_000


def _fragments() -> bytes:
    return frame(Opcode.TEXT, b"{", fin=False) + frame(Opcode.CONT, b" ", fin=False) * 100_000


def _empty_fragments() -> bytes:
    return frame(Opcode.TEXT, b"", fin=False) + frame(Opcode.CONT, b"", fin=False) * 100_000


def _commands() -> bytes:
    text = b'{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":1}'
    return frame(Opcode.TEXT, text) * 10_000


def _unmasked() -> bytes:
    return Frame(Opcode.TEXT, b"{}").serialize(mask=False)


def _giant_length() -> bytes:
    return b"\x81\xff" + b"\x7f" + b"\xff" * 7 + MASK + b"x"


def _too_long() -> bytes:
    return b"\x81\xff" + (65_537).to_bytes(8, "big") + MASK + b"x" * 100


def _long_in_pieces() -> bytes:
    return frame(Opcode.TEXT, b"x" * 40_000, fin=False) + frame(Opcode.CONT, b"x" * 40_000)


def _reserved_bit() -> bytes:
    return b"\xc1\x80" + MASK


def _unknown_opcode() -> bytes:
    return b"\x83\x80" + MASK


def _binary() -> bytes:
    return frame(Opcode.BINARY, b"{}")


def _flood_and_fault() -> bytes:
    return frame(Opcode.PING) * 10 + _unmasked()


def _no_utf8_and_goodbye() -> bytes:
    return _no_utf8() + frame(Opcode.CLOSE, b"\x03\xe8")


def _no_utf8() -> bytes:
    return frame(Opcode.TEXT, b"\xff\xfe")


def _long_ping() -> bytes:
    return b"\x89\xfe\x00\x7e" + MASK + b"x" * 126


def _fragmented_ping() -> bytes:
    return b"\x09\x80" + MASK


def _lone_continuation() -> bytes:
    return frame(Opcode.CONT, b"x")


def _text_within_text() -> bytes:
    return frame(Opcode.TEXT, b"x", fin=False) + frame(Opcode.TEXT, b"y")


FLOODS = {
    _ping_flood: 1008, _pong_flood: 1008, _fragments: 1008, _empty_fragments: 1008, _commands: 1008,
    _unmasked: 1002, _giant_length: 1009, _too_long: 1009, _long_in_pieces: 1009, _reserved_bit: 1002,
    _unknown_opcode: 1002, _binary: 1003, _long_ping: 1002, _fragmented_ping: 1002, _lone_continuation: 1002,
    _text_within_text: 1002,
    _no_utf8: 1007,
    _flood_and_fault: 1002,
    _no_utf8_and_goodbye: 1000,
}  # fmt: skip


@pytest.mark.threat(37)
@pytest.mark.parametrize("flood", FLOODS, ids=lambda flood: flood.__name__.strip("_"))
def test_a_flood_ends_its_connection(tmp_path: Path, flood: Callable[[], bytes]) -> None:
    """At once, with the right code, at hardly any cost, and the bot beside it gets everything (WSF-1)."""

    async def test(rig: Rig) -> None:
        other, bad = rig.bot("/ws/btcusdt@bookTicker"), rig.bot("/ws/btcusdt@trade")
        await rig.wait(1)
        data = flood()
        begun = time.process_time()
        for start in range(0, len(data), 65_536):
            bad.give(data[start : start + 65_536])
        assert time.process_time() - begun < 0.25
        assert bad.code == FLOODS[flood]
        before = len(other.take())
        await rig.wait(2)
        assert len(other.take()) > before
        assert other.code is None
        assert rig.hub.report()["bots"] == 1
        assert rig.told == []

    with_rig(test)(tmp_path)


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
    """WSF-2 with 20 bots: the one that stops reading is told and gone within ten seconds; the others lose nothing."""
    path = "/stream?streams=btcusdt@trade/btcusdt@depth@100ms/ethusdt@trade"
    bots = [rig.bot(path) for _ in range(20)]
    slow = bots[7]
    await rig.wait(1)
    slow.wire.reads, slow.wire._high = False, 1
    stopped = rig.clock.monotonic_ns()
    while not slow.wire.is_over:
        await rig.wait(STEP_S)
        assert rig.clock.monotonic_ns() - stopped <= 10e9 + STEP_S * 1e9
    assert [row["what"] for row in rig.told] == ["stream_reader_cut"]
    await rig.wait(2)
    others = [bot.take() for bot in bots if bot is not slow]
    assert all(texts == others[0] for texts in others)
    updates = [json.loads(text)["data"] for text in others[0] if b"@depth" in text[:40]]
    assert len(updates) > 5
    assert [after["U"] for after in updates[1:]] == [before["u"] + 1 for before in updates[:-1]]
    assert rig.hub.report()["cut"] == 1


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
