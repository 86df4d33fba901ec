"""Signing with keys that stay in a token (PKCS #11). Only the signer and the operator's commands import this.

A token that fails while it is used costs the affected request its signature and nothing else: the session is dropped,
and the next request after a pause opens a new one. The pause doubles with each failure. A PIN that is refused ends the
attempts for good, because a token locks itself after a few.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pkcs11
from pkcs11 import exceptions as errors
from pkcs11.constants import Attribute, ObjectClass
from pkcs11.mechanisms import KeyType, Mechanism

from counterseal.adapters import pkcs11_module
from counterseal.adapters.hsm_file import HsmKey, TokenPlace
from counterseal.adapters.pkcs11_module import Module, PinRefusedError, TokenAbsentError, TokenError, kind_of
from counterseal.adapters.signing import KeyUnavailable, SigningKey
from counterseal.core.secret import Secret

FIRST_PAUSE_MS, LONGEST_PAUSE_MS = 250, 30_000


class TokenKeyError(TokenError):
    """The token is there and its key cannot be used: missing, of another kind, not allowed to sign."""


@dataclass(frozen=True, slots=True)
class Method:
    """How one kind of key signs."""

    mechanism: Mechanism
    object_class: ObjectClass
    key_types: frozenset[KeyType]
    encode: Callable[[bytes], bytes]


_SECRET, _PRIVATE = ObjectClass.SECRET_KEY, ObjectClass.PRIVATE_KEY
METHODS = {
    "hmac": Method(
        Mechanism.SHA256_HMAC,
        _SECRET,
        frozenset({KeyType.GENERIC_SECRET, KeyType.SHA256_HMAC}),
        lambda raw: raw.hex().encode(),
    ),
    "ed25519": Method(Mechanism.EDDSA, _PRIVATE, frozenset({KeyType.EC_EDWARDS}), base64.b64encode),
    "rsa": Method(Mechanism.SHA256_RSA_PKCS, _PRIVATE, frozenset({KeyType.RSA}), base64.b64encode),
}


class Token:
    """One token and the session with it.

    `pin` is asked for at each opening; `clock_ms` is monotonic; `say` tells the operator in one sentence.
    """

    def __init__(
        self, place: TokenPlace, pin: Callable[[], Secret], clock_ms: Callable[[], int], say: Callable[[str], None]
    ) -> None:
        self.place = place
        self._pin, self._clock_ms, self._say = pin, clock_ms, say
        self._module: Module | None = None
        self._generation = 0
        self._session: pkcs11.Session | None = None
        self._handles: dict[str, Any] = {}
        self._pause_ms, self._not_before_ms = 0, 0
        self._dead = False

    def open(self) -> None:
        """Open the session now.

        Raises PinRefusedError, after which there is no further attempt, TokenAbsentError, or TokenError.
        """
        self._attempt(renew=False)

    @property
    def is_open(self) -> bool:
        """Whether there is a session."""
        return self._session is not None

    def close(self) -> None:
        """Close the session if there is one."""
        session, self._session = self._session, None
        self._handles = {}
        if session is not None:
            pkcs11_module.close(session)

    def check(self, key: HsmKey) -> None:
        """Find a key and judge it; what is dangerous about it is told. The session must be open.

        Raises TokenKeyError when it is missing or cannot sign, TokenError when the token does not tell.
        """
        try:
            self._find(key)
        except errors.PKCS11Error as fault:
            raise TokenError(f"the {self.place.name} does not tell about key {key.ref} ({kind_of(fault)})") from None

    def signing_key(self, key: HsmKey) -> SigningKey:
        """Give what signs with a key; a signature that cannot be made now raises KeyUnavailable."""
        method = METHODS[key.kind]
        mechanism, encode = method.mechanism, method.encode

        def make(payload: bytes) -> bytes:
            handle = self._handle(key)
            try:
                signature = encode(handle.sign(payload, mechanism=mechanism))
            except errors.PKCS11Error as fault:
                raise self._lost(fault) from None
            self._pause_ms = 0
            return signature

        return SigningKey(key.kind, make)

    # -- the session

    def _open(self) -> None:
        self._module = pkcs11_module.load(self.place)
        token = pkcs11_module.find(self._module, self.place)
        self._session = pkcs11_module.log_in(token, self.place, self._pin())
        self._generation = self._module.generation

    def _handle(self, key: HsmKey) -> Any:
        """Find the key for a signature, over a new session when the old one is lost. Raises KeyUnavailable."""
        if self._module is not None and self._generation != self._module.generation:
            self._session, self._handles = None, {}  # another token's recovery has taken it
        if self._session is None:
            self._open_again()
        try:
            return self._find(key)
        except errors.PKCS11Error as fault:
            raise self._lost(fault) from None
        except TokenError as fault:
            raise KeyUnavailable(str(fault)) from None

    def _open_again(self) -> None:
        if self._dead or self._clock_ms() < self._not_before_ms:
            raise KeyUnavailable(f"the {self.place.name} is not open")
        try:
            self._attempt(renew=True)
        except TokenError as fault:
            self._say(str(fault))
            raise KeyUnavailable(str(fault)) from None
        self._say(f"the {self.place.name} is open again")

    def _attempt(self, *, renew: bool) -> None:
        try:
            try:
                self._open()
            except TokenAbsentError:
                if not renew or self._module is None:
                    raise
                self._module.renew()
                self._open()
        except PinRefusedError:
            self._dead = True
            raise
        except TokenError:
            self._wait()
            raise

    def _lost(self, fault: errors.PKCS11Error) -> KeyUnavailable:
        self.close()
        self._wait()
        sentence = f"the {self.place.name} failed ({kind_of(fault)}); it is opened again when it is needed"
        self._say(sentence)
        return KeyUnavailable(sentence)

    def _wait(self) -> None:
        self._pause_ms = min(max(FIRST_PAUSE_MS, self._pause_ms * 2), LONGEST_PAUSE_MS)
        self._not_before_ms = self._clock_ms() + self._pause_ms

    def _find(self, key: HsmKey) -> Any:
        """Find the key's object, once a session. Raises TokenKeyError and PKCS11Error."""
        found = self._handles.get(key.ref)
        if found is None:
            found = self._handles[key.ref] = self._search(key)
        return found

    def _search(self, key: HsmKey) -> Any:
        method = METHODS[key.kind]
        wanted: dict[Attribute, Any] = {Attribute.CLASS: method.object_class}
        if key.key_label is not None:
            wanted[Attribute.LABEL] = key.key_label
        if key.key_id is not None:
            wanted[Attribute.ID] = bytes.fromhex(key.key_id)
        if self._session is None:
            raise TokenError(f"the {self.place.name} is not open")
        if method.mechanism not in self._session.token.slot.get_mechanisms():
            raise TokenKeyError(f"the {self.place.name} does not offer {method.mechanism.name}, which {key.kind} needs")
        found = list(self._session.get_objects(wanted))
        if len(found) != 1:
            what = "holds no key" if not found else "holds several keys"
            raise TokenKeyError(
                f"the {self.place.name} {what} of the label or id that {key.ref} names; "
                f"correct it with: counterseal key remove {key.ref}, then add it again"
            )
        for warning in judge(key, found[0]):
            self._say(warning)
        return found[0]


def judge(key: HsmKey, found: Any) -> list[str]:
    """Judge a key's object by what the token says of it; gives warnings. Raises TokenKeyError."""
    if found[Attribute.KEY_TYPE] not in METHODS[key.kind].key_types:
        raise TokenKeyError(
            f"the token's key for {key.ref} is not of kind {key.kind}; correct the kind, or name another key"
        )
    if not _flag(found, Attribute.SIGN):
        raise TokenKeyError(f"the token's key for {key.ref} may not sign (CKA_SIGN is false); name another key")
    warnings = []
    if _flag(found, Attribute.EXTRACTABLE):
        warnings.append(
            f"WARNING: key {key.ref} can be TAKEN OUT of its token (CKA_EXTRACTABLE is true): the token protects "
            "nothing; make a new key in the token and delete this one at the exchange"
        )
    if not _flag(found, Attribute.SENSITIVE):
        warnings.append(
            f"WARNING: key {key.ref} can be READ in its token (CKA_SENSITIVE is false): the token protects nothing; "
            "make a new key in the token and delete this one at the exchange"
        )
    return warnings


def _flag(found: Any, attribute: Attribute) -> bool:
    try:
        return bool(found[attribute])
    except errors.AttributeTypeInvalid:
        return False
