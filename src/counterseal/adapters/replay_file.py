"""Marks of payloads seen, kept over a restart: two small files that take turns.

Written with the journal, before anything is sent; 24 bytes a signed request. Together the files cover at least the
window in which a payload can still be fresh.
"""

import errno
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from counterseal.core.replay import KEEP_MS

MAX_QUEUED = 10_000
_ENTRY = struct.Struct(">16sQ")


class ReplayFile:
    """Appends (mark, path mark) and gives back what earlier incarnations wrote."""

    def __init__(self, directory: Path, now_ms: int) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._paths = (directory / "seen.0", directory / "seen.1")
        self.remembered: dict[bytes, int] = {}
        for path in sorted(self._paths, key=_age):
            # The path on which a payload came first stays its origin, whatever was tried on another one since.
            for mark, origin in _read(path):
                self.remembered.setdefault(mark, origin)
        self._current = 0 if _age(self._paths[0]) >= _age(self._paths[1]) else 1
        self._file = self._open_current(truncate=False)
        self._turned_ms = now_ms
        self._queued: list[bytes] = []

    def _open_current(self, *, truncate: bool) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | (os.O_TRUNC if truncate else 0)
        file = os.open(self._paths[self._current], flags, 0o600)
        # A torn entry at the end would shift every later one.
        os.ftruncate(file, os.fstat(file).st_size // _ENTRY.size * _ENTRY.size)
        return file

    def append(self, mark: bytes, path_mark: int) -> None:
        """Queue one mark. While the disk refuses, only the newest are kept."""
        if len(self._queued) > MAX_QUEUED:
            self._queued.clear()
        self._queued.append(_ENTRY.pack(mark, path_mark))

    def flush(self, now_ms: int) -> None:
        """Write what is queued; turn to the other file when this one covers the window. Raises OSError."""
        if now_ms - self._turned_ms > KEEP_MS:
            self._turn(now_ms)
        if self._queued:
            data = b"".join(self._queued)
            written = os.write(self._file, data)
            if written != len(data):
                # A torn entry would shift every later one.
                os.ftruncate(self._file, os.fstat(self._file).st_size // _ENTRY.size * _ENTRY.size)
                raise OSError(errno.ENOSPC, "write was cut short")
            self._queued.clear()

    def _turn(self, now_ms: int) -> None:
        """Go on in the other file; the old one is closed only when the new one is open."""
        old, self._current = self._file, 1 - self._current
        try:
            self._file = self._open_current(truncate=True)
        except OSError:
            self._current = 1 - self._current
            raise
        os.close(old)
        self._turned_ms = now_ms

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def _age(path: Path) -> float:
    return path.stat().st_mtime if path.exists() else 0.0


def _read(path: Path) -> Iterator[tuple[Any, ...]]:
    data = path.read_bytes() if path.exists() else b""
    whole = len(data) - len(data) % _ENTRY.size
    yield from _ENTRY.iter_unpack(data[:whole])
