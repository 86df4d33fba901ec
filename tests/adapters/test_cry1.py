"""CRY-1: published vectors of signatures against our verifier, and against our signer where they allow it."""

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from counterseal.adapters import signing
from counterseal.adapters.signatures import SignatureVerifier
from counterseal.core.credential import Credential, CredentialKind
from counterseal.core.secret import Secret

CORPORA = os.environ.get("COUNTERSEAL_CORPORA")
WYCHEPROOF = Path(CORPORA or "") / "wycheproof"
CCTV = Path(CORPORA or "") / "cctv" / "ed25519vectors.json"
needs_wycheproof = pytest.mark.skipif(
    CORPORA is None or not WYCHEPROOF.is_dir(), reason="COUNTERSEAL_CORPORA names no folder with wycheproof in it"
)
needs_cctv = pytest.mark.skipif(
    CORPORA is None or not CCTV.is_file(),
    reason="COUNTERSEAL_CORPORA has no cctv/ed25519vectors.json (C2SP/CCTV, folder ed25519)",
)
VERIFY = SignatureVerifier().verify
Case = tuple[dict[str, Any], dict[str, Any]]


def wycheproof(name: str) -> list[Case]:
    """(group, test) of one file."""
    groups = json.loads((WYCHEPROOF / name).read_text(encoding="utf-8"))["testGroups"]
    return [(group, test) for group in groups for test in group["tests"]]


def credential(kind: CredentialKind, *, secret: bytes | None = None, pem: bytes | None = None) -> Credential:
    return Credential("key", "bot", kind, Secret(secret) if secret is not None else None, pem, 1)


def b64(signature: str) -> str:
    return base64.b64encode(bytes.fromhex(signature)).decode()


def mismatches(name: str, kind: CredentialKind) -> Iterator[tuple[int, str]]:
    """Vectors of public-key signatures on which our verifier is of another opinion."""
    for group, test in wycheproof(name):
        held = credential(kind, pem=group["publicKeyPem"].encode())
        if VERIFY(held, bytes.fromhex(test["msg"]), b64(test["sig"])) != (test["result"] == "valid"):
            yield test["tcId"], test["result"]


@needs_wycheproof
def test_hmac_vectors() -> None:
    """The verifier wants whole tags: a truncated one is never right. The signer gives what the vectors say."""
    cases = wycheproof("hmac_sha256_test.json")
    wrong = []
    for group, test in cases:
        key, message = bytes.fromhex(test["key"]), bytes.fromhex(test["msg"])
        accepted = VERIFY(credential(CredentialKind.HMAC, secret=key), message, test["tag"])
        ours = signing.sign(signing.hold("hmac", memoryview(bytearray(key))), message).decode()
        is_right = ours[: group["tagSize"] // 4] == test["tag"]
        expected = test["result"] == "valid"
        if accepted != (expected and group["tagSize"] == 256) or is_right != expected:
            wrong.append(test["tcId"])
    assert (len(cases), wrong) == (174, [])


@needs_wycheproof
def test_ed25519_vectors() -> None:
    assert len(wycheproof("ed25519_test.json")) == 151
    assert list(mismatches("ed25519_test.json", CredentialKind.ED25519)) == []


@needs_wycheproof
@pytest.mark.parametrize(("bits", "count"), [(2048, 259), (4096, 258)])
def test_rsa_vectors(bits: int, count: int) -> None:
    """What may be accepted or not (an algorithm identifier without its NULL) is refused."""
    name = f"rsa_signature_{bits}_sha256_test.json"
    assert len(wycheproof(name)) == count
    assert list(mismatches(name, CredentialKind.RSA)) == []


@needs_wycheproof
@pytest.mark.parametrize("name", ["ed25519_test.json", "rsa_signature_2048_sha256_test.json"])
def test_a_valid_vector_is_invalid_for_any_other_message(name: str) -> None:
    """The test of the test: the verifier does not accept everything."""
    kind = CredentialKind.ED25519 if name.startswith("ed") else CredentialKind.RSA
    valid = [(group, test) for group, test in wycheproof(name) if test["result"] == "valid"]
    for group, test in valid:
        held = credential(kind, pem=group["publicKeyPem"].encode())
        assert not VERIFY(held, bytes.fromhex(test["msg"]) + b"x", b64(test["sig"]))
    assert valid


@needs_wycheproof
@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_our_signatures_of_the_vectors_messages_are_those_of_an_independent_signer(kind: str) -> None:
    """The files hold no private keys: a fresh one signs their messages, here and in the library, byte for byte."""
    name = "ed25519_test.json" if kind == "ed25519" else "rsa_signature_2048_sha256_test.json"
    private: PrivateKeyTypes = (
        ed25519.Ed25519PrivateKey.generate() if kind == "ed25519" else rsa.generate_private_key(65537, 2048)
    )
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    key, held = signing.load(kind, Secret(pem)), credential(CredentialKind(kind), pem=public)
    messages = {bytes.fromhex(test["msg"]) for _, test in wycheproof(name)}
    for message in messages:
        ours = signing.sign(key, message)
        assert base64.b64decode(ours, validate=True) == _theirs(private, message)
        assert VERIFY(held, message, ours.decode())
    assert len(messages) > 5


def _theirs(private: PrivateKeyTypes, message: bytes) -> bytes:
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return private.sign(message)
    assert isinstance(private, rsa.RSAPrivateKey)
    return private.sign(message, padding.PKCS1v15(), SHA256())


@needs_cctv
def test_edge_cases_of_the_curve() -> None:
    """As RFC 8032 is implemented most widely: no non-canonical R, no residue of low order, everything else passes."""
    vectors = json.loads(CCTV.read_text(encoding="utf-8"))
    wrong = []
    for vector in vectors:
        key = ed25519.Ed25519PublicKey.from_public_bytes(bytes.fromhex(vector["key"]))
        pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        held = credential(CredentialKind.ED25519, pem=pem)
        expected = not {"non_canonical_R", "low_order_residue"} & set(vector["flags"] or ())
        if VERIFY(held, vector["msg"].encode(), b64(vector["sig"])) != expected:
            wrong.append(vector["number"])
    assert (len(vectors), wrong) == (914, [])
