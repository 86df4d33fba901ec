"""The gateway's end of the supervisor's channel: one JSON object a packet, a verb in, an answer out."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from counterseal.adapters.tasks import Tasks

Verb = Callable[[], Awaitable[dict[str, Any]]]
_MAX = 1 << 16


class ControlError(Exception):
    """A verb could not be carried out; the text is one plain sentence."""


class Control:
    """Answers verbs. The end of the channel means that the supervisor is gone: `on_gone` is called once."""

    def __init__(
        self, end: socket.socket, verbs: Mapping[str, Verb], tasks: Tasks, on_gone: Callable[[], None]
    ) -> None:
        end.setblocking(False)
        self._end = end
        self._verbs = verbs
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
        try:
            packet = self._end.recv(_MAX)
        except BlockingIOError:
            return
        except OSError:
            packet = b""
        if not packet:
            asyncio.get_running_loop().remove_reader(self._end.fileno())
            self._on_gone()
            return
        request = json.loads(packet)
        self._tasks.spawn(self._carry_out(request), f"control {request.get('verb')}")

    async def _carry_out(self, request: Mapping[str, Any]) -> None:
        verb = self._verbs.get(request.get("verb", ""))
        try:
            if verb is None:
                raise ControlError("the gateway does not know this verb")
            self.tell({"id": request.get("id"), "ok": True, "result": await verb()})
        except ControlError as error:
            self.tell({"id": request.get("id"), "ok": False, "error": str(error)})
