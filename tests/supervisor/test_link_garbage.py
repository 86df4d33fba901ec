"""A gateway that was taken over says what it likes: no packet of it may raise into the supervisor's loop."""

import asyncio
import json
import socket
from typing import Any

import pytest

from counterseal.supervisor.link import MAX_PACKET, Link

DEPTH = 100_000


@pytest.mark.parametrize(
    "packet",
    [
        b"[" * DEPTH,
        b"[" * DEPTH + b"]" * DEPTH,
        b'{"a":' * (DEPTH // 3),
        b'{"event":' + b"[" * DEPTH,
        b'{"id": ' + b"9" * 10_000 + b"}",
        b'{"id": 1, "ok": "\xff"}',
    ],
    ids=["open", "closed", "objects", "event", "long number", "no text"],
)
def test_a_packet_that_cannot_be_read_is_dropped_and_the_link_goes_on(packet: bytes) -> None:
    async def story() -> None:
        faults: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: faults.append(context))
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * MAX_PACKET)
        events: list[str] = []
        link = Link(ours, events.append)
        with theirs:
            theirs.setblocking(False)
            async with asyncio.TaskGroup() as group:
                asked = group.create_task(link.ask("status", 5))
                request = json.loads(await asyncio.get_running_loop().sock_recv(theirs, 65_536))
                assert theirs.send(packet) == len(packet) <= MAX_PACKET
                await asyncio.sleep(0)
                theirs.send(b'{"event": "ready"}')
                theirs.send(json.dumps({"id": request["id"], "ok": True, "result": "still here"}).encode())
            link.close()
        assert asked.result() == {"ok": True, "result": "still here"}
        assert events == ["ready"]
        assert faults == []

    asyncio.run(story())
