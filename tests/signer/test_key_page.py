"""The table of keys: what is framed is found in memory, and nothing that is cut, changed or foreign is."""

import os
import threading

import pytest

from counterseal.adapters import secret_memory
from counterseal.adapters.secret_memory import SecretMemory
from counterseal.core.messages import HeldKey
from counterseal.signer import key_page
from counterseal.signer.key_page import Entry, NoRoomError, PageError

ENTRIES = [
    Entry(HeldKey("main", "api-1", "hmac", "paper"), b"S" * 64),
    Entry(HeldKey("new", "api-2", "ed25519", "testnet"), b"E" * 64),
    Entry(HeldKey("old", "api-3", "rsa", "paper"), b"R" * 1217),
]


def fed(memory: SecretMemory, content: bytes, piece: int = 1 << 20) -> None:
    """Fill the memory through a pipe that brings `piece` bytes at a time."""
    ours, theirs = os.pipe()

    def write() -> None:
        with os.fdopen(theirs, "wb", buffering=0) as pipe:
            for at in range(0, len(content), piece):
                pipe.write(content[at : at + piece])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        key_page.fill(memory, ours, lambda: None)
    finally:
        writer.join()
        os.close(ours)


def new() -> SecretMemory:
    return secret_memory.best(key_page.SIZE)


@pytest.mark.parametrize("piece", [1, 7, 57, 1 << 20])
def test_what_is_framed_is_found_however_the_pipe_cuts_it(piece: int) -> None:
    memory = new()
    fed(memory, b"".join(key_page.frame(ENTRIES, "caps")), piece)
    table = key_page.table(memory)
    assert [(placed.held, bytes(placed.place)) for placed in table.keys] == ENTRIES
    assert table.caps == "caps"
    # The keys lie apart from what is no secret, and nowhere else.
    assert bytes(memory.view()[: key_page.KEYS_AT]).count(b"S" * 16) == 0


def test_no_keys_are_a_table_too() -> None:
    memory = new()
    fed(memory, b"".join(key_page.frame([], "")))
    assert key_page.table(memory).keys == ()


def test_a_second_filling_leaves_nothing_of_the_first() -> None:
    memory = new()
    fed(memory, b"".join(key_page.frame(ENTRIES, "")))
    fed(memory, b"".join(key_page.frame(ENTRIES[1:2], "")))
    assert bytes(memory.view()).count(b"SSSS") == 0
    assert bytes(memory.view()).count(b"RRRR") == 0


def test_a_filling_that_is_cut_short_anywhere_is_no_table() -> None:
    whole = b"".join(key_page.frame(ENTRIES, "caps"))
    memory = new()
    for length in (0, 1, 49, 50, 51, 200, len(whole) - 1):
        with pytest.raises(PageError, match="ended before"):
            fed(memory, whole[:length])
        with pytest.raises(PageError, match="no table"):
            key_page.table(memory)


def test_memory_that_was_never_filled_holds_none() -> None:
    with pytest.raises(PageError, match="no table"):
        key_page.table(new())


@pytest.mark.parametrize("place", [0, 9, 12, 20, 60, key_page.KEYS_AT, key_page.KEYS_AT + 1300])
def test_a_changed_byte_is_noticed(place: int) -> None:
    memory = new()
    fed(memory, b"".join(key_page.frame(ENTRIES, "caps")))
    memory.view()[place] ^= 1
    with pytest.raises(PageError):
        key_page.table(memory)


def test_a_head_of_another_version_or_size_is_refused_before_anything_is_read() -> None:
    head = key_page._HEAD
    for magic, version, notes, keys in (
        (b"csealkey", 2, 10, 10),
        (b"csealkex", 1, 10, 10),
        (b"csealkey", 1, key_page.MAX_NOTES + 1, 10),
        (b"csealkey", 1, 10, key_page.MAX_KEYS + 1),
    ):
        with pytest.raises(PageError, match="no table"):
            fed(new(), head.pack(magic, version, notes, keys, bytes(32)) + bytes(20))


def test_more_keys_than_fit_are_told() -> None:
    many = [Entry(HeldKey(f"k{number}", "a", "hmac", "paper"), b"x" * 512) for number in range(257)]
    with pytest.raises(NoRoomError, match="more keys than secret memory holds"):
        key_page.frame(many, "")
    assert key_page.frame(many[:256], "")
