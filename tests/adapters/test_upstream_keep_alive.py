"""KA-1: the kept-alive connection dies exactly as the next request is written: it arrives once or never.

`KA1_TIMES` says how often for each method; `make test` takes a part.
"""

import asyncio
import os
import ssl
from collections import Counter
from pathlib import Path

import pytest

from counterseal.adapters.system_clock import SystemClock
from counterseal.adapters.tls import client_context
from counterseal.adapters.upstream import Target, UpstreamPool
from counterseal.paper.tls import server_context
from counterseal.ports.venue import Lost, NotSent

TIMES = int(os.environ.get("KA1_TIMES", "100"))
METHODS = ("GET /api/v3/order", "POST /api/v3/order", "DELETE /api/v3/order", "PUT /api/v3/order/amend/keepPriority",
           "POST /fapi/v1/batchOrders")  # fmt: skip


class Dying:
    """An exchange that answers the first request of each connection and closes it a moment later, by turns."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self.received = Counter[str]()
        self.connections = 0

    async def start(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self._answer_first(reader, writer)
            # By turns at once, within the same turn of the loop as the next request, and after it has been read.
            for _ in range(self.connections % 7):
                await asyncio.sleep(0)
            if self.connections % 3 == 0:
                writer.transport.abort()
            elif self.connections % 3 == 1:
                writer.close()
            if self.connections % 5 == 0:
                await self._note(reader)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _answer_first(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._note(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        await writer.drain()

    async def _note(self, reader: asyncio.StreamReader) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.received[head.split(b" ", 2)[1].decode()] += 1


async def campaign(method: str, context: ssl.SSLContext, ca_file: Path) -> Counter[str]:
    """Requests one behind the other, each with a name of its own; gives what became of them."""
    exchange = Dying(context)
    target = Target("127.0.0.1", await exchange.start(), "api.binance.com", client_context(ca_file))
    pool = UpstreamPool({"spot": target}, SystemClock(), lambda *_args, **_fields: None)
    told = Counter[str]()
    verb, path = method.split(" ")
    for number in range(2 * TIMES):
        name = f"{path}?newClientOrderId={number}"
        for _ in range(number // 2 % 12):
            await asyncio.sleep(0)
        try:
            await pool.send("spot", f"{verb} {name} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
            told["answered"] += 1
            assert exchange.received[name] == 1
        except Lost:
            told["lost"] += 1
        except NotSent:
            told["not sent"] += 1
            assert exchange.received[name] == 0
    await pool.close()
    await exchange.stop()
    assert max(exchange.received.values()) == 1, "a request arrived twice"
    return told


@pytest.mark.threat(53)
@pytest.mark.parametrize("method", METHODS)
def test_ka_1(method: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was told agrees with what arrived, whichever of the two was quicker."""
    context = server_context(tmp_path, SystemClock().wall_ns())
    told = asyncio.run(campaign(method, context, tmp_path / "ca.pem"))
    with capsys.disabled():
        print(f"\nKA-1 {method}: {dict(told)}")
    assert sum(told.values()) == 2 * TIMES
    assert told["answered"] >= TIMES
