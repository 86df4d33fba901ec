"""What happens in the midst of a turn of the loop: everything in order, and one piece for all who get the same."""

import json
from typing import Any

import msgspec
from tests.gateway.streams.rig import Rig, with_rig

from counterseal.core.streams.fan import Fan, Listened
from counterseal.gateway.streams.batch import Batch
from counterseal.gateway.streams.reader import Parcel

BOTH = "/stream?streams=btcusdt@trade/btcusdt@bookTicker"


class Pen:
    """Notes what it is given."""

    def __init__(self, *, is_combined: bool = True) -> None:
        self.is_combined, self.is_open = is_combined, True
        self.parcels: list[Parcel] = []
        self.frames: list[bytes] = []

    def put(self, frame: bytes, key: str | None) -> None:
        self.frames.append(frame[2:])

    push = put

    def deliver(self, parcel: Parcel) -> None:
        frames = [parcel.frames[place] for place in parcel.places]
        assert parcel.data == b"".join(frames)
        self.parcels.append(parcel)
        self.frames += [frame[2:] for frame in frames]

    def write(self) -> None:
        """Nothing waits here."""

    def close(self, code: int, reason: str) -> None:
        """Never called."""


def listen(fan: Fan[Any], reader: Pen, *names: str) -> None:
    for name in names:
        fan.join(reader, name, newest_only=name == "newest")


def add(batch: Batch, fan: Fan[Any], *messages: str) -> None:
    """Each message is named after its stream, with a number behind."""
    for message in messages:
        stream: Listened[Any] | None = fan.find(message.rstrip("0123456789"))
        assert stream is not None
        batch.add(stream, message.encode(), msgspec.Raw(b"raw-" + message.encode()))


def test_who_gets_the_same_gets_the_same_object() -> None:
    """Joined once; who listens to other streams, or in the other form, has a piece of their own."""
    fan: Fan[Any] = Fan()
    one, two, raw, other = Pen(), Pen(), Pen(is_combined=False), Pen()
    for reader in (one, two, raw):
        listen(fan, reader, "a", "newest")
    listen(fan, other, "a", "c")
    listen(fan, Pen(), "c")
    batch = Batch()
    add(batch, fan, "a1", "newest2", "a3")
    batch.flush()
    assert one.parcels[0] is two.parcels[0]
    assert one.frames == [b"a1", b"newest2", b"a3"]
    assert [one.parcels[0].keys[place] for place in one.parcels[0].places] == [None, "newest", None]
    assert raw.frames == [b"raw-a1", b"raw-newest2", b"raw-a3"]
    assert other.frames == [b"a1", b"a3"]
    batch.flush()
    assert len(one.parcels) == 1


def test_who_has_caught_up_gets_the_rest_alone() -> None:
    """Nothing twice, nothing left out, and nobody else notices."""
    fan: Fan[Any] = Fan()
    early, late, usual = Pen(), Pen(), Pen()
    for reader in (early, usual):
        listen(fan, reader, "a", "newest")
    batch = Batch()
    add(batch, fan, "a1", "newest2")
    batch.catch_up(early)
    batch.catch_up(late)
    listen(fan, late, "a")
    assert (early.frames, late.frames, usual.frames) == ([b"a1", b"newest2"], [], [])
    batch.catch_up(early)
    add(batch, fan, "a3")
    batch.flush()
    assert (early.frames, late.frames) == ([b"a1", b"newest2", b"a3"], [b"a3"])
    assert usual.frames == early.frames
    add(batch, fan, "a4")
    batch.flush()
    assert early.parcels[-1] is usual.parcels[-1]


def test_who_has_had_everything_gets_nothing_more() -> None:
    """No empty write."""
    fan: Fan[Any] = Fan()
    reader, batch = Pen(), Batch()
    listen(fan, reader, "a")
    add(batch, fan, "a1")
    batch.catch_up(reader)
    batch.flush()
    assert (reader.frames, reader.parcels) == ([b"a1"], [])


async def halves(rig: Rig) -> tuple[Any, list[bytes], list[bytes]]:
    """Hold back what the exchange sends for a while; gives its wire and two halves of it."""
    wire = rig.exchange.live[0]
    wire.hold()
    await rig.wait(5)
    held, wire._held = wire._held or [], None
    assert len(held) > 8
    return wire, held[: len(held) // 2], held[len(held) // 2 :]


def arrive(wire: Any, *pieces: list[bytes]) -> None:
    for piece in pieces:
        wire._arrive(b"".join(piece))


def names(texts: list[bytes]) -> list[str]:
    """The form and the stream of each message, or that it is an answer."""
    return [_name(json.loads(text)) for text in texts]


def _name(message: dict[str, Any]) -> str:
    if "id" in message:
        return "answer"
    if "stream" in message:
        return str(message["stream"])
    return "raw trade" if message.get("e") == "trade" else "raw bookTicker"


@with_rig
async def test_a_command_in_the_midst_of_a_turn_is_answered_in_its_place(rig: Rig) -> None:
    """What came before it is delivered before the answer; what comes behind it, as the bot wants it now."""
    leaving, joining, changing, asking, usual = (rig.bot(path) for path in (BOTH, "/stream", BOTH, BOTH, BOTH))
    await rig.wait(1)
    wire, first, second = await halves(rig)
    for bot in rig.bots:
        bot.take()
    arrive(wire, first)
    leaving.send({"method": "UNSUBSCRIBE", "params": ["btcusdt@trade", "btcusdt@bookTicker"], "id": 1})
    joining.send({"method": "SUBSCRIBE", "params": ["btcusdt@trade", "btcusdt@bookTicker"], "id": 1})
    changing.send({"method": "SET_PROPERTY", "params": ["combined", False], "id": 1})
    asking.send({"method": "LIST_SUBSCRIPTIONS", "id": 1})
    arrive(wire, second)
    await rig.clock.advance(0)
    everything = names(usual.take())
    before, after = everything[: len(first)], everything[len(first) :]
    assert len(after) == len(second)
    assert names(asking.take()) == [*before, "answer", *after]
    assert names(leaving.take()) == [*before, "answer"]
    assert names(joining.take()) == ["answer", *after]
    assert names(changing.take()) == [*before, "answer", *("raw " + name.partition("@")[2] for name in after)]


@with_rig
async def test_a_bot_that_is_sent_away_gets_what_came_before(rig: Rig) -> None:
    """The goodbye is last."""
    bot, usual = rig.bot(BOTH), rig.bot(BOTH)
    await rig.wait(1)
    wire, first, second = await halves(rig)
    bot.take()
    usual.take()
    arrive(wire, first)
    bot.give(b"\x82\x80" + bytes(4))
    arrive(wire, second)
    await rig.clock.advance(0)
    assert (bot.take(), bot.code) == (usual.take()[: len(first)], 1003)


@with_rig
async def test_a_bot_that_stops_reading_in_a_turn_keeps_the_order(rig: Rig) -> None:
    """Of what waits, best prices alone may be left out; the rest comes when it reads again."""
    slow, usual = rig.bot(BOTH), rig.bot(BOTH)
    await rig.wait(1)
    wire, first, second = await halves(rig)
    slow.take()
    usual.take()
    slow.wire.reads, slow.wire._high = False, 1
    for piece in (*([each] for each in first), second):
        arrive(wire, piece)
        await rig.clock.advance(0)
    slow.wire.read()
    await rig.clock.advance(0)
    got, whole = slow.take(), usual.take()
    assert [text for text in whole if text in got] == got
    assert [text for text in whole if b"@trade" in text[:40]] == [text for text in got if b"@trade" in text[:40]]
    assert whole[-1] == got[-1]
    assert rig.hub.report()["dropped"] == len(whole) - len(got) > 0
