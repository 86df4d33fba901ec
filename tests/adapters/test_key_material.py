"""What is taken for a key and what is not: each refusal has its own sentence and never shows the value."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from counterseal.adapters import key_material
from counterseal.core.secret import Secret

SECRET = b"NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
ED25519 = ed25519.Ed25519PrivateKey.generate()
RSA = rsa.generate_private_key(65537, 2048)


def pem(private: object, *, passphrase: bytes | None = None, form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    protection = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return bytes(private.private_bytes(Encoding.PEM, form, protection))  # type: ignore[attr-defined]  # of any kind


def test_the_material_of_each_kind() -> None:
    assert key_material.of("hmac", SECRET) == SECRET
    seed = ED25519.private_bytes_raw()
    assert key_material.of("ed25519", pem(ED25519)) == seed + ED25519.public_key().public_bytes_raw()
    der = RSA.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    assert key_material.of("rsa", pem(RSA)) == der
    assert key_material.of("rsa", pem(RSA, form=PrivateFormat.TraditionalOpenSSL)) == der
    assert key_material.of("rsa", pem(RSA).replace(b"\n", b"\r\n")) == der


@pytest.mark.parametrize(
    ("secret", "sentence"),
    [
        (SECRET + b"\n", "the secret key has a line break in it; it must be one line"),
        (SECRET + b"\r\n", "the secret key has a line break in it; it must be one line"),
        (SECRET[:30] + b"\n" + SECRET[30:], "the secret key has a line break in it; it must be one line"),
        (b"\xef\xbb\xbf" + SECRET, "the secret key begins with a byte order mark; save it as plain text without one"),
        (SECRET.decode().encode("utf-16"), "the secret key begins with a byte order mark"),
        (b"\xfe\xff" + SECRET.decode().encode("utf-16-be"), "the secret key begins with a byte order mark"),
        (SECRET + b" ", "the secret key must be 1 to 512 visible ASCII characters without spaces"),
        (b"\xc2\xa0" + SECRET, "the secret key must be 1 to 512 visible ASCII characters without spaces"),
        (b"", "the secret key must be 1 to 512 visible ASCII characters without spaces"),
        (b"x" * 513, "the secret key must be 1 to 512 visible ASCII characters without spaces"),
    ],
)
def test_a_secret_that_was_copied_wrongly_is_told(secret: bytes, sentence: str) -> None:
    with pytest.raises(ValueError) as refused:
        key_material.of("hmac", secret)
    assert sentence in str(refused.value)
    assert SECRET[:16].decode() not in str(refused.value)


@pytest.mark.parametrize(
    ("given", "kind", "sentence"),
    [
        (pem(ED25519), "rsa", "the private key is not of kind rsa, it is Ed25519"),
        (pem(RSA), "ed25519", "the private key is not of kind ed25519, it is RSA"),
        (pem(ec.generate_private_key(ec.SECP256K1())), "ed25519", "not of kind ed25519, it is EC"),
        (pem(x25519.X25519PrivateKey.generate()), "ed25519", "not of kind ed25519, it is X25519"),
        (pem(ed448.Ed448PrivateKey.generate()), "ed25519", "not of kind ed25519, it is Ed448"),
        (pem(dsa.generate_private_key(1024)), "rsa", "not of kind rsa, it is DSA"),
        (pem(rsa.generate_private_key(65537, 1024)), "rsa", "the RSA key has 1024 bits"),
        (pem(ED25519, passphrase=b"word"), "ed25519", "has a passphrase; remove it first"),
        (
            ED25519.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            "ed25519",
            "is a public key",
        ),
        (b"\xef\xbb\xbf" + pem(ED25519), "ed25519", "the private key begins with a byte order mark"),
        (pem(ED25519)[:-30], "ed25519", "this is no private key in PEM form"),
        (pem(ED25519).replace(b"MC4C", b"MC4D"), "ed25519", "this is no private key in PEM form"),
        (b"", "rsa", "this is no private key in PEM form"),
        (base64.b64encode(ED25519.private_bytes_raw()), "ed25519", "this is no private key in PEM form"),
    ],
)
def test_a_private_key_that_does_not_fit_is_told(given: bytes, kind: str, sentence: str) -> None:
    for take in (key_material.of, lambda kind, text: key_material.private_pem(text, kind)):
        with pytest.raises(ValueError) as refused:
            take(kind, given)
        assert sentence in str(refused.value)


def test_what_is_held_signs_where_it_lies() -> None:
    """The place that is given is the place that is used: another key put there signs from then on."""
    from counterseal.adapters import signing

    for kind, first, second in (
        ("hmac", SECRET, SECRET[::-1]),
        ("ed25519", pem(ED25519), pem(ed25519.Ed25519PrivateKey.generate())),
        ("rsa", pem(RSA), pem(RSA)),
    ):
        place = bytearray(key_material.of(kind, first))
        key = signing.hold(kind, memoryview(place))
        assert signing.sign(key, b"x") == signing.sign(signing.load(kind, Secret(first)), b"x")
        place[:] = key_material.of(kind, second)
        assert signing.sign(key, b"x") == signing.sign(signing.load(kind, Secret(second)), b"x")


@pytest.mark.parametrize(("kind", "size"), [("hmac", 0), ("ed25519", 63), ("ed25519", 0), ("rsa", 100), ("other", 64)])
def test_material_of_a_wrong_shape_is_refused(kind: str, size: int) -> None:
    from counterseal.adapters import signing

    with pytest.raises(ValueError):
        signing.hold(kind, memoryview(bytearray(size)))
