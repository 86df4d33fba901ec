"""Signatures as the exchange wants them. Only the signer imports this."""

import base64
import hmac
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from counterseal.core.secret import Secret

KINDS = ("hmac", "ed25519", "rsa")


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that can sign. Its repr shows the kind only."""

    kind: str
    make: Callable[[bytes], bytes]

    def __repr__(self) -> str:
        return f"SigningKey(kind={self.kind!r})"


def load(kind: str, secret: Secret) -> SigningKey:
    """Prepare a key: `secret` is HMAC's key, or a private key as unencrypted PEM.

    Raises ValueError when the material is not of that kind.
    """
    if kind == "hmac":
        return SigningKey(kind, _hmac(secret.reveal()))
    private = load_pem_private_key(secret.reveal(), password=None)
    if kind == "ed25519" and isinstance(private, ed25519.Ed25519PrivateKey):
        return SigningKey(kind, _ed25519(private))
    if kind == "rsa" and isinstance(private, rsa.RSAPrivateKey):
        return SigningKey(kind, _rsa(private))
    raise ValueError("the private key is not of the kind that its entry says")


def sign(key: SigningKey, payload: bytes) -> bytes:
    """Sign: HMAC-SHA256 as hex, Ed25519 and RSA (PKCS #1 v1.5, SHA-256) as base64, not percent-encoded."""
    return key.make(payload)


def _hmac(secret: bytes) -> Callable[[bytes], bytes]:
    digest = hmac.digest
    return lambda payload: digest(secret, payload, "sha256").hex().encode()


def _ed25519(private: ed25519.Ed25519PrivateKey) -> Callable[[bytes], bytes]:
    return lambda payload: base64.b64encode(private.sign(payload))


def _rsa(private: rsa.RSAPrivateKey) -> Callable[[bytes], bytes]:
    scheme, digest = padding.PKCS1v15(), SHA256()
    return lambda payload: base64.b64encode(private.sign(payload, scheme, digest))
