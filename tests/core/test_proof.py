"""Proofs as text: what is written is read again, and nothing else is."""

import pytest

from counterseal.core import proof
from counterseal.core.note import NoteError
from counterseal.core.proof import Consistency, Inclusion

NOTE = "a\n3\nroot\n\n— a AAAAAAAA\n"
INCLUSION = Inclusion(b'{"seq":2}', 1, (b"1" * 32, b"2" * 32), NOTE)
CONSISTENCY = Consistency(2, (b"1" * 32,), NOTE.replace("3", "2"), NOTE)


def test_round_trips() -> None:
    assert proof.read_inclusion(proof.write_inclusion(INCLUSION)) == INCLUSION
    assert proof.read_consistency(proof.write_consistency(CONSISTENCY)) == CONSISTENCY
    assert proof.read_inclusion(proof.write_inclusion(INCLUSION._replace(hashes=()))).hashes == ()


def test_the_text_is_a_c2sp_proof() -> None:
    lines = proof.write_inclusion(INCLUSION).split("\n")
    assert lines[:3] == ["c2sp.org/tlog-proof@v1", "extra eyJzZXEiOjJ9", "index 1"]
    assert lines[5:] == ["", *NOTE.split("\n")]


@pytest.mark.parametrize(
    ("old", "new"),
    [("v1", "v2"), ("extra ", "Extra "), ("index 1", "index 01"), ("index 1", "index -1"), ("index 1", "index ²"),
     ("index 1", "1"), ("index 1", f"index {'1' * 5000}"),
     ("eyJz", "eyJ z"), ("MTEx", "MTE"), ("\n\n", "\n"), ("ZXEiOjJ9", "ZXEiOjJ9QQ="),
     ("eyJzZXEiOjJ9", "QR==")],
)  # fmt: skip
def test_another_text_is_no_proof_of_a_record(old: str, new: str) -> None:
    with pytest.raises(NoteError):
        proof.read_inclusion(proof.write_inclusion(INCLUSION).replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [("old 2", "old x"), ("old 2", f"old {'1' * 5000}"), ("old ", "new "), ("\n\n", "\n"), ("MTEx", "MTE")],
)
def test_another_text_is_no_proof_of_two_checkpoints(old: str, new: str) -> None:
    with pytest.raises(NoteError):
        proof.read_consistency(proof.write_consistency(CONSISTENCY).replace(old, new))


def test_a_proof_has_an_end() -> None:
    with pytest.raises(NoteError, match="too long"):
        proof.read_inclusion(proof.write_inclusion(INCLUSION._replace(hashes=(b"1" * 32,) * 200)))
