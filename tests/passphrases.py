"""An identity sealed with a passphrase, written by the age specification alone: cheap to open, and not by our library.

Sealing as the product does it costs a second by design, and more on a machine that is busy; each test that needs a
passphrase would pay that several times.
"""

import base64
import hashlib
import hmac
import os

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from counterseal.core.secret import Secret

CHEAP = 10  # N = 2 ** 10


def lock(identity: Secret, passphrase: Secret, work: int = CHEAP) -> bytes:
    """Seal as `age -p` does, with less work: a file that `age_box.unlock` opens."""
    file_key, salt, nonce = os.urandom(16), os.urandom(16), os.urandom(16)
    wrap = hashlib.scrypt(
        passphrase.reveal(), salt=b"age-encryption.org/v1/scrypt" + salt, n=1 << work, r=8, p=1, dklen=32
    )
    body = ChaCha20Poly1305(wrap).encrypt(bytes(12), file_key, None)
    head = b"age-encryption.org/v1\n-> scrypt %b %d\n%b\n---" % (_text(salt), work, _text(body))
    mac = hmac.digest(_derived(file_key, b"", b"header"), head, "sha256")
    last = bytes(11) + b"\x01"
    payload = ChaCha20Poly1305(_derived(file_key, nonce, b"payload")).encrypt(
        last, identity.reveal().strip() + b"\n", None
    )
    return head + b" " + _text(mac) + b"\n" + nonce + payload


def _text(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")


def _derived(key: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt, info).derive(key)
