"""AUD-1, AUD-2, AUD-3: attacks on a journal and on proofs, judged by our verifier and by one that is not ours.

The second verifier is the Go project's (`tests/verifiers`); it gets the records by a reader of its own, and neither
chain nor numbers.
"""

import json
import os
import random  # noqa: TID251  seeded
import struct
import sys
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path

import pytest
from tests.journals import Fields, Log, chained, decode, make, notes_of, segment
from tests.verifiers import reference

from counterseal.adapters.note_verifier import open_note
from counterseal.cli.audit_verify import read_head
from counterseal.core import proof
from counterseal.core.audit import Audit
from counterseal.core.note import NoteError
from counterseal.core.tlog import consistency_proof, extends, includes, inclusion_proof, leaf_hash, node_hash

LOG, STRANGER = Log(), Log(seed=b"\x02" * 32)
SIZE, EVERY = 230, 10
# Of a hundred places, so many are tried; AUD1_PLACES=100 tries all.
ALL_PLACES = 100
PLACES = int(os.environ.get("AUD1_PLACES", "25"))
WHOLE = make(SIZE, LOG, EVERY)
KEPT = notes_of(WHOLE)
LAST_KEPT = open_note(KEPT[-1], LOG.key).size
FORGERIES = 5_000
Attack = Callable[[int], bytes]


def records() -> list[Fields]:
    return [decode(payload) for payload in WHOLE]


def renumbered(found: list[Fields]) -> list[Fields]:
    return [{**fields, "seq": number} for number, fields in enumerate(found, 1)]


def edited(place: int) -> list[Fields]:
    found = records()
    found[place] = {**found[place], "bot": "mallory", "t": found[place]["t"] - 1}
    return found


def without(place: int) -> list[Fields]:
    found = records()
    return renumbered(found[:place] + found[place + 1 :])


def inserted(place: int) -> list[Fields]:
    found = records()
    return renumbered([*found[:place], {"type": "intent", "id": "x", "t": 1, "client_ids": []}, *found[place:]])


def swapped(place: int) -> list[Fields]:
    found = records()
    found[place], found[place + 1] = found[place + 1], found[place]
    return renumbered(found)


def other_times(place: int) -> list[Fields]:
    return [{**fields, "t": fields["t"] + (3_600_000 if at >= place else 0)} for at, fields in enumerate(records())]


def forked(place: int) -> list[Fields]:
    return [{**fields, "id": f"fork-{at}"} if at >= place else fields for at, fields in enumerate(records())]


def unlinked(changed: list[Fields]) -> bytes:
    """As it would be written by somebody who repairs checksums only."""
    return segment([json.dumps(fields, separators=(",", ":")).encode() for fields in changed])


def linked(changed: list[Fields]) -> bytes:
    return segment(chained(changed, None))


def signed(changed: list[Fields], log: Log) -> bytes:
    return segment(chained(changed, log.sign))


# Who has no key of the log: AUD-1.
ATTACKS: dict[str, Attack] = {
    "edit": lambda place: unlinked(edited(place)),
    "delete": lambda place: segment(WHOLE[:place] + WHOLE[place + 1 :]),
    "insert": lambda place: segment([*WHOLE[:place], WHOLE[place - 1], *WHOLE[place:]]),
    "swap": lambda place: segment([*WHOLE[:place], WHOLE[place + 1], WHOLE[place], *WHOLE[place + 2 :]]),
    "truncate": lambda place: segment(WHOLE[:place]),
    "torn tail": lambda place: segment(WHOLE[: place + 1])[:-7],
    "re-chain": lambda place: linked(edited(place)),
    "re-sign with another key": lambda place: signed(edited(place), STRANGER),
    "rollback": lambda place: segment(WHOLE[: place // EVERY * EVERY]),
    "fork": lambda place: linked(forked(place)),
    "clock rewrite": lambda place: linked(other_times(place)),
}
# Who has stolen it: AUD-2. Only what a witness kept stands against him.
STOLEN: dict[str, Attack] = {
    "edit": lambda place: signed(edited(place), LOG),
    "delete": lambda place: signed(without(place), LOG),
    "insert": lambda place: signed(inserted(place), LOG),
    "swap": lambda place: signed(swapped(place), LOG),
    "fork": lambda place: signed(forked(place), LOG),
    "clock rewrite": lambda place: signed(other_times(place), LOG),
}


def places(limit: int) -> Iterator[int]:
    """Places before the newest record that a witness has kept; the first and the last among them."""
    every = list(islice(cycle(range(1, limit - 1)), ALL_PLACES))
    return iter([every[at * (ALL_PLACES - 1) // (PLACES - 1)] for at in range(PLACES)])


def ours(data: bytes) -> bool:
    """Whether our verifier finds something wrong."""
    audit = Audit(read_head, lambda text: open_note(text, LOG.key), [open_note(text, LOG.key) for text in KEPT])
    audit.segment("s", data)
    return bool(audit.finish().faults)


def payloads(data: bytes) -> list[bytes]:
    """The records by a reader that is not the product's."""
    found, at = [], data.index(b"\n") + 1
    while at + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        found.append(data[at + 8 : at + 8 + length])
        at += 8 + length
    return found


@pytest.fixture(scope="module")
def theirs() -> Iterator[Callable[[bytes], bool]]:
    """Whether the other verifier finds that the records are not those of the witness's newest checkpoint."""
    reference.require()
    with reference.Reference() as running:
        yield lambda data: bool(running.tree(str(LOG.key), KEPT[-1], payloads(data)))


def test_both_verifiers_take_the_journal_that_was_not_touched(theirs: Callable[[bytes], bool]) -> None:
    assert not ours(segment(WHOLE))
    assert not theirs(segment(WHOLE))


@pytest.mark.threat(48)
@pytest.mark.parametrize("name", ATTACKS)
def test_aud_1(name: str, theirs: Callable[[bytes], bool], capsys: pytest.CaptureFixture[str]) -> None:
    """Every attack at every place is found by both."""
    tried = list(places(LAST_KEPT))
    missed = [place for place in tried if not ours(ATTACKS[name](place))]
    missed_by_other = [place for place in tried if not theirs(ATTACKS[name](place))]
    with capsys.disabled():
        sys.stdout.write(f"\nAUD-1 {name}: {len(tried)} of {ALL_PLACES} places, {len(missed)} missed\n")
    assert (missed, missed_by_other) == ([], [])


@pytest.mark.threat(49)
@pytest.mark.parametrize("name", STOLEN)
def test_aud_2(name: str, theirs: Callable[[bytes], bool], capsys: pytest.CaptureFixture[str]) -> None:
    """With the log's key stolen, everything up to the newest checkpoint that the witness kept is found by both."""
    tried = list(places(LAST_KEPT))
    missed = [place for place in tried if not ours(STOLEN[name](place))]
    missed_by_other = [place for place in tried if not theirs(STOLEN[name](place))]
    with capsys.disabled():
        sys.stdout.write(f"\nAUD-2 {name}: {len(tried)} of {ALL_PLACES} places, {len(missed)} missed\n")
    assert (missed, missed_by_other) == ([], [])
    assert SIZE - LAST_KEPT <= EVERY + 1, "what the witness does not cover yet is a handful of records"


# -- AUD-3

LEAVES = [leaf_hash(payload) for payload in WHOLE]
HEADS = {open_note(text, LOG.key).size: open_note(text, LOG.key).root for text in KEPT}


def node(level: int, index: int) -> bytes:
    if level == 0:
        return LEAVES[index]
    return node_hash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1))


def forgeries(rng: random.Random, hashes: list[bytes]) -> Iterator[list[bytes]]:
    """Change a proof: a bit, a hash more, less, doubled, or two of them swapped."""
    at = rng.randrange(len(hashes))
    flipped = bytearray(hashes[at])
    flipped[rng.randrange(32)] ^= 1 << rng.randrange(8)
    yield [*hashes[:at], bytes(flipped), *hashes[at + 1 :]]
    yield hashes[:at] + hashes[at + 1 :]
    yield [*hashes[:at], hashes[at], *hashes[at:]]
    yield [*hashes, rng.choice(LEAVES)]
    if len(hashes) > 1 and hashes != hashes[::-1]:
        yield hashes[::-1]


@pytest.mark.threat(48)
def test_aud_3(capsys: pytest.CaptureFixture[str]) -> None:
    """No forged proof holds: not of a record, not of two checkpoints, not with another record, place, size or root."""
    rng, tried, taken = random.Random(20_261_122), 0, 0
    while tried < FORGERIES:
        new = rng.choice(list(HEADS))
        index, old = rng.randrange(new), rng.choice([size for size in HEADS if size <= new])
        inclusion = inclusion_proof(index, new, node)
        assert includes(LEAVES[index], index, new, HEADS[new], inclusion)
        trials = [includes(LEAVES[index], index, new, HEADS[new], forged) for forged in forgeries(rng, inclusion)]
        trials.append(includes(LEAVES[(index + 1) % new], index, new, HEADS[new], inclusion))
        trials.append(includes(LEAVES[index], (index + 1) % new, new, HEADS[new], inclusion))
        # Two leaves are no record, although a tree that hashed both alike would take them for one.
        pair = leaf_hash(b"".join(sorted((LEAVES[index], inclusion[0]))))
        trials.append(includes(pair, index // 2, (new + 1) // 2, HEADS[new], inclusion[1:]))
        if old < new:
            consistency = consistency_proof(old, new, node)
            assert extends(old, HEADS[old], new, HEADS[new], consistency)
            trials += [extends(old, HEADS[old], new, HEADS[new], each) for each in forgeries(rng, consistency)]
            trials.append(extends(old, HEADS[new], new, HEADS[new], consistency))
            trials.append(extends(old, HEADS[old], new, HEADS[old], consistency))
        tried, taken = tried + len(trials), taken + sum(trials)
    with capsys.disabled():
        sys.stdout.write(f"\nAUD-3: {tried} of {FORGERIES} forged proofs, {taken} accepted\n")
    assert taken == 0


def test_a_forged_note_is_no_checkpoint() -> None:
    """Another name, key, text or signature under a note that looks right."""
    good = KEPT[-1]
    text, _, line = good.partition("\n\n")
    for bad in (
        good.replace(f"\n{LAST_KEPT}\n", f"\n{LAST_KEPT + 1}\n"),
        STRANGER.sign(LAST_KEPT, HEADS[LAST_KEPT]),
        f"{text}\n\n{KEPT[0].partition(chr(10) * 2)[2]}",
        good.replace("counterseal/test", "counterseal/best"),
        f"{text}\nextension\n\n{line}",
    ):
        with pytest.raises(NoteError):
            open_note(bad, LOG.key)


def test_the_other_verifier_takes_our_proofs_and_no_forged_one() -> None:
    """Go's packages on what `audit prove` writes: every record of the newest checkpoint, every pair of checkpoints."""
    rng = random.Random(7)
    reference.require()
    with reference.Reference() as running:
        for index in range(LAST_KEPT):
            hashes = inclusion_proof(index, LAST_KEPT, node)
            text = proof.write_inclusion(proof.Inclusion(WHOLE[index], index, tuple(hashes), KEPT[-1]))
            read = proof.read_inclusion(text)
            assert running.inclusion(str(LOG.key), read.note, read.record, read.place, read.hashes) == ""
            for forged in forgeries(rng, hashes):
                assert running.inclusion(str(LOG.key), KEPT[-1], WHOLE[index], index, forged) != ""
        for older in KEPT:
            hashes = consistency_proof(open_note(older, LOG.key).size, LAST_KEPT, node)
            assert running.consistency(str(LOG.key), older, KEPT[-1], hashes) == ""
        assert running.consistency(str(STRANGER.key), KEPT[0], KEPT[-1], hashes) != ""


def test_the_driver_is_built_from_what_is_written_here() -> None:
    """The second verifier is somebody else's: the driver imports nothing else that could judge."""
    text = (Path(reference.HERE) / "go" / "main.go").read_text()
    imported = [line.strip().strip('"') for line in text.split("import (")[1].split(")")[0].split("\n") if line.strip()]
    assert [name for name in imported if "." in name] == ["golang.org/x/mod/sumdb/note", "golang.org/x/mod/sumdb/tlog"]
