"""The journal's format. Framing and version are final; fields for epoch and staging are reserved.

A segment starts with `MAGIC`. A record is a big-endian u32 length of the payload, the payload's CRC-32 as u32, the
payload: one JSON object in UTF-8 with at least `v`, `seq`, `t` (wall ms), `prev` (`tlog.leaf_hash` of the payload
before, in hex; `FIRST_PREV` in record 1), `type`. Reserved names: `hash`, `epoch`, `staging`. A torn tail (short or
failing its checksum, with nothing whole behind it) is what a cut leaves.
"""

import struct
import zlib
from dataclasses import dataclass

MAGIC = b"counterseal journal 1\n"
VERSION = 1
MAX_RECORD = 1 << 20
FIRST_LEAF = bytes(32)
FIRST_PREV = FIRST_LEAF.hex()
_HEAD = struct.Struct(">II")
TYPES = {
    "start": "the gateway opened: incarnation, policy hash, what was recovered",
    "intent": "a request that changes something, before its first byte leaves",
    "outcome": "what became of an intent: ACCEPTED, REJECTED, UNKNOWN or NOT_SENT",
    "resolved": "what became of an UNKNOWN intent: ACCEPTED, REJECTED or ABSENT",
    "learnt": "what answers to reads told of orders that count under a limit of exposure",
    "exposure": "what limited bots hold and have open, all of it",
    "denied": "a request that was refused, with its reason",
    "recovered": "an intent that a crash left open, now UNKNOWN",
    "recovered_order": "an order that a start found at the exchange and not in the journal",
    "reconciled": "after a new boot: all that the journal may have lacked was read from the exchange",
    "reload": "policy or credentials changed while running",
    "latch": "a bot was stopped until an operator enables it, or an operator enabled it",
    "checkpoint": "the head of the tree over all records before, signed by the signer",
    "event": "something an operator must know, until alerts exist",
}
# The guard's own journal has these.
GUARD_TYPES = {
    "ladder": "a scope was stopped or given back, or all that holds",
    "proof": "a step of an act at the exchange, and what it came to",
    "guard_order": "an order of the guard's own",
    "alert": "what people were told, and who answered",
    "watch": "what the guard must remember of positions, limits, rights and intruders",
    "override": "a limit that operators have made wider for a while",
    "emergency": "what an operator did to a key or a bot in an emergency",
    "keys": "what the exchange said of a key",
    "reload": "the settings were taken up anew",
    "restated": "all that a start must know stands before this record in its segment",
}


class JournalDamaged(ValueError):
    """A record in the middle does not pass its checksum: history was changed or the disk failed."""


@dataclass(frozen=True, slots=True)
class Scan:
    """What a segment holds: whole payloads, and the offset behind the last of them."""

    payloads: tuple[bytes, ...]
    end: int


def frame(payload: bytes) -> bytes:
    """Give the bytes of one record. Raises ValueError for a payload that `scan` would not take back."""
    if not 0 < len(payload) <= MAX_RECORD:
        raise ValueError("a record's payload has 1 byte to 1 MiB")
    return _HEAD.pack(len(payload), zlib.crc32(payload)) + payload


def scan(data: bytes) -> Scan:
    """Read a segment.

    Raises JournalDamaged when a bad record is followed by a whole one anywhere behind it, or the magic is another.
    """
    if not data.startswith(MAGIC):
        if MAGIC.startswith(data):
            return Scan((), 0)
        raise JournalDamaged("not a journal segment")
    payloads = leading(data)
    at = len(MAGIC) + sum(map(len, payloads)) + _HEAD.size * len(payloads)
    if _whole_record_behind(data, at):
        raise JournalDamaged(f"record at byte {at} fails its checksum and whole records follow")
    return Scan(tuple(payloads), at)


def leading(data: bytes) -> list[bytes]:
    """Give the payloads of a segment in front of the first record that is not whole."""
    payloads: list[bytes] = []
    at = len(MAGIC)
    while (end := _end_of_record(data, at)) is not None:
        payloads.append(data[at + _HEAD.size : end])
        at = end
    return payloads


def _end_of_record(data: bytes, at: int) -> int | None:
    """Give the offset behind the whole record at `at`, None when there is none: the zeros a cut can leave are none."""
    start = at + _HEAD.size
    if start > len(data):
        return None
    length, checksum = _HEAD.unpack_from(data, at)
    end = start + length
    if not 0 < length <= MAX_RECORD or end > len(data) or zlib.crc32(data[start:end]) != checksum:
        return None
    return int(end)


def _whole_record_behind(data: bytes, at: int) -> bool:
    """Tell whether a whole record lies anywhere behind a bad one at `at`, whose length cannot be believed.

    Every payload is a JSON object, so only the places in front of a brace are tried.
    """
    brace = data.find(b"{", at + _HEAD.size + 1)
    while brace >= 0:
        if _end_of_record(data, brace - _HEAD.size) is not None:
            return True
        brace = data.find(b"{", brace + 1)
    return False
