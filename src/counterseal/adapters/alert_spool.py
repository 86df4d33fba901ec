"""Alerts on disk, so that none is lost over a restart or a kill: one JSON line for each change, the newest counts.

Written with one call before anything is sent; what the kernel has taken survives the end of this process. A disk that
refuses is no reason to be silent: alerts then live in memory alone, until it takes them again.
"""

import errno
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

# The file is written anew when it has grown by what it held and this much; more than `MAX_FILE` is none of ours.
ROOM, MAX_FILE = 1 << 19, 1 << 24
# A refusing disk is asked again so often.
AGAIN_MS = 5_000
_NAME = "alerts.jsonl"

Entry = Mapping[str, Any]
Changes = Mapping[int, Entry | None]


class AlertSpool:
    """The file below `folder`. `failing` says in a word why nothing is kept, "" while all is."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _NAME
        self._file: int | None = None
        self._size, self._most = 0, ROOM
        self._again_ms = 0
        self.failing = ""

    def load(self) -> list[dict[str, Any]]:
        """Give what was kept, each alert once; a torn last line is what was never told."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            text = _read(self._path)
        except FileNotFoundError:
            return []
        except OSError as fault:
            self.failing = fault.strerror or "unreadable"
            return []
        kept: dict[int, dict[str, Any]] = {}
        for entry in _lines(text):
            if "gone" in entry:
                kept.pop(entry["number"], None)
            else:
                kept[entry["number"]] = entry
        return list(kept.values())

    def write(self, changed: Changes, all_of: Callable[[], Iterable[Entry]], now_ms: int) -> None:
        """Keep changes (None: the alert is gone). `all_of` gives everything, for when the file is written anew."""
        if self.failing and now_ms < self._again_ms:
            return
        lines = b"".join(_line(entry or {"number": number, "gone": True}) for number, entry in changed.items())
        try:
            if self._file is None or self.failing or self._size + len(lines) > self._most:
                self._rewrite(all_of())
            elif lines:
                self._append(self._file, lines)
            self.failing = ""
        except OSError as fault:
            self.failing, self._again_ms = fault.strerror or "input or output failed", now_ms + AGAIN_MS

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _append(self, file: int, lines: bytes) -> None:
        written = os.write(file, lines)
        if written != len(lines):
            # Half a line would spoil the next one.
            os.ftruncate(file, self._size)
            raise OSError(errno.ENOSPC, "write was cut short")
        self._size += written

    def _rewrite(self, all_of: Iterable[Entry]) -> None:
        """Put a file with everything in the place of the old one."""
        lines = b"".join(map(_line, all_of))
        temporary = self._path.with_suffix(".tmp")
        temporary.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(temporary, flags, 0o600)
        try:
            self._size = 0
            self._append(file, lines)
            temporary.replace(self._path)
        except OSError:
            os.close(file)
            raise
        self.close()
        self._file, self._most = file, 2 * self._size + ROOM


def _read(path: Path) -> bytes:
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(file, "rb") as stream:
        return stream.read(MAX_FILE)


def _line(entry: Entry) -> bytes:
    return json.dumps(entry, ensure_ascii=False).encode() + b"\n"


def _lines(text: bytes) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict) and type(entry.get("number")) is int:
            yield entry
