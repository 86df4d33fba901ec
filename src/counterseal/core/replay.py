"""Payloads seen: a signature covers no path, so a payload seen anywhere is spent for whatever changes something."""

import binascii
import hashlib
import re
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import lru_cache

Pair = tuple[str, str]
# A payload can be fresh from 5 s before to 5 s after its timestamp; twice that covers a step of the clock.
KEEP_MS = 20_000
_HEX_HMAC = re.compile(r"[0-9A-Fa-f]{64}").fullmatch


_UNKNOWN = {None}


class Seen(Enum):
    """What the window says about a payload."""

    NEW = "new"
    SAME_PATH = "same_path"
    OTHER_PATH = "other_path"


def digest(key_id: str, timestamp_ms: int, pairs: Sequence[Pair]) -> bytes:
    """Give 16 bytes that name (credential, pairs, timestamp).

    Pairs are sorted: the exchange does not care about order, so another order is the same payload.
    """
    text = "\x00".join((key_id, str(timestamp_ms), *map("\x01".join, sorted(pairs))))
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def signature_digest(key_id: str, signature: str) -> bytes:
    """Give 16 bytes that name (credential, signature).

    In lenient verification one signature can cover two ways to cut the same text into pairs; this closes that way round
    the digest of pairs. What is named are the signature's bytes: hex case, base64 padding and the bits that base64
    leaves over do not make another signature.
    """
    return hashlib.blake2b(f"{key_id}\x02".encode() + _signature_bytes(signature), digest_size=16).digest()


def _signature_bytes(signature: str) -> bytes:
    if _HEX_HMAC(signature):
        return bytes.fromhex(signature)
    try:
        return binascii.a2b_base64(signature)
    except ValueError:
        return signature.encode()


@lru_cache(maxsize=2048)
def path_mark(name: str) -> int:
    """Give 64 bits that name an endpoint in the window and its file."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")


class SeenWindow:
    """Marks of the last 20 to 40 seconds with the path each came on, in two generations."""

    def __init__(self, remembered: Mapping[bytes, int] | None = None, now_ms: int = 0) -> None:
        self._young: dict[bytes, int] = dict(remembered or {})
        self._old: dict[bytes, int] = {}
        self._turned_ms = now_ms

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def spend(self, marks: Sequence[bytes], path: int, now_ms: int) -> Seen:
        """Record a payload by all its marks; tell whether any of them is known, and from where.

        SAME_PATH only when all marks are known from this path: a payload of which one mark is new was cut anew from a
        signature that was seen, or signed anew for a timestamp that was seen.
        """
        if now_ms - self._turned_ms > KEEP_MS:
            self._old, self._young, self._turned_ms = self._young, {}, now_ms
        young, old = self._young, self._old
        known = [young.get(mark, old.get(mark)) for mark in marks]
        for mark, origin in zip(marks, known, strict=True):
            # The first path stays the origin, also over a turn: a refused replay must not make its own path the origin.
            young[mark] = path if origin is None else origin
        distinct = set(known)
        if distinct == _UNKNOWN:
            return Seen.NEW
        return Seen.SAME_PATH if distinct == {path} else Seen.OTHER_PATH
