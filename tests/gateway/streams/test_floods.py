"""WSF-1: whatever a bot sends, it costs us no more than it deserves, and the bots beside it notice nothing."""

import json
import socket
import time
import tracemalloc
from collections.abc import Callable

import pytest
from tests.gateway.streams.floods import FLOODS, Flood
from tests.gateway.streams.rig import Bot, Rig, with_rig

# In processor time as many times what sending took, or so much: five such messages a second are all that is taken.
TIMES, NOTHING_S = 100, 0.02
# What one such connection may take at its worst; a message alone may have 64 KiB.
MOST_BYTES = 4 << 20
# So long at most does one piece of a flood keep the loop from everybody else.
TURN_S = 0.05


def pieces(flood: Flood) -> list[bytes]:
    """What arrives at once."""
    return [flood.data[start : start + flood.piece] for start in range(0, len(flood.data), flood.piece)]


def took_s(give: Callable[[bytes], object], flood: Flood) -> tuple[float, float]:
    """Give the processor time of all pieces, and of the longest."""
    spent = []
    for piece in pieces(flood):
        begun = time.process_time()
        give(piece)
        spent.append(time.process_time() - begun)
    return sum(spent), max(spent)


def sending_s(flood: Flood) -> float:
    """Give the processor time that sending it takes at the least: the system calls alone."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)

        def send(piece: bytes) -> None:
            ours.sendall(piece)

        spent = 0.0
        for piece in pieces(flood):
            begun = time.process_time()
            send(piece)
            spent += time.process_time() - begun
            theirs.recv(len(piece), socket.MSG_WAITALL)
        return spent


def memory_of(bot: Bot, flood: Flood) -> int:
    """Give the most bytes that were held at a time while a bot floods."""
    parts = pieces(flood)
    tracemalloc.start()
    for piece in parts:
        bot.give(piece)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


@pytest.mark.threat(37)
@with_rig
async def test_forty_floods_cost_little_and_nobody_else_notices(rig: Rig) -> None:
    """The right goodbye to each, bounded time and memory; the bot beside them misses no change of the book."""
    other = rig.bot("/ws/btcusdt@depth@100ms")
    await rig.wait(1)
    heard = other.take()
    ratios, longest, memory = {}, {}, {}
    for flood in FLOODS:
        bad, twin = rig.bot("/ws/btcusdt@trade"), rig.bot("/ws/btcusdt@trade")
        cost, longest[flood.name] = took_s(bad.give, flood)
        assert cost <= max(TIMES * sending_s(flood), NOTHING_S), flood.name
        ratios[flood.name] = cost
        memory[flood.name] = memory_of(twin, flood)
        await rig.wait(0.3)
        assert (bad.code, twin.code) == (flood.code, flood.code), flood.name
        rig.bots = [other]
        for bot in (bad, twin):
            bot.wire.abort()
        heard += other.take()
    await rig.wait(0.2)
    assert max(longest.values()) < TURN_S
    assert max(memory.values()) < MOST_BYTES
    assert (other.code, rig.hub.report()["bots"], rig.told) == (None, 1, [])
    updates = [json.loads(text) for text in heard + other.take()]
    assert len(updates) > 20
    assert [after["U"] for after in updates[1:]] == [before["u"] + 1 for before in updates[:-1]]
    print(f"\n{len(FLOODS)} floods; the worst in processor time, longest turn, memory:")
    for rows, unit, scale in ((ratios, "ms", 1e3), (longest, "ms", 1e3), (memory, "KiB", 1 / 1024)):
        name = max(rows, key=lambda each: rows[each])
        print(f"  {rows[name] * scale:.1f} {unit}: {name}")
