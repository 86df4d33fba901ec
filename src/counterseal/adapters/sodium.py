"""Ed25519 by libsodium, which signs with a key where it lies. PyNaCl brings the library; else the system's is taken."""

import ctypes
import importlib.util
from collections.abc import Callable, Iterator
from functools import cache

SECRET_KEY_BYTES = 64
_SIGNATURE_BYTES = 64
_SYSTEM = ("libsodium.so.26", "libsodium.so.23")


class SodiumMissingError(Exception):
    """There is no libsodium; the text is one sentence with the way out."""


def signer(place: memoryview) -> Callable[[bytes], bytes]:
    """Give what signs with the secret key (seed, then public key) that lies at `place`, 64 writable bytes.

    The bytes are never copied to the heap; they must stay where they are. The signature has 64 bytes.
    """
    sign = _library().crypto_sign_detached
    key = (ctypes.c_ubyte * SECRET_KEY_BYTES).from_buffer(place)

    def make(payload: bytes) -> bytes:
        signature = ctypes.create_string_buffer(_SIGNATURE_BYTES)
        sign(signature, None, payload, len(payload), key)
        return signature.raw

    return make


@cache
def _library() -> ctypes.CDLL:
    for name in _candidates():
        try:
            library = ctypes.CDLL(name)
            sign = library.crypto_sign_detached
        except (OSError, AttributeError):
            continue
        sign.argtypes = (
            ctypes.c_void_p,
            ctypes.c_void_p,
            ctypes.c_char_p,
            ctypes.c_ulonglong,
            ctypes.POINTER(ctypes.c_ubyte * SECRET_KEY_BYTES),
        )
        if library.sodium_init() >= 0:
            return library
    raise SodiumMissingError("there is no libsodium here, which Ed25519 keys need; install PyNaCl or libsodium23")


def _candidates() -> Iterator[str]:
    try:
        found = importlib.util.find_spec("nacl._sodium")
    except ModuleNotFoundError:
        found = None
    if found is not None and found.origin is not None:
        yield found.origin
    yield from _SYSTEM
