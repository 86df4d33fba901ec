"""The journal's own household: opened at the start, its checkpoints, its witness, the summaries of closed segments."""

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from counterseal.adapters import journal_summary
from counterseal.adapters.home import Home
from counterseal.adapters.journal_file import JournalCalls, JournalFile, JournalTerms
from counterseal.adapters.journal_segments import Segment
from counterseal.adapters.journal_start import Start, open_journal
from counterseal.adapters.tasks import Tasks
from counterseal.adapters.witness_folder import WitnessFolder
from counterseal.core import note
from counterseal.core.config.model import Config
from counterseal.core.config.model import Journal as Settings
from counterseal.core.note import NoteError
from counterseal.core.record import JournalDamaged
from counterseal.core.summary import Place
from counterseal.core.tlog import Tree
from counterseal.gateway.checkpoints import Checkpoints, CheckpointSigner
from counterseal.gateway.recovery import Fold
from counterseal.gateway.turn import Turn
from counterseal.gateway.witnessing import Witnessing
from counterseal.ports.clock import Clock

LAST_S = 2.0
PAUSE_S = 0.005


class Keeping:
    """Opens the journal when it is made; `start` and `end` are called on the running loop.

    `found` is what the start's record tells. Raises JournalDamaged, OSError.
    """

    def __init__(self, home: Home, config: Config, clock: Clock, tasks: Tasks, log: Any) -> None:
        self._settings, self._folder, self._clock, self._tasks, self._log = (
            config.journal, home.journal, clock, tasks, log,
        )  # fmt: skip
        fold = Fold(clock.wall_ns() // 1_000_000, clock.monotonic_ns() // 1_000_000)
        with _no_collections():
            start = open_journal(self._folder, self._settings.reserve_mib << 20, fold.take_summary)
            for record in start.records:
                fold.take(record)
        self.recovered = fold.recovered()
        self._tree, self._pending = start.tree()
        self._closed_end = start.before
        self._witness = None if config.journal.witness is None else WitnessFolder(home.root / config.journal.witness)
        self._check_witness(start)
        self.found: Mapping[str, Any] = {"torn_bytes": start.torn_bytes, "from_reserve": start.from_reserve}
        calls = JournalCalls(self._failed, log.warning, self._segment_closed)
        self.journal = JournalFile(start, clock, calls, _terms(self._settings, config.gateway.durability))
        if start.full:
            self._failed(start.full)
        self._checkpoints: Checkpoints | None = None
        self._closing: list[Segment] = []

    def start(self, signer: CheckpointSigner, turn: Turn) -> None:
        """Begin to make checkpoints."""
        witnessing = self._witnessing()
        self._checkpoints = Checkpoints(
            self.journal, signer, turn.write, self._trouble, self._tree, self._pending, self._rebuild, witnessing
        )
        self._tasks.spawn(self._checkpoints.run(self._clock, self._settings.checkpoint_ms), "checkpoints")

    async def end(self) -> None:
        """Make the last checkpoint, as far as the signer still answers."""
        if self._checkpoints is not None:
            await self._checkpoints.last(self._clock, LAST_S)

    # -- the start

    def _check_witness(self, start: Start) -> None:
        """A journal shorter than what the witness has kept of it was cut, or the disk was put back."""
        if self._witness is None or start.checkpoint is None:
            return
        try:
            kept = self._witness.newest(start.checkpoint.origin)
            size = 0 if kept is None else note.parse_text(note.parse(kept).text).size
        except (OSError, NoteError) as fault:
            self._log.warning("the witness cannot be compared with", why=str(fault))
            return
        if size > start.seq:
            raise JournalDamaged(
                f"it ends at record {start.seq}, and the witness has a checkpoint of {size} records: the end is missing"
            )

    def _witnessing(self) -> Witnessing | None:
        if self._witness is None:
            return None
        witnessing = Witnessing(self._witness, self._clock, self._tasks, self._log.warning, self._log.critical)
        witnessing.begin(self.journal.seq)
        self.journal.closed_by = witnessing.closed
        return witnessing

    # -- what happens

    def _failed(self, why: str) -> None:
        self._log.critical("journal latched: orders that raise risk are refused, exits go on", why=why)

    def _trouble(self, reason: str) -> None:
        say = self._log.critical if reason == "inconsistent_checkpoint" else self._log.warning
        say("no checkpoint of the journal is signed", reason=reason)

    def _rebuild(self, base: int, size: int) -> Tree:
        return journal_summary.rebuild_tree(self._folder, base, size)

    def _segment_closed(self, segment: Segment) -> None:
        self._closing.append(segment)
        if len(self._closing) == 1:
            self._tasks.spawn(self._summarize(), "summary")

    async def _summarize(self) -> None:
        """Between requests, a millisecond at a time. What fails here is made at the next start."""
        while self._closing:
            try:
                self._closed_end = await self._summary_of(self._closing[0], self._closed_end)
            except (OSError, JournalDamaged) as fault:
                self._log.warning("no summary of a closed segment", why=str(fault))
                return
            self._closing.pop(0)

    async def _summary_of(self, segment: Segment, before: Place) -> Place:
        steps = journal_summary.summarizing(segment.path, before)
        while True:
            try:
                next(steps)
            except StopIteration as done:
                end: Place = done.value.end
                return end
            await self._clock.sleep(PAUSE_S)


@contextmanager
def _no_collections() -> Iterator[None]:
    """A million objects that all stay are made here: looking for garbage among them would double the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _terms(settings: Settings, durability: str) -> JournalTerms:
    return JournalTerms(settings.segment_mib << 20, settings.segment_hours * 3_600_000, durability == "power")
