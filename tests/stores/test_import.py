"""`counterseal key import`: keys that lie in a store in the clear are sealed there, and nothing bad is."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyrage
import pytest
from tests.homes import HMAC_SECRET
from tests.stores import services
from tests.stores.conftest import ACCESS_KEY, aws_settings, settle, vault_settings
from tests.stores.services import MOUNT, OpenBao

from counterseal.adapters import age_box, key_file, key_source, seal_recipients
from counterseal.adapters.home import Home
from counterseal.cli.main import main

API_KEY, SECRET = "A1b2" * 16, HMAC_SECRET.decode()
PAPER = '[venue]\nenvironment = "paper"\naddress = "127.0.0.1:9443"\nca_file = "ca.pem"\n[keys.main]\n'
IMPORT = ("key", "import", "main", "--kind", "hmac")


@dataclass
class Place:
    """A home, the library's client of its store, and what the command line says."""

    home: Home
    put: Callable[[dict[str, Any]], None]
    held: Callable[[], bytes]
    earlier: Callable[[], str]
    capsys: pytest.CaptureFixture[str]

    def run(self, *argv: str) -> tuple[int, str]:
        key_source._stores.clear()
        self.capsys.readouterr()
        code = main([*argv, "--home", str(self.home.root)])
        printed = self.capsys.readouterr()
        assert SECRET not in printed.out + printed.err and "BEGIN PRIVATE" not in printed.out + printed.err
        return code, printed.out + printed.err


def _vault(bao: OpenBao, home: Home, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any, Any]:
    name, kv = services.some_name(), bao.client().secrets.kv.v2
    settle(home, PAPER + vault_settings(bao, path=name, timeout_s=5))
    (home.root / "token").write_text(bao.root_token)
    (home.root / "token").chmod(0o600)
    monkeypatch.setenv(key_source.OPERATOR_VARIABLE, str(home.root / "token"))

    def read(version: int | None = None) -> Any:
        found = kv.read_secret_version(name, version, mount_point=MOUNT, raise_on_deleted_version=False)
        return found["data"]["data"]

    return (
        lambda data: kv.create_or_update_secret(name, data, mount_point=MOUNT),
        lambda: read()["age"].encode(),
        lambda: json.dumps(read(1)),
    )


def _aws(url: str, home: Home) -> tuple[Any, Any, Any]:
    name, client = services.some_name(), services.secrets_manager(url)
    client.create_secret(Name=name)
    settle(home, PAPER + aws_settings(url, name), ACCESS_KEY, "access-key")

    def read(stage: str) -> Any:
        return client.get_secret_value(SecretId=name, VersionStage=stage)

    return (
        lambda data: client.put_secret_value(
            SecretId=name, SecretString=json.dumps(data), VersionStages=["AWSCURRENT"]
        ),
        lambda: read("AWSCURRENT")["SecretBinary"],
        lambda: read("AWSPREVIOUS")["SecretString"],
    )


@pytest.fixture(name="place", params=["openbao", "ministack"])
def _place(
    request: pytest.FixtureRequest, home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Place:
    if request.param == "openbao":
        return Place(home, *_vault(request.getfixturevalue("bao"), home, monkeypatch), capsys)
    return Place(home, *_aws(request.getfixturevalue("ministack"), home), capsys)


@pytest.mark.slow
def test_one_key_in_the_clear_is_sealed_in_its_place(place: Place) -> None:
    place.put({"apiKey": API_KEY, "secretKey": SECRET})
    assert "seal them with: counterseal key import" in place.run("key", "list")[1]

    code, told = place.run(*IMPORT)

    assert code == 0 and "sealed: main" in told and "in the history of" in told
    assert SECRET.encode() not in place.held() and SECRET in place.earlier()
    key_source._stores.clear()
    found = key_file.read(place.home)["main"]
    assert (found.api_key, found.secret.reveal().decode(), found.environment) == (API_KEY, SECRET, "paper")
    code, told = place.run(*IMPORT)
    assert code == 2 and "sealed keys already" in told


@pytest.mark.slow
def test_a_whole_document_is_sealed(place: Place, tmp_path: Path) -> None:
    secret, _ = key_file.new_ed25519()
    keys = {
        "main": key_file.StoredKey("main", "hmac", API_KEY, key_file.Secret(HMAC_SECRET), "paper", 1),
        "pair": key_file.StoredKey("pair", "ed25519", None, secret, "paper", 1),
    }
    place.put({"format": 1, "keys": [key_file._entry(key) for key in keys.values()]})

    code, told = place.run("key", "import")
    assert code == 0, told
    key_source._stores.clear()
    assert list(key_file.read(place.home)) == ["main", "pair"]


@pytest.mark.slow
def test_what_the_signer_could_not_use_is_not_sealed(place: Place) -> None:
    """Each with its own sentence; the store stays as it is."""
    pem = key_file.new_ed25519()[0].reveal().decode()
    one = {"apiKey": API_KEY, "secretKey": SECRET}
    entry = {"ref": "main", "kind": "hmac", "api_key": API_KEY, "secret": SECRET, "environment": "production",
             "created_ms": 1, "epoch": 0, "stage": "active"}  # fmt: skip
    hmac, ed25519 = IMPORT, (*IMPORT[:3], "--kind", "ed25519")
    cases: list[tuple[dict[str, Any], tuple[str, ...], str]] = [
        ({**one, "secretKey": SECRET[:20] + "\n" + SECRET[20:]}, hmac, "the secret key has a line break in it"),
        ({**one, "secretKey": "\ufeff" + SECRET}, hmac, "begins with a byte order mark"),
        ({**one, "secretKey": SECRET + " "}, hmac, "visible ASCII characters without spaces"),
        ({**one, "apiKey": ""}, hmac, "the API key must be 1 to 512 visible ASCII"),
        ({"apiKey": API_KEY}, hmac, "privateKey is missing or no text"),
        ({"apiKey": API_KEY, "privateKey": pem[:80]}, ed25519, "this is no private key in PEM form"),
        ({"apiKey": API_KEY, "privateKey": "\ufeff" + pem}, ed25519, "begins with a byte order mark"),
        ({"apiKey": API_KEY, "privateKey": pem}, (*IMPORT[:3], "--kind", "rsa"), "not of kind rsa, it is Ed25519"),
        (one, ("key", "import"), "say what it is: counterseal key import NAME --kind hmac"),
        (one, ("key", "import", "Main", "--kind", "hmac"), "a key's name is 1 to 32 of"),
        (one, (*hmac, "--environment", "production"), "is of the environment production, and [venue] is paper"),
        ({"format": 1, "keys": [entry]}, ("key", "import"), "is of the environment production"),
        ({"format": 1, "keys": [{**entry, "kind": "dsa"}]}, ("key", "import"), "no document of keys that can be read"),
    ]
    for data, argv, sentence in cases:
        place.put(data)
        code, told = place.run(*argv)
        assert code == 2 and sentence in told, (sentence, told)
        assert told.count("\n") <= 2
    with pytest.raises(KeyError):
        place.held()


def test_a_file_has_nothing_to_import(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    settle(home, PAPER)
    assert main([*IMPORT, "--home", str(home.root)]) == 2
    assert "counterseal key add" in capsys.readouterr().err
    assert age_box.is_locked(home) is False


@pytest.mark.slow
def test_keys_are_added_and_removed_through_the_store(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The verbs that know nothing of stores."""
    text = json.dumps({"apiKey": API_KEY, "secretKey": SECRET})
    (place.home.root / "given").write_text(text)
    given = ("--file", str(place.home.root / "given"))
    assert place.run("key", "add", "main", "--kind", "hmac", *given)[0] == 0
    assert place.run("key", "add", "other", "--kind", "hmac", *given)[0] == 0
    assert place.run("key", "remove", "main")[0] == 0
    key_source._stores.clear()
    assert list(key_file.read(place.home)) == ["other"]
    assert age_box.open_sealed(
        age_box.identity_secret(place.home, "signer"), place.home.exchange_keys.read_bytes(), "the copy"
    )


@pytest.mark.slow
def test_recovery_recipients_are_added_in_the_store_too(place: Place) -> None:
    """What lies there opens with the recovery identity; the copy here is not what counts."""
    recovery = pyrage.x25519.Identity.generate()
    (place.home.root / "given").write_text(json.dumps({"apiKey": API_KEY, "secretKey": SECRET}))
    assert place.run("key", "add", "main", "--kind", "hmac", "--file", str(place.home.root / "given"))[0] == 0
    before = place.held()

    identity = age_box.identity_secret(place.home, "signer")
    key_source._stores.clear()
    assert seal_recipients.add(place.home, identity, str(recovery.to_public())) == 1

    assert place.held() != before
    key_source._stores.clear()
    held = key_source.of(place.home).read()
    assert held is not None and SECRET.encode() in pyrage.decrypt(held, [recovery])
    assert list(key_file.read(place.home)) == ["main"]
