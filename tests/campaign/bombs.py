"""Answers that would fill memory: what a hostile exchange, or who speaks in its place, could send; and what of it the
gateway takes in, by its own connection and in its own process.
"""

from __future__ import annotations

import asyncio
import gc
import gzip
import json
import tracemalloc
import zlib
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import repeat
from typing import Any

from tests.campaign.house import House

from counterseal.adapters.upstream import UpstreamConnection
from counterseal.ports.venue import ORDINARY, Terms, VenueReply

MIB = 1 << 20
# What TLS hands over at once.
PIECE = 16 << 10
# Stands in what was compressed, and nowhere else: who reads it has undone a compression.
MARK = b"INFLATED"
# What the exchange would answer to the order of the campaign, were it not a bomb.
PLAIN = b'{"symbol":"BTCUSDT","orderId":7,"clientOrderId":"bomb","status":"NEW"}'
ACCEPTED = PLAIN[:-1] + b',"note":"' + MARK + b'"}'
INFLATED = 64


class Nowhere(asyncio.Transport):
    """What is written goes nowhere; bytes come by hand."""

    def write(self, data: object) -> None:
        """Take bytes."""

    def abort(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True)
class Bomb:
    """One hostile answer: its first line, header lines, and its body in the form in which it comes.

    `body` is made as it is sent, so that no bomb takes room of its own. `by` is how it says its length: "length",
    "chunks", "small chunks" (one byte each) or "end" (of the connection).
    """

    name: str
    body: Callable[[], Iterable[bytes]]
    lines: tuple[str, ...] = ()
    by: str = "length"
    status: str = "200 OK"

    def wire(self) -> Iterator[bytes]:
        """Give the bytes in the pieces in which they arrive."""
        yield from in_pieces(self._bytes())

    def _bytes(self) -> Iterator[bytes]:
        lines = [f"HTTP/1.1 {self.status}", "Content-Type: application/json", *self.lines]
        if self.by == "length":
            lines.append(f"Content-Length: {sum(map(len, self.body()))}")
        elif "chunks" in self.by and not any("Transfer-Encoding" in line for line in lines):
            lines.append("Transfer-Encoding: chunked")
        yield "\r\n".join(lines).encode() + b"\r\n\r\n"
        if "chunks" not in self.by:
            yield from self.body()
            return
        for part in self.body():
            yield _small(part) if self.by == "small chunks" else b"%x\r\n%b\r\n" % (len(part), part)
        yield b"0\r\n\r\n"


@lru_cache(maxsize=4)
def _small(part: bytes) -> bytes:
    return b"".join([b"1\r\n%c\r\n" % byte for byte in part])


def in_pieces(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Cut bytes as TLS records cut them."""
    for part in parts:
        for at in range(0, len(part), PIECE):
            yield part[at : at + PIECE]


# -- bodies


def blanks(mebibytes: int, behind: bytes = PLAIN) -> Callable[[], Iterable[bytes]]:
    """Give so many MiB of blanks and what they hide."""
    return lambda: (*repeat(b" " * PIECE, mebibytes * MIB // PIECE), behind)


def over_and_over(text: bytes, size: int, before: bytes = b"", behind: bytes = b"") -> Callable[[], Iterable[bytes]]:
    """Give a text repeated up to a size, between two others."""
    many = text * (PIECE // len(text))
    return lambda: (before, *repeat(many, size // len(many)), behind)


@lru_cache(maxsize=1)
def _hidden() -> bytes:
    return b" " * (INFLATED * MIB) + ACCEPTED


@lru_cache(maxsize=8)
def packed(form: str) -> bytes:
    """Give 64 MiB of blanks with the answer behind them, compressed."""
    if form == "nested":
        return gzip.compress(gzip.compress(packed("gzip")))
    if form == "members":
        part = gzip.compress(b" " * (4 * MIB))
        return part * (INFLATED // 4) + gzip.compress(ACCEPTED)
    packer = zlib.compressobj(9, zlib.DEFLATED, {"gzip": 31, "zlib": 15, "deflate": -15}[form])
    return packer.compress(_hidden()) + packer.flush()


def compressed(form: str) -> Callable[[], Iterable[bytes]]:
    """Give a compressed body; it is made now, so that its making is no part of what is measured."""
    body = packed(form)
    return lambda: (body,)


# -- the exchange that sends them


@dataclass
class Hostile:
    """Puts a bomb on the exchange's side of the gateway's own connection, for one path; `taken` is the most bytes that
    any connection took in, `met` how many requests met it.
    """

    house: House
    path: str
    bomb: Bomb
    taken: int = 0
    met: int = 0
    bounds: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._sensible = self.house.venue.send
        self.house.venue.send = self.send  # type: ignore[method-assign]  # this house's alone

    async def send(self, family: str, request: bytes, terms: Terms = ORDINARY) -> VenueReply:
        """Send one request once."""
        if request.split(b" ", 2)[1].split(b"?")[0].decode() != self.path:
            return await self._sensible(family, request, terms)
        self.met += 1
        self.bounds.append(terms.most)
        connection = UpstreamConnection(self.house.clock)
        connection.connection_made(Nowhere())
        answer = connection.send(request, terms.most)
        self.taken = max(self.taken, _feed(connection, self.bomb.wire()))
        if connection.open:
            connection.connection_lost(None)
        return await answer


def _feed(connection: UpstreamConnection, pieces: Iterable[bytes]) -> int:
    taken = 0
    for piece in pieces:
        if not connection.open:
            break
        connection.get_buffer(-1)[: len(piece)] = piece
        connection.buffer_updated(len(piece))
        taken += len(piece)
    return taken


# -- what it costs


async def peak_of(work: Callable[[], Awaitable[Any]]) -> tuple[Any, int]:
    """Give what came of it, and how much memory it needed at its peak, in bytes beyond what was in use before."""
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        done = await work()
        return done, tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def nested(opening: str, size: int) -> str:
    """Give JSON that is opened over and over and never closed."""
    return (opening * (size // len(opening) + 1))[:size]


def wide(element: str, size: int) -> str:
    """Give a list of as many elements as fit."""
    return f"[{','.join([element] * ((size - 1) // (len(element) + 1)))}]"


def text_of(value: Any) -> str:
    """Write JSON as bots do."""
    return json.dumps(value, separators=(",", ":"))
