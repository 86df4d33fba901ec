"""The exchange's keys behind the gateway, one of each kind, and how the exchange checks their signatures."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from counterseal.adapters import signing
from counterseal.core.messages import HeldKey
from counterseal.core.secret import Secret
from counterseal.signer.desk import HeldSigningKey

KINDS = ("hmac", "ed25519", "rsa")
REF, API_KEY = "main", "exchange-api-key-of-the-signer"
_HMAC_SECRET = b"exchange-secret-of-the-signer"
Check = Callable[[bytes, str], bool]


@dataclass(frozen=True)
class ExchangeKey:
    """What the signer holds, and the exchange's own check of (payload, percent-decoded signature)."""

    held: HeldSigningKey
    check: Check


def make(kind: str) -> ExchangeKey:
    """Make a key of one kind; the check uses the libraries directly, nothing of the product."""
    material, check = {"hmac": _hmac, "ed25519": _ed25519, "rsa": _rsa}[kind]()
    held = HeldSigningKey(HeldKey(REF, API_KEY, kind, "paper"), signing.load(kind, Secret(material)))
    return ExchangeKey(held, check)


def _hmac() -> tuple[bytes, Check]:
    def check(payload: bytes, signature: str) -> bool:
        return hmac.new(_HMAC_SECRET, payload, hashlib.sha256).hexdigest() == signature

    return _HMAC_SECRET, check


def _ed25519() -> tuple[bytes, Check]:
    private = ed25519.Ed25519PrivateKey.generate()
    public = private.public_key()
    return _pem(private), _raising(public.verify)


def _rsa() -> tuple[bytes, Check]:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = private.public_key()
    return _pem(private), _raising(lambda raw, payload: public.verify(raw, payload, padding.PKCS1v15(), SHA256()))


def _raising(verify: Callable[[bytes, bytes], None]) -> Check:
    def check(payload: bytes, signature: str) -> bool:
        try:
            verify(base64.b64decode(signature, validate=True), payload)
        except (InvalidSignature, binascii.Error):
            return False
        return True

    return check


def _pem(private: ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey) -> bytes:
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
