"""Reads the gateway's journal by its published format: a reader of its own, so that the two can disagree.

A segment is the line `counterseal journal 1`, then records: length and CRC-32 of the payload as big-endian u32, the
payload as one JSON object.
"""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import Any

FIRST_LINE = b"counterseal journal 1\n"
RESERVE = "gateway-reserve.journal"
Row = dict[str, Any]


class Unreadable(ValueError):
    """The file is no journal, or is damaged before its end."""


def read(path: Path) -> list[Row]:
    """Every whole record of a segment, or of all segments of a folder, oldest first.

    A torn tail is left out; Unreadable for anything else that does not check.
    """
    if not path.is_dir():
        return _segment(path)
    rows: list[Row] = []
    for each in (*path.glob("gateway.journal"), *sorted(path.glob("gateway-[0-9]*.journal")), *path.glob(RESERVE)):
        last = rows[-1]["seq"] if rows else 0
        # What was written while the disk was full may stand in the reserve as well.
        rows += [row for row in _segment(each) if each.name != RESERVE or row["seq"] > last]
    return rows


def _segment(path: Path) -> list[Row]:
    data = path.read_bytes()
    if not data.startswith(FIRST_LINE):
        raise Unreadable(f"{path} is no journal of the gateway")
    rows: list[Row] = []
    at = len(FIRST_LINE)
    while at + 8 <= len(data):
        length, checksum = struct.unpack_from(">II", data, at)
        payload = data[at + 8 : at + 8 + length]
        if not length or len(payload) < length or zlib.crc32(payload) != checksum:
            break
        rows.append(json.loads(payload))
        at += 8 + length
    if any(data[at:]) and _goes_on(data, at):
        raise Unreadable(f"{path}: the record at byte {at} is damaged and others follow")
    return rows


def _goes_on(data: bytes, at: int) -> bool:
    """Whether a whole record lies behind the bad one at `at`."""
    start = data.find(b"{", at + 9)
    while start >= 0:
        length, checksum = struct.unpack_from(">II", data, start - 8)
        payload = data[start : start + length]
        if length and len(payload) == length and zlib.crc32(payload) == checksum:
            return True
        start = data.find(b"{", start + 1)
    return False
