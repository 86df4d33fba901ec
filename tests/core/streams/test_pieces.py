"""Fragments of text messages: one after another, and the first bad byte ends it."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.streams.pieces import Pieces, is_utf_8


def fragments(pieces: Pieces, parts: list[bytes]) -> bytes | None:
    """Add a message's fragments; gives what the last one gave."""
    for part in parts[:-1]:
        assert pieces.add(part, is_last=False) is None
    return pieces.add(parts[-1], is_last=True)


@given(st.lists(st.tuples(st.text(max_size=20), st.lists(st.integers(0, 60), max_size=5)), max_size=4))
def test_messages_come_out_whole_wherever_they_are_cut(messages: list[tuple[str, list[int]]]) -> None:
    """Also within a character, also with empty fragments, also one message after another."""
    pieces = Pieces()
    for text, cuts in messages:
        data = text.encode()
        at = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
        parts = [data[start:end] for start, end in itertools.pairwise(at)]
        assert fragments(pieces, parts) == data
        assert len(pieces) == 0


def test_fragments_are_counted() -> None:
    """Of the message that has begun, empty ones too."""
    pieces = Pieces()
    for number in range(3):
        assert len(pieces) == number
        pieces.add(b"", is_last=False)


@given(st.binary(max_size=12), st.lists(st.integers(0, 12), max_size=3))
def test_what_is_not_utf_8_is_refused_wherever_it_is_cut(data: bytes, cuts: list[int]) -> None:
    """The same answer for a message in one piece and in several."""
    at = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    parts = [data[start:end] for start, end in itertools.pairwise(at)]
    try:
        data.decode()
    except UnicodeDecodeError:
        assert not is_utf_8(data)
        with pytest.raises(UnicodeDecodeError):
            fragments(Pieces(), parts)
    else:
        assert is_utf_8(data)
        assert fragments(Pieces(), parts) == data


@pytest.mark.parametrize("bad", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90", b"\xf5"])
def test_a_fault_is_told_with_its_fragment(bad: bytes) -> None:
    """Not at the end of the message, which may be long in coming."""
    pieces = Pieces()
    pieces.add("κόσμε".encode(), is_last=False)
    with pytest.raises(UnicodeDecodeError):
        pieces.add(bad, is_last=False)


def test_half_a_character_may_be_completed_and_must_be() -> None:
    """What is open at the end of a fragment may still come; at the end of the message it is missing."""
    pieces = Pieces()
    pieces.add(b"\xce", is_last=False)
    with pytest.raises(UnicodeDecodeError):
        pieces.add(b"", is_last=True)


@pytest.mark.parametrize(("data", "answer"), [(b"", True), (b"a", True), ("币".encode(), True), (b"\xe5\xb8", False)])
def test_bytes_are_text_or_not(data: bytes, answer: bool) -> None:
    """Also beyond ASCII, and not when a character is cut."""
    assert is_utf_8(data) is answer
