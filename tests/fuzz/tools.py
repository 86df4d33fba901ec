"""What the targets share: bytes taken apart, bytes cut as a network may cut them, a transport that goes nowhere."""

from __future__ import annotations

import asyncio
import atexit
import hashlib
import json
from collections.abc import Coroutine, Iterator, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
# Longer inputs are cut into pieces of a few bytes rather than byte by byte.
FINE, PIECE = 512, 7

_LOOP = asyncio.new_event_loop()
atexit.register(_LOOP.close)


def on_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run what needs a loop that runs: on one of our own, which is made once."""
    return _LOOP.run_until_complete(work)


class Take:
    """Bytes as decisions: what is left when they are used up is zero and empty."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def byte(self) -> int:
        """The next byte."""
        self._at += 1
        return self._data[self._at - 1] if self._at <= len(self._data) else 0

    def number(self) -> int:
        """The next two bytes."""
        return self.byte() << 8 | self.byte()

    def pick(self, options: Sequence[T]) -> T:
        """One of these, by the next byte."""
        return options[self.byte() % len(options)]

    def some(self, count: int) -> bytes:
        """The next bytes, as far as there are so many."""
        found = self._data[self._at : self._at + count]
        self._at += count
        return found

    def rest(self) -> bytes:
        """All that is left."""
        return self.some(len(self._data))


def cuttings(data: bytes) -> Iterator[list[bytes]]:
    """Give the same bytes in other pieces than whole: one by one, and in two ways that the bytes themselves decide."""
    size = 1 if len(data) <= FINE else PIECE
    yield [data[at : at + size] for at in range(0, len(data), size)]
    for salt in (b"1", b"2"):
        yield list(_drawn(data, hashlib.blake2b(data, salt=salt).digest()))


def _drawn(data: bytes, lengths: bytes) -> Iterator[bytes]:
    at = turn = 0
    while at < len(data):
        # Mostly short, sometimes long.
        length = 1 + lengths[turn % len(lengths)] % (9 if turn % 3 else 200)
        yield data[at : at + length]
        at, turn = at + length, turn + 1


def json_in(data: bytes) -> Any:
    """Give the JSON document in these bytes as the standard library reads it, None for none."""
    try:
        return json.loads(data.decode())
    except (ValueError, RecursionError):
        return None


def utf8_in(data: bytes) -> str | None:
    """Give the text in these bytes, also one with lone surrogates, which some readers let through."""
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return None


def is_text(value: str) -> bool:
    """Tell whether a text has a UTF-8 form."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


class Wire(asyncio.Transport):
    """A transport that keeps what is written and tells what was asked of it."""

    def __init__(self, peer: str = "127.0.0.1") -> None:
        super().__init__({"peername": (peer, 1)})
        self.written = b""
        self.is_over = False

    def write(self, data: Any) -> None:
        if not self.is_over:
            self.written += bytes(data)

    def close(self) -> None:
        self.is_over = True

    abort = close

    def is_closing(self) -> bool:
        return self.is_over

    def can_write_eof(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing waits here."""

    def pause_reading(self) -> None:
        """What comes is taken all the same."""

    def resume_reading(self) -> None:
        """As above."""
