"""The sealed file of exchange keys."""

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_public_key,
)
from tests.homes import HMAC_SECRET, make_home

from counterseal.adapters import age_box, key_file, signing
from counterseal.adapters.home import HomeError, replace_private
from counterseal.adapters.key_file import StoredKey
from counterseal.core.secret import Secret

HMAC = StoredKey("main", "hmac", "api-key", Secret(HMAC_SECRET), "paper", 1_700_000_000_000)


def test_what_is_written_is_read_back_and_nothing_of_it_stands_in_the_file(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    secret, _ = key_file.new_ed25519()
    pair = StoredKey("pair", "ed25519", None, secret, "testnet", 5, epoch=0, stage="active")

    assert key_file.read(home) == {}
    key_file.write(home, {"main": HMAC, "pair": pair})
    found = key_file.read(home)

    assert list(found) == ["main", "pair"]
    for name, stored in (("main", HMAC), ("pair", pair)):
        read = found[name]
        assert read.secret.reveal() == stored.secret.reveal()
        assert (read.ref, read.kind, read.api_key, read.environment) == (
            stored.ref,
            stored.kind,
            stored.api_key,
            stored.environment,
        )
        assert (read.created_ms, read.epoch, read.stage) == (stored.created_ms, 0, "active")
    assert HMAC_SECRET not in home.exchange_keys.read_bytes()
    assert b"api-key" not in home.exchange_keys.read_bytes()


def test_the_gateways_identity_does_not_open_the_keys(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    key_file.write(home, {"main": HMAC})
    gateway = age_box.identity_secret(home, "gateway")

    with pytest.raises(HomeError, match="cannot be opened"):
        age_box.open_sealed(gateway, home.exchange_keys.read_bytes(), "the file")


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({"format": 2, "keys": []}, "does not know"),
        ({"keys": []}, "damaged"),
        ([], "damaged"),
        ({"format": 1, "keys": [{"ref": "x"}]}, "damaged"),
        ({"format": 1, "keys": 7}, "damaged"),
    ],
)
def test_an_unknown_format_and_damage_are_refused(tmp_path: Path, document: object, sentence: str) -> None:
    home = make_home(tmp_path / "home")
    replace_private(home.exchange_keys, age_box.seal(home, "signer", json.dumps(document).encode()))

    with pytest.raises(HomeError, match=sentence):
        key_file.read(home)


@pytest.mark.parametrize("change", [{"kind": "dsa"}, {"extra": 1}, {"created_ms": "1"}, {"secret": 5}, {"epoch": True}])
def test_an_entry_of_another_shape_is_refused_without_showing_it(tmp_path: Path, change: dict[str, object]) -> None:
    home = make_home(tmp_path / "home")
    key_file.write(home, {"main": HMAC})
    opened = age_box.open_sealed(age_box.identity_secret(home, "signer"), home.exchange_keys.read_bytes(), "x")
    document = json.loads(opened)
    document["keys"][0].update(change)

    with pytest.raises(HomeError) as refused:
        key_file.parse(json.dumps(document).encode(), "the file")

    assert HMAC_SECRET.decode() not in str(refused.value)


def test_one_name_twice_is_refused(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    key_file.write(home, {"a": HMAC, "b": HMAC})

    with pytest.raises(HomeError, match="twice"):
        key_file.read(home)


def test_a_flipped_byte_is_noticed(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    key_file.write(home, {"main": HMAC})
    sealed = bytearray(home.exchange_keys.read_bytes())
    sealed[-1] ^= 1
    replace_private(home.exchange_keys, bytes(sealed))

    with pytest.raises(HomeError, match="cannot be opened"):
        key_file.read(home)


def test_a_pair_made_here_signs_and_its_public_half_verifies() -> None:
    secret, public_pem = key_file.new_ed25519()
    signature = base64.b64decode(signing.sign(signing.load("ed25519", secret), b"payload"))
    public = load_pem_public_key(public_pem)

    assert isinstance(public, ed25519.Ed25519PublicKey)
    public.verify(signature, b"payload")


def test_private_keys_are_checked_before_they_are_sealed() -> None:
    small = rsa.generate_private_key(65537, 1024)
    modern = ed25519.Ed25519PrivateKey.generate()
    plain = [k.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) for k in (small, modern)]
    locked = modern.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"pass"))

    assert key_file.private_pem(plain[1], "ed25519") == plain[1]
    for pem, kind, sentence in [
        (plain[0], "rsa", "1024 bits"),
        (plain[1], "rsa", "not of kind rsa"),
        (locked, "ed25519", "passphrase"),
        (b"nonsense", "rsa", "no private key"),
    ]:
        with pytest.raises(ValueError, match=sentence):
            key_file.private_pem(pem, kind)


@pytest.mark.parametrize("bad", [b"", b"with space", b"tab\t", "ü".encode(), b"x" * 513, b"line\nline"])
def test_tokens_are_visible_ascii(bad: bytes) -> None:
    with pytest.raises(ValueError, match="API key"):
        key_file.token(bad, "API key")


def test_no_repr_shows_a_secret() -> None:
    assert HMAC_SECRET.decode() not in repr(HMAC)
    assert "api-key" not in repr(HMAC)
