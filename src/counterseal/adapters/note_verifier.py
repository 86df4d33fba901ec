"""Opens signed notes: with the log's public key a note gives its checkpoint, without the right signature nothing."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from counterseal.core import note
from counterseal.core.note import Checkpoint, LogKey, NoteError


def open_note(text: str, key: LogKey) -> Checkpoint:
    """Give the checkpoint that the key signed. Raises NoteError for every other text."""
    found = note.parse(text)
    ours = [each for each in found.signatures if (each.name, each.key_id) == (key.name, key.key_id)]
    if not ours:
        raise NoteError("the log's key has not signed it")
    public = Ed25519PublicKey.from_public_bytes(key.public)
    for each in ours:
        try:
            public.verify(each.signature, found.text.encode())
        except InvalidSignature:
            raise NoteError("the signature is not that of the log's key") from None
    checkpoint = note.parse_text(found.text)
    if checkpoint.origin != key.name:
        raise NoteError("it is the checkpoint of another log")
    return checkpoint
