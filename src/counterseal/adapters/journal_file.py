"""The journal on disk: one append-only segment per process, written once per turn of the loop, synced within 10 ms."""

import asyncio
import os
import select
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from counterseal.core import record
from counterseal.ports.clock import Clock
from counterseal.ports.journal import JournalError

SYNC_DELAY_S = 0.005
FOLLOW_S = 0.2
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class JournalFile:
    """The Journal port over one file.

    A torn tail is cut when it is opened; damage in the middle raises JournalDamaged.
    """

    def __init__(self, path: Path, clock: Clock, on_failure: Callable[[str], None]) -> None:
        self._clock = clock
        self._on_failure = on_failure
        self._queued: list[bytes] = []
        self._sync_asked = False
        self._closed = False
        self.failed = False
        self.torn_bytes = 0
        self._file, self._seq = self._open(path)

    def _open(self, path: Path) -> tuple[int, int]:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        data = path.read_bytes()
        found = record.scan(data)
        self.torn_bytes = len(data) - found.end
        if self.torn_bytes:
            os.ftruncate(file, found.end)
        if not found.end:
            os.write(file, record.MAGIC)
            os.fsync(file)
            _sync_directory(path.parent)
        last = _decode(found.payloads[-1])["seq"] if found.payloads else 0
        return file, last

    def append(self, entry: Mapping[str, Any]) -> None:
        """Queue one record."""
        self._seq += 1
        now_ms = self._clock.wall_ns() // 1_000_000
        self._queued.append(record.frame(_encode({"v": record.VERSION, "seq": self._seq, "t": now_ms, **entry})))

    def flush(self) -> None:
        """Write what is queued in one call; a short or failing write latches the journal."""
        if not self._queued:
            return
        data, self._queued = b"".join(self._queued), []
        if self.failed:
            raise JournalError("the journal is latched after a failed write")
        try:
            written = os.write(self._file, data)
        except OSError as error:
            self._latch(f"write failed: {error.strerror}")
            raise JournalError("write failed") from None
        if written != len(data):
            self._latch("write was cut short")
            raise JournalError("write was cut short")
        self._ask_sync()

    def _ask_sync(self) -> None:
        if not self._sync_asked:
            self._sync_asked = True
            self._clock.call_later(SYNC_DELAY_S, self._start_sync)

    def _start_sync(self) -> None:
        self._sync_asked = False
        if not self._closed and not self.failed:
            work = asyncio.get_running_loop().run_in_executor(None, os.fdatasync, self._file)
            work.add_done_callback(self._synced)

    def _synced(self, work: "asyncio.Future[None]") -> None:
        if not work.cancelled() and (error := work.exception()) is not None and not self._closed:
            # Never tried again: after a failed sync the kernel may have dropped the pages and say all is well.
            self._latch(f"fdatasync failed: {error}")

    def _latch(self, why: str) -> None:
        self.failed = True
        self._on_failure(why)

    async def close(self) -> None:
        """Write and sync what is left, close the file."""
        if self._closed:
            return
        try:
            if not self.failed:
                self.flush()
                await asyncio.get_running_loop().run_in_executor(None, os.fsync, self._file)
        finally:
            self._closed = True
            os.close(self._file)


def _sync_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def read_records(path: Path) -> Iterator[dict[str, Any]]:
    """Give a segment's records in order; a missing file has none. Raises JournalDamaged."""
    if path.exists():
        for payload in record.scan(path.read_bytes()).payloads:
            yield _decode(payload)


class JournalFollower:
    """Iterates over records written after it was made; waits for more."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = record.scan(path.read_bytes()).end if path.exists() else len(record.MAGIC)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        while True:
            yield from self._new()
            select.select([], [], [], FOLLOW_S)

    def _new(self) -> Iterator[dict[str, Any]]:
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._at)
            found = record.scan(record.MAGIC + file.read())
        self._at += max(0, found.end - len(record.MAGIC))
        for payload in found.payloads:
            yield _decode(payload)
