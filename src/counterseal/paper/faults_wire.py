"""Replies that go wrong on the wire: what is written, how slowly, and how the connection ends.

Each takes the reply as it would have gone out and gives the steps that the server takes instead.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from counterseal.paper.http import to_bytes

MEBIBYTE = 1 << 20
CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Sent:
    """A reply as the handlers made it."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Step:
    """`write` bytes, `wait` ms, or end: `fin` (TLS closed in order), `cut` (FIN without TLS's close), `reset` (RST),
    `silence` (nothing more, and the connection stays).
    """

    do: str
    data: bytes = b""
    wait_ms: int = 0


Steps = list[Step]
Planner = Callable[[Sent, str, bytes], Steps]


def _raw(sent: Sent, body: bytes | None = None, **headers: str) -> bytes:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return to_bytes(sent.status, sent.headers | named, sent.body if body is None else body, True)


def _split(raw: bytes) -> tuple[bytes, bytes]:
    head, _, body = raw.partition(b"\r\n\r\n")
    return head + b"\r\n\r\n", body


def reset(sent: Sent, argument: str, other: bytes) -> Steps:
    return [Step("reset")]


def tls_cut(sent: Sent, argument: str, other: bytes) -> Steps:
    """The answer whole, then the connection closed below TLS, without its close_notify."""
    return [Step("write", _raw(sent)), Step("cut")]


def close(sent: Sent, argument: str, other: bytes) -> Steps:
    """No answer, the connection closed in order."""
    return [Step("fin")]


def stall(sent: Sent, argument: str, other: bytes) -> Steps:
    return [Step("silence")]


def stall_after_headers(sent: Sent, argument: str, other: bytes) -> Steps:
    return [Step("write", _split(_raw(sent))[0]), Step("silence")]


def fin_in_body(sent: Sent, argument: str, other: bytes) -> Steps:
    raw = _raw(sent)
    return [Step("write", raw[: len(raw) - max(1, len(sent.body) // 2)]), Step("fin")]


def reset_in_body(sent: Sent, argument: str, other: bytes) -> Steps:
    raw = _raw(sent)
    return [Step("write", raw[: len(raw) - max(1, len(sent.body) // 2)]), Step("wait", wait_ms=50), Step("reset")]


def slow(sent: Sent, argument: str, other: bytes) -> Steps:
    """So many bytes a second, one by default."""
    each = max(1, 1000 // int(argument or 1))
    return [step for byte in _raw(sent) for step in (Step("write", bytes([byte])), Step("wait", wait_ms=each))]


def wrong_length(sent: Sent, argument: str, other: bytes) -> Steps:
    """Content-Length off by so many bytes: too large leaves the client waiting, too small leaves bytes over."""
    claimed = max(0, len(sent.body) + int(argument or 10))
    truth = b"Content-Length: %d\r\n" % len(sent.body)
    return [Step("write", _raw(sent).replace(truth, b"Content-Length: %d\r\n" % claimed, 1))]


def two_replies(sent: Sent, argument: str, other: bytes) -> Steps:
    return [Step("write", _raw(sent) * 2)]


def other_reply(sent: Sent, argument: str, other: bytes) -> Steps:
    """The reply of an earlier request in place of this one's."""
    return [Step("write", _raw(sent, body=other))]


def huge_body(sent: Sent, argument: str, other: bytes) -> Steps:
    """So many MiB of blanks (50 by default) in front of the JSON, which stays valid."""
    size = int(argument or 50) * MEBIBYTE
    head = _split(_raw(sent, body=b""))[0].replace(
        b"Content-Length: 0", b"Content-Length: %d" % (size + len(sent.body)), 1
    )
    return [Step("write", head), *([Step("write", b" " * CHUNK)] * (size // CHUNK)), Step("write", sent.body)]


def gzip_bomb(sent: Sent, argument: str, other: bytes) -> Steps:
    """So many MiB (1024 by default) of blanks and the reply, compressed to about a thousandth."""
    return [
        Step("write", _raw(sent, body=_bomb(int(argument or 1024)) + gzip.compress(sent.body), Content_Encoding="gzip"))
    ]


@lru_cache(maxsize=2)
def _bomb(size: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(b" " * MEBIBYTE) for _ in range(size)) + packer.flush()


def informational(sent: Sent, argument: str, other: bytes) -> Steps:
    """So many 1xx answers (1000 by default) in front of the real one."""
    return [Step("write", b"HTTP/1.1 103 Early Hints\r\n\r\n" * int(argument or 1000)), Step("write", _raw(sent))]


def redirect(sent: Sent, argument: str, other: bytes) -> Steps:
    """3xx to another place: `<status>` or `<status>:<url>`."""
    status, _, url = (argument or "307").partition(":")
    moved = Sent(int(status), sent.headers, b"")
    return [Step("write", _raw(moved, Location=url or "https://127.0.0.1:1/elsewhere"))]


def http10(sent: Sent, argument: str, other: bytes) -> Steps:
    """An HTTP/1.0 answer without a length: the end of the connection is its end."""
    body = b"HTTP/1.0 %d OK\r\nContent-Type: application/json\r\n\r\n" % sent.status + sent.body
    return [Step("write", body), Step("fin")]


def long_header(sent: Sent, argument: str, other: bytes) -> Steps:
    """A header of so many KiB, 64 by default."""
    return [Step("write", _raw(sent, X_Long="a" * (int(argument or 64) * 1024)))]


PLANNERS: dict[str, Planner] = {
    "reset": reset,
    "tls_cut": tls_cut,
    "close": close,
    "stall": stall,
    "stall_after_headers": stall_after_headers,
    "fin_in_body": fin_in_body,
    "reset_in_body": reset_in_body,
    "slow": slow,
    "wrong_length": wrong_length,
    "two_replies": two_replies,
    "other_reply": other_reply,
    "huge_body": huge_body,
    "gzip_bomb": gzip_bomb,
    "informational": informational,
    "redirect": redirect,
    "http10": http10,
    "long_header": long_header,
}
