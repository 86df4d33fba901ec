"""core.streams.frames.Cutter: a server's bytes become whole frames, however they are chopped."""

import itertools

import pytest
from websockets.frames import Frame, Opcode

from counterseal.core.streams.frames import Cutter, text_frame

MOST = 100_000
TEXTS = [b"", b"x", b"x" * 125, b"y" * 126, b"z" * 65_535, b"a" * 65_536, "\u5e01\u5b89\u4eba\u751f".encode()]
PING = Frame(Opcode.PING, b"hello").serialize(mask=False)
FRAGMENT = Frame(Opcode.TEXT, b"{", fin=False).serialize(mask=False)
COMPRESSED = b"\xc1\x02{}"
CLOSE = Frame(Opcode.CLOSE, b"\x03\xe8").serialize(mask=False)


def expected() -> list[tuple[bool, bytes]]:
    """Texts alone, anything else as it came."""
    pairs = [
        [(True, text), (False, other)] for text, other in zip(TEXTS, itertools.cycle([PING, FRAGMENT, COMPRESSED]))
    ]
    return [*itertools.chain(*pairs), (False, CLOSE)]


def written(frames: list[tuple[bool, bytes]]) -> bytes:
    """The bytes of it all."""
    return b"".join(text_frame(data) if is_text else data for is_text, data in frames)


@pytest.mark.parametrize("first", range(1, 21))
def test_pieces_of_any_size_give_the_same_frames(first: int) -> None:
    """Cut within headers, within payloads, or not at all."""
    cutter, found, data = Cutter(MOST), [], written(expected())
    sizes = itertools.cycle([first, 1, 70_000, 2, 3, 9, 200 + first, 1, 130_000, 4])
    while data:
        size = next(sizes)
        found += cutter.feed(data[:size])
        data = data[size:]
    assert found == expected()


@pytest.mark.parametrize("size", [126, 65_536])
def test_byte_by_byte(size: int) -> None:
    """No header is taken for whole before it is."""
    cutter, data = Cutter(MOST), text_frame(b"x" * size)
    found = [cutter.feed(data[at : at + 1]) for at in range(len(data))]
    assert [len(each) for each in found] == [0] * (len(data) - 1) + [1]
    assert found[-1] == [(True, b"x" * size)]


@pytest.mark.parametrize(
    "fault",
    [
        Frame(Opcode.TEXT, b"x").serialize(mask=True),
        text_frame(b"x" * (MOST + 1))[:20],
        b"\x81\x7f" + b"\xff" * 8,
    ],
)
def test_what_is_masked_or_too_long_is_given_as_it_came(fault: bytes) -> None:
    """At once, with all that follows, and what came before it first."""
    data = text_frame(b"before") + fault + text_frame(b"behind")
    assert Cutter(MOST).feed(data) == [(True, b"before"), (False, fault + text_frame(b"behind"))]


def test_the_longest_is_still_a_text() -> None:
    """The bound is the payload's."""
    assert Cutter(MOST).feed(text_frame(b"x" * MOST)) == [(True, b"x" * MOST)]
