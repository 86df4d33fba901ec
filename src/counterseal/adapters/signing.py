"""Signatures as the exchange wants them, made with keys where they lie. Only the signer imports this.

The material of a key, as `adapters.key_material` makes it: HMAC's bytes; Ed25519's seed and public key, 64 bytes;
RSA's private key as PKCS #8 DER.
"""

import base64
import hmac
from collections.abc import Callable
from dataclasses import dataclass

from counterseal.adapters import sodium
from counterseal.core.secret import Secret

KINDS = ("hmac", "ed25519", "rsa")
# OpenSSL signs with a copy of its own: no level of secret memory reaches an RSA key while it is used.
COPIED_KINDS = frozenset({"rsa"})


class KeyUnavailable(Exception):
    """The key cannot sign now, for example because its token was taken out; nothing was signed."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that can sign. Its repr shows the kind only."""

    kind: str
    make: Callable[[bytes], bytes]

    def __repr__(self) -> str:
        return f"SigningKey(kind={self.kind!r})"


def hold(kind: str, place: memoryview) -> SigningKey:
    """Prepare a key whose material lies at `place`, writable memory that stays; HMAC and Ed25519 copy none of it.

    Raises ValueError when the material is not of that kind, SodiumMissingError for Ed25519 without libsodium.
    """
    if kind == "hmac" and len(place) > 0:
        return SigningKey(kind, _hmac(place))
    if kind == "ed25519" and len(place) == sodium.SECRET_KEY_BYTES:
        return SigningKey(kind, _ed25519(place))
    if kind == "rsa":
        return SigningKey(kind, _rsa(place))
    raise ValueError("the material is not of the kind that its entry says")


def load(kind: str, secret: Secret) -> SigningKey:
    """Prepare a key in ordinary memory: `secret` is HMAC's key, or a private key as unencrypted PEM.

    Raises ValueError when the secret is not of that kind.
    """
    from counterseal.adapters import key_material  # the signer itself does without the parsers that this brings

    return hold(kind, memoryview(bytearray(key_material.of(kind, secret.reveal()))))


def sign(key: SigningKey, payload: bytes) -> bytes:
    """Sign: HMAC-SHA256 as hex, Ed25519 and RSA (PKCS #1 v1.5, SHA-256) as base64, not percent-encoded."""
    return key.make(payload)


def _hmac(place: memoryview) -> Callable[[bytes], bytes]:
    digest = hmac.digest  # takes the bytes where they lie; hmac.new would copy them
    return lambda payload: digest(place, payload, "sha256").hex().encode()


def _ed25519(place: memoryview) -> Callable[[bytes], bytes]:
    make = sodium.signer(place)
    return lambda payload: base64.b64encode(make(payload))


def _rsa(place: memoryview) -> Callable[[bytes], bytes]:
    from cryptography.hazmat.primitives.asymmetric import padding
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    scheme, digest = padding.PKCS1v15(), SHA256()

    def private() -> RSAPrivateKey:
        # Its numbers were checked when it was sealed; checking again would cost 30 ms each time.
        found = load_der_private_key(place, None, unsafe_skip_rsa_key_validation=True)
        if not isinstance(found, RSAPrivateKey):
            raise ValueError("the material is not of the kind that its entry says")
        return found

    private()
    # On demand: between signatures OpenSSL holds no copy.
    return lambda payload: base64.b64encode(private().sign(payload, scheme, digest))
