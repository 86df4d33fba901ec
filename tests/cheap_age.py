"""An age file sealed with a passphrase that costs no second, made after the format's specification alone.

The library chooses a second of scrypt; tests that only need a sealed identity take this, 1,024 rounds of it.
"""

import base64
import hmac
import os

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

LOG_N = 10


def lock(content: bytes, passphrase: bytes, *, armored: bool = False) -> bytes:
    """Seal at most 64 KiB."""
    file_key, salt, nonce = os.urandom(16), os.urandom(16), os.urandom(16)
    wrap = Scrypt(b"age-encryption.org/v1/scrypt" + salt, 32, 2**LOG_N, 8, 1).derive(passphrase)
    body = ChaCha20Poly1305(wrap).encrypt(bytes(12), file_key, None)
    header = b"age-encryption.org/v1\n-> scrypt %b %d\n%b\n---" % (_text(salt), LOG_N, _text(body))
    mac = hmac.digest(_key(file_key, b"", b"header"), header, "sha256")
    payload = ChaCha20Poly1305(_key(file_key, nonce, b"payload")).encrypt(bytes(11) + b"\1", content, None)
    sealed = header + b" " + _text(mac) + b"\n" + nonce + payload
    return _armor(sealed) if armored else sealed


def _key(file_key: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt, info).derive(file_key)


def _text(raw: bytes) -> bytes:
    return base64.b64encode(raw).rstrip(b"=")


def _armor(sealed: bytes) -> bytes:
    text = base64.b64encode(sealed)
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return b"\n".join([b"-----BEGIN AGE ENCRYPTED FILE-----", *lines, b"-----END AGE ENCRYPTED FILE-----", b""])
