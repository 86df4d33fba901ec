"""Making a pair inside a token and moving a key into one: always sensitive, never extractable, tried before it counts.

Only the operator's commands use this; the signer opens its sessions for reading.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pkcs11
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from pkcs11 import exceptions as errors
from pkcs11.constants import Attribute, ObjectClass
from pkcs11.mechanisms import KeyType, Mechanism
from pkcs11.util.rsa import decode_rsa_private_key

from counterseal.adapters import pkcs11_module, signing
from counterseal.adapters.hsm_file import HsmKey, TokenPlace
from counterseal.adapters.pkcs11_module import TokenError, kind_of
from counterseal.adapters.pkcs11_token import METHODS
from counterseal.core.secret import Secret

# The curve as PKCS #11 writes it (a printable string), and as an OID: tokens know one, the other, or both.
ED25519_PARAMETERS = (b"\x13\x0cedwards25519", b"\x06\x03\x2b\x65\x70")
TRIAL = b"counterseal tries this key; no exchange would take this for a request"
_POINT_HEAD = b"\x04\x20"
_LOCKED = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False, Attribute.PRIVATE: True}


@contextmanager
def session(place: TokenPlace, pin: Secret) -> Iterator[pkcs11.Session]:
    """Give a session that may write. Raises TokenError, also for what the token refuses inside."""
    token = pkcs11_module.find(pkcs11_module.load(place), place)
    opened = pkcs11_module.log_in(token, place, pin, rw=True)
    try:
        yield opened
    except errors.PKCS11Error as fault:
        raise TokenError(f"the {place.name} refuses that ({kind_of(fault)})") from None
    finally:
        pkcs11_module.close(opened)


def make_ed25519(opened: pkcs11.Session, key: HsmKey) -> bytes:
    """Make a pair in the token under the label and id of `key`; gives the public half as PEM.

    Raises TokenError when the name is taken, or the token cannot make such a pair or does not sign with it.
    """
    label, identifier = _free_name(opened, key)
    public, private = _pair(opened, key, label, identifier)
    try:
        half = ed25519.Ed25519PublicKey.from_public_bytes(_point(public[Attribute.EC_POINT]))
        half.verify(private.sign(TRIAL, mechanism=Mechanism.EDDSA), TRIAL)
        _must_be_locked(private, key)
    except (InvalidSignature, ValueError, TokenError, errors.PKCS11Error) as fault:
        _destroy(public, private)
        raise (
            fault
            if isinstance(fault, TokenError)
            else TokenError(
                f"the {key.token.name} made a pair and does not sign with it as Ed25519 does ({kind_of(fault)}); it is "
                "removed again"
            )
        ) from None
    return half.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def put(opened: pkcs11.Session, key: HsmKey, secret: Secret) -> None:
    """Move a key into the token under the label and id of `key`: HMAC's secret, or an unencrypted PEM.

    Raises TokenError when the name is taken, the token does not take the key, or signs otherwise than it must.
    """
    label, identifier = _free_name(opened, key)
    method = METHODS[key.kind]
    found = opened.create_object(
        {**_material(key.kind, secret), **_LOCKED, Attribute.TOKEN: True, Attribute.SIGN: True,
         Attribute.LABEL: label, Attribute.ID: identifier}
    )  # fmt: skip
    try:
        # All three kinds are deterministic, so the token's signature must be the one that is made here.
        made = method.encode(found.sign(TRIAL, mechanism=method.mechanism))  # type: ignore[attr-defined]  # a key signs
        right = made == signing.sign(signing.load(key.kind, secret), TRIAL)
        _must_be_locked(found, key)
    except (TokenError, errors.PKCS11Error):
        _destroy(found)
        raise
    if not right:
        _destroy(found)
        raise TokenError(f"the {key.token.name} signs otherwise than the key does; the key is removed again")


def _pair(opened: pkcs11.Session, key: HsmKey, label: str, identifier: bytes) -> tuple[Any, Any]:
    fault: BaseException = ValueError()
    for parameters in ED25519_PARAMETERS:
        curve = opened.create_domain_parameters(KeyType.EC_EDWARDS, {Attribute.EC_PARAMS: parameters}, local=True)
        try:
            return curve.generate_keypair(
                mechanism=Mechanism.EC_EDWARDS_KEY_PAIR_GEN, store=True, label=label, id=identifier,
                private_template={**_LOCKED, Attribute.SIGN: True},
            )  # fmt: skip
        except errors.PKCS11Error as refused:
            fault = refused
    raise TokenError(f"the {key.token.name} cannot make an Ed25519 pair ({kind_of(fault)})") from None


def _free_name(opened: pkcs11.Session, key: HsmKey) -> tuple[str, bytes]:
    if key.key_label is None or key.key_id is None:
        raise TokenError("a key that is made in a token needs a label and an id")
    for wanted in ({Attribute.LABEL: key.key_label}, {Attribute.ID: bytes.fromhex(key.key_id)}):
        if any(True for _ in opened.get_objects(wanted)):
            raise TokenError(f"the {key.token.name} has an object of that label or id already; choose another")
    return key.key_label, bytes.fromhex(key.key_id)


def _material(kind: str, secret: Secret) -> dict[Attribute, Any]:
    if kind == "hmac":
        return {
            Attribute.CLASS: ObjectClass.SECRET_KEY,
            Attribute.KEY_TYPE: KeyType.GENERIC_SECRET,
            Attribute.VALUE: secret.reveal(),
        }
    private = load_pem_private_key(secret.reveal(), password=None)
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return {
            Attribute.CLASS: ObjectClass.PRIVATE_KEY,
            Attribute.KEY_TYPE: KeyType.EC_EDWARDS,
            Attribute.EC_PARAMS: ED25519_PARAMETERS[0],
            Attribute.VALUE: private.private_bytes_raw(),
        }
    if isinstance(private, rsa.RSAPrivateKey):
        der = private.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        return {**decode_rsa_private_key(der), Attribute.DECRYPT: False, Attribute.UNWRAP: False}
    raise TokenError("the private key is not of the kind that was named")


def _must_be_locked(found: Any, key: HsmKey) -> None:
    if found[Attribute.EXTRACTABLE] or not found[Attribute.SENSITIVE]:
        raise TokenError(f"the {key.token.name} would give the key away again; it is not left there")


def _point(encoded: bytes) -> bytes:
    """Some tokens give the point as an octet string, some bare."""
    return encoded[2:] if len(encoded) == 34 and encoded.startswith(_POINT_HEAD) else encoded


def _destroy(*found: Any) -> None:
    for each in found:
        try:
            each.destroy()
        except errors.PKCS11Error:
            continue
