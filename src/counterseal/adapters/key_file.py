"""The exchange's keys at rest: one JSON document, sealed to the signer."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from counterseal.adapters import age_box, key_source
from counterseal.adapters.home import Home, HomeError
from counterseal.adapters.key_material import private_key, private_pem, token
from counterseal.core.key_refs import name_of, number_of
from counterseal.core.rotation import HELD, Stage, Version, fault_of
from counterseal.core.secret import Secret

__all__ = [
    "FORMAT", "KINDS", "StoredKey", "new_ed25519", "parse", "private_pem", "public_pem", "read", "read_copy", "token",
    "versions", "write",
]  # fmt: skip

FORMAT = 1
KINDS = ("hmac", "ed25519", "rsa")
_FIELDS = frozenset({
    "ref", "kind", "api_key", "secret", "private_key", "environment", "created_ms", "epoch", "stage", "since_ms",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class StoredKey:
    """One version of an exchange key. `api_key` is None until the exchange has given one for a pair made here.

    `secret` is HMAC's key, or the private key as unencrypted PKCS #8 PEM; empty when it is revoked. `epoch` is reserved
    for the fenced lease. `stage` is one of `core.rotation.Stage`, `since_ms` when it came there (0: it was made so).
    """

    ref: str
    kind: str
    api_key: str | None
    secret: Secret
    environment: str
    created_ms: int
    epoch: int = 0
    stage: str = "active"
    since_ms: int = 0

    @property
    def name(self) -> str:
        """The key's name in the settings, which all of its versions share."""
        return name_of(self.ref)

    @property
    def is_held(self) -> bool:
        """Whether the signer holds it."""
        return self.api_key is not None and self.stage in HELD

    @property
    def version(self) -> Version:
        """The same as a rotation sees it."""
        return Version(self.ref, Stage(self.stage), self.api_key is not None, self.since_ms or self.created_ms)

    def __repr__(self) -> str:
        return f"StoredKey(ref={self.ref!r}, kind={self.kind!r}, environment={self.environment!r})"


def read(
    home: Home, identity: Secret | None = None, judge: Callable[[dict[str, StoredKey]], None] | None = None
) -> dict[str, StoredKey]:
    """Open what the store of the settings holds, which is the key file unless they name another; nothing is no keys.

    With the signer's identity, read from its file unless given. While a store elsewhere is away, its copy here is read.
    Who takes the keys up gives a `judge`: what it raises HomeError for is as good as no answer, the rest is copied.
    Raises PassphraseNeededError when the identity is needed and sealed with a passphrase, ForeignSealError when the
    keys are sealed to another one, HomeError when they cannot be opened, are damaged, or of an unknown format.
    """

    def opened(sealed: bytes, what: str) -> dict[str, StoredKey]:
        keys = _opened(home, identity, sealed, what)
        if judge is not None:
            judge(keys)
        return keys

    return key_source.read(home, opened, keeps=judge is not None) or {}


def read_copy(home: Home) -> dict[str, StoredKey]:
    """Open the copy of what a store elsewhere held. Raises as `read` does."""
    return key_source.read_copy(home, lambda sealed, what: _opened(home, None, sealed, what))


def write(home: Home, keys: Mapping[str, StoredKey]) -> None:
    """Seal all keys and put them in the place of what was read last. Raises HomeError when the store refuses."""
    document = {"format": FORMAT, "keys": [_entry(key) for key in keys.values()]}
    key_source.write(home, age_box.seal(home, "signer", json.dumps(document).encode()))


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
    for name in {key.name for key in keys}:
        fault = fault_of([key.version for key in keys if key.name == name])
        if fault is not None:
            raise HomeError(f"{what}: of the versions of {name} {fault}; restore it from a backup")
    return {key.ref: key for key in keys}


def versions(keys: Mapping[str, StoredKey], name: str) -> dict[str, StoredKey]:
    """Give the versions of one key by their refs, the oldest first."""
    return {ref: keys[ref] for ref in sorted((ref for ref in keys if name_of(ref) == name), key=number_of)}


def new_ed25519() -> tuple[Secret, bytes]:
    """Make a pair: the private half as PEM, the public half as PEM to register at the exchange."""
    private = ed25519.Ed25519PrivateKey.generate()
    secret = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Secret(secret), private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def public_pem(private: Secret) -> bytes:
    """Give the public half of an Ed25519 pair, as PEM to register at the exchange. Raises ValueError."""
    key = private_key(private.reveal(), "ed25519")
    return bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def _opened(home: Home, identity: Secret | None, sealed: bytes, what: str) -> dict[str, StoredKey]:
    used = age_box.identity_secret(home, "signer") if identity is None else identity
    return parse(age_box.open_sealed(used, sealed, what), what)


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
        "since_ms": key.since_ms,
    }


def _key(entry: dict[str, Any]) -> StoredKey:
    if not entry.keys() <= _FIELDS or entry["kind"] not in KINDS:
        raise ValueError("unknown field or kind")
    secret = entry["secret" if entry["kind"] == "hmac" else "private_key"]
    texts = (entry["ref"], entry["environment"], entry["stage"], secret, entry["api_key"] or "")
    # Files of before there were rotations do not have it.
    since_ms = entry.get("since_ms", 0)
    numbers = (entry["created_ms"], entry["epoch"], since_ms)
    if not all(type(text) is str for text in texts) or not all(type(number) is int for number in numbers):
        raise ValueError("field of another type")
    number_of(entry["ref"])
    stage = Stage(entry["stage"])
    return StoredKey(
        ref=entry["ref"],
        kind=entry["kind"],
        api_key=entry["api_key"] or None,
        secret=Secret(secret.encode("ascii")),
        environment=entry["environment"],
        created_ms=entry["created_ms"],
        epoch=entry["epoch"],
        stage=stage.value,
        since_ms=since_ms,
    )
