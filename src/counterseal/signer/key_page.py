"""The table of keys in secret memory, and the same table as the opener writes it into a pipe.

Head: magic, version, length of the notes, length of the key bytes, SHA-256 of both. Then the notes, which are no
secret (JSON: names, kinds, caps, where each key lies), then the key bytes. In memory the key bytes begin on a page of
their own. The head is written last: a table whose filling was interrupted has none.
"""

import hashlib
import json
import os
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from counterseal.adapters.home import HomeError
from counterseal.adapters.secret_memory import SecretMemory
from counterseal.core.messages import HeldKey

SIZE = 256 * 1024
KEYS_AT = 128 * 1024
_MAGIC, VERSION = b"csealkey", 1
_HEAD = struct.Struct(">8sHII32s")
MAX_NOTES = KEYS_AT - _HEAD.size
MAX_KEYS = SIZE - KEYS_AT


class PageError(Exception):
    """There is no whole table: never filled, interrupted, of another version, or changed."""


class NoRoomError(HomeError):
    """More keys than the memory holds; the text is one sentence with the way out."""


class Entry(NamedTuple):
    """One key: what the gateway may know, and its material (`adapters.signing`)."""

    held: HeldKey
    material: bytes


class Placed(NamedTuple):
    """One key in memory: what the gateway may know, and where its material lies."""

    held: HeldKey
    place: memoryview


@dataclass(frozen=True, slots=True)
class Table:
    """The keys in memory, and the text of the signer's caps."""

    keys: tuple[Placed, ...]
    caps: str


def frame(keys: Iterable[Entry], caps: str) -> list[bytes]:
    """Give the table as pieces to write, one after the other. Raises NoRoomError."""
    notes: list[Any] = []
    materials: list[bytes] = []
    at = 0
    for held, material in keys:
        notes.append([*held, at, len(material)])
        materials.append(material)
        at += len(material)
    text = json.dumps({"keys": notes, "caps": caps}).encode()
    if len(text) > MAX_NOTES or at > MAX_KEYS:
        raise NoRoomError("there are more keys than secret memory holds (128 KiB); remove those that are not used")
    whole = hashlib.sha256(text)
    for material in materials:
        whole.update(material)
    return [_HEAD.pack(_MAGIC, VERSION, len(text), at, whole.digest()), text, *materials]


def fill(memory: SecretMemory, fd: int, wait: Callable[[], None]) -> None:
    """Wipe the memory and read the table from a pipe straight into it. `wait` returns when the pipe can be read.

    Raises PageError when the pipe ends early or brings something else, OSError when it cannot be read.
    """
    memory.wipe()
    head = _read_head(fd, wait)
    _, _, notes, keys, _ = _checked(head)
    _read_all(memory, fd, _HEAD.size, _HEAD.size + notes, wait)
    _read_all(memory, fd, KEYS_AT, KEYS_AT + keys, wait)
    with memory.view() as view:
        view[: _HEAD.size] = head


def table(memory: SecretMemory) -> Table:
    """Give the table that lies in memory. Raises PageError."""
    view = memory.view()
    _, _, notes, keys, digest = _checked(bytes(view[: _HEAD.size]))
    text, materials = bytes(view[_HEAD.size : _HEAD.size + notes]), view[KEYS_AT : KEYS_AT + keys]
    found = hashlib.sha256(text)
    found.update(materials)
    if found.digest() != digest:
        raise PageError("the table in memory was changed")
    document = json.loads(text)
    placed = tuple(Placed(HeldKey(*held), materials[at : at + length]) for *held, at, length in document["keys"])
    return Table(placed, document["caps"])


def _read_head(fd: int, wait: Callable[[], None]) -> bytes:
    head = b""
    while len(head) < _HEAD.size:
        wait()
        piece = os.read(fd, _HEAD.size - len(head))
        if not piece:
            raise PageError("the opener ended before it gave the keys")
        head += piece
    return head


def _checked(head: bytes) -> tuple[bytes, int, int, int, bytes]:
    magic, version, notes, keys, digest = _HEAD.unpack(head)
    if magic != _MAGIC or version != VERSION or notes > MAX_NOTES or keys > MAX_KEYS:
        raise PageError("there is no table of this version in memory")
    return magic, version, notes, keys, digest


def _read_all(memory: SecretMemory, fd: int, start: int, end: int, wait: Callable[[], None]) -> None:
    while start < end:
        wait()
        got = memory.read_from(fd, start, end)
        if got == 0:
            raise PageError("the opener ended before it gave all keys")
        start += got
