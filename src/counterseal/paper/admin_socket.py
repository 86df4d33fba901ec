"""The admin socket in the home directory: one JSON command a line, one JSON reply a line; only its owner may connect.

Addressed through the directory's descriptor, because the path of a UNIX socket is at most 107 bytes long.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from counterseal.paper.admin import Admin
from counterseal.paper.errors import ApiError, Json

NAME = "admin.sock"
MOST_LINE = 1 << 20
TIMEOUT_S = 10.0


@contextmanager
def _short(home: Path) -> Iterator[str]:
    descriptor = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{NAME}"
    finally:
        os.close(descriptor)


async def listen(home: Path, admin: Admin) -> asyncio.AbstractServer:
    """Serve commands until the server is closed; a socket that an earlier run left is replaced."""

    async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(obey(admin, line)).encode() + b"\n")
                await writer.drain()
        except (ValueError, OSError):
            pass  # a line too long, or a client that left
        finally:
            writer.close()

    with suppress(FileNotFoundError):
        (home / NAME).unlink()
    with _short(home) as path:
        held = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        held.bind(path)
    (home / NAME).chmod(0o600)
    return await asyncio.start_unix_server(attend, sock=held, limit=MOST_LINE)


def obey(admin: Admin, line: bytes) -> Json:
    """One command's reply; errors come back as `{"error": text}`."""
    try:
        command = json.loads(line)
        if not isinstance(command, dict):
            return {"error": "a command is a JSON object"}
        return admin.run(command)
    except ApiError as error:
        return {"error": error.msg, "code": error.code}
    except ValueError:
        return {"error": "no JSON"}


def ask(home: Path, command: Json) -> Json:
    """Send one command to a running server and wait for its reply.

    OSError when there is no server, ValueError when it refuses.
    """
    with _short(home) as path, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as held:
        held.settimeout(TIMEOUT_S)
        try:
            held.connect(path)
        except FileNotFoundError:
            raise OSError(f"no paper exchange runs in {home}") from None
        held.sendall(json.dumps(command).encode() + b"\n")
        line = b""
        while not line.endswith(b"\n"):
            data = held.recv(65536)
            if not data:
                raise OSError("the paper exchange closed the connection")
            line += data
    reply: Json = json.loads(line)
    if "error" in reply:
        raise ValueError(str(reply["error"]))
    return reply
