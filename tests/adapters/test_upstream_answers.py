"""adapters.upstream: what comes on a connection is one sound answer, or the request is lost; nothing breaks by it."""

import asyncio
from typing import Any

import pytest

from counterseal.adapters.upstream import UpstreamConnection
from counterseal.adapters.virtual_clock import VirtualClock
from counterseal.ports.venue import Lost


class Aborted(asyncio.Transport):
    """A transport that notes its end."""

    is_over = False

    def write(self, data: Any) -> None:
        """It goes nowhere."""

    def abort(self) -> None:
        self.is_over = True


@pytest.mark.parametrize(
    "lines",
    [
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 0\r\n",
        b"HTTP/1.1 100 Continue\r\n", b"HTTP/1.1 200\r\nContent-Length: 1\r\nContent-Length: 2\r\n", b"SSH-2.0-x\r\n",
    ],
)  # fmt: skip
def test_another_protocol_is_no_answer(lines: bytes) -> None:
    """Nobody asked for one; the request is lost, and nothing is raised into the event loop."""

    async def story() -> None:
        connection, transport = UpstreamConnection(VirtualClock()), Aborted()
        connection.connection_made(transport)
        answer = connection.send(b"x")
        data = lines + b"\r\n"
        connection.get_buffer(-1)[: len(data)] = data
        connection.buffer_updated(len(data))
        assert transport.is_over and not connection.open
        with pytest.raises(Lost):
            answer.result()

    asyncio.run(story())
