"""Judges a journal as its bytes lie there: framing, numbers, chain, tree, checkpoints, and what a witness kept of it.

Believed are the log's key and the witness alone. Everything else must fit what they signed and kept.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from counterseal.core import record
from counterseal.core.note import Checkpoint, NoteError
from counterseal.core.record import JournalDamaged
from counterseal.core.summary import Place
from counterseal.core.tlog import Tree, leaf_hash

START = Place(0, 0, record.FIRST_LEAF, ())
MAX_FAULTS = 100
_FRAME = 8


class Head(NamedTuple):
    """What of a record the audit looks at; `prev` and `note` are None where the record has none."""

    seq: int
    prev: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong: the record's number, the segment, the byte at which the record begins there."""

    record: int
    segment: str
    offset: int
    text: str

    def __str__(self) -> str:
        return f"{self.segment}, byte {self.offset}, record {self.record}: {self.text}"


@dataclass(slots=True)
class Report:
    """What was read and what is wrong with it. `signed` is the size of the newest checkpoint that holds."""

    records: int = 0
    segments: int = 0
    checkpoints: int = 0
    witnessed: int = 0
    unchained: int = 0
    signed: int = 0
    last: int = 0
    faults: list[Fault] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


class Audit:
    """Takes segments in order. `read` gives a record's head, None when it has none.

    `opens` gives the checkpoint of a note that the log's key signed and raises NoteError for any other. `kept` are the
    checkpoints that a witness kept. `before` is where the first segment begins.
    """

    def __init__(
        self,
        read: Callable[[bytes], Head | None],
        opens: Callable[[str], Checkpoint],
        kept: Iterable[Checkpoint] = (),
        before: Place = START,
    ) -> None:
        self._read, self._opens = read, opens
        self._kept = sorted((each for each in kept if each.size >= before.seq), key=lambda each: each.size)
        self._tree = Tree(before.seq, before.frontier)
        self._leaves: list[bytes] = []
        self._leaf = before.leaf
        self._whole = True
        self.report = Report(last=before.seq)

    def segment(self, name: str, data: bytes, *, behind_only: bool = False) -> None:
        """Take one segment. With `behind_only`, records whose numbers were there already are passed over."""
        self.report.segments += 1
        damage = None
        try:
            found = record.scan(data)
            payloads, end = found.payloads, found.end
        except JournalDamaged as fault:
            damage = str(fault)
            payloads, end = tuple(record.leading(data)) if data.startswith(record.MAGIC) else (), len(data)
        at = len(record.MAGIC)
        for payload in payloads:
            self._record(name, at, payload, behind_only=behind_only)
            at += _FRAME + len(payload)
        if damage is not None:
            self._whole = False
            self._fault(name, at, self.report.last + 1, damage)
        elif any(data[end:]):
            self.report.remarks.append(f"{name}: {len(data) - end} bytes behind the last whole record")

    def finish(self) -> Report:
        """Compare with what the witness kept beyond the last checkpoint; give what was found."""
        self._advance(self._tree.size + len(self._leaves), "", 0)
        for checkpoint in self._kept:
            text = f"the journal ends here, and the witness kept a checkpoint of {checkpoint.size} records: the end was"
            self._fault("the end", 0, self.report.last, f"{text} cut off, or an older state was put back")
        return self.report

    def _record(self, name: str, at: int, payload: bytes, *, behind_only: bool) -> None:
        head, report = self._read(payload), self.report
        if head is None:
            self._fault(name, at, report.last + 1, "it is no record of a journal")
            return
        if behind_only and head.seq <= report.last:
            return
        wrong = self._out_of_line(head)
        if wrong is not None:
            self._whole = False
            self._fault(name, at, head.seq, wrong)
        report.records, report.last = report.records + 1, head.seq
        report.unchained += head.prev is None
        self._leaf = leaf_hash(payload)
        self._leaves.append(self._leaf)
        if head.note is not None:
            self._checkpoint(name, at, head.seq, head.note)

    def _out_of_line(self, head: Head) -> str | None:
        """Say what is wrong between this record and the one before it."""
        last = self.report.last
        if head.seq > last + 1:
            missing = f"record {last + 1} is" if head.seq == last + 2 else f"records {last + 1} to {head.seq - 1} are"
            return f"{missing} missing before it"
        if head.seq <= last:
            return f"it stands behind record {last}: it was moved, repeated or put in"
        if head.prev is not None and head.prev != self._leaf.hex():
            return f"record {last} is not the one that was there when this one was written: it was changed or replaced"
        return None

    def _checkpoint(self, name: str, at: int, seq: int, text: str) -> None:
        try:
            checkpoint = self._opens(text)
        except NoteError as fault:
            self._fault(name, at, seq, f"its checkpoint does not hold: {fault}")
            return
        self.report.checkpoints += 1
        if not self._whole:
            return
        if not self.report.signed <= checkpoint.size < seq or checkpoint.size < self._tree.size:
            self._fault(name, at, seq, f"its checkpoint of {checkpoint.size} records cannot stand here")
            return
        self._advance(checkpoint.size, name, at)
        if self._whole and self._tree.root() != checkpoint.root:
            self._whole = False
            first = self.report.signed + 1
            self._fault(
                name, at, seq,
                f"its checkpoint signs other records than those from {first} to {checkpoint.size} that are here: at "
                "least one of them was changed, removed or put in",
            )  # fmt: skip
        if self._whole:
            self.report.signed = checkpoint.size

    def _advance(self, size: int, name: str, at: int) -> None:
        """Let the tree grow to `size`, past what the witness kept on the way."""
        while self._kept and self._kept[0].size <= size:
            kept = self._kept.pop(0)
            self._grow(kept.size)
            if not self._whole:
                continue
            if self._tree.root() != kept.root:
                self._whole = False
                text = f"the witness kept another checkpoint of {kept.size} records: history was written anew"
                self._fault(name or "the end", at, kept.size, text)
            else:
                self.report.witnessed += 1
        self._grow(size)

    def _grow(self, size: int) -> None:
        count = size - self._tree.size
        self._tree.add(self._leaves[:count])
        del self._leaves[:count]

    def _fault(self, name: str, at: int, seq: int, text: str) -> None:
        if len(self.report.faults) < MAX_FAULTS:
            self.report.faults.append(Fault(seq, name, at, text))
