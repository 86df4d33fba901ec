"""The exchange's keys at rest: one JSON document, sealed to the signer."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from counterseal.adapters import age_box
from counterseal.adapters.home import Home, HomeError, read_private, replace_private
from counterseal.adapters.key_material import private_pem, token
from counterseal.core.secret import Secret

__all__ = ["FORMAT", "KINDS", "StoredKey", "new_ed25519", "parse", "private_pem", "read", "token", "write"]

FORMAT = 1
KINDS = ("hmac", "ed25519", "rsa")
_FIELDS = frozenset({"ref", "kind", "api_key", "secret", "private_key", "environment", "created_ms", "epoch", "stage"})


@dataclass(frozen=True, slots=True)
class StoredKey:
    """One exchange key. `api_key` is None until the exchange has given one for a pair made here.

    `secret` is HMAC's key, or the private key as unencrypted PKCS #8 PEM. `epoch` and `stage` are
    reserved for the fenced lease and for rotation.
    """

    ref: str
    kind: str
    api_key: str | None
    secret: Secret
    environment: str
    created_ms: int
    epoch: int = 0
    stage: str = "active"

    def __repr__(self) -> str:
        return f"StoredKey(ref={self.ref!r}, kind={self.kind!r}, environment={self.environment!r})"


def read(home: Home, identity: Secret | None = None) -> dict[str, StoredKey]:
    """Open the key file with the signer's identity, read from its file unless given; no key file is no keys.

    Raises PassphraseNeededError when the identity is needed and sealed with a passphrase, ForeignSealError when the
    file is sealed to another one, HomeError when it cannot be opened, is damaged, or is of an unknown format.
    """
    if not home.exchange_keys.exists():
        return {}
    sealed = read_private(home.exchange_keys)
    if identity is None:
        identity = age_box.identity_secret(home, "signer")
    plain = age_box.open_sealed(identity, sealed, str(home.exchange_keys))
    return parse(plain, str(home.exchange_keys))


def write(home: Home, keys: Mapping[str, StoredKey]) -> None:
    """Seal all keys and put them in the place of the old file."""
    document = {"format": FORMAT, "keys": [_entry(key) for key in keys.values()]}
    replace_private(home.exchange_keys, age_box.seal(home, "signer", json.dumps(document).encode()))


def parse(plain: bytes, what: str) -> dict[str, StoredKey]:
    """Parse the opened document; `what` names it in the error. Raises HomeError."""
    try:
        document = json.loads(plain)
        if document["format"] != FORMAT:
            raise HomeError(f"{what} has a format that this version does not know; update Counterseal")
        keys = [_key(entry) for entry in document["keys"]]
    except (ValueError, KeyError, TypeError):
        raise HomeError(f"{what} is damaged inside its seal; restore it from a backup") from None
    if len({key.ref for key in keys}) != len(keys):
        raise HomeError(f"{what} holds one name twice; restore it from a backup")
    return {key.ref: key for key in keys}


def new_ed25519() -> tuple[Secret, bytes]:
    """Make a pair: the private half as PEM, the public half as PEM to register at the exchange."""
    private = ed25519.Ed25519PrivateKey.generate()
    secret = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Secret(secret), private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _entry(key: StoredKey) -> dict[str, Any]:
    return {
        "ref": key.ref,
        "kind": key.kind,
        "api_key": key.api_key,
        "secret" if key.kind == "hmac" else "private_key": key.secret.reveal().decode("ascii"),
        "environment": key.environment,
        "created_ms": key.created_ms,
        "epoch": key.epoch,
        "stage": key.stage,
    }


def _key(entry: dict[str, Any]) -> StoredKey:
    if not entry.keys() <= _FIELDS or entry["kind"] not in KINDS:
        raise ValueError("unknown field or kind")
    secret = entry["secret" if entry["kind"] == "hmac" else "private_key"]
    texts = (entry["ref"], entry["environment"], entry["stage"], secret, entry["api_key"] or "")
    numbers = (entry["created_ms"], entry["epoch"])
    if not all(type(text) is str for text in texts) or not all(type(number) is int for number in numbers):
        raise ValueError("field of another type")
    return StoredKey(
        ref=entry["ref"],
        kind=entry["kind"],
        api_key=entry["api_key"] or None,
        secret=Secret(secret.encode("ascii")),
        environment=entry["environment"],
        created_ms=entry["created_ms"],
        epoch=entry["epoch"],
        stage=entry["stage"],
    )
