"""The gateway's end of the supervisor's channel: one JSON object a packet, a verb in, an answer out."""

import asyncio
import json
import os
import socket
from array import array
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from counterseal.adapters.tasks import Tasks

Verb = Callable[[], Awaitable[dict[str, Any]]]
FileVerb = Callable[[int], Awaitable[dict[str, Any]]]
WordedVerb = Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]]
_NONE: Mapping[str, WordedVerb] = {}
_MAX = 1 << 16
_ROOM = socket.CMSG_LEN(array("i").itemsize)  # for one descriptor; the kernel closes what comes besides


class ControlError(Exception):
    """A verb could not be carried out; the text is one plain sentence."""


class Control:
    """Answers verbs. The end of the channel means that the supervisor is gone: `on_gone` is called once.

    `file_verbs` come with an open file that this process could not open itself; it is closed after the answer.
    `worded_verbs` come with arguments.
    """

    def __init__(
        self,
        end: socket.socket,
        verbs: Mapping[str, Verb],
        file_verbs: Mapping[str, FileVerb],
        tasks: Tasks,
        on_gone: Callable[[], None],
        worded_verbs: Mapping[str, WordedVerb] = _NONE,
    ) -> None:
        end.setblocking(False)
        self._end = end
        self._verbs = verbs
        self._file_verbs = file_verbs
        self._worded_verbs = worded_verbs
        self._tasks = tasks
        self._on_gone = on_gone

    def start(self) -> None:
        """Listen."""
        asyncio.get_running_loop().add_reader(self._end.fileno(), self._readable)

    def tell(self, message: Mapping[str, Any]) -> None:
        """Send one object; a supervisor that is gone or does not read loses it."""
        try:
            self._end.send(json.dumps(message).encode())
        except OSError:
            return

    def close(self) -> None:
        """Stop listening."""
        asyncio.get_running_loop().remove_reader(self._end.fileno())
        self._end.close()

    def _readable(self) -> None:
        files: list[int] = []
        try:
            packet, files = _receive(self._end)
        except BlockingIOError:
            return
        except OSError:
            packet = b""
        if not packet:
            asyncio.get_running_loop().remove_reader(self._end.fileno())
            self._on_gone()
            return
        request = json.loads(packet)
        self._tasks.spawn(self._carry_out(request, files), f"control {request.get('verb')}")

    async def _carry_out(self, request: Mapping[str, Any], files: list[int]) -> None:
        try:
            result = await self._answer(request, files)
            self.tell({"id": request.get("id"), "ok": True, "result": result})
        except ControlError as error:
            self.tell({"id": request.get("id"), "ok": False, "error": str(error)})
        finally:
            for file in files:
                os.close(file)

    async def _answer(self, request: Mapping[str, Any], files: list[int]) -> dict[str, Any]:
        name = request.get("verb", "")
        if name in self._verbs:
            return await self._verbs[name]()
        if name in self._worded_verbs:
            return await self._worded_verbs[name](request.get("args", {}))
        if name in self._file_verbs and files:
            return await self._file_verbs[name](files[0])
        raise ControlError("the gateway does not know this verb, or the file that belongs to it is missing")


def _receive(end: socket.socket) -> tuple[bytes, list[int]]:
    """Give a packet and the descriptor that came with it; socket.recv_fds would leave it open to programs we start."""
    packet, ancillary, _, _ = end.recvmsg(_MAX, _ROOM, socket.MSG_CMSG_CLOEXEC)
    files = array("i")
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            files.frombytes(data[: len(data) - len(data) % files.itemsize])
    return packet, list(files)
