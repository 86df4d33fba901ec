"""Making a virtual credential from what the operator asked."""

import argparse
import re
import secrets
import string
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from counterseal.cli.shared import UsageError
from counterseal.core.config.addresses import parse_network
from counterseal.core.config.hours import parse_hours
from counterseal.core.config.model import HourRange, Network
from counterseal.core.credential import Credential, CredentialKind
from counterseal.core.secret import Secret

# The shape of the exchange's own keys: what every SDK accepts.
ALPHABET = string.ascii_letters + string.digits
LENGTH = 64
MIN_RSA_BITS = 2048
MAX_PEM = 16_384
MAX_LIFE_MS = 3650 * 86_400_000
_UNITS_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_SPAN = re.compile(r"([1-9][0-9]{0,6})([mhdw])").fullmatch


def mint(args: argparse.Namespace, now_ms: int) -> Credential:
    """Make a credential for bot `args.name`. Raises UsageError."""
    kind = CredentialKind(args.kind)
    return Credential(
        key_id=_token(),
        bot=args.name,
        kind=kind,
        secret=Secret(_token().encode()) if kind is CredentialKind.HMAC else None,
        public_key=public_key(kind, args.public_key),
        created_ms=now_ms,
        expires_ms=expiry(args.expires, now_ms),
        sources=tuple(_network(text) for text in args.source),
        hours=tuple(_hours(text) for text in args.hours),
        canary=args.canary,
    )


def expiry(text: str, now_ms: int) -> int | None:
    """Read "never" or a span such as 30d, 12h, 90m, 2w; give the moment in ms. Raises UsageError."""
    if text == "never":
        return None
    match = _SPAN(text)
    span_ms = int(match[1]) * _UNITS_MS[match[2]] if match else 0
    if not 0 < span_ms <= MAX_LIFE_MS:
        raise UsageError("--expires is never, or a span of at most ten years such as 30d, 12h, 90m or 2w")
    return now_ms + span_ms


def public_key(kind: CredentialKind, path: Path | None) -> bytes | None:
    """Read the bot's public key as SubjectPublicKeyInfo PEM; None for HMAC. Raises UsageError."""
    if kind is CredentialKind.HMAC:
        if path is not None:
            raise UsageError("--public-key is for --kind rsa and ed25519; an HMAC credential has none")
        return None
    if path is None:
        raise UsageError(
            f"--kind {kind.value} needs --public-key FILE: the bot keeps the private half, we never see it"
        )
    pem = _read(path)
    if b"PRIVATE KEY" in pem:
        raise UsageError(f"{path} is a private key; give its public half, made with: openssl pkey -in FILE -pubout")
    return _public_pem(kind, pem, path)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_PEM)
    except OSError as fault:
        raise UsageError(f"{path} cannot be read ({fault.strerror}); name a file that can") from None


def _public_pem(kind: CredentialKind, pem: bytes, path: Path) -> bytes:
    try:
        key = load_pem_public_key(pem)
    except Exception:  # noqa: BLE001  the library raises many kinds for what is no such key
        raise UsageError(
            f"{path} holds no public key in PEM form; make one with: openssl pkey -in FILE -pubout"
        ) from None
    if not isinstance(key, rsa.RSAPublicKey if kind is CredentialKind.RSA else ed25519.Ed25519PublicKey):
        raise UsageError(f"{path} holds a public key of another kind than --kind {kind.value}")
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < MIN_RSA_BITS:
        raise UsageError(f"the RSA key in {path} has {key.key_size} bits; at least {MIN_RSA_BITS} are needed")
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _token() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def _network(text: str) -> Network:
    network = parse_network(text)
    if network is None:
        raise UsageError("--source is an address or a network without host bits, such as 10.0.0.0/8 or 127.0.0.1")
    return network


def _hours(text: str) -> HourRange:
    hours = parse_hours(text)
    if hours is None:
        raise UsageError('--hours is a range in UTC such as "08:00-18:00" or "Mon-Fri 22:00-02:00"')
    return hours
