"""Packets of the signer protocol: how messages are packed, and that each comes back as it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.adapters import packets
from counterseal.core.messages import (
    MAX_PACKET,
    FramingError,
    HeldKey,
    Hello,
    HelloRequest,
    MessageType,
    Refused,
    Sign,
    Signed,
    pack,
)

_text = st.text(max_size=20)
_int = st.integers(-(2**63), 2**64 - 1)
MESSAGES = st.one_of(
    st.builds(HelloRequest, _text),
    st.builds(Hello, _text, st.lists(st.builds(HeldKey, _text, _text, _text, _text), max_size=3).map(tuple)),
    st.builds(
        Sign,
        _int,
        _text,
        _text,
        _text,
        _text,
        st.lists(st.tuples(_text, _text), max_size=4).map(tuple),
        _int,
        _int,
        _int,
    ),
    st.builds(Signed, _int, st.binary(max_size=50), _int),
    st.builds(Refused, _int, _text),
)


@given(st.lists(MESSAGES, max_size=8))
def test_what_is_encoded_is_decoded(batch: list[packets.Message]) -> None:
    found = [message for packet in packets.encode(batch) for message in packets.decode(packet)]

    assert found == batch
    assert [type(message) for message in found] == [type(message) for message in batch]


def test_packets_are_filled_and_never_too_long() -> None:
    signed = Signed(2**63, b"x" * 1000, 2**40)
    found = packets.encode([signed] * 500)

    assert [message for packet in found for message in packets.decode(packet)] == [signed] * 500
    assert all(MAX_PACKET - 1100 < len(packet) <= MAX_PACKET for packet in found[:-1])


def test_a_message_that_is_longer_than_a_packet_goes_alone() -> None:
    long = Signed(1, b"x" * MAX_PACKET, 1)

    assert [len(packets.decode(packet)) for packet in packets.encode([long, Refused(2, "x"), long])] == [1, 1, 1]


def test_nothing_is_no_packet() -> None:
    assert packets.encode([]) == []
    assert packets.decode(b"\x01") == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1",
        b"\x90",
        b"\x91\x01",
        b"\x92\xa1a\xa1b",  # the number is text
        b"\x93\x01\xa1a\x01",  # one element too many
        b"\x92\xca\x00\x00\x00\x00\xa1a",  # a number with a fraction
        b"\x92\x01\xa1\xff",  # no UTF-8
        b"\x82\xa2id\x01\xa6reason\xa1a",  # names where positions belong
        b"\x92\x01\xa1a\x00",  # something behind it
    ],
)
def test_a_body_of_another_form_is_refused(body: bytes) -> None:
    with pytest.raises(FramingError):
        packets.decode(pack([(MessageType.REFUSED, body)]))


def test_one_bad_body_spoils_the_packet() -> None:
    good = packets.encode([Refused(1, "a")])[0]

    with pytest.raises(FramingError):
        packets.decode(good + pack([(MessageType.REFUSED, b"\xc1")])[1:])
