"""The messages of `make bench-ws`: trades in the combined form, all of one length, so that bytes tell their number."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

# Numbers and moments have their digits from the first to the last.
FIRST_NUMBER, FIRST_MOMENT = 10**9, 10**18
_TEXT = (
    '{"stream":"%s","data":{"e":"trade","E":1700000000000,"s":"%s","t":%d,'
    '"p":"65432.10000000","q":"0.01234000","T":%d,"m":true,"M":true}}'
)
_NUMBER, _MOMENT = b'"t":', b'"T":'


def stream(number: int) -> str:
    """Name a stream."""
    return f"bench{number:04d}usdt@trade"


def frame(name: str, number: int, moment_ns: int) -> bytes:
    """Make a message's frame: unmasked, as a server sends it."""
    text = (_TEXT % (name, name[:13].upper(), FIRST_NUMBER + number, FIRST_MOMENT + moment_ns)).encode()
    return bytes((0x81, 126, len(text) >> 8, len(text) & 0xFF)) + text


SIZE = len(frame(stream(0), 0, 0))
_SAMPLE = frame(stream(0), 0, 0)
_NUMBER_AT, _MOMENT_AT = _SAMPLE.index(_NUMBER) + len(_NUMBER), _SAMPLE.index(_MOMENT) + len(_MOMENT)


def number_of(data: bytes, at: int) -> int:
    """Read the number of the message whose frame begins there."""
    return int(data[at + _NUMBER_AT : at + _NUMBER_AT + 10]) - FIRST_NUMBER


def moment_of(data: bytes, at: int) -> int:
    """Read when it was made, in nanoseconds of CLOCK_MONOTONIC."""
    return int(data[at + _MOMENT_AT : at + _MOMENT_AT + 19]) - FIRST_MOMENT


class Progress:
    """The last message that the slowest auditor has: its number in a file that two processes share."""

    def __init__(self, path: str) -> None:
        file = Path(path)
        if not file.exists():
            file.write_bytes(bytes(8))
        with file.open("r+b") as shared:
            self._shared = mmap.mmap(shared.fileno(), 8)

    @property
    def count(self) -> int:
        """Read it."""
        found: int = struct.unpack("<q", self._shared[:8])[0]
        return found

    @count.setter
    def count(self, value: int) -> None:
        self._shared[:8] = struct.pack("<q", value)
