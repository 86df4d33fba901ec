"""Signatures against published vectors and against the library's own verification."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from counterseal.adapters.signing import load, sign
from counterseal.core.secret import Secret

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "signing_vectors.json").read_text("utf-8")
)


def _pem(private: Any) -> bytes:
    return bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


@pytest.mark.parametrize("vector", [v for v in VECTORS if v["alg"] == "HMAC-SHA256 hex"], ids=lambda v: v["name"])
def test_hmac_gives_the_published_signature(vector: dict[str, Any]) -> None:
    key = load("hmac", Secret(vector["key"].encode()))

    assert sign(key, vector["payload"].encode()).decode() == vector["expected"]


@pytest.mark.parametrize("vector", [v for v in VECTORS if v["alg"] == "Ed25519 base64"], ids=lambda v: v["name"])
def test_ed25519_gives_the_published_signature(vector: dict[str, Any]) -> None:
    private = load_der_private_key(base64.b64decode(vector["key_pkcs8_der_base64"]), password=None)
    key = load("ed25519", Secret(_pem(private)))

    assert sign(key, vector["payload"].encode()).decode() == vector["expected"]


def test_the_vectors_hold_both_kinds() -> None:
    assert {"HMAC-SHA256 hex", "Ed25519 base64"} <= {vector["alg"] for vector in VECTORS}


def test_rsa_signs_pkcs1_v15_with_sha256() -> None:
    private = rsa.generate_private_key(65537, 2048)
    signature = base64.b64decode(sign(load("rsa", Secret(_pem(private))), b"timestamp=1"), validate=True)

    private.public_key().verify(signature, b"timestamp=1", padding.PKCS1v15(), SHA256())  # raises when it is wrong
    assert len(signature) == 256


@pytest.mark.parametrize(("kind", "material"), [("rsa", "ed25519"), ("ed25519", "rsa"), ("other", "ed25519")])
def test_material_of_another_kind_is_refused(kind: str, material: str) -> None:
    private = ed25519.Ed25519PrivateKey.generate() if material == "ed25519" else rsa.generate_private_key(65537, 2048)

    with pytest.raises(ValueError, match="not of kind"):
        load(kind, Secret(_pem(private)))


def test_the_repr_of_a_key_tells_its_kind_only() -> None:
    assert repr(load("hmac", Secret(b"very-secret"))) == "SigningKey(kind='hmac')"
