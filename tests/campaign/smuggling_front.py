"""A gateway on a real socket with a real proxy in front of it, and bots that send it ambiguous bytes."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.campaign import proxies, smuggling_written
from tests.campaign.house import House
from tests.campaign.proxies import TRACE, Proxy, Told
from tests.campaign.smuggling import Case
from tests.campaign.smuggling_house import Tap, Tapped, name_in

BOTS = 16
# A bot gives up; nothing here takes that long.
PATIENCE_S = 20.0
# Virtual time goes faster, so that the exchange's limits do not hold the bots up.
TICK_S, FASTER = 0.02, 25
_TRACES = re.compile(rf"\r\n{TRACE}: ?([^\r\n]+)\r\n".encode(), re.IGNORECASE).findall
_CASE = re.compile(rb"smg(\d+)x").findall


@dataclass
class Street:
    """A house that can be reached: its connections, and what came back to the bots."""

    house: House
    port: int
    connections: list[Tapped]
    replies: dict[int, bytes] = field(default_factory=dict)


@asynccontextmanager
async def _open() -> AsyncIterator[Street]:
    """Open a house on a socket while its time goes on."""
    house, loop = House(), asyncio.get_running_loop()
    await house.rig.gateway.warm()
    Tap(house.venue)
    made: list[Tapped] = []

    def enter() -> Tapped:
        made.append(Tapped(house.rig.door))
        return made[-1]

    server = await loop.create_server(enter, "127.0.0.1", 0, backlog=512)
    ticking = loop.create_task(_tick(house))
    try:
        yield Street(house, server.sockets[0].getsockname()[1], made)
    finally:
        ticking.cancel()
        server.close()
        await server.wait_closed()
        for connection in list(house.rig.door.open):
            connection.drain()
        await house.rig.wait(1)
        await house.rig.end()


async def _tick(house: House) -> None:
    while True:
        await asyncio.sleep(TICK_S)
        await house.rig.wait(TICK_S * FASTER)


async def through(name: str, folder: Path, cases: Sequence[Case]) -> tuple[Street, list[Told]]:
    """Send all cases through a proxy, each on a connection of its own; gives what the gateway and the proxy noted."""
    async with _open() as street:
        with proxies.running(name, folder, street.port) as proxy:
            waiting = iter(cases)
            await asyncio.gather(*(_bot(street, proxy, waiting) for _ in range(BOTS)))
            # What it still has to write down.
            await asyncio.sleep(0.5)
        return street, proxy.told()


async def _bot(street: Street, proxy: Proxy, waiting: Iterator[Case]) -> None:
    for case in waiting:
        # The longest window: virtual time goes on while a proxy works.
        data = smuggling_written.write(case, lambda query: street.house.signed(f"{query}&recvWindow=60000")).data
        street.replies[case.number] = await asyncio.wait_for(_exchange(proxy.port, data), PATIENCE_S)


async def _exchange(port: int, data: bytes) -> bytes:
    """Send, say that this was all, and read to the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = b""
    with _until_reset():
        writer.write(data)
        writer.write_eof()
        while more := await reader.read(65_536):
            received += more
    with _until_reset():
        writer.close()
        await writer.wait_closed()
    return received


@contextmanager
def _until_reset() -> Iterator[None]:
    """A proxy that has refused does not read to the end."""
    try:
        yield
    except OSError:
        pass


# -- who saw what


def disagreements(street: Street, told: Sequence[Told]) -> Iterator[str]:
    """Say where the gateway read another request than the proxy handed on, or a bot got another's answer."""
    by_trace = {line.trace: line for line in told if line.handed_on}
    read = Counter[str]()
    for connection in street.connections:
        traces = [trace.decode("latin-1") for trace in _TRACES(connection.heard)]
        if len(traces) != connection.steps + connection.left_off:
            yield f"{len(traces)} handed on, {connection.read} and {connection.refused} read: {connection.heard!r}"
        read.update(traces)
        for trace, (_, target, body) in zip(traces, connection.read, strict=False):
            line = by_trace.get(trace)
            if line is not None and name_in(target) != name_in(line.request.encode("latin-1")):
                yield f"{line} was read as {target!r} with {body!r}"
    yield from (f"{trace} was read {count} times" for trace, count in read.items() if count > 1)
    yield from (f"{trace} was read, and not handed on" for trace in read.keys() - by_trace.keys())
    yield from (f"{line} was not read" for trace, line in by_trace.items() if line.answered and trace not in read)
    for number, reply in street.replies.items():
        if strangers := set(_CASE(reply)) - {str(number).encode()}:
            yield f"case {number} got answers of {strangers}: {reply!r}"
