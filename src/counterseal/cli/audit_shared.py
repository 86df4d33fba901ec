"""What the verbs of `audit` share: which journal, and which key verifies it."""

import argparse
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from counterseal.adapters import log_key_file
from counterseal.adapters.home import from_environment
from counterseal.cli.shared import UsageError, add_home, home_of
from counterseal.core import note
from counterseal.core.note import LogKey, NoteError


@dataclass(frozen=True, slots=True)
class Source:
    """The folder of a journal and the public half of its log's key; None when the installation has none."""

    folder: Path
    key: LogKey | None


def add_source(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which journal is meant."""
    add_home(parser)
    parser.add_argument("--journal", type=Path, metavar="DIR", help="a copy of the folder journal, instead of a home")
    parser.add_argument("--key", metavar="VKEY", help="the log's public key, as `counterseal audit key` shows it")


def source_of(args: argparse.Namespace) -> Source:
    """Give the journal that is meant. Raises UsageError and HomeError."""
    if args.journal is None:
        home = home_of(args)
        return Source(home.journal, _given(args.key) or log_key_file.read_public(home))
    if not args.journal.is_dir():
        raise UsageError(f"{args.journal} is no folder; name a copy of the folder journal of an installation")
    return Source(args.journal, _given(args.key) or _of_environment(args))


def key_of(source: Source) -> LogKey:
    """Give the key. Raises UsageError when there is none."""
    if source.key is None:
        raise UsageError("nothing says which key signs the journal; give it with --key VKEY")
    return source.key


def moment(text: str) -> int:
    """Read a moment like 2026-11-22 or 2026-11-22T10:00:00Z as milliseconds; without a zone it is UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("write a moment like 2026-11-22T10:00:00Z") from None
    aware = found if found.tzinfo else datetime.fromisoformat(f"{found.isoformat()}+00:00")
    return int(aware.timestamp() * 1000)


def _given(key: str | None) -> LogKey | None:
    if key is None:
        return None
    try:
        return note.parse_key(key)
    except NoteError as fault:
        raise UsageError(f"--key: {fault}; copy what counterseal audit key shows") from None


def _of_environment(args: argparse.Namespace) -> LogKey | None:
    return log_key_file.read_public(from_environment(os.environ, args.home)) if args.home else None
