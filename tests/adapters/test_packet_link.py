"""A link between two of our processes: whole objects, in order, nobody waits, and what is lost is counted."""

import asyncio
import json
import socket
from collections.abc import Mapping
from typing import Any

import pytest

from counterseal.adapters import packet_link
from counterseal.adapters.packet_link import PacketLink


class End:
    """One end with what it heard; `fault` is raised for a message of that type."""

    def __init__(self, end: socket.socket) -> None:
        self.heard: list[Mapping[str, Any]] = []
        self.gone = 0
        self.link = PacketLink(end, self._hear, self._end)

    def _hear(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "nonsense":
            raise ValueError("nonsense")
        self.heard.append(message)

    def _end(self) -> None:
        self.gone += 1


def pair() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


async def until(condition: Any) -> None:
    """Let the loop turn until it holds."""
    for _ in range(20_000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came")


async def full(link: PacketLink) -> int:
    """Send until the kernel takes no more; gives how many packets it took."""
    number = 0
    while not link.waiting:
        link.send({"type": "event", "n": number})
        number += 1
    return number - 1


def test_both_ways_in_order() -> None:
    """Each object arrives once and whole, also what was sent before anybody listened."""

    async def run() -> None:
        left, right = (End(end) for end in pair())
        left.link.send({"type": "event", "n": 0})
        for side in (left, right):
            side.link.start()
        for number in range(1, 200):
            left.link.send({"type": "event", "n": number})
        right.link.send({"type": "ids", "ids": ["a", "b"]})
        await until(lambda: len(right.heard) == 200 and left.heard)
        assert [message["n"] for message in right.heard] == list(range(200))
        assert left.heard == [{"type": "ids", "ids": ["a", "b"]}]
        assert (left.link.lost, right.link.lost, left.link.bad, right.link.bad) == (0, 0, 0, 0)
        left.link.close()
        right.link.close()

    asyncio.run(run())


def test_a_peer_that_does_not_read_gets_the_newest_state_and_all_events() -> None:
    """It takes the place of the older one; what tells of one thing alone waits."""

    async def run() -> None:
        ours, theirs = pair()
        left = End(ours)
        left.link.start()
        taken = await full(left.link)
        for number in range(1_000):
            left.link.send({"type": "beat", "n": number})
            left.link.send({"type": "ladder_ack", "seq": number})
        left.link.send({"type": "critical", "code": "x", "text": "y"})
        assert left.link.waiting == 4
        right = End(theirs)
        right.link.start()
        await until(lambda: not left.link.waiting and right.heard and right.heard[-1]["type"] == "critical")
        assert [message["n"] for message in right.heard[: taken + 1]] == list(range(taken + 1))
        rest = [(message["type"], message.get("n", message.get("seq"))) for message in right.heard[taken + 1 :]]
        assert rest == [("beat", 999), ("ladder_ack", 999), ("critical", None)]
        assert left.link.lost == 0
        left.link.send({"type": "beat", "n": 1_000})
        await until(lambda: right.heard[-1].get("n") == 1_000)
        left.link.close()
        right.link.close()

    asyncio.run(run())


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of events beyond the bound the number is known; a state finds room all the same."""
    monkeypatch.setattr(packet_link, "MAX_WAITING", 10)

    async def run() -> None:
        ours, theirs = pair()
        left = End(ours)
        left.link.start()
        await full(left.link)
        for number in range(50):
            left.link.send({"type": "event", "n": number})
        left.link.send({"type": "ladder", "seq": 1})
        assert (left.link.waiting, left.link.lost) == (11, 41)
        theirs.close()
        left.link.close()
        assert (left.link.waiting, left.link.lost) == (0, 52)

    asyncio.run(run())


@pytest.mark.parametrize(
    "packet", [b"{", b"\xff", b"[]", b"1", b'"text"', b"{}", b'{"type": 1}', b'{"type":"nonsense"}', b"[" * 60_000]
)
def test_what_is_no_message_is_counted_and_nothing_else(packet: bytes) -> None:
    """The next one is heard."""

    async def run() -> None:
        ours, theirs = pair()
        left = End(ours)
        left.link.start()
        theirs.send(packet)
        theirs.send(json.dumps({"type": "event"}).encode())
        await until(lambda: left.heard)
        assert (left.heard, left.link.bad, left.gone) == ([{"type": "event"}], 1, 0)
        left.link.close()
        theirs.close()

    asyncio.run(run())


def test_a_packet_may_be_as_long_as_is_said() -> None:
    """A whole state of many accounts."""

    async def run() -> None:
        left, right = (End(end) for end in pair())
        for side in (left, right):
            side.link.start()
        text = "x" * (packet_link.MAX_PACKET - 100)
        left.link.send({"type": "beat", "what": text})
        await until(lambda: right.heard)
        assert right.heard == [{"type": "beat", "what": text}]
        left.link.close()
        right.link.close()

    asyncio.run(run())


def test_what_cannot_be_sent_is_counted_and_raises_nothing() -> None:
    """What is no JSON, what is longer than a packet may be, and what the kernel takes for too long."""

    async def run() -> None:
        ours, theirs = pair()
        left, right = End(ours), End(theirs)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8_192)
        left.link.start()
        right.link.start()
        left.link.send({"type": "event", "what": object()})
        left.link.send({"type": "event", "what": "x" * packet_link.MAX_PACKET})
        left.link.send({"type": "event", "what": "x" * 100_000})
        left.link.send({"type": "event", "what": "heard"})
        await until(lambda: right.heard)
        assert (left.link.lost, right.heard) == (3, [{"type": "event", "what": "heard"}])
        left.link.close()
        right.link.close()

    asyncio.run(run())


@pytest.mark.parametrize("who", ["reading", "writing"])
def test_the_end_of_the_peer_is_told_once(who: str) -> None:
    """Whether it is found by reading or by writing; afterwards nothing is sent and nothing raised."""

    async def run() -> None:
        ours, theirs = pair()
        left = End(ours)
        left.link.start()
        theirs.close()
        if who == "writing":
            left.link.send({"type": "event"})
        await until(lambda: left.gone)
        left.link.send({"type": "event"})
        for _ in range(5):
            await asyncio.sleep(0)
        assert (left.gone, left.link.is_open) == (1, False)
        assert left.link.lost == (2 if who == "writing" else 1)
        left.link.close()

    asyncio.run(run())


def test_closing_tells_nobody_and_may_be_done_twice() -> None:
    """Neither end's owner is told by its own close; nor by one before the start."""

    async def run() -> None:
        ours, theirs = pair()
        left, right = End(ours), End(theirs)
        left.link.start()
        left.link.close()
        left.link.close()
        right.link.close()
        right.link.start()
        await asyncio.sleep(0)
        assert (left.gone, right.gone) == (0, 0)

    asyncio.run(run())


def test_a_peer_that_talks_without_end_leaves_room_for_others() -> None:
    """Of many packets that are there at once some are read in each turn of the loop."""

    async def run() -> None:
        ours, theirs = pair()
        theirs.setblocking(False)
        sent = 0
        try:
            while True:
                theirs.send(b'{"type":"event"}')
                sent += 1
        except BlockingIOError:
            pass
        left = End(ours)
        left.link.start()
        turns = 0
        while len(left.heard) < sent:
            before = len(left.heard)
            await asyncio.sleep(0)
            turns += 1
            assert len(left.heard) - before <= 64
        assert sent > 64
        assert turns > 1
        left.link.close()
        theirs.close()

    asyncio.run(run())
