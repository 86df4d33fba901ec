"""What signs checkpoints of the journal: a key of its own that signs nothing else.

The signer writes the note itself. All that it takes from the gateway is a size and a hash, and in one life it signs
only trees that begin with the one it signed before: a gateway in other hands can neither get a request to the exchange
signed with this key nor a journal from which something is missing.
"""

import base64

from counterseal.adapters import signing, sodium
from counterseal.core import note, tlog
from counterseal.core.messages import CheckpointSigned, LastCheckpoint, Refused, SignCheckpoint
from counterseal.core.note import Checkpoint, LogKey, NoteError, Signature

KIND = "log"
# More than any tree of 2**63 leaves needs.
MAX_PROOF = 128


class LogSigner:
    """Holds the key at `place` (seed, then public half, 64 bytes) under the log's name.

    Raises ValueError when it is no such key, SodiumMissingError without libsodium.
    """

    def __init__(self, name: str, place: memoryview) -> None:
        if not note.is_name(name):
            raise ValueError("a log's name is visible ASCII without plus")
        self._key = signing.hold("ed25519", place)
        self._public = LogKey(name, bytes(place[sodium.SECRET_KEY_BYTES - note.PUBLIC_BYTES :]))
        self._last: Checkpoint | None = None

    def answer(self, request: SignCheckpoint) -> CheckpointSigned | LastCheckpoint | Refused:
        """Sign the head of a tree that continues the last one signed in this life, or say what is missing."""
        last = self._last
        if last is not None and request.old_size != last.size:
            return LastCheckpoint(request.id, last.size)
        if last is not None and not self._continues(last, request):
            return Refused(request.id, "inconsistent_checkpoint")
        checkpoint = Checkpoint(self._public.name, request.size, request.root)
        try:
            text = note.text_of(checkpoint)
        except NoteError:
            return Refused(request.id, "inconsistent_checkpoint")
        self._last = checkpoint
        return CheckpointSigned(request.id, note.join(text, self._signature(text)))

    def _continues(self, last: Checkpoint, request: SignCheckpoint) -> bool:
        return len(request.proof) <= MAX_PROOF and tlog.extends(
            last.size, last.root, request.size, request.root, request.proof
        )

    def _signature(self, text: str) -> Signature:
        made = base64.b64decode(signing.sign(self._key, text.encode()))
        return Signature(self._public.name, self._public.key_id, made)
