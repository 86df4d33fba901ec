"""Notes, keys and proofs as text; and proofs as hashes: nothing is proven but what a tree made leaf by leaf holds."""

from __future__ import annotations

import hashlib

from tests.fuzz.tools import Take, utf8_in
from tests.journals import Log

from counterseal.adapters.note_verifier import open_note
from counterseal.core import note, proof, tlog
from counterseal.core.note import LogKey, NoteError

LOG = Log()
LEAVES = [tlog.leaf_hash(b"%d" % number) for number in range(23)]


def _hash(start: int, end: int) -> bytes:
    """The hash of a range of leaves as RFC 6962 defines it."""
    if end - start == 1:
        return LEAVES[start]
    middle = 1
    while middle * 2 < end - start:
        middle *= 2
    return hashlib.sha256(b"\x01" + _hash(start, start + middle) + _hash(start + middle, end)).digest()


ROOTS = [tlog.EMPTY, *[_hash(0, size) for size in range(1, len(LEAVES) + 1)]]
# Every hash that could stand in a proof, and some that could not.
POOL = sorted({_hash(start, end) for start in range(len(LEAVES)) for end in range(start + 1, len(LEAVES) + 1)})
_NOTE = LOG.sign(5, ROOTS[5])
_OLD = LOG.sign(3, ROOTS[3])
_INCLUSION = proof.write_inclusion(proof.Inclusion(b"2", 2, tuple(POOL[:3]), _NOTE))
_CONSISTENCY = proof.write_consistency(proof.Consistency(3, tuple(POOL[:2]), _OLD, _NOTE))
COVERED = (
    "counterseal.core.note",
    "counterseal.core.proof",
    "counterseal.core.tlog",
    "counterseal.adapters.note_verifier",
)
SEEDS = (
    _NOTE.encode(), str(LOG.key).encode(), _INCLUSION.encode(), _CONSISTENCY.encode(), b"\x00\x03\x05\x01\x02\x03", b"",
    *[bytes((mode, old, new)) for mode in (0, 1, 2, 3) for old, new in ((0, 1), (3, 5), (7, 8), (8, 23), (22, 23))],
    _INCLUSION.replace("index 2", "index 02").encode(), _INCLUSION.replace("index 2", "index " + "1" * 1500).encode(),
    _NOTE.replace("5\n", "6\n", 1).encode(), _NOTE.replace("\u2014", "-").encode(), (_NOTE + _NOTE).encode(),
    (_NOTE + "\u2014 other AAAAAAAA\n").encode(), _CONSISTENCY.replace("old 3", "old 4").encode(), b"a+b+c",
)  # fmt: skip
TOKENS = (
    b"\n", b"\n\n", "\u2014 ".encode(), b"c2sp.org/tlog-proof@v1", b"extra ", b"index ", b"old ", b"=", b"==", b"+",
    b"0",
    LOG.name.encode(), b"counterseal/test+", b"AQ==", b"\r", b"\x00", b"9" * 20,
)  # fmt: skip


def target(data: bytes) -> None:
    """Below four the first byte says what is to be proven by the rest; else all of it is text."""
    if data[:1] in (b"\x00", b"\x01", b"\x02", b"\x03"):
        _check_hashes(Take(data))
        return
    text = utf8_in(data)
    if text is not None:
        _check_note(text)
        _check_key(text)
        _check_proofs(text)


def _check_note(text: str) -> None:
    """What opens was signed, text and all; what parses is written as it was."""
    try:
        found = note.parse(text)
        assert note.join(found.text, *found.signatures) == text
        checkpoint = note.parse_text(found.text)
        assert note.text_of(checkpoint) == found.text
    except NoteError as fault:
        assert str(fault)
    try:
        opened = open_note(text, LOG.key)
    except NoteError:
        return
    assert (opened.size, opened.root) in ((5, ROOTS[5]), (3, ROOTS[3])), "a signature that nobody made"


def _check_key(text: str) -> None:
    try:
        key = note.parse_key(text)
    except NoteError:
        return
    assert isinstance(key, LogKey) and str(key) == text.strip()


def _check_proofs(text: str) -> None:
    """What is read is written as it was."""
    try:
        assert proof.write_inclusion(proof.read_inclusion(text)) == text
    except NoteError as fault:
        assert str(fault)
    try:
        assert proof.write_consistency(proof.read_consistency(text)) == text
    except NoteError as fault:
        assert str(fault)


def _check_hashes(take: Take) -> None:
    mode, old, new = take.byte(), take.byte() % 24, take.byte() % 24
    if mode < 2:
        made = _made(tlog.inclusion_proof, old, new) if mode else []
    else:
        made = _made(tlog.consistency_proof, old, new) if mode == 3 else []
    hashes = _changed(made, take)
    root, first = ROOTS[take.byte() % 24] if take.byte() % 4 == 3 else ROOTS[new], ROOTS[old]
    if mode < 2:
        leaf = LEAVES[take.byte() % len(LEAVES)] if take.byte() % 2 else LEAVES[old % len(LEAVES)]
        is_true = old < new and leaf == LEAVES[old] and root == ROOTS[new]
        told = tlog.includes(leaf, old, new, root, hashes)
    else:
        # Every log begins with none: there is nothing to prove.
        is_true = old <= new and (root == ROOTS[new] or not old)
        told = tlog.extends(old, first, new, root, hashes)
    assert is_true or not told, "proven, and not so"
    assert told or not is_true or hashes != _right(mode, old, new), "a good proof is refused"
    assert not told or hashes == _right(mode, old, new), "two proofs of one thing"


def _made(make: object, old: int, new: int) -> list[bytes]:
    try:
        return make(old, new, _node)  # type: ignore[operator,no-any-return]  # one of two functions
    except ValueError:
        return []


def _node(level: int, index: int) -> bytes:
    return _hash(index << level, index + 1 << level)


def _right(mode: int, old: int, new: int) -> list[bytes]:
    return _made(tlog.inclusion_proof if mode < 2 else tlog.consistency_proof, old, new)


def _changed(hashes: list[bytes], take: Take) -> list[bytes]:
    """Take away, put in, replace, turn round."""
    changed = list(hashes)
    for _ in range(take.byte() % 4):
        at = take.byte() % (len(changed) + 1)
        action = take.byte() % 5
        if action == 0:
            del changed[at : at + 1]
        elif action == 1:
            changed.insert(at, POOL[take.number() % len(POOL)])
        elif action == 2:
            changed[at : at + 1] = [POOL[take.number() % len(POOL)]]
        elif action == 3:
            changed.insert(at, take.some(take.byte() % 40))
        else:
            changed.reverse()
    return changed
