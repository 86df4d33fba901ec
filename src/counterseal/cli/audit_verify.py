"""`counterseal audit verify`: does the journal hold together, and is it what was signed."""

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from counterseal.adapters.journal_segments import RESERVE, segments
from counterseal.adapters.journal_summary import NOTHING, all_segments, read_summary
from counterseal.adapters.note_verifier import open_note
from counterseal.adapters.witness_folder import WitnessFolder, notes
from counterseal.cli import audit_proof
from counterseal.cli.audit_shared import Source, add_source, key_of, source_of
from counterseal.cli.shared import FAILED, OK, UsageError, say
from counterseal.core.audit import Audit, Head, Report
from counterseal.core.note import Checkpoint, LogKey, NoteError
from counterseal.core.record import MAGIC
from counterseal.core.summary import Place

if TYPE_CHECKING:
    from counterseal.cli.shared import Subparsers


class _Record(msgspec.Struct):
    seq: int
    type: str
    v: int
    t: int
    prev: str | None = None
    note: str | None = None


_decode = msgspec.json.Decoder(_Record).decode


def add_parser(subparsers: "Subparsers") -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "verify",
        help="check the journal against its checkpoints",
        description="Read every record and check framing, numbers, chain, tree and signatures; tell what is wrong and "
        "where. What was cut off the end, or written anew by somebody who has the log's key, only a witness shows.",
    )
    add_source(parser)
    parser.add_argument("--witness", type=Path, metavar="DIR", help="folder in which a witness kept checkpoints")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="a checkpoint that was kept elsewhere")
    parser.add_argument("--proof", type=Path, metavar="FILE", help="verify a proof instead; needs no journal")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0 when everything holds together, 1 when not. Raises UsageError and HomeError."""
    if args.proof is not None:
        return audit_proof.run(args)
    source = source_of(args)
    key = key_of(source)
    report = audit(source, key, kept_checkpoints(args, key))
    for remark in report.remarks:
        say(remark)
    for fault in report.faults:
        print(fault)
    print(_told(report))
    return FAILED if report.faults else OK


def audit(source: Source, key: LogKey, kept: Iterable[Checkpoint]) -> Report:
    """Audit a journal folder. A segment whose successor is missing shows as missing records."""
    found = segments(source.folder)
    work = Audit(read_head, lambda text: open_note(text, key), kept, _before(source.folder))
    for segment in found:
        work.segment(segment.path.name, segment.path.read_bytes())
    reserve = source.folder / RESERVE
    if reserve.exists() and reserve.read_bytes()[: len(MAGIC)] == MAGIC:
        work.segment(RESERVE, reserve.read_bytes(), behind_only=True)
    return work.finish()


def read_head(payload: bytes) -> Head | None:
    """Give what the audit looks at of a record; None for what is none."""
    try:
        found = _decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return Head(found.seq, found.prev, found.note if found.type == "checkpoint" else None)


def kept_checkpoints(args: argparse.Namespace, key: LogKey) -> list[Checkpoint]:
    """Give what a witness kept and what the operator kept. Raises UsageError when it cannot be used."""
    found = [open_kept(text, key) for text in _kept(args, key)]
    if args.witness is not None and not found:
        raise UsageError(f"{args.witness} holds no checkpoint of {key.name}; name the folder of the setting witness")
    return found


def open_kept(text: str, key: LogKey) -> Checkpoint:
    """Open one. Raises UsageError."""
    try:
        return open_note(text, key)
    except NoteError as fault:
        raise UsageError(f"a checkpoint that was kept cannot be used: {fault}") from None


def _kept(args: argparse.Namespace, key: LogKey) -> Iterator[str]:
    if args.witness is not None:
        yield from WitnessFolder(args.witness).all(key.name)
    if args.checkpoint is not None:
        text = args.checkpoint.read_text(encoding="utf-8", errors="replace")
        found = list(notes(f"{text.rstrip()}\n\n"))
        if not found:
            raise UsageError(f"{args.checkpoint} holds no checkpoint")
        yield from found


def _before(folder: Path) -> Place:
    """Where the first segment that is still there begins: the end of those that were removed in time."""
    before = NOTHING
    for path in all_segments(folder):
        if path.exists():
            break
        summary = read_summary(path)
        before = before if summary is None else summary.end
    return before


def _told(report: Report) -> str:
    what = f"{report.records} records in {report.segments} segments, {report.checkpoints} checkpoints"
    if report.faults:
        return f"{what}: {len(report.faults)} faults"
    behind = report.last - report.signed
    parts = [f"{what}: everything holds together", f"signed up to record {report.signed}, {behind} behind it"]
    if report.witnessed:
        parts.append(f"{report.witnessed} checkpoints agree with those that were kept elsewhere")
    if report.unchained:
        parts.append(f"{report.unchained} records are older than the chain")
    return "; ".join(parts)
