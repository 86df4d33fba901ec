"""Alerts on disk, so that none is lost over a restart, a kill or a power cut: one JSON line for each change, the newest
counts.

Written with one call before anything is sent, into room that was taken before; what the kernel has taken survives the
end of this process. The disk has what is critical some milliseconds later and the rest within a second: in a thread,
because a disk that hangs must hold up nobody who is to be told. A disk that refuses is no reason to be silent: alerts
then live in memory alone, until it takes them again.
"""

import errno
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from counterseal.adapters.alert_sync import Syncer

# The file is written anew when it has grown by what it held and this much; more than `MAX_FILE` is none of ours.
ROOM, MAX_FILE = 1 << 19, 1 << 24
# A refusing disk is asked again so often; what is not critical is synced so often.
AGAIN_MS, SYNC_MS = 5_000, 1_000
# How long the end waits for the disk.
LAST_S = 1.0
_NAME, _OLD = "alerts.jsonl", "alerts.old"
_URGENT = "CRITICAL"

Entry = Mapping[str, Any]
Changes = Mapping[int, Entry | None]


class AlertSpool:
    """The file below `folder`. `failing` says in a word why nothing is kept, "" while all is.

    Beside it lies, until one that was written anew has reached the disk, the one before.
    """

    def __init__(self, folder: Path, sync: Callable[[int], None] = os.fdatasync) -> None:
        self._path, self._old = folder / _NAME, folder / _OLD
        self._syncer = Syncer(folder, self._old, sync)
        self._file: int | None = None
        self._size, self._most = 0, ROOM
        self._again_ms = 0
        # Since when something waits for the next sync.
        self._behind_ms: int | None = None
        self.failing = ""

    def load(self) -> list[dict[str, Any]]:
        """Give what was kept, each alert once; a torn last line is what was never told."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            text = _read(self._path)
        except OSError as fault:
            self.failing = fault.strerror or "unreadable"
            return []
        kept, is_whole = _folded(text, {})
        if is_whole:
            with suppress(OSError):
                self._old.unlink(missing_ok=True)
        else:
            # A power cut has taken what was written anew: the one before has what it replaced.
            with suppress(OSError):
                kept, _ = _folded(text, _folded(_read(self._old), {})[0])
        return list(kept.values())

    def write(self, changed: Changes, all_of: Callable[[], Iterable[Entry]], now_ms: int) -> None:
        """Keep changes (None: the alert is gone). `all_of` gives everything, for when the file is written anew."""
        if self._syncer.has_fault:
            # After a failed sync nobody knows what the disk has: all of it is written anew.
            self.failing, self._again_ms = self._syncer.take_fault(), now_ms + AGAIN_MS
        if self.failing and now_ms < self._again_ms:
            return
        lines = b"".join(_line(entry or {"number": number, "gone": True}) for number, entry in changed.items())
        try:
            if self._file is None or self.failing or self._size + len(lines) > self._most:
                self._rewrite(all_of())
                self._sync(renamed=True)
            elif lines:
                self._append(self._file, lines)
                self._behind_ms = now_ms if self._behind_ms is None else self._behind_ms
                if any(entry is not None and entry.get("severity") == _URGENT for entry in changed.values()):
                    self._sync()
            self.failing = ""
        except OSError as fault:
            self.failing, self._again_ms = fault.strerror or "input or output failed", now_ms + AGAIN_MS

    def look(self, now_ms: int) -> None:
        """Have the disk take what has waited for a second, and hear whether it took the last."""
        if self._syncer.has_fault and not self.failing:
            self.failing, self._again_ms = self._syncer.take_fault(), now_ms + AGAIN_MS
        if self._behind_ms is not None and now_ms - self._behind_ms >= SYNC_MS:
            self._sync()

    def close(self) -> None:
        """Close the file, after a last sync that is not waited for for ever."""
        if self._file is not None:
            if self._behind_ms is not None:
                self._sync()
            self._syncer.wait(LAST_S)
            os.close(self._file)
            self._file = None

    def _sync(self, *, renamed: bool = False) -> None:
        self._behind_ms = None
        if self._file is not None:
            self._syncer.ask(self._file, renamed=renamed)

    def _append(self, file: int, lines: bytes) -> None:
        written = os.pwrite(file, lines, self._size)
        if written != len(lines):
            # Half a line would spoil the next one.
            os.ftruncate(file, self._size)
            raise OSError(errno.ENOSPC, "write was cut short")
        self._size += written

    def _rewrite(self, all_of: Iterable[Entry]) -> None:
        """Put a file with everything in the place of the old one, which stays until the new one is durable."""
        entries = list(all_of)
        lines = b"".join(map(_line, [*entries, {"number": 0, "whole": len(entries)}]))
        temporary = self._path.with_suffix(".tmp")
        temporary.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(temporary, flags, 0o600)
        size, self._size = self._size, 0
        try:
            self._append(file, lines)
            most = 2 * self._size + ROOM
            # A disk that has no such room may still take the next line.
            with suppress(OSError):
                os.posix_fallocate(file, 0, most)
            with suppress(OSError):
                os.link(self._path, self._old, follow_symlinks=False)
            temporary.replace(self._path)
        except OSError:
            self._size = size
            os.close(file)
            raise
        if self._file is not None:
            os.close(self._file)
        self._file, self._most = file, most


def _read(path: Path) -> bytes:
    """Give the bytes of a file, none where there is none."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return b""
    with os.fdopen(file, "rb") as stream:
        # Behind the lines lies the room for more of them.
        return stream.read(MAX_FILE).rstrip(b"\x00")


def _folded(text: bytes, kept: dict[int, dict[str, Any]]) -> tuple[dict[int, dict[str, Any]], bool]:
    """Fold lines into what was kept before them; tells whether they begin with everything there was."""
    kept, is_whole = dict(kept), False
    for entry in _lines(text):
        if "whole" in entry:
            is_whole = True
        elif "gone" in entry:
            kept.pop(entry["number"], None)
        else:
            kept[entry["number"]] = entry
    return kept, is_whole


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
