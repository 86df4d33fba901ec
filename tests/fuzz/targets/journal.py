"""The journal's records: what was written is read, a torn tail is a torn tail, and damage is told."""

from __future__ import annotations

import struct
import zlib

from tests.fuzz.tools import Take

from counterseal.core import record
from counterseal.core.record import JournalDamaged

_HEAD = struct.Struct(">II")
COVERED = ("counterseal.core.record",)
SEEDS = (
    record.MAGIC, b"", record.MAGIC[:5], b"other\n", record.MAGIC + record.frame(b'{"a":1}'),
    record.MAGIC + record.frame(b'{"a":1}') + record.frame(b"{}")[:-1], record.MAGIC + bytes(30),
    record.MAGIC + bytes(9) + record.frame(b'{"a":1}'), b"\x01\x05\x03\x02\x00\x09abcdefgh", b"\x01" + bytes(range(40)),
    record.MAGIC + record.frame(b'{"a":1}')[:-1] + b"!" + record.frame(b'{"b":1}'), b"\x01\x01\x02\x03\xff\x01\x04\x05",
)  # fmt: skip
TOKENS = (
    record.MAGIC,
    b"{",
    b"}",
    b'{"',
    b"\x00\x00\x00\x07",
    b"\x00\x00\x00\x00",
    b"\xff\xff\xff\xff",
    record.frame(b"{}"),
)


def target(data: bytes) -> None:
    """Bytes as a segment, and bytes as what happened to one."""
    _check_scan(data)
    _check_scan(record.MAGIC + data)
    _check_history(Take(data))


def _check_scan(data: bytes) -> None:
    """Records are read as our own reading of the format has them."""
    expected, end = _read(data)
    try:
        found = record.scan(data)
    except JournalDamaged:
        assert data[: len(record.MAGIC)] != record.MAGIC[: len(data)] or _is_followed(data, end)
        return
    assert list(found.payloads) == expected and (found.end == end or not data.startswith(record.MAGIC))
    assert not _is_followed(data, end) or not data.startswith(record.MAGIC)
    assert data[: found.end] == (record.MAGIC + b"".join(map(record.frame, expected)))[: found.end]


def _read(data: bytes) -> tuple[list[bytes], int]:
    found: list[bytes] = []
    at = len(record.MAGIC)
    while data.startswith(record.MAGIC) and (payload := _whole_at(data, at)) is not None:
        found.append(payload)
        at += _HEAD.size + len(payload)
    return found, at


def _whole_at(data: bytes, at: int) -> bytes | None:
    if len(data) - at < _HEAD.size:
        return None
    length, checksum = _HEAD.unpack_from(data, at)
    payload = data[at + _HEAD.size : at + _HEAD.size + length]
    whole = 0 < length <= 1 << 20 and len(payload) == length and zlib.crc32(payload) == checksum
    return payload if whole else None


def _is_followed(data: bytes, at: int) -> bool:
    """Tell whether a whole record of a JSON object begins anywhere behind a place."""
    return any((_whole_at(data, place) or b"")[:1] == b"{" for place in range(at + 1, len(data)))


def _check_history(take: Take) -> None:
    """Write records, spoil one byte or cut the end: what is read is a beginning, or it is damage."""
    # No JSON holds control characters, so none holds the beginning of another record: lengths begin with a zero.
    texts = [take.some(take.byte() % 32) for _ in range(1 + take.byte() % 6)]
    payloads = [b"{%b}" % bytes(max(byte, 0x20) for byte in text) for text in texts]
    data = record.MAGIC + b"".join(map(record.frame, payloads))
    assert list(record.scan(data).payloads) == payloads
    cut = len(record.MAGIC) + take.number() % (len(data) - len(record.MAGIC))
    kept = list(record.scan(data[:cut] + bytes(take.byte() % 20)).payloads)
    assert kept == payloads[: len(kept)] and len(data) > sum(len(each) + 8 for each in kept) + len(record.MAGIC)
    spoilt = bytearray(data)
    spoilt[take.number() % len(data)] ^= 1 + take.byte() % 255
    try:
        found = list(record.scan(bytes(spoilt)).payloads)
    except JournalDamaged:
        return
    assert found == payloads[: len(found)] and len(found) < len(payloads)
