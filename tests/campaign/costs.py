"""What an input costs the gateway in processor time and memory, beside what a plain order costs it."""

from __future__ import annotations

import asyncio
import gc
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tests.campaign.house import House
from tests.gateway.streams.rig import BotWire

# Turns of the loop after which nothing that is on its way has moved.
TURNS = 12
# So much virtual time lies between two inputs: the exchange's limits are not what is measured.
APART_S = 2.5
# A gateway has served so many inputs at most: what it remembers of them is not what is measured.
SERVED = 20
# What comes in such numbers is long enough to be measured at once.
MANY = 1_000
Parts = Sequence[bytes]


class Kind(NamedTuple):
    """One kind of input: `make` gives the bytes that arrive one after the other on a connection, the last ones larger
    or smaller as `scale` says. `first` is what was said on it before (a handshake). `units` is how many inputs they are
    to their sender: requests that are whole in themselves; no fewer than packets. `settle` prepares the gateway.
    """

    name: str
    make: Callable[[House, float], Parts]
    first: bytes = b""
    units: int = 1
    settle: Callable[[House], None] | None = None
    peer: str = "127.0.0.1"


class Cost(NamedTuple):
    """Processor time in ns and memory at its peak in bytes, for how many units; how many requests left for the
    exchange, and what was told last.
    """

    cpu_ns: int
    memory: int
    units: int
    sent: int
    told: bytes

    def times(self, plain: Cost) -> tuple[float, float]:
        """Give how many times as much a unit costs: processor time, memory."""
        return self._one(self.cpu_ns) / plain._one(plain.cpu_ns), self._one(self.memory) / plain._one(plain.memory)

    def _one(self, what: float) -> float:
        return what / self.units


class Sink(BotWire):
    """A bot's connection of which the last answer is kept: a measure must not cost more than what is measured."""

    def __init__(self, peer: str) -> None:
        super().__init__(peer)
        self.size = self.rounds = 0

    def write(self, data: bytes) -> None:
        """Count."""
        if not self.is_over and not self.is_closing_:
            self.size += len(data)
            self.received = bytes(data[:512])


@dataclass
class Meter:
    """Feeds inputs to gateways, a fresh one every few."""

    house: House | None = None
    served: int = 0
    empty_ns: int = 0

    async def cost(self, kind: Kind, times: int, scale: float = 1.0) -> Cost:
        """Give the least of several tries: what more there was is the machine's."""
        tries = [await self._cpu(kind, scale) for _ in range(times if kind.units < MANY else 1)]
        cpu_ns, units = min(tries)
        memory, sent, told = await self._memory(kind, scale)
        return Cost(max(1, cpu_ns), memory, units, sent, told)

    async def end(self) -> None:
        """Let the gateway go; no task of it may have failed."""
        if self.house is not None:
            await self.house.rig.end()
            self.house = None

    async def _ready(self, kind: Kind) -> House:
        if self.house is None or self.served >= SERVED:
            await self.end()
            self.house, self.served = House(), 0
            await self.house.rig.gateway.warm()
            idle = Sink(kind.peer)
            self.empty_ns = min([await _timed(lambda: _turns(idle)) for _ in range(9)])
        if kind.settle is not None:
            kind.settle(self.house)
        self.served += kind.units
        await self.house.rig.wait(APART_S)
        return self.house

    async def _cpu(self, kind: Kind, scale: float) -> tuple[int, int]:
        house = await self._ready(kind)
        parts = kind.make(house, scale)
        wire = await _connected(house, kind)
        gc.collect()
        wire.rounds = 0
        spent = await _timed(lambda: _fed(wire, parts))
        wire.close()
        return spent - wire.rounds * self.empty_ns, max(kind.units, len(parts))

    async def _memory(self, kind: Kind, scale: float) -> tuple[int, int, bytes]:
        house = await self._ready(kind)
        parts = kind.make(house, scale)
        wire = await _connected(house, kind)
        gc.collect()
        already = len(house.venue.sent)
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        await _fed(wire, parts)
        peak = tracemalloc.get_traced_memory()[1] - before
        tracemalloc.stop()
        told = wire.received
        wire.close()
        return peak, len(house.venue.sent) - already, told


async def _connected(house: House, kind: Kind) -> Sink:
    wire, connection = Sink(kind.peer), house.rig.connection()
    wire.protocol = connection
    connection.connection_made(wire)
    if kind.first:
        wire.protocol.data_received(kind.first)
        await _turns(wire)
    return wire


async def _fed(wire: Sink, parts: Parts) -> None:
    for part in parts:
        if wire.is_over:
            return
        wire.protocol.data_received(part)
    await _turns(wire)


async def _turns(wire: Sink) -> None:
    """Let the loop turn until nothing more is said; each round of turns is counted."""
    said = -1
    while said != wire.size:
        said = wire.size
        wire.rounds += 1
        for _ in range(TURNS):
            await asyncio.sleep(0)


async def _timed(work: Callable[[], Awaitable[None]]) -> int:
    begun = time.process_time_ns()
    await work()
    return time.process_time_ns() - begun
