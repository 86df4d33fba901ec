"""The supervisor's end of its socket pair with the gateway: one JSON object per packet.

Request {"id": n, "verb": v}, where a verb takes some with {"args": {...}};
reply {"id": n, "ok": true, "result": {...}} or {"id": n, "ok": false, "error": s}; unasked {"event": "ready"}.
"""

import asyncio
import json
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any

MAX_PACKET = 1 << 18
GONE = {"ok": False, "error": "the gateway ended before it answered; it is started again, try once more"}


class Link:
    """Asks the gateway. Owns `end`, our end of the pair, until `close`. Inside the running event loop."""

    def __init__(self, end: socket.socket, on_event: Callable[[str], None]) -> None:
        self._end, self._on_event = end, on_event
        self._end.setblocking(False)
        self._loop = asyncio.get_running_loop()
        self._next_id = 1
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._loop.add_reader(self._end, self._readable)

    async def ask(
        self, verb: str, timeout_s: float, files: Sequence[int] = (), args: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Ask and give the reply without its id; no reply in time and no gateway give an error too.

        `files` are open files that the gateway could not open itself; the caller closes them.
        """
        number, self._next_id = self._next_id, self._next_id + 1
        answer: asyncio.Future[dict[str, Any]] = self._loop.create_future()
        self._waiting[number] = answer
        try:
            request = {"id": number, "verb": verb} | ({"args": dict(args)} if args else {})
            socket.send_fds(self._end, [json.dumps(request).encode()], files)
            return await asyncio.wait_for(answer, timeout_s)
        except TimeoutError:
            return {"ok": False, "error": f"the gateway gave no answer within {timeout_s:g} s"}
        except OSError:
            return GONE
        finally:
            self._waiting.pop(number, None)

    def close(self) -> None:
        """Give up: whoever waits gets an error. Closing twice is fine."""
        if self._end.fileno() < 0:
            return
        self._loop.remove_reader(self._end)
        self._end.close()
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_result(GONE)

    def _readable(self) -> None:
        try:
            packet = self._end.recv(MAX_PACKET)
        except BlockingIOError:
            return
        except OSError:
            packet = b""
        if not packet:
            self.close()
            return
        self._dispatch(packet)

    def _dispatch(self, packet: bytes) -> None:
        try:
            message = json.loads(packet)
        except (ValueError, RecursionError):
            return  # nobody can be told which request it belonged to; that one runs into its time limit
        if not isinstance(message, dict):
            return
        if isinstance(message.get("event"), str):
            self._on_event(message["event"])
            return
        number = message.pop("id", None)
        answer = self._waiting.get(number) if type(number) is int else None
        if answer is not None and not answer.done():
            answer.set_result(message)
