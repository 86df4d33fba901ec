"""The journal's format: what was written whole is read whole, a cut loses the tail only, a change is damage."""

import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterseal.core.record import (
    FIRST_LEAF,
    FIRST_PREV,
    MAGIC,
    MAX_RECORD,
    TYPES,
    VERSION,
    JournalDamaged,
    Scan,
    frame,
    scan,
)

PAYLOADS = (b'{"v":1,"seq":1,"type":"start"}', b'{"v":1,"seq":2,"pairs":[{"a":"{"}]}', b'{"v":1,"seq":3}', b'{"v":1}')


def segment(*payloads: bytes) -> bytes:
    return MAGIC + b"".join(map(frame, payloads))


payloads = st.lists(st.binary(max_size=60).map(lambda b: b"{" + b + b"}"), max_size=6)


@given(payloads)
def test_round_trip(written: list[bytes]) -> None:
    """What was written is read, in order, and the end is the end of the bytes."""
    data = segment(*written)
    assert scan(data) == Scan(tuple(written), len(data))


@pytest.mark.threat(55)
def test_a_cut_at_every_byte_leaves_the_whole_records_before_it() -> None:
    """Power may go at any byte: exactly the records that were whole are read, never an error."""
    data = segment(*PAYLOADS)
    ends = [len(segment(*PAYLOADS[:count])) for count in range(len(PAYLOADS) + 1)]
    for cut in range(len(data) + 1):
        whole = sum(end <= cut for end in ends) - 1
        assert scan(data[:cut]) == (Scan(PAYLOADS[:whole], ends[whole]) if whole >= 0 else Scan((), 0))


@given(payloads, st.integers(1, 5000))
def test_zeros_behind_the_last_record_are_a_torn_tail(written: list[bytes], count: int) -> None:
    """A file system may leave zeros where data was to come; they are no records."""
    data = segment(*written)
    assert scan(data + bytes(count)) == Scan(tuple(written), len(data))


@pytest.mark.threat(48)
def test_one_flipped_bit_anywhere_before_the_last_record_is_damage() -> None:
    """In the magic, in a length, a checksum or a payload: never read as something else, never taken for a torn tail."""
    data = segment(*PAYLOADS)
    last = len(segment(*PAYLOADS[:-1]))
    for at in range(last):
        for bit in range(8):
            changed = bytearray(data)
            changed[at] ^= 1 << bit
            with pytest.raises(JournalDamaged):
                scan(bytes(changed))


def test_a_flipped_bit_in_the_last_record_loses_no_other() -> None:
    """It cannot be told from a torn tail: all records before it are read."""
    data = segment(*PAYLOADS)
    last = len(segment(*PAYLOADS[:-1]))
    for at in range(last, len(data)):
        changed = bytearray(data)
        changed[at] ^= 1
        assert scan(bytes(changed)) == Scan(PAYLOADS[:-1], last)


@given(payloads.filter(lambda p: len(p) > 1), st.data())
@settings(max_examples=200)
def test_bytes_overwritten_in_the_middle_are_never_lost_silently(written: list[bytes], data: st.DataObject) -> None:
    """Whatever stands where a record stood: damage, unless it is what stood there."""
    whole = segment(*written)
    last = len(segment(*written[:-1]))
    at = data.draw(st.integers(len(MAGIC), last - 1))
    junk = data.draw(st.binary(min_size=1, max_size=last - at))
    changed = whole[:at] + junk + whole[at + len(junk) :]
    if changed == whole:
        assert scan(changed).payloads == tuple(written)
    else:
        with pytest.raises(JournalDamaged):
            scan(changed)


@pytest.mark.parametrize("data", [b"x", b"counterseal journal 2\n", b"\0" * 30, MAGIC[1:]])
def test_another_file_is_no_journal(data: bytes) -> None:
    """Another version or other bytes raise; they are never appended to."""
    with pytest.raises(JournalDamaged):
        scan(data)


def test_an_empty_file_and_a_torn_magic_hold_nothing() -> None:
    """Both are what a cut leaves right after the file was made."""
    for cut in range(len(MAGIC)):
        assert scan(MAGIC[:cut]) == Scan((), 0)
    assert scan(MAGIC) == Scan((), len(MAGIC))


@pytest.mark.parametrize("size", [0, MAX_RECORD + 1])
def test_what_could_not_be_read_back_is_not_written(size: int) -> None:
    """An empty or oversized payload raises instead of becoming a torn tail."""
    with pytest.raises(ValueError, match=r"^a record's payload has 1 byte to 1 MiB$"):
        frame(b"x" * size)


def test_the_largest_record_is_read_back() -> None:
    """1 MiB passes; a head that claims more is bad."""
    large = b"{" + b"x" * (MAX_RECORD - 2) + b"}"
    assert scan(segment(large)).payloads == (large,)
    forged = struct.pack(">II", MAX_RECORD + 1, zlib.crc32(large + b"x")) + large + b"x"
    assert scan(MAGIC + forged) == Scan((), len(MAGIC))


def test_a_record_is_length_checksum_payload() -> None:
    """The framing is final; this is its vector."""
    assert frame(b"{}") == bytes.fromhex("00000002 a3a6bf43 7b7d")
    assert frame(b'{"v":1}') == bytes.fromhex("00000007 84dbe73d") + b'{"v":1}'
    assert (MAGIC, VERSION) == (b"counterseal journal 1\n", 1)
    assert bytes(32) == FIRST_LEAF
    assert FIRST_PREV == "00" * 32
    types = {"start", "intent", "outcome", "resolved", "denied", "recovered", "reload", "latch", "checkpoint", "event",
             "recovered_order", "reconciled", "learnt", "exposure"}  # fmt: skip
    assert set(TYPES) == types


def test_a_record_has_a_mebibyte_at_most() -> None:
    assert len(frame(b"x" * (1 << 20))) == (1 << 20) + 8
    with pytest.raises(ValueError, match="payload"):
        frame(b"x" * ((1 << 20) + 1))


def test_the_smallest_record_is_read_back() -> None:
    assert scan(segment(b"1")) == Scan((b"1",), len(MAGIC) + 9)
    assert scan(segment(b"1", b"2")).payloads == (b"1", b"2")


@pytest.mark.parametrize("junk", [b"\x00", b"\xff", bytes(7), b"{", b"{{{{"])
def test_a_whole_record_right_behind_a_few_bad_bytes_is_found(junk: bytes) -> None:
    with pytest.raises(JournalDamaged):
        scan(MAGIC + junk + frame(b'{"v":1}'))


def test_a_whole_record_is_found_whatever_its_checksum() -> None:
    """Also where the last byte of the checksum is a brace itself."""
    payload = next(each for each in (b'{"v":%d}' % number for number in range(10_000)) if frame(each)[7] == ord("{"))
    with pytest.raises(JournalDamaged):
        scan(MAGIC + bytes(9) + frame(payload))
