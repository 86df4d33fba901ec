"""Connections are ready before they are needed: so many, made again when they end, none where nothing is reached."""

import asyncio
from pathlib import Path

from counterseal.adapters.spare_pool import SPARE, SparePool
from counterseal.adapters.system_clock import SystemClock
from counterseal.adapters.tls import client_context
from counterseal.adapters.upstream import Target
from counterseal.paper.tls import server_context

REQUEST = b"GET / HTTP/1.1\r\nHost: api.binance.com\r\n\r\n"


class Exchange:
    """It answers everything, and counts connections."""

    def __init__(self) -> None:
        self.writers: list[asyncio.StreamWriter] = []

    async def until(self, count: int) -> None:
        """Wait until it has so many, and see that there are no more."""
        async with asyncio.timeout(10):
            while len(self.writers) < count:
                await asyncio.sleep(0.005)
        await asyncio.sleep(0.05)
        assert len(self.writers) == count

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


def test_connections_are_ready_and_made_again(tmp_path: Path) -> None:
    async def story() -> None:
        exchange, clock = Exchange(), SystemClock()
        context = server_context(tmp_path, clock.wall_ns())
        server = await asyncio.start_server(exchange.serve, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        target = Target("127.0.0.1", port, "api.binance.com", client_context(tmp_path / "ca.pem"))
        pool = SparePool({"spot": target}, clock)
        for _ in range(3):
            await pool.prepare("spot")
            await pool.prepare("nowhere")
        await exchange.until(SPARE)
        replies = await asyncio.gather(*(pool.send("spot", REQUEST) for _ in range(SPARE)))
        assert [reply.body for reply in replies] == [b"ok"] * SPARE
        assert len(exchange.writers) == SPARE, "what was ready was used"
        exchange.writers[0].transport.abort()
        await asyncio.sleep(0.05)
        await pool.prepare("spot")
        await exchange.until(SPARE + 1)
        await pool.close()
        server.close()
        await asyncio.sleep(0.02)

    asyncio.run(story())
