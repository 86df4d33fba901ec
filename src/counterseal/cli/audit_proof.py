"""Verifies a proof that `audit prove` wrote: with the log's public key alone, on any machine."""

import argparse
import json

from counterseal.adapters import log_key_file
from counterseal.adapters.note_verifier import open_note
from counterseal.cli.audit_shared import Source, key_of
from counterseal.cli.shared import FAILED, OK, home_of
from counterseal.core import note, proof
from counterseal.core.note import LogKey, NoteError
from counterseal.core.tlog import extends, includes, leaf_hash


def run(args: argparse.Namespace) -> int:
    """Say what the proof proves, or that it proves nothing. Raises UsageError and HomeError."""
    key = note.parse_key(args.key) if args.key else key_of(Source(args.proof, log_key_file.read_public(home_of(args))))
    text = args.proof.read_text(encoding="utf-8", errors="replace")
    try:
        told = _consistency(text, key) if text.startswith("old ") else _inclusion(text, key)
    except NoteError as fault:
        print(f"the proof proves nothing: {fault}")
        return FAILED
    print(told)
    return OK


def _inclusion(text: str, key: LogKey) -> str:
    found = proof.read_inclusion(text)
    checkpoint = open_note(found.note, key)
    if not includes(leaf_hash(found.record), found.place, checkpoint.size, checkpoint.root, found.hashes):
        raise NoteError("its hashes do not lead from the record to the checkpoint")
    record = json.dumps(json.loads(found.record), ensure_ascii=True, separators=(",", ":"))
    return f"record {found.place + 1} of the {checkpoint.size} that {checkpoint.origin} signed:\n{record}"


def _consistency(text: str, key: LogKey) -> str:
    found = proof.read_consistency(text)
    new, old = open_note(found.note, key), open_note(found.old_note, key)
    if old.size != found.old or not extends(old.size, old.root, new.size, new.root, found.hashes):
        raise NoteError("its hashes do not lead from the older checkpoint to the newer one")
    return f"the {new.size} records that {new.origin} signed begin with the {old.size} that it signed before"
