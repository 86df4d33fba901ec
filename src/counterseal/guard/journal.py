"""The guard's journal: opened at the start, folded into the ladder, written before what it tells of takes effect."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from counterseal.adapters.home import Home
from counterseal.adapters.journal_file import JournalCalls, JournalFile, JournalTerms
from counterseal.adapters.journal_segments import ANEW, anew_below, decode, scan_file, segments
from counterseal.adapters.journal_start import Start, open_journal
from counterseal.core.config.model import Journal
from counterseal.core.ladder import Ladder
from counterseal.core.ladder_records import RESTATED, fold, newest_state, standing, unreadable, whole
from counterseal.core.record import JournalDamaged
from counterseal.ports.clock import Clock
from counterseal.ports.journal import JournalError

RESERVE_BYTES = 1 << 20
# A start reads a whole segment: it is no larger, whatever the settings say.
SEGMENT_BYTES = 16 << 20
SEGMENT_MS = 7 * 24 * 3_600_000


class GuardJournal:
    """Opens, or takes note that it cannot. `ladder` is what it led to; `fault` says why nothing was read, or is "".

    `records` is what it held at the start, from the newest segment on that begins with all there was to know.
    """

    def __init__(self, home: Home, clock: Clock, log: Any, settings: Journal | None = None) -> None:
        self._clock, self._log = clock, log
        self._terms = _terms(settings)
        self.fault = ""
        # Told when another segment was begun: it shall hold all that a start must know.
        self.on_turn: Callable[[], None] = lambda: None
        # Told when it fails, once there is somebody to tell.
        self.on_failure: Callable[[str], None] = lambda _why: None
        self.records: list[dict[str, Any]] = []
        self._file: JournalFile | None = None
        now_ms = clock.wall_ns() // 1_000_000
        try:
            start = self._open(home.guard_journal)
            self.records = recent(start)
            self.ladder = Ladder() if self.fault else fold(newest_state(self.records) or self.records, now_ms)
            if start.torn_bytes and not self.fault:
                self.fault = f"its end was torn ({start.torn_bytes} bytes): it may have been a stop"
        except (OSError, JournalDamaged) as fault:
            self.fault, self.ladder = f"it cannot be opened: {fault}", Ladder()
        if self.fault:
            self.ladder = standing(self.ladder, unreadable(now_ms))
        self._begin()

    @property
    def state(self) -> str:
        """What `status` shows: "writing", "reserve", "latched", or "closed" when it could not even be opened."""
        return "closed" if self._file is None else self._file.state

    def write(self, record: Mapping[str, Any]) -> None:
        """Write a record; it survives a kill of the process. Raises JournalError."""
        if self._file is None or self._file.failed:
            raise JournalError("the guard's journal cannot be written")
        self._file.append(record)
        self._file.flush()
        # They are for checkpoints, which this journal does not have.
        self._file.durable_leaves()

    def try_write(self, record: Mapping[str, Any]) -> bool:
        """Write a record of what goes on in any case; where it cannot be written, it goes into the log."""
        try:
            self.write(record)
        except (JournalError, ValueError, OSError) as fault:
            self._log.critical("the guard's journal lacks a record", why=str(fault), record=dict(record))
            return False
        return True

    async def close(self) -> None:
        """Write what is left, close."""
        if self._file is not None:
            await self._file.close()

    def _open(self, folder: Path) -> Start:
        """Open where the last start went on; what cannot be read stays as it is, and a new journal begins below it."""
        folder.mkdir(mode=0o700, exist_ok=True)
        number = max((int(path.name[len(ANEW) :]) for path in anew_below(folder)), default=0)
        try:
            start = self._opened(folder / f"{ANEW}{number}" if number else folder)
        except JournalDamaged as fault:
            self.fault = str(fault)
            start = self._opened(folder / f"{ANEW}{number + 1}")
        calls = JournalCalls(self._failed, self._log.warning, lambda _segment: self.on_turn())
        self._file = JournalFile(start, self._clock, calls, self._terms)
        return start

    def _opened(self, folder: Path) -> Start:
        return open_journal(folder, RESERVE_BYTES)

    def _begin(self) -> None:
        if self.fault:
            self._log.critical("the ladder's state cannot be read: the fleet is halted", why=self.fault)
        # So that no later start has to read further back.
        self.try_write(whole(self.ladder))

    def _failed(self, why: str) -> None:
        self._log.critical("the guard's journal latched; what it decides goes on", why=why)
        self.on_failure(why)


def recent(start: Start) -> list[dict[str, Any]]:
    """Give the records from the newest segment on in which all was stated anew. Raises JournalDamaged, OSError."""
    kept = list(start.records)
    for records in _earlier(start):
        if any(record["type"] == RESTATED for record in kept):
            break
        kept = [*records, *kept]
    return kept


def _earlier(start: Start) -> Iterator[list[dict[str, Any]]]:
    """Give the records of the closed segments, the newest segment first."""
    for segment in reversed(segments(start.folder)):
        if segment.path != start.segment.path:
            yield [decode(payload) for payload in scan_file(segment.path).payloads]


def _terms(settings: Journal | None) -> JournalTerms:
    if settings is None:
        return JournalTerms(SEGMENT_BYTES, SEGMENT_MS)
    return JournalTerms(min(settings.segment_mib << 20, SEGMENT_BYTES), settings.segment_hours * 3_600_000)
