"""The journal's format. Framing and version are final; fields for chain, epoch and staging are reserved.

A segment starts with `MAGIC`. A record is a big-endian u32 length of the payload, the payload's CRC-32 as u32, the payload:
one JSON object in UTF-8 with at least `v`, `seq`, `t` (wall ms), `type`. Reserved names: `prev`, `hash` (chain), `epoch`,
`staging`. A torn tail (short or failing its checksum, with nothing whole behind it) is what a cut leaves.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

MAGIC = b"counterseal journal 1\n"
VERSION = 1
MAX_RECORD = 1 << 20
_HEAD = struct.Struct(">II")
TYPES = {
    "start": "the gateway opened: incarnation, policy hash, what was recovered",
    "intent": "a request that changes something, before its first byte leaves",
    "outcome": "what became of an intent: ACCEPTED, REJECTED, UNKNOWN or NOT_SENT",
    "denied": "a request that was refused, with its reason",
    "recovered": "an intent that a crash left open, now UNKNOWN",
    "reload": "policy or credentials changed while running",
    "event": "something an operator must know, until alerts exist",
}


class JournalDamaged(ValueError):
    """A record in the middle does not pass its checksum: history was changed or the disk failed."""


@dataclass(frozen=True, slots=True)
class Scan:
    """What a segment holds: whole payloads, and the offset behind the last of them."""

    payloads: tuple[bytes, ...]
    end: int


def frame(payload: bytes) -> bytes:
    """Give the bytes of one record."""
    return _HEAD.pack(len(payload), zlib.crc32(payload)) + payload


def scan(data: bytes) -> Scan:
    """Read a segment.

    Raises JournalDamaged when a bad record is followed by a whole one, or the magic is another.
    """
    if not data.startswith(MAGIC):
        if MAGIC.startswith(data):
            return Scan((), 0)
        raise JournalDamaged("not a journal segment")
    payloads: list[bytes] = []
    at = len(MAGIC)
    for payload, end in _records(data, at):
        payloads.append(payload)
        at = end
    if _whole_record_behind(data, at):
        raise JournalDamaged(f"record at byte {at} fails its checksum and whole records follow")
    return Scan(tuple(payloads), at)


def _records(data: bytes, at: int) -> Iterator[tuple[bytes, int]]:
    while at + _HEAD.size <= len(data):
        length, checksum = _HEAD.unpack_from(data, at)
        start, end = at + _HEAD.size, at + _HEAD.size + length
        if length > MAX_RECORD or end > len(data) or zlib.crc32(data[start:end]) != checksum:
            return
        yield data[start:end], end
        at = end


def _whole_record_behind(data: bytes, at: int) -> bool:
    """Tell whether the record at `at` is bad although the next one by its length is whole."""
    if at + _HEAD.size > len(data):
        return False
    length, _ = _HEAD.unpack_from(data, at)
    behind = at + _HEAD.size + length
    return length <= MAX_RECORD and next(_records(data, behind), None) is not None
