"""Published vectors, generated pairs, and what must not verify."""

import base64

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from counterseal.paper.signature import is_valid, load_public

# the sample of the exchange's public REST documentation
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
PAYLOAD = (
    b"symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
)
SIGNATURE = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"


def pem_of(key: object) -> str:
    public = key.public_key()  # type: ignore[attr-defined]
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    return str(public.public_bytes(serialization.Encoding.PEM, spki).decode())


@pytest.mark.parametrize("signature", [SIGNATURE, SIGNATURE.upper()])
def test_hmac_verifies_the_published_vector_in_either_case(signature: str) -> None:
    assert is_valid("hmac", SECRET, PAYLOAD, signature)


@pytest.mark.parametrize("signature", ["", "0" * 64, SIGNATURE[:-1], SIGNATURE + "0", "ü" * 64])
def test_hmac_refuses_anything_else(signature: str) -> None:
    assert not is_valid("hmac", SECRET, PAYLOAD, signature)


def test_hmac_covers_every_byte_and_their_order() -> None:
    swapped = PAYLOAD.replace(b"symbol=LTCBTC&side=BUY", b"side=BUY&symbol=LTCBTC")
    assert not is_valid("hmac", SECRET, swapped, SIGNATURE)


def test_ed25519_verifies_its_own_and_no_other() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    good = base64.b64encode(key.sign(PAYLOAD)).decode()
    assert is_valid("ed25519", pem_of(key), PAYLOAD, good)
    assert not is_valid("ed25519", pem_of(key), PAYLOAD + b" ", good)
    assert not is_valid("ed25519", pem_of(ed25519.Ed25519PrivateKey.generate()), PAYLOAD, good)
    assert not is_valid("ed25519", pem_of(key), PAYLOAD, "not base64!")


def test_rsa_is_pkcs1_v15_and_not_pss() -> None:
    key = rsa.generate_private_key(65537, 2048)
    good = key.sign(PAYLOAD, padding.PKCS1v15(), hashes.SHA256())
    pss = key.sign(PAYLOAD, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    assert is_valid("rsa", pem_of(key), PAYLOAD, base64.b64encode(good).decode())
    assert not is_valid("rsa", pem_of(key), PAYLOAD, base64.b64encode(pss).decode())


def test_keys_of_other_kinds_or_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="neither"):
        load_public(pem_of(rsa.generate_private_key(65537, 1024)))
    with pytest.raises(ValueError, match="neither"):
        load_public(pem_of(ec.generate_private_key(ec.SECP256R1())))
