"""The control link to the gateway: replies find their request, and an end is an answer too."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable

from counterseal.supervisor.link import GONE, Link

Body = Callable[[Link, socket.socket, list[str]], Awaitable[None]]


def _with_link(body: Body) -> None:
    async def run() -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        events: list[str] = []
        link = Link(ours, events.append)
        with theirs:
            theirs.setblocking(False)
            await body(link, theirs, events)
            link.close()

    asyncio.run(run())


async def _receive(theirs: socket.socket) -> dict[str, object]:
    return dict(json.loads(await asyncio.get_running_loop().sock_recv(theirs, 65_536)))


def test_replies_in_any_order_find_their_request() -> None:
    async def body(link: Link, theirs: socket.socket, _events: list[str]) -> None:
        async with asyncio.TaskGroup() as group:
            one = group.create_task(link.ask("status", 5))
            two = group.create_task(link.ask("limits", 5))
            first, second = await _receive(theirs), await _receive(theirs)
            for request in (second, first):
                theirs.send(json.dumps({"id": request["id"], "ok": True, "result": request["verb"]}).encode())
        assert (one.result(), two.result()) == (
            {"ok": True, "result": "status"},
            {"ok": True, "result": "limits"},
        )

    _with_link(body)


def test_events_and_garbage_between_replies_do_no_harm() -> None:
    async def body(link: Link, theirs: socket.socket, events: list[str]) -> None:
        async with asyncio.TaskGroup() as group:
            asked = group.create_task(link.ask("status", 5))
            request = await _receive(theirs)
            for packet in (
                b"\xff",
                b"[]",
                b"7",
                b'{"event": "ready"}',
                b'{"event": 1}',
                b'{"id": 999}',
                b'{"id": []}',
                b"{}",
            ):
                theirs.send(packet)
            theirs.send(json.dumps({"id": request["id"], "ok": False, "error": "no"}).encode())
        assert asked.result() == {"ok": False, "error": "no"}
        assert events == ["ready"]

    _with_link(body)


def test_an_end_without_reply_is_an_error_and_so_is_asking_afterwards() -> None:
    async def body(link: Link, theirs: socket.socket, _events: list[str]) -> None:
        async with asyncio.TaskGroup() as group:
            asked = group.create_task(link.ask("status", 5))
            await _receive(theirs)
            theirs.close()
        assert asked.result() == GONE
        assert await link.ask("status", 5) == GONE

    _with_link(body)


def test_no_reply_in_time_is_an_error_and_the_late_reply_is_ignored() -> None:
    async def body(link: Link, theirs: socket.socket, _events: list[str]) -> None:
        assert "no answer within 0.01 s" in (await link.ask("status", 0.01))["error"]
        late = await _receive(theirs)
        theirs.send(json.dumps({"id": late["id"], "ok": True}).encode())
        async with asyncio.TaskGroup() as group:
            asked = group.create_task(link.ask("limits", 5))
            request = await _receive(theirs)
            theirs.send(json.dumps({"id": request["id"], "ok": True, "result": 1}).encode())
        assert asked.result() == {"ok": True, "result": 1}

    _with_link(body)
