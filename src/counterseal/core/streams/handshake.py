"""The WebSocket handshake (RFC 6455, section 4.2) as far as it is decided by header values alone."""

import binascii
import hashlib
from typing import NamedTuple

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_VERSION = b"13"


class Handshake(NamedTuple):
    """The header values of a request that asks for another protocol, as sent; None for what is missing."""

    upgrade: bytes
    connection: bytes
    key: bytes | None
    version: bytes | None
    origin: bytes | None


def fault_of(handshake: Handshake) -> str | None:
    """Give the reason of a refusal, None when the handshake is sound."""
    if handshake.upgrade.lower() != b"websocket":
        return "websocket_handshake"
    if b"upgrade" not in [token.strip(b" \t") for token in handshake.connection.lower().split(b",")]:
        return "websocket_handshake"
    if handshake.version != _VERSION or not _is_key(handshake.key):
        return "websocket_handshake"
    return None


def is_foreign(handshake: Handshake, host: str) -> bool:
    """Tell whether a web page of another site asks: browsers always name it, some clients name the host itself."""
    return handshake.origin is not None and handshake.origin.partition(b"://")[2].lower() != host.lower().encode()


def _is_key(key: bytes | None) -> bool:
    """16 bytes in canonical base64."""
    if key is None or len(key) != 24:
        return False
    try:
        return binascii.b2a_base64(binascii.a2b_base64(key, strict_mode=True), newline=False) == key
    except binascii.Error:
        return False


def accept(key: bytes) -> bytes:
    """Give the value that proves that the key was read."""
    digest = hashlib.sha1(key + _GUID, usedforsecurity=False).digest()
    return binascii.b2a_base64(digest, newline=False)
