"""Verification of bots' signatures: HMAC-SHA256 by the standard library, RSA and Ed25519 by `cryptography`."""

import base64
import binascii
import hmac
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from counterseal.core.credential import Credential, CredentialKind

_PADDING, _HASH = PKCS1v15(), SHA256()
MIN_RSA_BITS, MAX_RSA_BITS = 2048, 4096


class SignatureVerifier:
    """The Verifier port."""

    def verify(self, credential: Credential, payload: bytes, signature: str) -> bool:
        """Tell whether the signature covers the payload; constant time for HMAC."""
        if credential.kind is CredentialKind.HMAC:
            return credential.secret is not None and _hmac(credential.secret.reveal(), payload, signature)
        return credential.public_key is not None and _asymmetric(credential.public_key, payload, signature)


def _hmac(secret: bytes, payload: bytes, signature: str) -> bool:
    try:
        given = bytes.fromhex(signature)
    except ValueError:
        given = b""
    # Of 64 digits: `fromhex` would also take blanks between them. What is no hex costs what a wrong signature costs.
    return hmac.compare_digest(hmac.digest(secret, payload, "sha256"), given) and len(signature) == 2 * len(given)


def _asymmetric(public_pem: bytes, payload: bytes, signature: str) -> bool:
    try:
        raw = base64.b64decode(signature, validate=True)
        key = load_public_key(public_pem)
        if isinstance(key, Ed25519PublicKey):
            key.verify(raw, payload)
        else:
            key.verify(raw, payload, _PADDING, _HASH)
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


@lru_cache(maxsize=1024)
def load_public_key(pem: bytes) -> Ed25519PublicKey | RSAPublicKey:
    """Read a PEM public key. Raises ValueError unless it is Ed25519 or RSA of 2048 to 4096 bits."""
    key = load_pem_public_key(pem)
    if isinstance(key, Ed25519PublicKey):
        return key
    if isinstance(key, RSAPublicKey) and MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
        return key
    raise ValueError("neither an Ed25519 nor an RSA public key of 2048 to 4096 bits")
