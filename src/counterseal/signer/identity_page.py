"""The opened identity of a signer with a passphrase, kept in secret memory so that nobody is asked a second time."""

import struct

from counterseal.adapters import secret_memory
from counterseal.core.secret import Secret

SIZE = 4096
_MAGIC = b"csealunl"
_HEAD = struct.Struct(">8sH")


def read(fd: int | None) -> Secret | None:
    """Give the identity that lies in the descriptor's pages; None when there is none. Raises OSError."""
    if fd is None:
        return None
    with secret_memory.mapped(fd, SIZE).view() as view:
        magic, length = _HEAD.unpack_from(view)
        return Secret(bytes(view[_HEAD.size : _HEAD.size + length])) if magic == _MAGIC else None


def write(fd: int | None, identity: Secret) -> None:
    """Keep the identity, the head last. Without a descriptor nothing is kept. Raises OSError."""
    if fd is None:
        return
    text = identity.reveal()
    memory = secret_memory.mapped(fd, SIZE)
    memory.wipe()
    with memory.view() as view:
        view[_HEAD.size : _HEAD.size + len(text)] = text
        _HEAD.pack_into(view, 0, _MAGIC, len(text))
