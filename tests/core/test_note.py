"""Checkpoints as signed notes: the published examples, one spelling for each, and nothing else that is taken."""

import hashlib

import pytest

from counterseal.core import note
from counterseal.core.note import Checkpoint, LogKey, NoteError, Signature

VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
NOTE = (
    "This is an example message.\n\n— example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
CHECKPOINT = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"


def test_the_published_key_and_note_are_read_and_written_again() -> None:
    key = note.parse_key(VKEY)
    assert (key.name, key.key_id.hex(), str(key)) == ("example.com/foo", "530d903a", VKEY)
    found = note.parse(NOTE)
    assert found.text == "This is an example message.\n"
    assert [(each.name, each.key_id) for each in found.signatures] == [(key.name, key.key_id)]
    assert note.join(found.text, *found.signatures) == NOTE


def test_the_published_checkpoint_is_read_and_written_again() -> None:
    checkpoint = note.parse_text(CHECKPOINT)
    assert (checkpoint.origin, checkpoint.size, len(checkpoint.root)) == ("example.com/behind-the-sofa", 20852163, 32)
    assert note.text_of(checkpoint) == CHECKPOINT


def test_a_text_with_empty_lines_is_parted_at_the_last() -> None:
    text = "one\n\ntwo\n"
    made = note.join(text, Signature("a", b"1234", b"x"), Signature("b", b"5678", b"y"))
    assert note.parse(made) == note.Note(text, (Signature("a", b"1234", b"x"), Signature("b", b"5678", b"y")))


@pytest.mark.parametrize(
    "text",
    [
        "", "\n", CHECKPOINT[:-1], CHECKPOINT + "\n", CHECKPOINT + "extension\n",
        CHECKPOINT.replace("2085", "02085"), CHECKPOINT.replace("20852163", "-1"), CHECKPOINT.replace("20852163", "²"),
        CHECKPOINT.replace("20852163", str(1 << 63)), CHECKPOINT.replace("sofa", "so fa"),
        CHECKPOINT.replace("sofa", "so+fa"), CHECKPOINT.replace("sofa", "sofä"), CHECKPOINT.replace("q2I=", "q2J="),
        CHECKPOINT.replace("q2I=", "q2I"), CHECKPOINT.replace("CsUY", ""), "\n1\n" + CHECKPOINT.split("\n")[2] + "\n",
    ],
)  # fmt: skip
def test_no_other_text_is_a_checkpoint(text: str) -> None:
    with pytest.raises(NoteError):
        note.parse_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "no signature\n", NOTE[:-1], NOTE + "\n", NOTE.replace("\n\n", "\n"), NOTE.replace("— ", "- "),
        NOTE.replace("example.com/foo ", ""), NOTE.replace("Uw2Q", "U w2Q"), NOTE.replace("Uw2Q", "Uw2"),
        "\n\n— a AAAAAAA=\n", "x\n\n— a AAAA\n", "x\x00\n\n" + NOTE.split("\n\n")[1], "x\r\n\n" + NOTE.split("\n\n")[1],
        "x" * note.MAX_NOTE + NOTE, "x\n\n" + "— a AAAAAAA=\n" * 65, "x\n\n—  AAAAAAA=\n",
    ],
)  # fmt: skip
def test_no_other_text_is_a_note(text: str) -> None:
    with pytest.raises(NoteError):
        note.parse(text)


@pytest.mark.parametrize(
    "text",
    ["", "a+b", VKEY.replace("530d", "530e"), VKEY.replace("foo", "f oo"), VKEY.replace("+Aeky", "+Beky"), VKEY + "A",
     VKEY.replace("530d903a", "530D903A"), "+530d903a+" + VKEY.rpartition("+")[2]],
)  # fmt: skip
def test_no_other_text_is_a_key(text: str) -> None:
    with pytest.raises(NoteError):
        note.parse_key(text)


@pytest.mark.parametrize(
    "checkpoint",
    [Checkpoint("a\nb", 1, bytes(32)), Checkpoint("", 1, bytes(32)), Checkpoint("a", -1, bytes(32)),
     Checkpoint("a", 1 << 63, bytes(32)), Checkpoint("a", 1, bytes(31))],
)  # fmt: skip
def test_what_would_read_back_as_something_else_is_not_written(checkpoint: Checkpoint) -> None:
    with pytest.raises(NoteError):
        note.text_of(checkpoint)


def test_the_key_id_is_the_hash_of_name_type_and_key() -> None:
    key = LogKey("counterseal/x", b"k" * 32)
    assert key.key_id == hashlib.sha256(b"counterseal/x\n\x01" + b"k" * 32).digest()[:4]
    assert note.parse_key(str(key)) == key
