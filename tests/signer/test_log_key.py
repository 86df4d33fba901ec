"""The log's key signs checkpoints that continue one another, and nothing else, whoever asks."""

import os
import random  # noqa: TID251  seeded
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.homes import SOURCE, make_home
from tests.journals import Log
from tests.signer.desks import KEYS, NOW_MS, TABLE, good

from counterseal.adapters import log_key_file, packets
from counterseal.adapters.home import Home, HomeError
from counterseal.adapters.note_verifier import open_note
from counterseal.core.messages import CheckpointSigned, LastCheckpoint, Message, Refused, SignCheckpoint
from counterseal.core.note import LogKey, NoteError
from counterseal.core.tlog import Tree, leaf_hash
from counterseal.signer import keyring
from counterseal.signer.desk import Desk
from counterseal.signer.filling import Unlocking
from counterseal.signer.log_key import MAX_PROOF, LogSigner

LOG = Log()
NAME = LOG.name
LEAVES = [leaf_hash(b"%d" % number) for number in range(300)]


def material() -> memoryview:
    return memoryview(bytearray(LOG.seed + LOG.key.public))


def desk() -> Desk:
    return Desk(TABLE, KEYS, "life", lambda: NOW_MS, log=LogSigner(NAME, material()))


def ask(signer: Desk, *requests: Message) -> list[Message]:
    """Give the answers to one packet."""
    (packet,) = packets.encode(requests)
    return [message for each in signer.answer(packet) for message in packets.decode(each)]


def request(number: int, old: int, new: int, leaves: list[bytes] = LEAVES) -> SignCheckpoint:
    """Ask for the tree of `new` leaves, proven to continue that of `old`."""
    tree = Tree()
    tree.add(leaves[:old])
    tree.rebase()
    tree.add(leaves[old:new])
    return SignCheckpoint(number, old, new, tree.root(), tuple(tree.proof()))


def test_checkpoints_that_continue_one_another_are_signed() -> None:
    signer = desk()
    for number, (old, new) in enumerate(((0, 3), (3, 3), (3, 8), (8, 255), (255, 300)), 1):
        (answer,) = ask(signer, request(number, old, new))
        assert isinstance(answer, CheckpointSigned)
        checkpoint = open_note(answer.note, LOG.key)
        assert (checkpoint.origin, checkpoint.size, checkpoint.root) == (NAME, new, request(0, old, new).root)


@pytest.mark.threat(50)
def test_a_smaller_or_another_tree_is_not_signed_in_the_same_life() -> None:
    """Rolled back, forked, rewritten, or with no proof: refused; a new life cannot know."""
    signer = desk()
    ask(signer, request(1, 0, 200))
    other = [*LEAVES[:100], leaf_hash(b"changed"), *LEAVES[101:]]
    honest = request(0, 200, 300)
    for number, bad in enumerate(
        [
            request(0, 200, 300, other),
            honest._replace(proof=()),
            honest._replace(proof=(*honest.proof, LEAVES[0])),
            honest._replace(proof=(LEAVES[0],) * (MAX_PROOF + 1)),
            honest._replace(size=199),
            honest._replace(root=LEAVES[0]),
            honest._replace(root=b"short"),
            SignCheckpoint(0, 200, 100, request(0, 0, 100).root, ()),
            SignCheckpoint(0, 200, 200, LEAVES[0], ()),
        ],
        2,
    ):
        assert ask(signer, bad._replace(id=number)) == [Refused(number, "inconsistent_checkpoint")], bad
    assert isinstance(ask(signer, honest._replace(id=50))[0], CheckpointSigned)
    assert isinstance(ask(desk(), request(1, 0, 100))[0], CheckpointSigned)


def test_who_does_not_know_the_last_one_is_told_its_size() -> None:
    signer = desk()
    ask(signer, request(1, 0, 40))
    assert ask(signer, request(2, 30, 60)) == [LastCheckpoint(2, 40)]
    assert isinstance(ask(signer, request(3, 40, 60))[0], CheckpointSigned)


def test_numbers_rise_here_too() -> None:
    signer = desk()
    ask(signer, request(5, 0, 3))
    assert ask(signer, request(5, 3, 4)) == [Refused(5, "out_of_order")]


def test_what_can_be_no_checkpoint_is_not_signed() -> None:
    for bad in (SignCheckpoint(1, 0, -1, LEAVES[0], ()), SignCheckpoint(1, 0, 3, b"", ())):
        assert ask(desk(), bad) == [Refused(1, "inconsistent_checkpoint")]


def test_without_a_key_nothing_is_signed() -> None:
    assert ask(Desk(TABLE, KEYS, "life", lambda: NOW_MS), request(1, 0, 3)) == [Refused(1, "no_log_key")]


@pytest.mark.threat(41)
def test_no_request_to_the_exchange_is_signed_with_it_and_the_gateway_is_not_told_of_it() -> None:
    signer = desk()
    assert ask(signer, good(key_ref=NAME)) == [Refused(1, "unknown_key")]
    hello = packets.decode(signer.greeting()[0])[0]
    assert NAME not in str(hello)


@pytest.mark.threat(41)
def test_whatever_is_asked_only_checkpoints_of_this_log_come_back() -> None:
    """10,000 requests of all sizes: each note reads back as the checkpoint that was asked for, under this name."""
    rng, signer = random.Random(3), LogSigner(NAME, material())
    for number in range(10_000):
        asked = SignCheckpoint(
            number, rng.choice([0, 1, -1, 1 << 70]), rng.choice([0, 7, -5, 1 << 62, 1 << 63, 10**30]),
            rng.choice([LEAVES[0], b"\n1\n" * 10 + b"xx", b"", LEAVES[1][:31]]), (),
        )  # fmt: skip
        answer = signer.answer(asked)
        if isinstance(answer, CheckpointSigned):
            checkpoint = open_note(answer.note, LOG.key)
            assert (checkpoint.size, checkpoint.root) == (asked.size, asked.root)


def test_a_wrong_name_or_key_is_refused() -> None:
    with pytest.raises(ValueError, match="name"):
        LogSigner("two\nlines", material())
    with pytest.raises(ValueError, match="material"):
        LogSigner(NAME, memoryview(bytearray(32)))


# -- at rest


@pytest.fixture(name="lifeline")
def _lifeline(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setenv("PYTHONPATH", str(SOURCE))
    ours, theirs = os.pipe()
    yield ours
    os.close(ours)
    os.close(theirs)


def test_the_key_is_sealed_opened_and_held_apart(tmp_path: Path, lifeline: int) -> None:
    """From `init` to the signer's memory: the exchange's keys do not include it."""
    home = make_home(tmp_path / "home")
    public = log_key_file.make(home)
    ring = keyring.load(home, None, Unlocking("nowhere", None), lifeline, refill=False, required="none")
    assert dict(ring.keys) == {}
    assert ring.log is not None
    answer = ring.log.answer(request(1, 0, 5))
    assert isinstance(answer, CheckpointSigned)
    assert open_note(answer.note, public).size == 5
    assert log_key_file.read_public(home) == public
    stored = log_key_file.read(home)
    assert stored is not None
    assert "material" not in repr(stored)
    assert stored.material.reveal()[32:] == public.public
    ring.memory.wipe()


def test_two_installations_have_two_logs(tmp_path: Path) -> None:
    first, second = (log_key_file.make(make_home(tmp_path / name)) for name in ("a", "b"))
    assert first.name != second.name
    answer = LogSigner(first.name, material()).answer(request(1, 0, 3))
    assert isinstance(answer, CheckpointSigned)
    for wrong in (second, LogKey(first.name, second.public)):
        with pytest.raises(NoteError):
            open_note(answer.note, wrong)


def test_a_key_is_made_once_and_a_damaged_one_is_told(tmp_path: Path) -> None:
    home: Home = make_home(tmp_path / "home")
    assert (log_key_file.read(home), log_key_file.read_public(home)) == (None, None)
    log_key_file.make(home)
    with pytest.raises(HomeError, match="exists already"):
        log_key_file.make(home)
    log_key_file.public_path(home).write_text("nonsense")
    with pytest.raises(HomeError, match="damaged"):
        log_key_file.read_public(home)
    from counterseal.adapters import age_box

    for content in (
        b"{",
        b"[]",
        b'{"format": 1, "name": "a b", "seed": ""}',
        b'{"format": 2, "name": "a", "seed": ""}',
    ):
        log_key_file.path_of(home).write_bytes(age_box.seal(home, "signer", content))
        with pytest.raises(HomeError, match="damaged inside its seal"):
            log_key_file.read(home)
