"""`counterseal audit export`: records as JSON lines, or the tree as tiles."""

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterseal.adapters.journal_segments import read_records
from counterseal.adapters.journal_tree import WholeTree, all_leaves, tiles
from counterseal.cli.audit_shared import add_source, moment, source_of
from counterseal.cli.shared import FAILED, OK, UsageError, say
from counterseal.core import note
from counterseal.core.record import JournalDamaged

if TYPE_CHECKING:
    from counterseal.cli.shared import Subparsers

Record = Mapping[str, Any]


def add_parser(subparsers: "Subparsers") -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "export",
        help="write records as JSON lines",
        description="Records of a time, a bot or an order, one JSON object a line, oldest first. There is no secret in "
        "them. With --tiles the tree's hashes and the newest checkpoint go into a folder, in the form of C2SP "
        "tlog-tiles.",
    )
    add_source(parser)
    parser.add_argument("--from", dest="since", type=moment, metavar="MOMENT", help="not older than this, UTC")
    parser.add_argument("--to", dest="until", type=moment, metavar="MOMENT", help="older than this, UTC")
    parser.add_argument("--bot", metavar="NAME", help="of this bot only")
    parser.add_argument("--order", metavar="ID", help="of this order: its client order id or the exchange's number")
    parser.add_argument("--tiles", type=Path, metavar="DIR", help="write tiles into this new folder instead")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print records, or write tiles. Raises UsageError and HomeError."""
    folder = source_of(args).folder
    try:
        if args.tiles is not None:
            _write_tiles(folder, args.tiles)
        else:
            _print(folder, args)
    except JournalDamaged as fault:
        say(f"counterseal: {fault}; keep the file as evidence")
        return FAILED
    return OK


def _print(folder: Path, args: argparse.Namespace) -> None:
    tests: list[Callable[[Record], bool]] = []
    if args.since is not None:
        tests.append(lambda record: bool(record["t"] >= args.since))
    if args.until is not None:
        tests.append(lambda record: bool(record["t"] < args.until))
    if args.bot is not None or args.order is not None:
        ids = _intents(folder, args.bot, args.order)
        # What is no part of an intent belongs to a bot, and to no order.
        tests.append(lambda record: record.get("id") in ids or (args.order is None and record.get("bot") == args.bot))
    for record in read_records(folder):
        if all(test(record) for test in tests):
            print(json.dumps(record, ensure_ascii=True, separators=(",", ":")))


def _intents(folder: Path, bot: str | None, order: str | None) -> frozenset[str]:
    """Name the intents of a bot, an order, or an order of a bot."""
    bots: dict[str, str] = {}
    about: set[str] = set()
    for record in read_records(folder):
        if record["type"] == "intent":
            bots[record["id"]] = record["bot"]
        if order is not None and record.get("id") is not None and _is_about(record, order):
            about.add(record["id"])
    return frozenset(name for name in bots if bot in (None, bots[name]) and (order is None or name in about))


def _is_about(record: Record, order: str) -> bool:
    if record["type"] == "intent":
        return order in record["client_ids"] or any(order == value for _, value in record["pairs"])
    return str(record.get("order_id")) == order


def _write_tiles(folder: Path, out: Path) -> None:
    newest = max(
        ((note.parse_text(note.parse(r["note"]).text).size, r["note"]) for r in read_records(folder) if "note" in r),
        default=None,
    )
    if newest is None:
        raise UsageError("there is no checkpoint yet; without one tiles prove nothing")
    out.mkdir(mode=0o700)
    for name, content in tiles(newest[0], WholeTree(all_leaves(folder))):
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (out / "checkpoint").write_text(newest[1], encoding="utf-8")
