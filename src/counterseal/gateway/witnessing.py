"""Gives signed checkpoints to the witness, and closes what raises risk when that has not worked for too long."""

import asyncio
from collections.abc import Callable
from typing import Any

from counterseal.adapters.tasks import Tasks
from counterseal.adapters.witness_folder import WitnessFolder
from counterseal.ports.clock import Clock

GAP_MS = 10 * 60 * 1000
GAP_RECORDS = 10_000
Say = Callable[..., Any]


class Witnessing:
    """One checkpoint is on its way at a time; of those that come meanwhile only the newest is kept."""

    def __init__(self, folder: WitnessFolder, clock: Clock, tasks: Tasks, warn: Say, critical: Say) -> None:
        self._folder, self._clock, self._tasks = folder, clock, tasks
        self._warn, self._critical = warn, critical
        self._newest: tuple[str, int] | None = None
        self._busy = False
        self._size = 0
        self._behind_since_ms: int | None = None
        self._failing = self._is_closed = False

    def offer(self, note: str, size: int) -> None:
        """Have a checkpoint of `size` records kept."""
        self._newest = (note, size)
        if not self._busy:
            self._busy = True
            self._tasks.spawn(self._keep(), "witness")

    def look(self, seq: int) -> None:
        """Compare with the journal's last record; to be called now and then."""
        now_ms = self._clock.monotonic_ns() // 1_000_000
        # The newest checkpoint's own record is never covered by itself.
        if seq <= self._size + 1:
            self._behind_since_ms = None
        elif self._behind_since_ms is None:
            self._behind_since_ms = now_ms
        late = self._behind_since_ms is not None and now_ms - self._behind_since_ms > GAP_MS
        closed = late or seq - self._size > GAP_RECORDS
        if closed and not self._is_closed:
            self._critical("the witness has kept no checkpoint for too long: what raises risk is refused", behind=seq)
        self._is_closed = closed

    def begin(self, size: int) -> None:
        """Count from a journal of `size` records on: what earlier runs did not bring to the witness is not counted."""
        self._size = size

    def closed(self) -> str:
        """Give the reason for refusing what raises risk, "" while there is none."""
        return "witness_unreachable" if self._is_closed else ""

    async def finish(self, deadline_ns: int) -> None:
        """Wait until what was offered is kept, or the moment has come."""
        while self._busy and self._clock.monotonic_ns() < deadline_ns:
            await self._clock.sleep(0.005)

    async def _keep(self) -> None:
        try:
            while self._newest is not None:
                (text, size), self._newest = self._newest, None
                wall_ms = self._clock.wall_ns() // 1_000_000
                try:
                    await asyncio.get_running_loop().run_in_executor(None, self._folder.keep, text, wall_ms)
                except OSError as fault:
                    self._failed(fault)
                    return
                self._size, self._failing = max(size, self._size), False
        finally:
            self._busy = False

    def _failed(self, fault: OSError) -> None:
        if not self._failing:
            self._warn("the witness cannot be reached; it is tried again with each checkpoint", why=fault.strerror)
        self._failing = True
