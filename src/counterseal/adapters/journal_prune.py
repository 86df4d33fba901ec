"""Removes segments that are old enough. What is needed of them stays: summary and leaves."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from counterseal.adapters.journal_segments import anew_below, decode, scan_file, segments
from counterseal.adapters.journal_start import sync_folder
from counterseal.adapters.journal_summary import NOTHING, all_segments, read_summary, summarize
from counterseal.core import note
from counterseal.core.ladder_records import RESTATED
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


def prune_guard(folder: Path, now_ms: int, keep_days: int) -> list[str]:
    """Remove closed segments of the guard's journal whose last record is older than `keep_days`; give their names.

    What stays is the newest segment in which all was stated anew, and what is behind it: a start reads no further back.
    Of each that goes summary and leaves are kept, so that the chain can still be followed. Raises OSError,
    JournalDamaged.
    """
    # One that the guard began anew goes on in a folder of its own; the one before it is evidence, and stays.
    folder = (anew_below(folder) or [folder])[-1]
    found = segments(folder)
    needed = next((at for at in range(len(found) - 1, -1, -1) if _is_restated(found[at].path)), 0)
    before, removed = NOTHING, list[str]()
    for path in all_segments(folder):
        if path not in [segment.path for segment in found[:needed]] and path.exists():
            break
        summary = read_summary(path) or summarize(path, before)
        before = summary.end
        if not path.exists():
            continue
        if now_ms - summary.end.at_ms < keep_days * DAY_MS:
            break
        path.unlink()
        removed.append(path.name)
    if removed:
        sync_folder(folder)
    return removed


def _is_restated(path: Path) -> bool:
    return any(decode(payload)["type"] == RESTATED for payload in scan_file(path).payloads)


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
