"""Checkpoints as C2SP signed notes: the text of a tree's head, its signature lines, and the log's key as text."""

import binascii
import hashlib
import re
from dataclasses import dataclass

from counterseal.core.tlog import HASH_BYTES

MAX_NOTE = 16_384
MAX_SIGNATURES = 64
KEY_ID_BYTES = 4
PUBLIC_BYTES = 32
_ED25519 = b"\x01"
_DASH = "\u2014 "
_NAME = re.compile(r"[!-*,-~]{1,255}", re.ASCII).fullmatch
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII).fullmatch
# Nothing below a blank but the line feed may stand in a note.
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]").search


class NoteError(ValueError):
    """It is no checkpoint, no note or no key of the published form; the text is one short sentence."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log's tree: which log, how many records, the root's hash (32 bytes)."""

    origin: str
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: the key's name and id (4 bytes), and what it signed with."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A note taken apart. `text` is what is signed, its last line feed included."""

    text: str
    signatures: tuple[Signature, ...]


@dataclass(frozen=True, slots=True)
class LogKey:
    """The public half of a log's key: its name, which is the origin of its checkpoints, and 32 bytes of Ed25519."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """The four bytes by which signature lines name the key."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:KEY_ID_BYTES]

    def __str__(self) -> str:
        """Write the key as a C2SP vkey."""
        return f"{self.name}+{self.key_id.hex()}+{encode64(_ED25519 + self.public)}"


def parse_key(text: str) -> LogKey:
    """Read a vkey of Ed25519. Raises NoteError."""
    name, _, rest = text.strip().partition("+")
    key_id, _, encoded = rest.partition("+")
    material = decode64(encoded)
    if not is_name(name) or len(material) != 1 + PUBLIC_BYTES or material[:1] != _ED25519:
        raise NoteError("it is no Ed25519 verifier key")
    key = LogKey(name, material[1:])
    if key.key_id.hex() != key_id:
        raise NoteError("the verifier key's id is not that of its name and key")
    return key


def is_name(name: str) -> bool:
    """Tell whether a key, and with it a log, may be called so: visible ASCII without plus."""
    return _NAME(name) is not None


def text_of(checkpoint: Checkpoint) -> str:
    """Give the text that is signed. Raises NoteError for what would read back as something else."""
    if not is_name(checkpoint.origin) or not 0 <= checkpoint.size < 1 << 63 or len(checkpoint.root) != HASH_BYTES:
        raise NoteError("no such checkpoint can be written")
    return f"{checkpoint.origin}\n{checkpoint.size}\n{encode64(checkpoint.root)}\n"


def parse_text(text: str) -> Checkpoint:
    """Read the text of a checkpoint of exactly three lines. Raises NoteError."""
    lines = text.split("\n")
    if len(lines) != 4 or lines[3] or not is_name(lines[0]) or not _NUMBER(lines[1]) or int(lines[1]) >= 1 << 63:
        raise NoteError("it is no checkpoint")
    root = decode64(lines[2])
    if len(root) != HASH_BYTES:
        raise NoteError("the checkpoint's root is no SHA-256 hash")
    return Checkpoint(lines[0], int(lines[1]), root)


def join(text: str, *signatures: Signature) -> str:
    """Give the note: text, an empty line, a line per signature."""
    lines = [f"{_DASH}{each.name} {encode64(each.key_id + each.signature)}\n" for each in signatures]
    return f"{text}\n{''.join(lines)}"


def parse(note: str) -> Note:
    """Take a note apart; nothing is verified. Raises NoteError."""
    if len(note) > MAX_NOTE or _CONTROL(note):
        raise NoteError("the note is too long or holds control characters")
    text, middle, rest = note.rpartition("\n\n")
    lines = rest.split("\n")
    if not middle or not text or lines.pop() or not 0 < len(lines) <= MAX_SIGNATURES:
        raise NoteError("the note has no signature lines")
    return Note(text + "\n", tuple(map(_signature, lines)))


def _signature(line: str) -> Signature:
    name, blank, encoded = line.removeprefix(_DASH).partition(" ")
    found = decode64(encoded)
    if not line.startswith(_DASH) or not name or not blank or len(found) <= KEY_ID_BYTES:
        raise NoteError("a signature line is malformed")
    return Signature(name, found[:KEY_ID_BYTES], found[KEY_ID_BYTES:])


def encode64(content: bytes) -> str:
    """Spell bytes as base64."""
    return binascii.b2a_base64(content, newline=False).decode("ascii")


def decode64(encoded: str, what: str = "something") -> bytes:
    """Decode base64 that is spelled as it would be written; anything else gives NoteError, which says `what` it is."""
    try:
        found = binascii.a2b_base64(encoded, strict_mode=True)
    except ValueError:
        raise NoteError(f"{what} is no base64") from None
    if encode64(found) != encoded:
        raise NoteError(f"{what} is no canonical base64")
    return found
