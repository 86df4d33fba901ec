"""A bot's connection as bytes: what no HTTP library would send."""

import json
import socket
from types import TracebackType

from stack import Reply


class Wire:
    """One connection to the gateway. Replies are read in order; `closed` tells whether the gateway ended it."""

    def __init__(self, port: int, timeout_s: float = 20.0, receive_buffer: int = 0) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._socket.settimeout(timeout_s)
        self._socket.connect(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, _kind: type | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self._socket.close()

    def send(self, data: bytes) -> "Wire":
        """Write bytes; a gateway that has closed already is no error."""
        try:
            self._socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return self

    def end_writing(self) -> "Wire":
        """Send a FIN."""
        self._socket.shutdown(socket.SHUT_WR)
        return self

    def reply(self) -> Reply:
        """Read one reply. Raises ConnectionError when the connection ends before it is whole."""
        while b"\r\n\r\n" not in self._buffer:
            self._more()
        head, _, rest = self._buffer.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
        length = int(headers["content-length"])
        self._buffer = rest
        while len(self._buffer) < length:
            self._more()
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return Reply(int(lines[0].split(" ")[1]), headers, json.loads(body) if body else None)

    def closed(self) -> bool:
        """Tell whether the gateway has ended the connection without another byte; waits for it at most a second."""
        if self._buffer:
            return False
        self._socket.settimeout(1.0)
        try:
            return self._socket.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False

    def _more(self) -> None:
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionError(f"closed after {self._buffer!r}")
        self._buffer += data


def exchange(port: int, data: bytes) -> tuple[Reply, bool]:
    """Send bytes on a connection of their own; gives the reply and whether the connection was ended after it."""
    with Wire(port) as wire:
        reply = wire.send(data).reply()
        return reply, wire.closed()
