"""`counterseal audit tail`: the newest records."""

import argparse
import json
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterseal.adapters.home import Home
from counterseal.adapters.journal_segments import JournalFollower, decode, read_reserve, scan_file, segments
from counterseal.cli.shared import FAILED, OK, add_home, home_of, say
from counterseal.core.record import JournalDamaged

_NOT_SHOWN = frozenset({"v", "seq", "t", "prev", "type", "id", "bot"})

if TYPE_CHECKING:
    from counterseal.cli.shared import Subparsers


def add_parser(subparsers: "Subparsers") -> None:
    """Add the verb."""
    tail = subparsers.add_parser("tail", help="show the newest records")
    add_home(tail)
    tail.add_argument("-n", type=int, default=20, metavar="N", help="how many (default 20)")
    tail.add_argument("-f", "--follow", action="store_true", help="go on as records are written")
    tail.add_argument("--json", action="store_true", help="whole records, one JSON object a line")
    tail.add_argument("--bot", metavar="NAME", help="of this bot only")
    tail.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print records, oldest first."""
    home = home_of(args)
    try:
        _tail(home, args)
    except JournalDamaged as fault:
        say(f"counterseal: {fault}; keep the file as evidence")
        return FAILED
    return OK


def _tail(home: Home, args: argparse.Namespace) -> None:
    follower = JournalFollower(home.journal) if args.follow else None
    for record in newest(home.journal, args.n, args.bot):
        print(_show(record, whole=args.json), flush=True)
    if follower is not None:
        for record in islice(follower, None):
            if args.bot is None or record.get("bot") == args.bot:
                print(_show(record, whole=args.json), flush=True)


def newest(folder: Path, count: int, bot: str | None) -> list[dict[str, Any]]:
    """Give the newest records, oldest first, of one bot or of all; reads no more segments than that takes."""
    found: list[dict[str, Any]] = []
    for segment in reversed(segments(folder)):
        payloads = scan_file(segment.path).payloads
        if not found:
            last = decode(payloads[-1])["seq"] if payloads else 0
            payloads += read_reserve(folder, last)
        records = (record for record in map(decode, payloads) if bot is None or record.get("bot") == bot)
        found = [*records, *found]
        if len(found) >= count:
            break
    return found[-count:] if count > 0 else []


def _show(record: dict[str, Any], *, whole: bool) -> str:
    if whole:
        return json.dumps(record, ensure_ascii=True, separators=(",", ":"))
    moment = datetime.fromtimestamp(record["t"] / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    fields = (record.get("id"), record.get("bot"), _subject(record))
    return " ".join([moment, f"{record['seq']:>6}", f"{record['type']:<9}", *(str(f) for f in fields if f)])


def _subject(record: dict[str, Any]) -> str:
    """Say what a record is about; control and direction characters become escapes."""
    kind = record["type"]
    if kind == "intent":
        pairs = " ".join(f"{name}={value}" for name, value in record["pairs"])
        text = f"{record['method']} {record['path']} {pairs} key={record['key']}"
    elif kind == "outcome":
        text = f"{record['outcome']} {record['status']} {record['code'] or ''} {record['order_id'] or ''}".strip()
    elif kind == "denied":
        text = f"{record['reason']} {record.get('endpoint') or record.get('path') or ''}".strip()
    elif kind == "checkpoint":
        text = f"size={record['size']}"
    else:
        text = " ".join(f"{k}={v}" for k, v in record.items() if k not in _NOT_SHOWN)
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
