"""The journal at the start of the gateway: what earlier runs left is read once, a torn tail cut, the reserve taken in.

Of closed segments only the summary is read; one that has none is read whole and gets one.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from counterseal.adapters import journal_reserve
from counterseal.adapters.journal_reserve import Reserve
from counterseal.adapters.journal_segments import Segment, decode, path_of, read_reserve, scan_file, segments
from counterseal.adapters.journal_summary import NOTHING, all_segments, read_summary, summarize, summary_path
from counterseal.core import note, record
from counterseal.core.note import Checkpoint, NoteError
from counterseal.core.record import JournalDamaged
from counterseal.core.summary import Place, Summary
from counterseal.core.tlog import Tree, leaf_hash


@dataclass(slots=True)
class Start:
    """A journal that can be gone on with.

    `before` is the end of the closed segments, `leaves` and `records` are what the open one holds. `checkpoint` is the
    newest one in it. `full` tells that the disk takes nothing: then the reserve goes on.
    """

    folder: Path
    segment: Segment
    file: int
    size: int
    before: Place
    reserve: Reserve
    summaries: list[Summary] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)
    leaves: list[bytes] = field(default_factory=list)
    checkpoint: Checkpoint | None = None
    torn_bytes: int = 0
    from_reserve: int = 0
    full: str = ""

    @property
    def seq(self) -> int:
        """The number of the last record."""
        return self.before.seq + len(self.leaves)

    @property
    def leaf(self) -> bytes:
        """The hash of the last record."""
        return self.leaves[-1] if self.leaves else self.before.leaf

    def tree(self) -> tuple[Tree, list[bytes]]:
        """Give the tree up to the newest checkpoint, and the leaves behind it.

        Raises JournalDamaged when the records are not those that the checkpoint was made over.
        """
        tree = Tree(self.before.seq, self.before.frontier)
        behind = 0 if self.checkpoint is None else self.checkpoint.size - self.before.seq
        if behind < 0:
            return tree, list(self.leaves)
        tree.add(self.leaves[:behind])
        if self.checkpoint is not None and tree.root() != self.checkpoint.root:
            raise JournalDamaged(
                f"{self.segment.path.name}: a record before number {self.checkpoint.size + 1} was changed after its "
                "checkpoint; counterseal audit verify tells more"
            )
        tree.rebase()
        return tree, self.leaves[behind:]


def open_journal(folder: Path, reserve_bytes: int, take: Callable[[Summary], None] | None = None) -> Start:
    """Read what there is, cut a torn tail, open the last segment or make the first.

    `take` gets the summaries one by one, oldest first; without it they are kept. Raises JournalDamaged, OSError.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = segments(folder)
    summaries: list[Summary] = []
    number, before = _closed(folder, found[-1].path if found else None, take or summaries.append)
    segment = found[-1] if found else Segment(number, path_of(folder, number))
    start = _opened(folder, segment, before, reserve_bytes)
    start.summaries = summaries
    _bring_in_reserve(start)
    return start


def _closed(folder: Path, opened: Path | None, take: Callable[[Summary], None]) -> tuple[int, Place]:
    """Read the summaries of all closed segments, also of removed ones; give the next number, and where they end."""
    before, closed = NOTHING, [path for path in all_segments(folder) if path != opened]
    for path in closed:
        summary = read_summary(path) or (summarize(path, before) if path.exists() else None)
        if summary is None:
            raise JournalDamaged(f"{summary_path(path).name} is damaged, and its segment was removed; restore it")
        take(summary)
        before = summary.end
    return len(closed) + 1, before


def _opened(folder: Path, segment: Segment, before: Place, reserve_bytes: int) -> Start:
    file = os.open(segment.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    found = scan_file(segment.path)
    torn = os.fstat(file).st_size - found.end
    if torn:
        os.ftruncate(file, found.end)
    start = Start(folder, segment, file, found.end, before, Reserve(folder, reserve_bytes), torn_bytes=torn)
    if not found.end:
        begin(file, folder)
        start.size = len(record.MAGIC)
    for payload in found.payloads:
        _take(start, payload)
    return start


def begin(file: int, folder: Path) -> None:
    """Make an empty file a segment that survives a power cut. Raises OSError."""
    os.write(file, record.MAGIC)
    os.fsync(file)
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Raises OSError."""
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _take(start: Start, payload: bytes) -> None:
    fields = decode(payload)
    expected = start.leaf.hex()
    if fields["seq"] != start.seq + 1 or fields.get("prev", expected) != expected:
        raise JournalDamaged(
            f"{start.segment.path.name}: record {fields['seq']} does not follow on record {start.seq}; "
            "counterseal audit verify tells more"
        )
    start.leaves.append(leaf_hash(payload))
    start.records.append(fields)
    if fields["type"] == "checkpoint":
        start.checkpoint = _checkpoint(fields)


def _checkpoint(fields: dict[str, Any]) -> Checkpoint:
    try:
        return note.parse_text(note.parse(fields["note"]).text)
    except NoteError as fault:
        raise JournalDamaged(f"record {fields['seq']} holds no checkpoint: {fault}") from None


def _bring_in_reserve(start: Start) -> None:
    """Move what was written while the disk was full to where it belongs, then make room for the next time."""
    held = read_reserve(start.folder, start.seq)
    for payload in held:
        _take(start, payload)
    start.from_reserve = len(held)
    try:
        if held:
            _append(start, b"".join(map(record.frame, held)))
        start.reserve.clear()
    except OSError as fault:
        start.full = f"the disk takes nothing: {fault.strerror}"
        start.reserve.go_on()


def _append(start: Start, data: bytes) -> None:
    before = start.size
    try:
        if os.write(start.file, data) != len(data):
            raise OSError(journal_reserve.FULL, "No space left on device")
        os.fsync(start.file)
    except OSError:
        os.ftruncate(start.file, before)
        raise
    start.size += len(data)
