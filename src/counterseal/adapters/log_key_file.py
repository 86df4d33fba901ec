"""The key that signs checkpoints, at rest: sealed to the signer like the exchange's keys, its public half beside."""

import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from counterseal.adapters import age_box
from counterseal.adapters.home import Home, HomeError, create_private, read_private
from counterseal.core import note
from counterseal.core.note import LogKey, NoteError
from counterseal.core.secret import Secret

FORMAT = 1
_SEED_BYTES = 32


@dataclass(frozen=True, slots=True)
class StoredLogKey:
    """The log's name and the key's material: seed and public half, 64 bytes."""

    name: str
    material: Secret

    def __repr__(self) -> str:
        return f"StoredLogKey(name={self.name!r})"


def path_of(home: Home) -> Path:
    """Give the sealed file: in the folder that nothing but the signer and the operator's command may enter."""
    return home.root / "keys" / "log.age"


def public_path(home: Home) -> Path:
    """Give the file with the public half."""
    return home.root / "log.vkey"


def make(home: Home) -> LogKey:
    """Make the key of this installation's journal, under a name that no other has. Raises HomeError when it has one."""
    private = Ed25519PrivateKey.generate()
    key = LogKey(f"counterseal/{secrets.token_hex(8)}", private.public_key().public_bytes_raw())
    document = {"format": FORMAT, "name": key.name, "seed": private.private_bytes_raw().hex()}
    create_private(path_of(home), age_box.seal(home, "signer", json.dumps(document).encode()))
    create_private(public_path(home), f"{key}\n".encode())
    return key


def read(home: Home, identity: Secret | None = None) -> StoredLogKey | None:
    """Open the key with the signer's identity, read from its file unless given; None when there is none.

    Raises HomeError when it cannot be opened or is damaged.
    """
    path = path_of(home)
    if not path.exists():
        return None
    if identity is None:
        identity = age_box.identity_secret(home, "signer")
    plain = age_box.open_sealed(identity, read_private(path), str(path))
    try:
        document = json.loads(plain)
        name, seed = document["name"], bytes.fromhex(document["seed"])
        if document["format"] != FORMAT or type(name) is not str or not note.is_name(name) or len(seed) != _SEED_BYTES:
            raise ValueError("another format")
    except (ValueError, KeyError, TypeError):
        raise HomeError(f"{path} is damaged inside its seal; restore it from a backup") from None
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    return StoredLogKey(name, Secret(seed + public))


def read_public(home: Home) -> LogKey | None:
    """Give the public half, None when the installation has no key. Raises HomeError when it is damaged."""
    path = public_path(home)
    if not path.exists():
        return None
    try:
        return note.parse_key(read_private(path).decode())
    except (NoteError, UnicodeDecodeError):
        raise HomeError(f"{path} is damaged; restore it from a backup") from None
