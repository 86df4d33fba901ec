"""What a bot did not get is said: its connection ends, or a message says so; nothing goes on as if it were whole."""

import json
from typing import Any

from tests.gateway.streams.rig import Bot, Rig, with_rig

from counterseal.core.streams.sequence import Sequence

DEPTH = "btcusdt@depth@100ms"
NAMES = (DEPTH, "btcusdt@trade", "ethusdt@aggTrade")
PATH = "/stream?streams=" + "/".join(NAMES)


def notices(bot: Bot) -> list[dict[str, Any]]:
    """The gateway's own messages that came since the last look."""
    found = [json.loads(text) for text in bot.take()]
    return [row.get("data", row) for row in found if row.get("stream") == "!gap" or row.get("e") == "error"]


def lose_next(rig: Rig, name: str) -> None:
    """The exchange leaves out the next message of a stream."""
    rig.exchange.exchange.faults.take({"fault": "stream_gap", "match": {"method": "WS", "path": name}, "times": 1})


@with_rig
async def test_a_lost_connection_ends_the_bots_connections(rig: Rig) -> None:
    """They are told when it stands again: their snapshots fit what they get from then on."""
    bot, other = rig.bot(PATH), rig.bot("/market/ws/btcusdt@markPrice@1s")
    await rig.wait(2)
    rig.exchange.live[0].abort()
    await rig.wait(0.1)
    assert bot.code is None
    bot.take()
    await rig.wait(1.5)
    assert (bot.code, bot.take()) == (1012, [])
    assert (other.code, rig.hub.report()["told"], rig.hub.report()["down"]) == (None, 1, 0)
    back = rig.bot(PATH)
    await rig.wait(2)
    assert {json.loads(text)["stream"] for text in back.take()} == set(NAMES)
    assert [row["what"] for row in rig.told] == ["stream_lost"]


@with_rig
async def test_nobody_waits_longer_than_a_second_for_bad_news(rig: Rig) -> None:
    """The exchange is down: told after a second, and who comes back is told again that there is nothing."""
    bot = rig.bot(PATH)
    await rig.wait(2)
    rig.exchange.is_down = True
    rig.exchange.live[0].abort()
    await rig.wait(0.9)
    assert bot.code is None
    await rig.wait(0.5)
    assert bot.code == 1012
    back = rig.bot(PATH)
    await rig.wait(9)
    assert (back.code, rig.hub.report()["down"]) == (None, 1)
    await rig.wait(2)
    assert back.code == 1013
    rig.exchange.is_down = False
    last = rig.bot(PATH)
    await rig.wait(20)
    assert (last.code, rig.hub.report()["down"], rig.hub.report()["told"]) == (None, 0, 2)
    assert last.take()


@with_rig
async def test_a_hundred_bots_come_back_at_no_cost(rig: Rig) -> None:
    """They go and come over two seconds; the exchange sees one new connection and one message."""
    bots = [rig.bot(f"/stream?streams={NAMES[number % 3]}/btcusdt@kline_1m") for number in range(100)]
    rig.hub._freshness._draw = iter_draw()
    await rig.wait(2)
    said, dialled = len(rig.exchange.said()), rig.exchange.dialled
    rig.exchange.live[0].abort()
    at_once = []
    back = 0
    for _ in range(60):
        await rig.wait(0.1)
        gone = [bot for bot in bots if bot.code is not None]
        at_once.append(len(gone))
        for bot in gone:
            bots.remove(bot)
            rig.bots.remove(bot)
            rig.bot(f"/stream?streams={NAMES[back % 3]}/btcusdt@kline_1m")
            back += 1
    assert (back, len(bots), rig.exchange.dialled - dialled) == (100, 0, 1)
    assert max(at_once) <= 10
    assert [verb for _, verb, _ in rig.exchange.said()[said:]] == ["CONNECT", "SUBSCRIBE"]
    await rig.wait(15)
    assert [verb for _, verb, _ in rig.exchange.said()[said:]] == ["CONNECT", "SUBSCRIBE"]
    assert all(bot.code is None and bot.take() for bot in rig.bots)


def iter_draw() -> Any:
    """Draws that are spread evenly over what may be drawn."""
    count = iter(range(10_000))
    return lambda n: next(count) * 7919 % n


@with_rig
async def test_who_goes_for_good_is_unsubscribed_a_little_later(rig: Rig) -> None:
    """What is kept for bots that come back is not kept for ever."""
    bot = rig.bot(PATH)
    stays = rig.bot("/ws/btcusdt@trade")
    await rig.wait(2)
    lose_next(rig, DEPTH)
    await rig.wait(2)
    assert (bot.code, stays.code) == (1012, None)
    assert [verb for _, verb, _ in rig.exchange.said()] == ["CONNECT", "SUBSCRIBE"]
    await rig.wait(16)
    assert [(verb, sorted(names)) for _, verb, names in rig.exchange.said()[2:]] == [
        ("UNSUBSCRIBE", [DEPTH, "ethusdt@aggTrade"])
    ]


@with_rig
async def test_by_choice_a_message_says_so(rig: Rig) -> None:
    """Lost, and live again: each with the bot's own streams, and nothing missing after it."""
    rig.manner = "event"
    combined, raw = rig.bot(PATH), rig.bot("/ws/btcusdt@trade")
    await rig.wait(2)
    assert notices(combined) == []
    rig.exchange.live[0].abort()
    await rig.wait(3)
    told = notices(combined)
    assert [(row["e"], row["type"], row["state"], row["streams"]) for row in told] == [
        ("error", "StreamGap", "lost", list(NAMES)),
        ("error", "StreamGap", "live", list(NAMES)),
    ]
    assert [(row["state"], row["streams"]) for row in notices(raw)] == [
        ("lost", ["btcusdt@trade"]), ("live", ["btcusdt@trade"])
    ]  # fmt: skip
    assert (combined.code, raw.code, rig.hub.report()["told"]) == (None, None, 4)
    rig.exchange.is_down = True
    rig.exchange.live[0].abort()
    await rig.wait(0.5)
    late = rig.bot("/ws/btcusdt@trade")
    await rig.wait(11)
    assert [row["state"] for row in notices(combined)] == ["lost", "lost"]
    assert [row["state"] for row in notices(late)] == ["lost"]


@with_rig
async def test_a_message_that_the_exchange_left_out_is_noticed(rig: Rig) -> None:
    """By the ids of a book: its listeners are told, others are not; what came behind the gap goes to nobody."""
    listens, other = rig.bot(f"/stream?streams={DEPTH}"), rig.bot("/ws/btcusdt@trade")
    await rig.wait(2)
    whole = listens.take()
    lose_next(rig, DEPTH)
    await rig.wait(2)
    whole += listens.take()
    assert (listens.code, other.code) == (1012, None)
    ids = [json.loads(text)["data"] for text in whole]
    assert [after["U"] for after in ids[1:]] == [before["u"] + 1 for before in ids[:-1]]
    assert [(row["what"], row["stream"], row["gaps"]) for row in rig.told] == [("stream_gap", DEPTH, 1)]
    back = rig.bot(f"/stream?streams={DEPTH}")
    await rig.wait(2)
    lose_next(rig, DEPTH)
    await rig.wait(2)
    # So soon after the last notice it must see by the ids itself.
    assert (back.code, rig.hub.report()["gaps"]) == (None, 2)
    await rig.wait(60)
    lose_next(rig, DEPTH)
    await rig.wait(2)
    assert (back.code, rig.hub.report()["told"]) == (1012, 2)


@with_rig
async def test_a_gap_of_futures_is_seen_by_its_own_rule(rig: Rig) -> None:
    """`pu` of USD-M and COIN-M, told by a message."""
    rig.manner = "event"
    bots = [rig.bot("/public/ws/btcusdt@depth@100ms"), rig.bot("/dstream.binance.com/ws/btcusd_perp@depth@100ms")]
    await rig.wait(2)
    assert [notices(bot) for bot in bots] == [[], []]
    lose_next(rig, "btcusdt@depth@100ms")
    lose_next(rig, "btcusd_perp@depth@100ms")
    await rig.wait(2)
    assert [[row["state"] for row in notices(bot)] for bot in bots] == [["missed"], ["missed"]]
    assert rig.hub.report()["gaps"] == 2


@with_rig
async def test_a_stream_that_is_never_whole_does_not_shut_bots_out(rig: Rig) -> None:
    """A lying exchange: once a minute they are told, and few records are written."""
    bot = rig.bot(f"/stream?streams={DEPTH}")
    await rig.wait(1)
    closes = 0
    for _ in range(30):
        lose_next(rig, DEPTH)
        await rig.wait(1.5)
        if bot.code is not None:
            closes += 1
            bot = rig.bot(f"/stream?streams={DEPTH}")
    assert (closes, rig.hub.report()["gaps"] > 20, len(rig.told)) == (1, True, 20)


@with_rig
async def test_ages_are_told(rig: Rig) -> None:
    """Of the streams that are silent longest."""
    rig.bot("/stream?streams=btcusdt@avgPrice/" + DEPTH)
    rig.bot("/ws/btcusdt@blockTrade")
    await rig.wait(5)
    rows = rig.hub.report()["silent"]
    assert rows[0]["stream"] == "btcusdt@blockTrade"
    assert len(rows) == 3
    assert 4_000 < rows[0]["age_ms"] <= 5_000
    assert rows[1]["age_ms"] < 1_500


@with_rig
async def test_a_way_of_telling_that_changes_in_between_leaves_nobody_untold(rig: Rig) -> None:
    """A reload during an outage: who was to be disconnected is."""
    bot = rig.bot(PATH)
    await rig.wait(2)
    rig.exchange.live[0].abort()
    await rig.wait(0.1)
    rig.manner = "event"
    await rig.wait(2)
    assert bot.code == 1012


def test_a_sequence_is_cheap_to_follow() -> None:
    """The ids are found at the head, whatever the length of the message."""
    sequence = Sequence()
    text = b'{"stream":"x","data":{"e":"depthUpdate","E":1,"s":"X","U":1,"u":2,"b":[' + b'["1","2"],' * 1000 + b"]}}"
    assert sequence.follows(text)


@with_rig
async def test_a_successor_whose_beginning_fits_nothing_is_told(rig: Rig) -> None:
    """The old connection has been silent since before the successor stood: what it still had is missing."""
    bot = rig.bot(PATH)
    await rig.wait(3)
    old = rig.exchange.wires[0]
    rig.exchange.announce_shutdown()
    await rig.wait(0.1)
    old.hold()
    await rig.wait(8)
    assert (bot.code, len(rig.exchange.live)) == (None, 2)
    await rig.wait(5)
    assert (bot.code, rig.hub.report()["renewed"], rig.hub.report()["told"]) == (1012, 1, 1)


@with_rig
async def test_a_connection_that_is_lost_in_the_overlap_leaves_no_gap(rig: Rig) -> None:
    """Once both have delivered the same, the successor has all that comes after; before that bots are told."""
    bot = rig.bot(PATH)
    await rig.wait(3)
    rig.exchange.announce_shutdown()
    await rig.wait(1.9)
    assert len(rig.exchange.live) == 2
    rig.exchange.wires[0].abort()
    await rig.wait(5)
    assert (bot.code, rig.hub.report()["lost"], rig.hub.report()["told"]) == (None, 1, 0)
    ids = [row["data"] for row in map(json.loads, bot.take()) if row["stream"] == DEPTH]
    assert [after["U"] for after in ids[1:]] == [before["u"] + 1 for before in ids[:-1]]
    rig.exchange.announce_shutdown()
    await rig.wait(0.02, 0.02)
    successor = rig.exchange.wires[2]
    successor.hold()
    await rig.wait(0.5)
    rig.exchange.wires[1].abort()
    await rig.wait(0.1)
    successor.release()
    await rig.wait(3)
    assert (bot.code, rig.hub.report()["told"]) == (1012, 1)
