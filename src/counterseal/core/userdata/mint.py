"""How a listen key of ours is made, so that it is known again after a restart although nothing is written.

A key is a place, a nonce and a proof. The place is the same in all keys of a holder, so that one look finds whose a key
may be; the proof, over holder and nonce, can be made by nobody without the secret.
"""

import hashlib
import json
import re
from collections.abc import Callable, Sequence

from counterseal.core.secret import Secret

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# A letter is worth almost six bits: the proof has 226.
_PLACE, _NONCE, _PROOF = 12, 14, 38
is_listen_key = re.compile(r"[A-Za-z0-9]{64}").fullmatch
# As BLAKE2 takes them: two digests that can never be each other's.
_FOR_PLACE, _FOR_PROOF = b"listen key place", b"listen key proof"


class Mint:
    """Makes keys and tells them again. `secret` has at most 64 bytes, `draw(n)` gives a number from 0 to n - 1."""

    def __init__(self, secret: Secret, draw: Callable[[int], int]) -> None:
        self._secret = secret
        self._draw = draw

    def make(self, holder: Sequence[str]) -> str:
        """Give a new key, 64 letters and digits."""
        nonce = "".join(_ALPHABET[self._draw(len(_ALPHABET))] for _ in range(_NONCE))
        return self._key(holder, nonce)

    def place(self, holder: Sequence[str]) -> str:
        """Give what all keys of a holder begin with."""
        return self._letters(_FOR_PLACE, "", holder, _PLACE)

    def is_of(self, key: str, holder: Sequence[str]) -> bool:
        """Tell whether a key was made for a holder."""
        # Looked up by its hash, as a live key is: how long it takes tells nothing of the right one.
        return key in {self._key(holder, key[_PLACE : _PLACE + _NONCE])}

    def _key(self, holder: Sequence[str], nonce: str) -> str:
        return self.place(holder) + nonce + self._letters(_FOR_PROOF, nonce, holder, _PROOF)

    def _letters(self, use: bytes, nonce: str, holder: Sequence[str], count: int) -> str:
        text = json.dumps([nonce, *holder]).encode()
        number = int.from_bytes(hashlib.blake2b(text, key=self._secret.reveal(), person=use).digest())
        return "".join(_ALPHABET[number // len(_ALPHABET) ** place % len(_ALPHABET)] for place in range(count))


def place_in(key: str) -> str:
    """Give what a key begins with."""
    return key[:_PLACE]
