"""The frame between gateway and signer: what is packed is unpacked, everything else is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.messages import PROTOCOL_VERSION, FramingError, MessageType, pack, unpack

FRAMES = st.lists(st.tuples(st.sampled_from(MessageType), st.binary(max_size=50)), max_size=6)


def _all(packet: bytes) -> list[tuple[MessageType, bytes]]:
    return [(kind, bytes(body)) for kind, body in unpack(packet)]


def test_the_framing_is_final() -> None:
    """The bytes themselves: version, then big-endian length, type and body of each frame."""
    packet = pack([(MessageType.SIGN, b"ab"), (MessageType.REFUSED, b"")])
    assert packet == b"\x01" + b"\x00\x00\x00\x02\x03ab" + b"\x00\x00\x00\x00\x05"
    assert [int(kind) for kind in MessageType] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert PROTOCOL_VERSION == 1


def test_a_packet_may_hold_no_frame() -> None:
    assert pack([]) == b"\x01"
    assert _all(b"\x01") == []


@given(FRAMES)
def test_what_is_packed_is_unpacked(frames: list[tuple[MessageType, bytes]]) -> None:
    assert _all(pack(frames)) == frames


@pytest.mark.parametrize(
    ("packet", "fault"),
    [
        (b"", "version"),
        (b"\x00", "version"),
        (b"\x02", "version"),
        (b"\x02\x00\x00\x00\x00\x01", "version"),
        (b"\x01\x00", "head cut short"),
        (b"\x01\x00\x00\x00\x00", "head cut short"),
        (b"\x01\x00\x00\x00\x01\x01", "body cut short"),
        (b"\x01\xff\xff\xff\xff\x01abc", "body cut short"),
        (b"\x01\x00\x00\x00\x00\x00", "unknown message type"),
        (b"\x01\x00\x00\x00\x00\x09", "unknown message type"),
        (b"\x01\x00\x00\x00\x00\xff", "unknown message type"),
        (b"\x01\x00\x00\x00\x00\x01\x00", "head cut short"),
    ],
)
def test_other_packets_are_refused(packet: bytes, fault: str) -> None:
    with pytest.raises(FramingError, match=fault):
        _all(packet)


@given(FRAMES, st.data())
def test_a_packet_cut_anywhere_within_a_frame_is_refused(
    frames: list[tuple[MessageType, bytes]], data: st.DataObject
) -> None:
    packet = pack(frames)
    size = data.draw(st.integers(0, len(packet) - 1))
    whole = {len(pack(frames[:count])) for count in range(len(frames) + 1)}
    if size in whole:
        assert _all(packet[:size]) == frames[: len(_all(packet[:size]))]
    else:
        with pytest.raises(FramingError):
            _all(packet[:size])


@given(st.binary(max_size=60).map(lambda rest: b"\x01" + rest))
def test_no_bytes_raise_anything_else(packet: bytes) -> None:
    try:
        frames = _all(packet)
    except FramingError:
        return
    assert pack(frames) == packet
