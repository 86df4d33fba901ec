"""A journal read from some place on, and on again as it grows: for what is made anew from it while the gateway runs."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from counterseal.adapters.journal_segments import decode, read_reserve, scan_file, segments
from counterseal.core import record

Suits = Callable[[dict[str, Any]], bool]


class JournalTail:
    """Gives records in order, each once; all of them, unless `finding` has been run to its end.

    Raises JournalDamaged, OSError.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number, self._at, self._seq = 0, 0, 0

    def finding(self, mark: bytes, suits: Suits) -> Iterator[None]:
        """Look for the last segment with a record which `suits`, to begin there; a step for each segment.

        `mark` is what stands in such a record as it is written.
        """
        for segment in reversed(segments(self._folder)):
            yield
            if mark in segment.path.read_bytes():
                marked = [payload for payload in scan_file(segment.path).payloads if mark in payload]
                if any(suits(decode(payload)) for payload in marked):
                    self._number = segment.number
                    return

    def new(self) -> Iterator[dict[str, Any]]:
        """Give what has come since the last call."""
        for segment in segments(self._folder):
            if segment.number < self._number:
                continue
            if segment.number > self._number:
                self._number, self._at = segment.number, 0
            for entry in self._rest(segment.path):
                self._seq = entry["seq"]
                yield entry
        for payload in read_reserve(self._folder, self._seq):
            entry = decode(payload)
            self._seq = entry["seq"]
            yield entry

    def _rest(self, path: Path) -> Iterator[dict[str, Any]]:
        start = max(self._at, len(record.MAGIC))
        with path.open("rb") as file:
            file.seek(start)
            found = record.scan(record.MAGIC + file.read())
        self._at = start + found.end - len(record.MAGIC)
        yield from map(decode, found.payloads)
