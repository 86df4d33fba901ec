"""Proofs as text, to be verified by whoever has the log's public key: C2SP tlog-proof, and its like for two sizes."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from counterseal.core.note import NoteError, decode64, encode64

FIRST_LINE = "c2sp.org/tlog-proof@v1"
# No log has more records: 2^63 has 19 digits.
MAX_DIGITS = 19
MAX_HASHES = 128
_NUMBER = re.compile(r"0|[1-9][0-9]*", re.ASCII).fullmatch


class Inclusion(NamedTuple):
    """That `record` is number `place` (from 0) of the log; `note` is the signed checkpoint."""

    record: bytes
    place: int
    hashes: tuple[bytes, ...]
    note: str


class Consistency(NamedTuple):
    """That the log of `note` begins with the `old` records of `old_note`, both of them signed checkpoints."""

    old: int
    hashes: tuple[bytes, ...]
    old_note: str
    note: str


def write_inclusion(proof: Inclusion) -> str:
    """Give the text; the record stands in it as extra data."""
    lines = [FIRST_LINE, f"extra {encode64(proof.record)}", f"index {proof.place}", *map(encode64, proof.hashes)]
    return "\n".join(lines) + f"\n\n{proof.note}"


def read_inclusion(text: str) -> Inclusion:
    """Read what `write_inclusion` wrote; nothing is verified. Raises NoteError."""
    head, _, note = text.partition("\n\n")
    lines = head.split("\n")
    if len(lines) < 3 or lines[0] != FIRST_LINE or not lines[1].startswith("extra ") or not note:
        raise NoteError("it is no proof of a record")
    place = _number(lines[2], "index ")
    return Inclusion(_bytes(lines[1].removeprefix("extra ")), place, _hashes(lines[3:]), note)


def write_consistency(proof: Consistency) -> str:
    """Give the text: the older size, the hashes, the newer checkpoint, the older one."""
    lines = [f"old {proof.old}", *map(encode64, proof.hashes)]
    return "\n".join(lines) + f"\n\n{proof.note}\n{proof.old_note}"


def read_consistency(text: str) -> Consistency:
    """Read what `write_consistency` wrote; nothing is verified. Raises NoteError."""
    blocks = text.split("\n\n")
    if len(blocks) != 5 or not blocks[0].startswith("old "):
        raise NoteError("it is no proof of two checkpoints")
    lines = blocks[0].split("\n")
    note, old_note = f"{blocks[1]}\n\n{blocks[2]}\n", f"{blocks[3]}\n\n{blocks[4]}"
    return Consistency(_number(lines[0], "old "), _hashes(lines[1:]), old_note, note)


def _number(line: str, name: str) -> int:
    digits = line.removeprefix(name)
    if not line.startswith(name) or len(digits) > MAX_DIGITS or not _NUMBER(digits):
        raise NoteError("a number of the proof is malformed")
    return int(digits)


def _hashes(lines: Sequence[str]) -> tuple[bytes, ...]:
    if len(lines) > MAX_HASHES:
        raise NoteError("the proof is too long")
    return tuple(map(_bytes, lines))


def _bytes(encoded: str) -> bytes:
    return decode64(encoded, "something in the proof")
