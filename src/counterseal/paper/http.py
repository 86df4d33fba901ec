"""HTTP/1.1 for one connection: bytes in, whole requests out; replies to bytes."""

from __future__ import annotations

from collections.abc import Callable

import httptools

from counterseal.paper.wire import Request

MOST_HEAD = 32 * 1024
MOST_BODY = 1024 * 1024
REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 409: "Conflict", 413: "Too Large",
           418: "I'm a teapot", 429: "Too Many Requests", 500: "Internal Server Error",
           503: "Service Unavailable"}  # fmt: skip


class TooLarge(Exception):
    """A head or body beyond the limits above."""


class RequestReader:
    """Collects httptools' callbacks into `Request` objects; one reader a connection."""

    def __init__(
        self,
        peer: str,
        on_request: Callable[[Request, bool], None],
        on_head: Callable[[str, str, str], None] = lambda method, path, peer: None,
    ) -> None:
        self._peer = peer
        self._on_request = on_request
        self._on_head = on_head
        self._parser = httptools.HttpRequestParser(self)
        self._reset()

    def _reset(self) -> None:
        self._target = b""
        self._names: list[str] = []
        self._headers: dict[str, str] = {}
        self._body = b""
        self._head_size = 0

    def feed(self, data: bytes) -> None:
        """Raises httptools.HttpParserError for what is no HTTP, TooLarge for too much of it."""
        self._parser.feed_data(data)

    # httptools calls these by name

    def on_message_begin(self) -> None:
        self._reset()

    def on_url(self, url: bytes) -> None:
        self._target += url
        self._grow(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        key = name.decode("latin-1").lower()
        self._names.append(key)
        self._headers[key] = value.decode("latin-1")
        self._grow(len(name) + len(value))

    def on_headers_complete(self) -> None:
        method = self._parser.get_method().decode("latin-1")
        self._on_head(method, self._target.partition(b"?")[0].decode("latin-1"), self._peer)

    def on_body(self, body: bytes) -> None:
        self._body += body
        if len(self._body) > MOST_BODY:
            raise TooLarge

    def on_message_complete(self) -> None:
        method = self._parser.get_method().decode("latin-1")
        request = Request(method, self._target, self._headers, self._names, self._body, self._peer)
        self._on_request(request, self._parser.should_keep_alive())

    def _grow(self, size: int) -> None:
        self._head_size += size
        if self._head_size > MOST_HEAD:
            raise TooLarge


def to_bytes(status: int, headers: dict[str, str], body: bytes, keep_alive: bool) -> bytes:
    """A whole response with Content-Length."""
    kind = "text/html" if body.startswith(b"<") else "application/json;charset=UTF-8"
    head = [f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}", f"Content-Type: {kind}"]
    head.append(f"Content-Length: {len(body)}")
    head.extend(f"{name}: {value}" for name, value in headers.items())
    head.append("Connection: keep-alive" if keep_alive else "Connection: close")
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body
