"""The three signature schemes over the exact bytes that were sent."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

RSA_BITS = range(2048, 4097)


def is_valid(kind: str, verifier: str, payload: bytes, signature: str) -> bool:
    """Whether `signature` is `kind`'s over `payload`.

    `verifier` is the secret for hmac and the public key's PEM for rsa and ed25519.  An HMAC signature is
    hex in either case, the others are base64 (already percent-decoded).
    """
    if kind == "hmac":
        made = hmac.new(verifier.encode(), payload, hashlib.sha256).hexdigest()
        return hmac.compare_digest(made.encode(), signature.lower().encode())
    try:
        raw = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return False
    return _is_valid_for(load_public(verifier), payload, raw)


def _is_valid_for(key: Ed25519PublicKey | RSAPublicKey, payload: bytes, raw: bytes) -> bool:
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(raw, payload)
        else:
            key.verify(raw, payload, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


@lru_cache(maxsize=1024)
def load_public(pem: str) -> Ed25519PublicKey | RSAPublicKey:
    """The public key of a PEM text.  ValueError unless it is Ed25519 or RSA of 2048 to 4096 bits."""
    key = serialization.load_pem_public_key(pem.encode())
    if isinstance(key, RSAPublicKey) and key.key_size in RSA_BITS:
        return key
    if isinstance(key, Ed25519PublicKey):
        return key
    raise ValueError("public key is neither ed25519 nor rsa of 2048 to 4096 bits")
