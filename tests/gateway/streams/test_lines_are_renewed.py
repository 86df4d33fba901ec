"""A connection to the exchange ends: announced, by age, or without a word. Bots stay connected through all of it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.gateway.streams.rig import Bot, Rig, Wire, with_rig

from counterseal.core.streams.frames import text_frame
from counterseal.gateway import listener
from counterseal.gateway.streams import hub

NAMES = ("btcusdt@depth@100ms", "btcusdt@trade", "btcusdt@bookTicker", "ethusdt@aggTrade")
PATH = "/stream?streams=" + "/".join(NAMES)


def written(wire: Wire) -> list[bytes]:
    """The stream messages that the exchange wrote into one connection."""
    return [data[data.index(b"{") :] for data in wire.written if b'{"stream":"' in data[:24]]


def once(rig: Rig, name: str) -> list[bytes]:
    """All messages of a stream on any connection, each once, in the order of the exchange."""
    mark = b'{"stream":"%b"' % name.encode()
    return list(dict.fromkeys(text for wire in rig.exchange.wires for text in written(wire) if text.startswith(mark)))


def check_nothing_is_missing(rig: Rig, bot: Bot) -> None:
    """Every stream has every message once, and the book's updates follow one another."""
    got = bot.take()
    for name in NAMES:
        mine = [text for text in got if text.startswith(b'{"stream":"%b"' % name.encode())]
        assert mine == once(rig, name)
        assert len(mine) > 5
    updates = [json.loads(text)["data"] for text in got if b"@depth" in text[:40]]
    assert [after["U"] for after in updates[1:]] == [before["u"] + 1 for before in updates[:-1]]


def _nothing(_rig: Rig) -> None:
    pass


def _old_is_late(rig: Rig) -> None:
    rig.exchange.wires[0].hold()


def _new_is_late(rig: Rig) -> None:
    rig.exchange.wires[1].hold()


@pytest.mark.parametrize("lateness", [_nothing, _old_is_late, _new_is_late])
def test_a_shutdown_is_not_noticed(tmp_path: Path, lateness: Callable[[Rig], None]) -> None:
    """`serverShutdown`: the successor stands before the old one goes; no gap, no repeat, whichever is slower."""

    async def test(rig: Rig) -> None:
        bot = rig.bot(PATH)
        await rig.wait(5)
        going = rig.exchange.announce_shutdown()
        await rig.wait(0.6)
        assert len(rig.exchange.live) == 2
        lateness(rig)
        # The successor takes over in the meantime.
        await rig.wait(3)
        for wire in rig.exchange.wires:
            wire.release()
        await rig.wait(0.5)
        for socket in going:
            socket.close(1001, "Server is shutting down")
        await rig.wait(10)
        assert rig.told == []
        assert rig.hub.report()["renewed"] == 1
        check_nothing_is_missing(rig, bot)

    with_rig(test)(tmp_path)


@with_rig
async def test_a_successor_that_must_go_too_is_replaced(rig: Rig) -> None:
    """It may stand on the server that shuts down."""
    bot = rig.bot(PATH)
    await rig.wait(5)
    rig.exchange.announce_shutdown()
    await rig.wait(0.6)
    assert len(rig.exchange.live) == 2
    rig.exchange.announce_shutdown()
    await rig.wait(10)
    assert (rig.hub.report()["renewed"], rig.told) == (2, [])
    check_nothing_is_missing(rig, bot)


@with_rig
async def test_a_shutdown_ends_with_the_connection_it_was_told_on(rig: Rig) -> None:
    """What is made anew for the next listener does not need a successor."""
    bot = rig.bot("/ws/btcusdt@trade")
    await rig.wait(1)
    rig.exchange.announce_shutdown()
    bot.send({"method": "UNSUBSCRIBE", "params": ["btcusdt@trade"], "id": 1})
    await rig.wait(32)
    before, live = rig.exchange.dialled, len(rig.exchange.live)
    bot.send({"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": 2})
    await rig.wait(5)
    assert (live, len(rig.exchange.live), rig.exchange.dialled - before) == (0, 1, 1)


@with_rig
async def test_a_day_ends_with_a_successor(rig: Rig) -> None:
    """24 hours at the exchange's terms: the bot is never disconnected, and misses and repeats nothing."""
    before, hub.TICK_S, listener.SWEEP_S = (hub.TICK_S, listener.SWEEP_S), 30.0, 30.0
    try:
        bot = rig.bot("/stream?streams=ethusdt@avgPrice")
        await rig.idle(23 * 3600 + 780, 30)
        assert [len(rig.exchange.live), rig.exchange.dialled] == [1, 1]
        hub.TICK_S = 0.25
        bot.send({"method": "SUBSCRIBE", "params": list(NAMES), "id": 1})
        await rig.idle(117, 1)
        assert rig.exchange.dialled == 1
        bot.take()
        for wire in rig.exchange.wires:
            wire.written.clear()
        await rig.wait(12)
        assert [len(rig.exchange.live), rig.exchange.dialled] == [1, 2]
        check_nothing_is_missing(rig, bot)
        bot.send({"method": "UNSUBSCRIBE", "params": list(NAMES), "id": 2})
        hub.TICK_S = 30.0
        await rig.idle(3600, 30)
        assert (bot.code, rig.told, len(rig.exchange.live)) == (None, [], 1)
    finally:
        hub.TICK_S, listener.SWEEP_S = before


@with_rig
async def test_a_lost_connection_is_made_again(rig: Rig) -> None:
    """Without a word: by choice the bots stay, and what they listen to is asked for anew."""
    rig.manner = "event"
    bot = rig.bot(PATH)
    await rig.wait(2)
    rig.exchange.live[0].abort()
    await rig.wait(3)
    assert len(rig.exchange.live) == 1
    assert bot.code is None
    bot.take()
    await rig.wait(2)
    assert {json.loads(text)["stream"] for text in bot.take()} == set(NAMES)
    assert [(row["what"], row["host"], row["streams"]) for row in rig.told] == [
        ("stream_lost", "stream.binance.com", 4)
    ]
    assert rig.hub.report()["lost"] == 1


def come_back(rig: Rig) -> int:
    """Bots that were disconnected connect again. Gives how many."""
    gone = [bot for bot in rig.bots if bot.code is not None]
    for bot in gone:
        rig.bots.remove(bot)
        rig.bot(bot.path)
    return len(gone)


@with_rig
async def test_an_exchange_that_is_down_is_asked_seldom(rig: Rig) -> None:
    """At most one in four seconds over all lines, however many bots insist."""
    rig.exchange.is_down = True
    for _ in range(10):
        rig.bot(PATH)
        rig.bot("/market/ws/btcusdt@markPrice")
    times: list[tuple[float, int]] = []
    closes = 0
    for second in range(600):
        await rig.idle(1, 1)
        times.append((second, rig.exchange.dialled))
        closes += come_back(rig)
    # Told every ten seconds that there is nothing.
    assert 1_000 < closes <= 1_200
    assert all(after - times[at][1] <= 75 for at, (_, after) in enumerate(times[300:]))
    assert rig.exchange.dialled > 30
    assert 0 < rig.hub.report()["attempts"] <= 75
    rig.exchange.is_down = False
    for _ in range(350):
        await rig.idle(1, 1)
        come_back(rig)
    assert rig.hub.report()["attempts"] == 0
    await rig.wait(3)
    assert len(rig.exchange.live) == 2
    assert all(bot.take() for bot in rig.bots)


@with_rig
async def test_a_silent_exchange_is_left(rig: Rig) -> None:
    """It is asked after half a minute and given up a quarter of a minute later."""
    bot = rig.bot("/ws/btcusdt@trade")
    await rig.wait(1)
    first = rig.exchange.live[0]
    first.hold()
    await rig.idle(44, 1)
    assert rig.exchange.dialled == 1
    await rig.idle(4, 1)
    assert rig.exchange.dialled == 2
    await rig.wait(2)
    assert bot.take()
    assert rig.told[0]["why"] == "silent"


@with_rig
async def test_a_successor_that_never_stands_changes_nothing(rig: Rig) -> None:
    """The old connection goes on, and another successor is tried later."""
    bot = rig.bot(PATH)
    await rig.wait(3)
    rig.exchange.is_down = True
    rig.exchange.announce_shutdown()
    await rig.wait(3)
    assert rig.exchange.dialled > 1
    rig.exchange.is_down = False
    await rig.wait(20)
    assert rig.hub.report()["renewed"] == 1
    assert rig.told == []
    check_nothing_is_missing(rig, bot)


@with_rig
async def test_many_streams_are_told_within_the_exchanges_pace(rig: Rig) -> None:
    """1,024 streams at once, then a bot that changes its mind all the time: no connection is lost."""
    kinds = [f"@kline_{size}" for size in ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h")]
    names = [f"s{number}{kind}" for number in range(102) for kind in kinds]
    bot = rig.bot("/ws")
    for at in range(0, len(names), 300):
        bot.send({"method": "SUBSCRIBE", "params": names[at : at + 300], "id": at})
    await rig.wait(1.1)
    for round_ in range(40):
        bot.send({"method": ("UNSUBSCRIBE", "SUBSCRIBE")[round_ % 2], "params": names[:100], "id": round_})
        await rig.wait(0.3)
    assert (bot.code, rig.told, rig.exchange.dialled) == (None, [], 1)
    assert rig.hub.report()["streams"] == len(names)
    await rig.wait(3)
    asked = [set(found) for _, verb, found in rig.exchange.said() if verb == "SUBSCRIBE"]
    assert set().union(*asked) == set(names)


@with_rig
async def test_names_that_the_exchange_refuses_are_told(rig: Rig) -> None:
    """Whoever listens to them would wait for ever, and nobody would know why."""
    bot = rig.bot("/ws/btcusdt@trade")
    await rig.wait(1)
    wire = rig.exchange.wires[0]
    wire.hold()
    bot.send({"method": "SUBSCRIBE", "params": ["ethusdt@trade"], "id": 7})
    await rig.wait(1)
    wire._arrive(text_frame(b'{"error":{"code":2,"msg":"Invalid request"},"id":2}'))
    assert [(row["what"], row["streams"]) for row in rig.told] == [("stream_refused", 1)]
    assert rig.hub.report()["unread"] == 0
