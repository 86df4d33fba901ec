"""Removes segments that are old enough. What is needed of them stays: summary and leaves."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from counterseal.adapters.journal_segments import decode, scan_file, segments
from counterseal.adapters.journal_start import sync_folder
from counterseal.adapters.journal_summary import all_segments, read_summary
from counterseal.core import note
from counterseal.core.note import NoteError
from counterseal.core.summary import ENDS, is_unresolved

DAY_MS = 24 * 3600 * 1000


def prune(folder: Path, now_ms: int, keep_days: int) -> list[str]:
    """Remove closed segments whose last record is older than `keep_days`; give their names.

    The oldest one that must stay keeps all behind it: a segment goes only when it has a summary, no intent in it is
    open, and a checkpoint covers its last record. Raises OSError, JournalDamaged.
    """
    closed = segments(folder)[:-1]
    opened, signed = _open_intents(folder), _signed(folder)
    removed: list[str] = []
    for segment in closed:
        summary = read_summary(segment.path)
        if summary is None or now_ms - summary.end.at_ms < keep_days * DAY_MS or summary.end.seq > signed:
            break
        if any(seq <= summary.end.seq for seq in opened):
            break
        segment.path.unlink()
        removed.append(segment.path.name)
    if removed:
        sync_folder(folder)
    return removed


def _open_intents(folder: Path) -> list[int]:
    """Give the numbers of the intents that have no end, or one that is still to be resolved."""
    found: dict[str, dict[str, Any]] = {}
    for path in all_segments(folder):
        summary = read_summary(path)
        if summary is not None:
            _end(found, summary.late)
            found.update({intent["id"]: intent for intent in summary.open})
        else:
            for record in map(decode, scan_file(path).payloads):
                if record["type"] == "intent":
                    found[record["id"]] = record
                elif record["type"] in ENDS:
                    _end(found, (record,))
    return [intent["seq"] for intent in found.values()]


def _end(found: dict[str, dict[str, Any]], records: Iterable[dict[str, Any]]) -> None:
    for record in records:
        intent = found.get(record["id"])
        if intent is not None and not is_unresolved(intent, record):
            del found[record["id"]]


def _signed(folder: Path) -> int:
    """Give the size of the newest checkpoint in the journal's newest segments, 0 when there is none."""
    for segment in reversed(segments(folder)):
        records = [decode(payload) for payload in scan_file(segment.path).payloads]
        for record in reversed(records):
            if record["type"] == "checkpoint":
                try:
                    return note.parse_text(note.parse(record["note"]).text).size
                except NoteError:
                    return 0
    return 0
