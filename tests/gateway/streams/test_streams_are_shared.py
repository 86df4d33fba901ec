"""Market streams through the gateway: as the exchange sends them, and each once upstream."""

import asyncio
import json
from pathlib import Path

import pytest
from tests.gateway.streams.rig import Rig, with_rig
from tests.gateway.streams.straight import WEIGHTS, Books, StraightRig, spent

from counterseal.core.streams.frames import text_frame

SYMBOLS = ("btcusdt", "ethusdt")


def payloads(rig: Rig, name: str) -> list[bytes]:
    """What the exchange sent of a stream, as it was written into the connection."""
    prefix = b'{"stream":"%b"' % name.encode()
    return [data[data.index(b"{") :] for wire in rig.exchange.wires for data in wire.written if prefix in data[:60]]


@with_rig
async def test_raw_and_combined_are_what_the_exchange_sent(rig: Rig) -> None:
    """Byte for byte: the message as it came, or its payload alone."""
    raw, combined = rig.bot("/ws/btcusdt@bookTicker"), rig.bot("/stream?streams=btcusdt@bookTicker/ethusdt@trade")
    await rig.wait(3)
    assert raw.status == combined.status == 101
    sent = payloads(rig, "btcusdt@bookTicker")
    assert len(sent) > 3
    assert [b'{"stream":"btcusdt@bookTicker","data":%b}' % text for text in raw.take()] == sent
    got = combined.take()
    assert [text for text in got if b'"btcusdt@bookTicker"' in text] == sent
    assert [text for text in got if b"ethusdt@trade" in text] == payloads(rig, "ethusdt@trade")


@with_rig
async def test_forty_bots_are_one_connection(rig: Rig) -> None:
    """40 streams on one connection upstream, each of them once, told in one or two messages."""
    names = [f"{symbol}@{kind}" for symbol in SYMBOLS for kind in (
        "bookTicker", "trade", "aggTrade", "depth", "depth@100ms", "depth5", "depth10", "depth20", "depth5@100ms",
        "depth10@100ms", "depth20@100ms", "ticker", "miniTicker", "avgPrice", "kline_1s", "kline_1m", "kline_5m",
        "kline_1h", "kline_1d", "ticker_1h")]  # fmt: skip
    bots = [rig.bot(f"/stream?streams={'/'.join(names[at:] + names[:at])}") for at in range(40)]
    await rig.wait(2)
    assert len(rig.exchange.live) == rig.exchange.dialled == 1
    asked = [name for _, verb, found in rig.exchange.said() if verb == "SUBSCRIBE" for name in found]
    assert sorted(asked) == sorted(names)
    got = bots[0].take()
    assert len(got) > 40
    assert all(bot.take() == got for bot in bots[1:])
    report = rig.hub.report()
    assert len(report.pop("silent")) == 5
    assert report == {
        "bots": 40, "streams": 40, "connections": 1, "attempts": 1, "lost": 0, "renewed": 0, "unread": 0,
        "dropped": 0, "cut": 0, "gaps": 0, "told": 0, "down": 0,
    }  # fmt: skip


@with_rig
async def test_what_cannot_be_read_is_counted_and_costs_nobody_the_connection(rig: Rig) -> None:
    """No JSON, half a character, JSON that is nested without end."""
    bot = rig.bot("/ws/btcusdt@bookTicker")
    await rig.wait(1)
    bot.take()
    (wire,) = rig.exchange.live
    deep = b'{"stream":"btcusdt@bookTicker","data":%b%b}' % (b"[" * 20_000, b"]" * 20_000)
    for text in (b"{", b'{"stream":"\\ud800"}', deep):
        wire._arrive(text_frame(text))
    assert rig.hub.report()["unread"] == 3
    await rig.wait(2)
    assert len(bot.take()) > 2
    assert rig.hub.report()["lost"] == 0


@with_rig
async def test_all_bots_of_a_turn_get_one_write_each(rig: Rig) -> None:
    """What one turn of the loop brings is written at once."""
    bot = rig.bot("/ws/btcusdt@bookTicker")
    await rig.wait(1)
    before = bot.wire.writes
    for wire in rig.exchange.live:
        wire.hold()
    await rig.wait(5)
    assert bot.wire.writes == before
    wire = rig.exchange.live[0]
    held, wire._held = b"".join(wire._held or []), None
    bot.take()
    wire._arrive(held)
    await rig.clock.advance(0)
    assert len(bot.take()) > 5
    assert bot.wire.writes == before + 1


@with_rig
async def test_the_last_who_leaves_ends_the_stream_upstream(rig: Rig) -> None:
    """Not before, and the connection ends half a minute later."""
    one, two = rig.bot("/ws/btcusdt@trade"), rig.bot("/ws/btcusdt@trade")
    await rig.wait(1)
    one.wire.abort()
    await rig.wait(2)
    assert [verb for _, verb, _ in rig.exchange.said()] == ["CONNECT", "SUBSCRIBE"]
    assert two.take()
    two.send({"method": "UNSUBSCRIBE", "params": ["btcusdt@trade"], "id": 1})
    await rig.wait(1)
    assert two.take()[-1] == b'{"result":null,"id":1}'
    assert rig.exchange.said()[-1][1:] == ("UNSUBSCRIBE", ["btcusdt@trade"])
    await rig.wait(32)
    assert rig.exchange.live == []
    assert rig.told == []
    two.send({"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": 2})
    await rig.wait(2)
    assert len(two.take()) > 1


@with_rig
async def test_commands_are_answered_as_by_the_exchange(rig: Rig) -> None:
    """In order with the messages, on a connection that began with nothing."""
    bot = rig.bot("/ws/0")
    asked = [
        {"method": "SUBSCRIBE", "params": ["btcusdt@trade", "ethusdt@trade"], "id": 1},
        {"method": "LIST_SUBSCRIPTIONS", "id": 2},
        {"method": "GET_PROPERTY", "params": ["combined"], "id": 3},
        {"method": "SET_PROPERTY", "params": ["combined", True], "id": "four"},
    ]
    for command in asked:
        bot.send(command)
    await rig.wait(0.5)
    assert [text for text in bot.take() if b'"id"' in text] == [
        b'{"result":null,"id":1}',
        b'{"result":["btcusdt@trade","ethusdt@trade"],"id":2}',
        b'{"result":false,"id":3}',
        b'{"result":null,"id":"four"}',
    ]
    await rig.wait(2)
    assert {json.loads(text)["stream"] for text in bot.take()} == {"btcusdt@trade", "ethusdt@trade"}


@with_rig
async def test_usd_m_streams_come_from_their_own_routes(rig: Rig) -> None:
    """Whatever path the bot uses, also the one that the exchange has retired."""
    old = rig.bot("/fstream.binance.com/stream?streams=btcusdt@bookTicker/btcusdt@markPrice@1s")
    new = rig.bot("/market/ws/btcusdt@markPrice@1s")
    await rig.wait(3)
    places = {(place, name) for place, verb, names in rig.exchange.said() if verb == "SUBSCRIBE" for name in names}
    assert places == {
        ("usdm/public/streams", "btcusdt@bookTicker"),
        ("usdm/market/streams", "btcusdt@markPrice@1s"),
    }
    assert {json.loads(text)["stream"] for text in old.take()} == {"btcusdt@bookTicker", "btcusdt@markPrice@1s"}
    assert {json.loads(text)["e"] for text in new.take()} == {"markPriceUpdate"}


@with_rig
async def test_coin_m_and_microseconds_have_their_own_connections(rig: Rig) -> None:
    """Another unit is another message, so it cannot be shared."""
    coin = rig.bot("/dstream.binance.com/ws/btcusd_perp@bookTicker")
    micro, milli = rig.bot("/ws/btcusdt@trade?timeUnit=MICROSECOND"), rig.bot("/ws/btcusdt@trade")
    await rig.wait(3)
    assert coin.take()
    moments = [json.loads(bot.take()[-1])["E"] for bot in (micro, milli)]
    assert moments[0] // moments[1] == 1000
    assert len(rig.exchange.live) == 3


@pytest.mark.threat(25)
@with_rig
async def test_a_listen_key_reaches_nobody(rig: Rig) -> None:
    """In none of the places where one stands; user data is carried in gateway/userdata/test_bots_keys.py."""
    key = "pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1"
    refused = {
        f"/ws/{key}": "websocket_not_available",
        f"/stream?streams={key}": "websocket_not_available",
        f"/ws/{key}x": "stream_unknown",
        f"/ws?listenKey={key}": "websocket_not_available",
        f"/private/ws?listenKey={key}": "websocket_not_available",
        "/private/ws": "websocket_not_available",
        f"/pm/ws/{key}": "websocket_not_available",
        "/ws-api/v3": "websocket_not_available",
        "/ws-fapi/v1": "websocket_not_available",
    }
    bots = {path: rig.bot(path) for path in refused}
    await rig.wait(0.1)
    assert {path: bot.reason for path, bot in bots.items()} == refused
    denied = rig.gateway.journal.of("denied")
    assert [record["reason"] for record in denied] == list(refused.values())
    assert key not in str(denied)
    bot = rig.bot("/ws")
    bot.send({"method": "SUBSCRIBE", "params": ["btcusdt@trade", key], "id": 1})
    await rig.wait(1)
    answer = bot.take()
    assert len(answer) == 1 and b'"code":2' in answer[0] and key.encode() not in answer[0]
    assert rig.exchange.dialled == 0


# -- with and without


async def forty_with_books(rig: Rig) -> dict[str, int]:
    """40 bots that start at the same moment, each with the books of 40 symbols: what the exchange sees of them."""
    symbols = list(rig.exchange.exchange.spot.symbols)[:40]
    books = Books(rig)
    for at in range(40):
        mine = symbols[at:] + symbols[:at]
        rig.bot("/stream?streams=" + "/".join(f"{symbol.lower()}@depth@100ms" for symbol in mine))
        for symbol in mine:
            books.read(symbol)
    await rig.wait(2, 0.5)
    realtime = rig.exchange.exchange.realtime
    return {
        "connections": len(realtime),
        "attempts": rig.exchange.dialled,
        "streams": sum(len(stream.members) for stream in realtime.hub._open.values()),
        "reads": len(books.statuses),
        "weight": spent(rig.exchange, WEIGHTS)["spot_weight"],
        "refused": sum(status in (418, 429) for status in books.statuses),
        "bots served": sum(bool(bot.take()) for bot in rig.bots),
    }


def column(rig: type[Rig], home: Path) -> dict[str, int]:
    """Run them on a clock of their own."""

    async def whole() -> dict[str, int]:
        made = rig(home)
        figures = await forty_with_books(made)
        await made.end()
        return figures

    home.mkdir()
    return asyncio.run(whole())


def test_forty_bots_with_books_both_columns(tmp_path: Path) -> None:
    """Straight: forty connections, a ban, and most bots without their books. Through: what one bot would need."""
    straight, through = column(StraightRig, tmp_path / "straight"), column(Rig, tmp_path / "through")
    print(f"\n{'40 bots, 40 books each':24}{'without':>10}{'with the gateway':>20}")
    for name, figure in straight.items():
        print(f"{name:24}{figure:>10,}{through[name]:>20,}")
    assert straight["attempts"] == 40
    assert straight["refused"] > 1000
    assert straight["weight"] > 6000
    assert straight["bots served"] < 10
    assert through == {
        "connections": 1, "attempts": 1, "streams": 40, "reads": 40, "weight": 2000, "refused": 0, "bots served": 40,
    }  # fmt: skip
