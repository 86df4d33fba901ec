"""From what the key file holds to what signs. Parsing copies: only processes that live for a moment may do it."""

import re
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

MIN_RSA_BITS = 2048
_TOKEN = re.compile(rb"[\x21-\x7e]{1,512}")
BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_PUBLIC = b"-----BEGIN PUBLIC KEY-----"


def of(kind: str, secret: bytes) -> bytes:
    """Give the material of a key (see `adapters.signing`) from HMAC's key or an unencrypted PEM.

    Raises ValueError with a sentence that never shows the value.
    """
    if kind == "hmac":
        return token(secret, "secret key")
    private = private_key(secret, kind)
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return private.private_bytes_raw() + private.public_key().public_bytes_raw()
    return bytes(private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))


def token(text: bytes, what: str) -> bytes:
    """Check an API key or HMAC secret: visible ASCII without spaces.

    Raises ValueError with a sentence that never shows the value.
    """
    _refuse_mark(text, what)
    if b"\n" in text or b"\r" in text:
        raise ValueError(f"the {what} has a line break in it; it must be one line")
    if not _TOKEN.fullmatch(text):
        raise ValueError(f"the {what} must be 1 to 512 visible ASCII characters without spaces")
    return text


def private_pem(pem: bytes, kind: str) -> bytes:
    """Check a private key of `kind` "ed25519" or "rsa" and give it as unencrypted PKCS #8 PEM.

    Raises ValueError with a sentence that never shows the value.
    """
    return bytes(private_key(pem, kind).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def private_key(pem: bytes, kind: str) -> Any:
    """Parse a private key of `kind` "ed25519" or "rsa". Raises ValueError with a sentence that never shows it."""
    private = _parsed(pem)
    if not isinstance(private, ed25519.Ed25519PrivateKey if kind == "ed25519" else rsa.RSAPrivateKey):
        raise ValueError(f"the private key is not of kind {kind}, it is {_algorithm(private)}")
    if isinstance(private, rsa.RSAPrivateKey) and private.key_size < MIN_RSA_BITS:
        raise ValueError(f"the RSA key has {private.key_size} bits; the exchange wants at least {MIN_RSA_BITS}")
    return private


def _parsed(pem: bytes) -> Any:
    _refuse_mark(pem, "private key")
    if _PUBLIC in pem:
        raise ValueError("this is a public key; give the private half of the pair")
    try:
        return load_pem_private_key(pem, password=None)
    except TypeError:
        raise ValueError(
            "the private key has a passphrase; remove it first, for example with: openssl pkey -in FILE"
        ) from None
    except Exception:  # noqa: BLE001  the library raises many kinds, none of which may reach the operator's screen
        raise ValueError("this is no private key in PEM form") from None


def _refuse_mark(text: bytes, what: str) -> None:
    if text.startswith(BYTE_ORDER_MARKS):
        raise ValueError(f"the {what} begins with a byte order mark; save it as plain text without one")


def _algorithm(private: object) -> str:
    name = type(private).__name__.removeprefix("_").removesuffix("PrivateKey")
    return {"EllipticCurve": "EC"}.get(name, name)
