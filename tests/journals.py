"""Journals made in memory for tests: chained, with checkpoints that a log's key signed."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey

from counterseal.core import note, record, tlog
from counterseal.core.audit import Head
from counterseal.core.note import Checkpoint, LogKey, NoteError, Signature

T = 1_795_000_000_000
Fields = dict[str, Any]


@dataclass
class Log:
    """A log's key."""

    name: str = "counterseal/test"
    seed: bytes = b"\x01" * 32
    key: LogKey = field(init=False)

    def __post_init__(self) -> None:
        self._private = SigningKey(self.seed)
        self.key = LogKey(self.name, bytes(self._private.verify_key))

    def sign(self, size: int, root: bytes) -> str:
        """Give the note of a tree."""
        text = note.text_of(Checkpoint(self.name, size, root))
        made = self._private.sign(text.encode()).signature
        return note.join(text, Signature(self.name, self.key.key_id, made))

    def open(self, text: str) -> Checkpoint:
        """Open a note as the audit wants it: with the key's own library, not the product's adapter."""
        found = note.parse(text)
        for each in found.signatures:
            if (each.name, each.key_id) == (self.name, self.key.key_id):
                try:
                    self._private.verify_key.verify(found.text.encode(), each.signature)
                except BadSignatureError:
                    raise NoteError("wrong signature") from None
                return note.parse_text(found.text)
        raise NoteError("not signed")


def encode(fields: Fields) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()


def decode(payload: bytes) -> Fields:
    found: Fields = json.loads(payload)
    return found


def head(payload: bytes) -> Head | None:
    """Give what the audit looks at."""
    try:
        fields = decode(payload)
        return Head(fields["seq"], fields.get("prev"), fields.get("note"))
    except (ValueError, KeyError, TypeError):
        return None


def make(count: int, log: Log, every: int = 10) -> list[bytes]:
    """Give `count` payloads; each `every`-th is a checkpoint over all before it."""
    contents: list[Fields] = [
        {"type": "checkpoint"} if number % every == 0 else
        {"type": "intent", "id": f"run-{number}", "bot": "alpha", "client_ids": [f"c{number}"], "pairs": []}
        for number in range(1, count + 1)
    ]  # fmt: skip
    return chained([{"seq": n, "t": T + n, **fields} for n, fields in enumerate(contents, 1)], log.sign)


def chained(records: Sequence[Fields], sign: Callable[[int, bytes], str] | None) -> list[bytes]:
    """Link records anew, and sign their checkpoints anew where `sign` is given."""
    payloads: list[bytes] = []
    tree, leaf = tlog.Tree(), record.FIRST_LEAF
    for fields in records:
        linked = {"v": 1, **fields, "prev": leaf.hex()}
        if fields["type"] == "checkpoint" and sign is not None:
            linked |= {"size": tree.size, "note": sign(tree.size, tree.root())}
        payloads.append(encode(linked))
        leaf = tlog.leaf_hash(payloads[-1])
        tree.add([leaf])
    return payloads


def segment(payloads: Sequence[bytes]) -> bytes:
    """Give the bytes of a segment."""
    return record.MAGIC + b"".join(map(record.frame, payloads))


def notes_of(payloads: Sequence[bytes]) -> list[str]:
    """Give the notes of the checkpoints."""
    return [fields["note"] for fields in map(decode, payloads) if fields["type"] == "checkpoint"]
