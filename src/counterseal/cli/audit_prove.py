"""`counterseal audit prove`: a proof of one record, or of two checkpoints, for somebody who has only the public key."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from counterseal.adapters.journal_segments import decode, read_payloads
from counterseal.adapters.journal_tree import WholeTree, all_leaves
from counterseal.cli.audit_shared import add_source, source_of
from counterseal.cli.shared import OK, UsageError
from counterseal.core import note, proof
from counterseal.core.proof import Consistency, Inclusion
from counterseal.core.tlog import consistency_proof, inclusion_proof, leaf_hash

if TYPE_CHECKING:
    from counterseal.cli.shared import Subparsers


def add_parser(subparsers: "Subparsers") -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "prove",
        help="prove one record, or that one checkpoint continues another",
        description="Prints a proof: for RECORD, its number or the id of an intent, that it is under the newest "
        "checkpoint; with --old, that the newest checkpoint continues the one of so many records. Whoever has it needs "
        "the public key alone: counterseal audit verify --proof FILE --key VKEY.",
    )
    add_source(parser)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("record", nargs="?", metavar="RECORD", help="number of a record, or id of an intent")
    what.add_argument("--old", type=int, metavar="SIZE", help="size of the older checkpoint")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the proof. Raises UsageError when there is no such record or checkpoint."""
    folder = source_of(args).folder
    leaves = all_leaves(folder)
    made = _inclusion(folder, leaves, args.record) if args.old is None else _consistency(folder, leaves, args.old)
    print(made, end="", flush=True)
    return OK


def _inclusion(folder: Path, leaves: list[bytes], wanted: str) -> str:
    found = _found(folder, wanted)
    if found is None:
        raise UsageError("there is no such record; give its number or the id of an intent, as audit tail shows them")
    number, payload = found
    newest = max(_checkpoints(folder), default=(0, ""))
    if newest[0] < number:
        raise UsageError("no checkpoint covers this record yet; wait for the next one")
    if leaves[number - 1] != leaf_hash(payload):
        raise UsageError("the journal does not hold together; see: counterseal audit verify")
    hashes = inclusion_proof(number - 1, newest[0], WholeTree(leaves).node)
    return proof.write_inclusion(Inclusion(payload, number - 1, tuple(hashes), newest[1]))


def _consistency(folder: Path, leaves: list[bytes], old: int) -> str:
    checkpoints = dict(_checkpoints(folder))
    if old not in checkpoints:
        raise UsageError("there is no checkpoint of that size; audit tail shows the sizes")
    new = max(checkpoints)
    hashes = consistency_proof(old, new, WholeTree(leaves).node)
    return proof.write_consistency(Consistency(old, tuple(hashes), checkpoints[old], checkpoints[new]))


def _found(folder: Path, wanted: str) -> tuple[int, bytes] | None:
    for payload in read_payloads(folder):
        record = decode(payload)
        if str(record["seq"]) == wanted or (record["type"] == "intent" and record["id"] == wanted):
            return record["seq"], payload
    return None


def _checkpoints(folder: Path) -> Iterator[tuple[int, str]]:
    """Give size and note of every checkpoint in the journal."""
    for payload in read_payloads(folder):
        record = decode(payload)
        if record["type"] == "checkpoint":
            text = record["note"]
            yield note.parse_text(note.parse(text).text).size, text
