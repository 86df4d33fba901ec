"""The journal on disk: appended to once per turn of the loop, synced within 10 ms, continued in a new segment in time.

Each record names the hash of the one before. A failed write or sync latches: nothing more goes into that segment, what
raises risk is refused from then on, and the records of exits go into the reserve.
"""

import asyncio
import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from counterseal.adapters.journal_segments import Segment, path_of
from counterseal.adapters.journal_start import Start, begin
from counterseal.core import record
from counterseal.ports.clock import Clock
from counterseal.ports.journal import JournalError

# With a sync of a millisecond or two everything is durable within 10 ms.
SYNC_DELAY_S = 0.007
SLOW_NS = 1_000_000_000
ROTATION_RETRY_S = 60.0
_encode = msgspec.json.Encoder().encode
_sha256 = hashlib.sha256


@dataclass(frozen=True, slots=True)
class JournalTerms:
    """When a segment is full (bytes, milliseconds), and whether every write is synced before anything is sent."""

    segment_bytes: int = 64 << 20
    segment_ms: int = 24 * 3600 * 1000
    power: bool = False


@dataclass(slots=True)
class JournalCalls:
    """Who is told: of a failure that latches, of something that an operator must know, of a segment that was closed."""

    failed: Callable[[str], None]
    warned: Callable[[str], None]
    closed: Callable[[Segment], None]


class JournalFile:
    """The Journal port over the segments of a folder."""

    def __init__(self, start: Start, clock: Clock, calls: JournalCalls, terms: JournalTerms | None = None) -> None:
        self._clock = clock
        self._calls = calls
        self._terms = terms or JournalTerms()
        self._folder, self._segment, self._file, self._size = start.folder, start.segment, start.file, start.size
        self._begun_ms = start.records[0]["t"] if start.records else self._wall_ms()
        self._reserve = start.reserve
        self._seq, self._leaf = start.seq, start.leaf
        self._durable = start.seq
        self._queued: list[bytes] = []
        self._leaves: list[bytes] = []
        self._sync_asked = self._sync_due = self._closing = self._closed = False
        self._sync_began_ns: int | None = None
        self._retired: list[tuple[Segment, int]] = []
        self._rotating = False
        self._next: tuple[Segment, int] | None = None
        self._rotate_not_before_ns = 0
        self.latched = bool(start.full)
        self.failed = False
        # A further reason for refusing what raises risk, "" while there is none: the witness's.
        self.closed_by: Callable[[], str] = str

    # -- what the gateway writes

    def append(self, entry: Mapping[str, Any]) -> None:
        """Queue one record. While the reserve carries the journal, refusals are not worth its room.

        Raises ValueError for a record that is too long; the chain goes on as if nobody had asked.
        """
        if self.latched and entry["type"] == "denied":
            return
        payload = _encode(
            {"v": record.VERSION, "seq": self._seq + 1, "t": self._wall_ms(), "prev": self._leaf.hex(), **entry}
        )
        self._queued.append(record.frame(payload))
        self._seq += 1
        self._leaf = _sha256(b"\x00" + payload).digest()
        self._leaves.append(self._leaf)

    def flush(self) -> None:
        """Write what is queued in one call; a short or failing write latches the journal."""
        if not self._queued:
            return
        data, self._queued = b"".join(self._queued), []
        if not self.latched and self._write(data):
            return
        self._write_reserve(data)

    @property
    def closed(self) -> str:
        """Why what raises risk is refused: a reason, "" while it is not."""
        if self.latched or self.failed:
            return "journal_unavailable"
        if self._sync_began_ns is not None and self._clock.monotonic_ns() - self._sync_began_ns > SLOW_NS:
            return "journal_slow"
        return self.closed_by()

    @property
    def state(self) -> str:
        """What `status` shows: "writing", "reserve", or "latched" when nothing can be recorded."""
        return "latched" if self.failed else "reserve" if self.latched else "writing"

    # -- what checkpoints are made of

    @property
    def seq(self) -> int:
        """The number of the last record."""
        return self._seq

    @property
    def behind(self) -> bool:
        """Whether something that was written is not durable yet."""
        return self._durable < self._seq

    def durable_leaves(self) -> list[bytes]:
        """Hand over the hashes of the records that have become durable since the last time."""
        fresh = len(self._leaves) - (self._seq - self._durable)
        taken, self._leaves = self._leaves[: max(0, fresh)], self._leaves[max(0, fresh) :]
        return taken

    # -- the open segment

    def _write(self, data: bytes) -> bool:
        """Append to the segment; False when that latched the journal."""
        if self._next is not None:
            self._turn_over(self._next)
        try:
            written = os.write(self._file, data)
        except OSError as error:
            self._latch(f"write failed: {error.strerror}")
            return False
        if written != len(data):
            self._latch("write was cut short")
            self._cut_back()
            return False
        self._size += written
        if self._terms.power:
            return self._sync_now()
        self._ask_sync()
        if self._is_full():
            self._rotate()
        return True

    def _cut_back(self) -> None:
        """Take away what was written of a batch, which goes into the reserve whole."""
        try:
            os.ftruncate(self._file, self._size)
        except OSError:
            pass  # the reader takes each record once, by its number

    def _sync_now(self) -> bool:
        """Wait for the disk before anything is sent. What was written stays: the reserve gets it a second time."""
        try:
            os.fdatasync(self._file)
        except OSError as error:
            self._latch(f"fdatasync failed: {error.strerror}")
            return False
        self._durable = self._seq
        if self._is_full():
            self._rotate()
        return True

    def _write_reserve(self, data: bytes) -> None:
        try:
            self._reserve.write(data)
            if self._terms.power:
                self._reserve.sync()
        except OSError as error:
            if not self.failed:
                self.failed = True
                self._calls.failed(f"the reserve cannot be written either ({error.strerror})")
            raise JournalError("neither the journal nor its reserve can be written") from None
        self._ask_sync()

    # -- durability

    def _ask_sync(self) -> None:
        if not self._sync_asked:
            self._sync_asked = True
            self._clock.call_later(SYNC_DELAY_S, self._start_sync)

    def _start_sync(self) -> None:
        if self._sync_began_ns is not None:
            # One at a time: what is under way begins the next when it has ended.
            self._sync_due = True
            return
        if self._closing or self.failed:
            return
        self._sync_asked = self._sync_due = False
        self._sync_began_ns = self._clock.monotonic_ns()
        retired, self._retired = self._retired, []
        seq = self._seq - len(self._queued)
        work = asyncio.get_running_loop().run_in_executor(None, self._sync, retired, self.latched)
        work.add_done_callback(lambda done: self._synced(done, seq, retired))

    def _sync(self, retired: list[tuple[Segment, int]], latched: bool) -> None:
        """In a thread: make everything written so far durable."""
        for _, file in retired:
            os.fsync(file)
            os.close(file)
        if latched:
            self._reserve.sync()
        else:
            os.fdatasync(self._file)

    def _synced(self, work: "asyncio.Future[None]", seq: int, retired: list[tuple[Segment, int]]) -> None:
        self._sync_began_ns = None
        if work.cancelled() or self._closed:
            return
        error = work.exception()
        if error is not None:
            # Never tried again: after a failed sync the kernel may have dropped the pages and say all is well. What is
            # due next is the reserve's.
            self._sync_failed(error)
        else:
            self._durable = max(self._durable, seq)
            for segment, _ in retired:
                self._calls.closed(segment)
        # Not whenever something was written meanwhile: under load one sync would follow the other without a pause.
        if self._sync_due:
            self._start_sync()

    def _sync_failed(self, error: BaseException) -> None:
        why = f"fdatasync failed: {error}"
        if self.latched:
            self.failed = True
            self._calls.failed(f"the reserve: {why}")
        else:
            self._latch(why)

    def _latch(self, why: str) -> None:
        self.latched = True
        self._calls.failed(why)

    # -- the next segment

    def _is_full(self) -> bool:
        return self._size >= self._terms.segment_bytes or self._wall_ms() - self._begun_ms >= self._terms.segment_ms

    def _rotate(self) -> None:
        """Have the next segment made in a thread; what comes meanwhile still goes into this one."""
        if self._rotating or self._next or self._clock.monotonic_ns() < self._rotate_not_before_ns:
            return
        self._rotating = True
        work = asyncio.get_running_loop().run_in_executor(None, _make_segment, self._folder, self._segment.number + 1)
        work.add_done_callback(self._made)

    def _made(self, work: "asyncio.Future[tuple[Segment, int]]") -> None:
        self._rotating = False
        if work.cancelled():
            return
        error = work.exception()
        if error is None:
            self._next = work.result()
            return
        self._rotate_not_before_ns = self._clock.monotonic_ns() + int(ROTATION_RETRY_S * 1e9)
        self._calls.warned(f"no new segment could be made ({error}); this one grows on")

    def _turn_over(self, following: tuple[Segment, int]) -> None:
        self._retired.append((self._segment, self._file))
        self._segment, self._file = following
        self._next = None
        self._size, self._begun_ms = len(record.MAGIC), self._wall_ms()

    # -- the end

    async def close(self) -> None:
        """Write and sync what is left, close the files."""
        if self._closed:
            return
        self._closing = True
        try:
            if not self.failed:
                self.flush()
                await asyncio.get_running_loop().run_in_executor(None, self._sync, self._retired, self.latched)
        finally:
            self._closed = True
            self._reserve.close()
            os.close(self._file)
            if self._next is not None:
                os.close(self._next[1])

    def _wall_ms(self) -> int:
        return self._clock.wall_ns() // 1_000_000


def _make_segment(folder: Path, number: int) -> tuple[Segment, int]:
    """In a thread: make the next segment, empty and durable. Raises OSError."""
    segment = Segment(number, path_of(folder, number))
    file = os.open(segment.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        begin(file, folder)
    except OSError:
        os.close(file)
        raise
    return segment, file
