"""The operators' UNIX socket: one JSON line per request, one per answer.

Request {"id": n, "verb": "status"}, where a verb takes some with {"args": {name: text}};
answer {"id": n, "ok": true, "result": {...}} or {"id": n, "ok": false, "error": "sentence"}.
The kernel says who connects; only the owner and root may.
"""

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from counterseal.adapters.home import HomeError
from counterseal.adapters.peer import peer_of, refusal

MAX_LINE = 1 << 20
MAX_PATH = 107  # bytes; what the kernel's address structure holds

Answer = dict[str, Any]
Handler = Callable[[str, Mapping[str, Any]], Awaitable[Answer]]


class ControlError(Exception):
    """An operator's request was not confirmed; the text is one sentence with the way out."""


class NotRunningError(ControlError):
    """Nothing listens on the control socket."""


class Request(NamedTuple):
    """What an operator asks: `args` are names and texts."""

    number: int
    verb: str
    args: dict[str, str]


def bind(path: Path) -> socket.socket:
    """Bind the socket with mode 0600 in the place of a stale one; the caller holds the home's lock.

    Raises HomeError when the path is too long for a UNIX socket.
    """
    if len(os.fsencode(path)) > MAX_PATH:
        raise HomeError(f"{path} is longer than {MAX_PATH} bytes, too long for a socket; choose a shorter --home")
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(before)
    return listener


async def serve(listener: socket.socket, handle: Handler, own_uid: int) -> asyncio.Server:
    """Answer operators; `handle` gives {"ok": ...} for a verb and its arguments. The server owns the listener now.

    Among the arguments is always `uid`, the user that the kernel says is asking.
    """

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _converse(reader, writer, handle, own_uid)
        except (ConnectionError, TimeoutError):
            pass  # the operator has gone; nobody is left to tell
        finally:
            writer.close()

    return await asyncio.start_unix_server(converse, sock=listener, limit=MAX_LINE)


async def _converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handle: Handler, own_uid: int) -> None:
    peer = peer_of(writer.get_extra_info("socket"))
    reason = refusal(peer, own_uid)
    if reason is not None:
        await _write(writer, {"id": 0, "ok": False, "error": reason})
        return
    while True:
        try:
            line = await reader.readline()
        except ValueError:
            await _write(writer, {"id": 0, "ok": False, "error": f"a request is longer than {MAX_LINE} bytes"})
            return
        if not line:
            return
        request = parse_request(line)
        if request is None:
            await _write(writer, {"id": 0, "ok": False, "error": 'a request is one line {"id": 1, "verb": "status"}'})
            return
        given = await handle(request.verb, {**request.args, "uid": peer.uid})
        await _write(writer, {"id": request.number, **given})


def parse_request(line: bytes) -> Request | None:
    """Give a request, or None when it is not of the protocol."""
    try:
        document = json.loads(line)
        number, verb, args = document["id"], document["verb"], document.get("args", {})
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if type(number) is not int or type(verb) is not str or not isinstance(args, dict):
        return None
    return Request(number, verb, args) if all(type(text) is str for text in args.values()) else None


async def _write(writer: asyncio.StreamWriter, answer: Answer) -> None:
    writer.write(json.dumps(answer).encode() + b"\n")
    await writer.drain()


def call(path: Path, verb: str, timeout_s: float, args: Mapping[str, str] | None = None) -> Any:
    """Ask the running supervisor and give the result, blocking. `args` is for a verb that takes some.

    Raises NotRunningError when nothing listens, ControlError when it refuses or gives no answer in time.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout_s)
        try:
            connection.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            raise NotRunningError("nothing is running on this home; start it with: counterseal up") from None
        except OSError as fault:
            raise ControlError(f"{path} cannot be reached ({fault.strerror or 'no answer'})") from None
        request = {"id": 1, "verb": verb} | ({"args": dict(args)} if args else {})
        answer = _exchange(connection, json.dumps(request).encode() + b"\n", timeout_s)
    if answer.get("ok") is not True:
        raise ControlError(str(answer.get("error", "the supervisor refused without a reason")))
    return answer.get("result")


def _exchange(connection: socket.socket, line: bytes, timeout_s: float) -> Answer:
    try:
        try:
            connection.sendall(line)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before it was asked: why stands in the queue
        with connection.makefile("rb") as incoming:
            answer = json.loads(incoming.readline(MAX_LINE))
    except TimeoutError:
        raise ControlError(f"the supervisor gave no answer within {timeout_s:g} s; see: counterseal status") from None
    except (OSError, ValueError):
        raise ControlError("the supervisor closed the connection without an answer; see: counterseal status") from None
    if not isinstance(answer, dict):
        raise ControlError("the supervisor's answer is not of the protocol; do both run the same version?")
    return answer
