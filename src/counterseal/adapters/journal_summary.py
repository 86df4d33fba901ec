"""What is kept beside a closed segment: its summary for the next start, and its leaves for proofs.

`.summary` is a line, the SHA-256 of what follows, the summary as MessagePack. `.leaves` is 32 bytes a record. Both are
made from the segment and outlive it when it is removed.
"""

import hashlib
import os
from collections.abc import Generator
from pathlib import Path

import msgspec

from counterseal.adapters.journal_segments import decode, scan_file, segments
from counterseal.core import record
from counterseal.core.record import JournalDamaged
from counterseal.core.summary import Place, Summarizer, Summary
from counterseal.core.tlog import HASH_BYTES, Tree, leaf_hash

LINE = b"counterseal journal summary 2\n"
NOTHING = Place(0, 0, record.FIRST_LEAF, ())
SLICE = 100
_DIGEST = hashlib.sha256().digest_size
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Summary).decode


def summary_path(segment: Path) -> Path:
    """Give the summary's file."""
    return segment.with_suffix(".summary")


def leaves_path(segment: Path) -> Path:
    """Give the file of leaves."""
    return segment.with_suffix(".leaves")


def read_summary(segment: Path) -> Summary | None:
    """Give a closed segment's summary; None when there is none, or it is not whole."""
    try:
        data = summary_path(segment).read_bytes()
    except FileNotFoundError:
        return None
    body = data[len(LINE) + _DIGEST :]
    if not data.startswith(LINE) or hashlib.sha256(body).digest() != data[len(LINE) : len(LINE) + _DIGEST]:
        return None
    try:
        return _decode(body)
    except msgspec.MsgspecError:
        return None


def read_leaves(segment: Path) -> list[bytes]:
    """Give the hashes of a segment's records: kept ones, else from the segment itself. Raises JournalDamaged."""
    # The summary is written last: without it the leaves may be cut short.
    if not summary_path(segment).exists():
        return [leaf_hash(payload) for payload in scan_file(segment).payloads]
    data = leaves_path(segment).read_bytes()
    return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]


def summarize(segment: Path, before: Place) -> Summary:
    """Make both files of a closed segment at once. Raises JournalDamaged and OSError."""
    steps = summarizing(segment, before)
    while True:
        try:
            next(steps)
        except StopIteration as done:
            summary: Summary = done.value
            return summary


def summarizing(segment: Path, before: Place) -> Generator[None, None, Summary]:
    """Make both files in slices of about a millisecond. `before` is the end of the segment before.

    Raises JournalDamaged when the segment does not follow on that end, OSError when a file cannot be written.
    """
    payloads = scan_file(segment).payloads
    tree, summarizer, leaves = Tree(before.seq, before.frontier), Summarizer(), [before.leaf]
    at_ms = before.at_ms
    for number, payload in enumerate(payloads, before.seq + 1):
        fields = decode(payload)
        if fields["seq"] != number or fields.get("prev", leaves[-1].hex()) != leaves[-1].hex():
            raise JournalDamaged(f"{segment.name}: record {fields['seq']} does not follow on record {number - 1}")
        leaves.append(leaf_hash(payload))
        summarizer.take(fields)
        at_ms = fields["t"]
        if number % SLICE == 0:
            yield
    tree.add(leaves[1:])
    yield
    end = Place(before.seq + len(payloads), at_ms, leaves[-1], tree.frontier())
    summary = summarizer.summary(end)
    _write(leaves_path(segment), b"".join(leaves[1:]))
    body = _encode(summary)
    _write(summary_path(segment), LINE + hashlib.sha256(body).digest() + body)
    return summary


def _write(path: Path, content: bytes) -> None:
    """Write in place: the folder lets the gateway make files, not replace them. A torn one is made anew."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(file, "wb", buffering=0) as out:
        rest = memoryview(content)
        while rest:
            rest = rest[out.write(rest) :]
        os.fsync(out.fileno())


def rebuild_tree(folder: Path, base: int, size: int) -> Tree:
    """Give the tree over the first `size` records anew, ready to prove that it continues `base` records.

    Reads every hash there is: for the rare case only. Raises JournalDamaged, and ValueError when there are fewer.
    """
    leaves: list[bytes] = []
    for path in all_segments(folder):
        leaves += read_leaves(path)
    if len(leaves) < size:
        raise ValueError("there are fewer records")
    tree = Tree()
    tree.add(leaves[:base])
    tree.rebase()
    tree.add(leaves[base:size])
    return tree


def all_segments(folder: Path) -> list[Path]:
    """Name every segment in order, also those of which only summary and leaves are kept."""
    names = {path.with_suffix(".journal") for path in folder.glob("gateway*.summary")}
    names |= {segment.path for segment in segments(folder)}
    return sorted(names, key=lambda path: (path.stem != "gateway", path.name))
