"""The journal's segments on disk: their names, their order, their records.

`gateway-000001.journal` and so on; the last one is written to. `gateway.journal` is the only segment of installations
older than segments and comes before all others. `gateway-reserve.journal` holds what was written while the disk took
nothing else; its records come last.
"""

import re
import select
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from counterseal.core import record
from counterseal.core.record import JournalDamaged

FOLLOW_S = 0.2
RESERVE = "gateway-reserve.journal"
_UNNUMBERED = "gateway.journal"
_NUMBERED = re.compile(r"gateway-([0-9]{6})\.journal", re.ASCII).fullmatch
decode = msgspec.json.Decoder().decode


class Segment(NamedTuple):
    """One file of the journal."""

    number: int
    path: Path


def segments(folder: Path) -> list[Segment]:
    """Give the segments that are there, oldest first."""
    if not folder.is_dir():
        return []
    named = ((_NUMBERED(path.name), path) for path in folder.iterdir())
    found = [Segment(int(match[1]), path) for match, path in named if match]
    unnumbered = folder / _UNNUMBERED
    return sorted(found + ([Segment(0, unnumbered)] if unnumbered.exists() else []))


def path_of(folder: Path, number: int) -> Path:
    """Give the file of a segment."""
    return folder / (f"gateway-{number:06d}.journal" if number else _UNNUMBERED)


def read_payloads(folder: Path) -> Iterator[bytes]:
    """Give all records of a journal as they were written, in order. Raises JournalDamaged."""
    last = 0
    for path in [segment.path for segment in segments(folder)]:
        for payload in _scan(path, path.read_bytes()).payloads:
            last = decode(payload)["seq"]
            yield payload
    yield from read_reserve(folder, last)


def read_reserve(folder: Path, behind: int) -> tuple[bytes, ...]:
    """Give the records of the reserve that come behind number `behind`. Raises JournalDamaged."""
    path = folder / RESERVE
    if not path.exists():
        return ()
    found = _scan(path, path.read_bytes()).payloads
    return tuple(payload for payload in found if decode(payload)["seq"] > behind)


def read_records(folder: Path) -> Iterator[dict[str, Any]]:
    """Give a journal's records in order; a missing folder has none. Raises JournalDamaged."""
    return map(decode, read_payloads(folder))


def scan_file(path: Path) -> record.Scan:
    """Read one segment. Raises JournalDamaged, which names it."""
    return _scan(path, path.read_bytes())


def _scan(path: Path, data: bytes) -> record.Scan:
    try:
        return record.scan(data)
    except JournalDamaged as fault:
        raise JournalDamaged(f"{path.name}: {fault}") from None


class JournalFollower:
    """Iterates over records written after it was made; waits for more, in segments yet to come too."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        found = segments(folder)
        self._number = found[-1].number if found else 1
        self._at = scan_file(found[-1].path).end if found else 0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        while True:
            yield from self._new()
            select.select([], [], [], FOLLOW_S)

    def _new(self) -> Iterator[dict[str, Any]]:
        for segment in segments(self._folder):
            if segment.number == self._number:
                yield from self._rest(segment.path)
            elif segment.number > self._number:
                self._number, self._at = segment.number, 0
                yield from self._rest(segment.path)

    def _rest(self, path: Path) -> Iterator[dict[str, Any]]:
        start = max(self._at, len(record.MAGIC))
        with path.open("rb") as file:
            file.seek(start)
            found = record.scan(record.MAGIC + file.read())
        self._at = start + found.end - len(record.MAGIC)
        yield from map(decode, found.payloads)
