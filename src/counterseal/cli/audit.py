"""`counterseal audit tail`: read the journal."""

import argparse
import json
from collections import deque
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from counterseal.adapters.home import Home
from counterseal.adapters.journal_file import JournalFollower, read_records
from counterseal.cli.shared import FAILED, OK, add_home, home_of, say
from counterseal.core.record import JournalDamaged

if TYPE_CHECKING:
    from counterseal.cli.shared import Subparsers


def add_parser(subparsers: "Subparsers") -> None:
    """Add the verb and its own verbs."""
    verbs = subparsers.add_parser("audit", help="read the journal").add_subparsers(required=True, metavar="VERB")
    tail = verbs.add_parser("tail", help="show the newest records")
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
    path = home.journal / "gateway.journal"
    follower = JournalFollower(path) if args.follow else None
    records = (r for r in read_records(path) if args.bot is None or r.get("bot") == args.bot)
    for record in deque(records, maxlen=args.n) if args.n else ():
        print(_show(record, whole=args.json), flush=True)
    if follower is not None:
        for record in islice(follower, None):
            if args.bot is None or record.get("bot") == args.bot:
                print(_show(record, whole=args.json), flush=True)


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
    else:
        text = " ".join(f"{k}={v}" for k, v in record.items() if k not in ("v", "seq", "t", "type", "id", "bot"))
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
