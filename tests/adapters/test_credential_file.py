"""Virtual credentials on disk."""

import json
from dataclasses import fields, replace
from ipaddress import ip_network
from pathlib import Path

import pytest
from tests.homes import make_home

from counterseal.adapters import age_box, credential_file
from counterseal.adapters.home import Home, HomeError, create_private
from counterseal.core.config.model import HourRange
from counterseal.core.credential import Credential, CredentialKind
from counterseal.core.secret import Secret

SECRET = "s" * 64
HMAC = Credential(
    key_id="k" * 64,
    bot="alpha",
    kind=CredentialKind.HMAC,
    secret=Secret(SECRET.encode()),
    public_key=None,
    created_ms=1,
    expires_ms=2,
    sources=(ip_network("10.0.0.0/8"), ip_network("::1")),
    hours=(HourRange(480, 1080, frozenset(range(5))), HourRange(1320, 120, frozenset(range(7)))),
)
ED25519 = Credential("e" * 64, "beta", CredentialKind.ED25519, None, b"-----BEGIN PUBLIC KEY-----\n", 1)


def test_what_is_saved_is_loaded_and_neither_key_id_nor_secret_stands_on_disk(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    fingerprints = [credential_file.save(home, credential) for credential in (HMAC, ED25519)]

    loaded = credential_file.load_all(home)

    assert not loaded.faults
    assert sorted(loaded.by_fingerprint) == sorted(fingerprints)
    for saved in (HMAC, ED25519):
        found = loaded.by_key_id[saved.key_id]
        for field in fields(Credential):
            if field.name != "secret":
                assert getattr(found, field.name) == getattr(saved, field.name)
    secret = loaded.by_key_id[HMAC.key_id].secret
    assert secret is not None
    assert secret.reveal() == SECRET.encode()
    on_disk = b"".join(path.read_bytes() + path.name.encode() for path in home.bots.iterdir())
    assert SECRET.encode() not in on_disk
    assert HMAC.key_id.encode() not in on_disk


def test_a_fingerprint_is_stable_and_differs_between_installations(tmp_path: Path) -> None:
    one, other = make_home(tmp_path / "one"), make_home(tmp_path / "other")

    assert credential_file.fingerprinter(one)("key") == credential_file.fingerprinter(one)("key")
    assert credential_file.fingerprinter(one)("key") != credential_file.fingerprinter(other)("key")


def test_what_listen_keys_are_made_with_is_the_installations_own(tmp_path: Path) -> None:
    one, other = [credential_file.listen_key_secret(make_home(tmp_path / name)).reveal() for name in ("one", "other")]

    assert credential_file.listen_key_secret(Home(tmp_path / "one")).reveal() == one
    assert one != other
    assert len(one) == 32


def test_an_unreadable_file_is_named_and_the_others_still_load(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    good = credential_file.save(home, HMAC)
    bad = credential_file.save(home, ED25519)
    credential_file.path_of(home, bad).write_bytes(b"garbage")

    loaded = credential_file.load_all(home)

    assert list(loaded.by_fingerprint) == [good]
    assert list(loaded.faults) == [bad]
    assert "cannot be opened" in loaded.faults[bad]


def test_a_copy_under_another_name_does_not_survive_revocation(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    fingerprint = credential_file.save(home, HMAC)
    create_private(home.bots / "0000000000000000.age", credential_file.path_of(home, fingerprint).read_bytes())
    credential_file.remove(home, fingerprint)

    loaded = credential_file.load_all(home)

    assert not loaded.by_key_id
    assert "copy" in loaded.faults["0000000000000000"]


def test_the_signers_identity_does_not_open_a_credential(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    path = credential_file.path_of(home, credential_file.save(home, HMAC))

    with pytest.raises(HomeError, match="cannot be opened"):
        age_box.open_sealed(age_box.identity_secret(home, "signer"), path.read_bytes(), "it")


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"kind": "dsa"},
        {"secret": None},
        {"public_key": "x"},
        {"expires_ms": "tomorrow"},
        {"sources": ["10.0.0.1/8"]},
        {"hours": ["late"]},
        {"bot": ""},
        {"extra": 1},
    ],
)
def test_a_document_of_another_shape_is_a_fault_that_shows_no_value(tmp_path: Path, change: dict[str, object]) -> None:
    home = make_home(tmp_path / "home")
    path = credential_file.path_of(home, credential_file.save(home, HMAC))
    document = json.loads(age_box.open_sealed(age_box.identity_secret(home, "gateway"), path.read_bytes(), "it"))
    path.write_bytes(age_box.seal(home, "gateway", json.dumps(document | change).encode()))

    loaded = credential_file.load_all(home)

    assert not loaded.by_key_id
    assert SECRET not in str(loaded.faults)
    assert HMAC.key_id not in str(loaded.faults)


def test_the_same_credential_is_not_saved_twice(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    credential_file.save(home, HMAC)

    with pytest.raises(HomeError, match="not overwritten"):
        credential_file.save(home, replace(HMAC, bot="other"))


def test_no_repr_shows_a_secret(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    credential_file.save(home, HMAC)
    shown = repr(credential_file.load_all(home)) + repr(HMAC)

    assert SECRET not in shown
    assert HMAC.key_id not in shown
