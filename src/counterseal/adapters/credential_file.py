"""Virtual credentials at rest: one file each, sealed to the gateway, named by its key id's fingerprint."""

import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from counterseal.adapters import age_box
from counterseal.adapters.home import Home, HomeError, create_private, read_private, remove_durably
from counterseal.core.config.addresses import parse_network
from counterseal.core.config.hours import parse_hours, show_hours
from counterseal.core.config.model import HourRange, Network
from counterseal.core.credential import Credential, CredentialKind
from counterseal.core.secret import Secret

FORMAT = 1
SUFFIX = ".age"
_FIELDS = frozenset(
    {
        "format",
        "key_id",
        "bot",
        "kind",
        "secret",
        "public_key",
        "created_ms",
        "expires_ms",
        "sources",
        "hours",
    }
)
# A number, so that a canary's file is no longer than another's. Files from before it lack it.
_CANARY = "canary"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What `load_all` found. The keys are key ids in `by_key_id` and fingerprints in the others.

    Each fault is a sentence about one file that could not be used; the other files are loaded all the same.
    """

    by_key_id: Mapping[str, Credential]
    by_fingerprint: Mapping[str, Credential]
    faults: Mapping[str, str]

    def __repr__(self) -> str:
        return f"Loaded(credentials={len(self.by_key_id)}, faults={len(self.faults)})"


def fingerprinter(home: Home) -> Callable[[str], str]:
    """Give the function that names a key id in file names, lists and logs: 16 hex digits of a keyed digest.

    The key comes from the gateway's identity: a digest tells nothing to who lacks it. Raises HomeError.
    """
    identity = age_box.identity_secret(home, "gateway").reveal()
    key = hmac.digest(identity, b"counterseal fingerprint 1", "sha256")
    return lambda key_id: hmac.digest(key, key_id.encode(), "sha256").hex()[:16]


def listen_key_secret(home: Home) -> Secret:
    """Give what proves a listen key to be of this installation, from the gateway's identity. Raises HomeError."""
    identity = age_box.identity_secret(home, "gateway").reveal()
    return Secret(hmac.digest(identity, b"counterseal listen keys 1", "sha256"))


def load_all(home: Home) -> Loaded:
    """Open every credential file. Raises HomeError only when the gateway's identity itself cannot be read."""
    identity, name_of = age_box.identity_secret(home, "gateway"), fingerprinter(home)
    loaded: dict[str, Credential] = {}
    faults: dict[str, str] = {}
    for path in sorted(home.bots.glob(f"*{SUFFIX}")):
        try:
            loaded[path.stem] = _read(path, identity, name_of)
        except HomeError as fault:
            if path.exists():  # else it was revoked while we read
                faults[path.stem] = str(fault)
    return Loaded({c.key_id: c for c in loaded.values()}, loaded, faults)


def save(home: Home, credential: Credential) -> str:
    """Seal a new credential into its own file and give its fingerprint. Raises HomeError."""
    fingerprint = fingerprinter(home)(credential.key_id)
    sealed = age_box.seal(home, "gateway", json.dumps(_document(credential)).encode())
    create_private(path_of(home, fingerprint), sealed)
    return fingerprint


def remove(home: Home, fingerprint: str) -> None:
    """Remove a credential's file so that it stays removed. Raises FileNotFoundError."""
    remove_durably(path_of(home, fingerprint))


def path_of(home: Home, fingerprint: str) -> Path:
    """Give the file of a credential."""
    return home.bots / f"{fingerprint}{SUFFIX}"


def _read(path: Path, identity: Secret, name_of: Callable[[str], str]) -> Credential:
    damaged = HomeError(f"{path} is damaged; revoke it with: counterseal bot revoke {path.stem}, then mint a new one")
    plain = age_box.open_sealed(identity, read_private(path), str(path))
    try:
        document = json.loads(plain)
        if document["format"] != FORMAT:
            raise HomeError(f"{path} has a format that this version does not know; update Counterseal")
        credential = _credential(document)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise damaged from None
    # A copy under another name would outlive its revocation.
    if name_of(credential.key_id) != path.stem:
        raise HomeError(f"{path} is a copy of another credential's file; remove it")
    return credential


def _document(credential: Credential) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "key_id": credential.key_id,
        "bot": credential.bot,
        "kind": credential.kind.value,
        "secret": credential.secret.reveal().decode("ascii") if credential.secret else None,
        "public_key": credential.public_key.decode("ascii") if credential.public_key else None,
        "created_ms": credential.created_ms,
        "expires_ms": credential.expires_ms,
        "sources": [str(network) for network in credential.sources],
        "hours": [show_hours(span) for span in credential.hours],
        _CANARY: int(credential.canary),
    }


def _credential(document: dict[str, Any]) -> Credential:
    kind = CredentialKind(document["kind"])
    secret, public_key = document["secret"], document["public_key"]
    has_material = bool(secret) and public_key is None if kind is CredentialKind.HMAC else bool(public_key)
    canary = document.pop(_CANARY, 0)
    if document.keys() != _FIELDS or not has_material or (kind is not CredentialKind.HMAC and secret is not None):
        raise ValueError("fields do not fit the kind")
    if type(canary) is not int or canary not in (0, 1):
        raise ValueError("neither a canary nor none")
    if type(document["created_ms"]) is not int or type(document["expires_ms"]) not in (int, type(None)):
        raise ValueError("a time is no integer")
    return Credential(
        key_id=_text(document["key_id"]),
        bot=_text(document["bot"]),
        kind=kind,
        secret=Secret(secret.encode("ascii")) if secret else None,
        public_key=public_key.encode("ascii") if public_key else None,
        created_ms=document["created_ms"],
        expires_ms=document["expires_ms"],
        sources=tuple(_network(text) for text in document["sources"]),
        hours=tuple(_hours(text) for text in document["hours"]),
        canary=bool(canary),
    )


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("a name is no text")
    return value


def _network(text: str) -> Network:
    network = parse_network(text)
    if network is None:
        raise ValueError("unreadable network")
    return network


def _hours(text: str) -> HourRange:
    hours = parse_hours(text)
    if hours is None:
        raise ValueError("unreadable hours")
    return hours
