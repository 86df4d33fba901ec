"""`counterseal key`: in from pipe, file, prompt; out never."""

import getpass
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from tests.cli.conftest import API_KEY, SECRET, Run, as_json

from counterseal.adapters import control_socket, key_file
from counterseal.adapters.home import Home
from counterseal.cli import material

ADD = ("key", "add", "main", "--kind", "hmac")


def _pem(private: ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey) -> str:
    return private.private_bytes(
        Encoding.PEM,
        PrivateFormat.TraditionalOpenSSL if isinstance(private, rsa.RSAPrivateKey) else PrivateFormat.PKCS8,
        NoEncryption(),
    ).decode()


@pytest.mark.parametrize("given", [as_json(), f"{API_KEY}\n{SECRET}\n", f"\n{API_KEY}\r\n{SECRET}\r\n"])
def test_an_hmac_key_comes_through_a_pipe_and_is_never_shown(run: Run, home: Home, given: str) -> None:
    outcome = run(*ADD, given=given)

    assert outcome.code == 0
    stored = key_file.read(home)["main"]
    assert (stored.api_key, stored.secret.reveal().decode(), stored.environment) == (API_KEY, SECRET, "paper")
    shown = outcome.out + outcome.err + run("key", "list").out
    assert SECRET not in shown
    assert API_KEY not in shown
    assert "nothing is running" in outcome.err


def test_a_key_comes_from_a_file_which_is_said_to_be_removed(run: Run, home: Home, tmp_path: Path) -> None:
    (tmp_path / "key.json").write_text(as_json())

    outcome = run(*ADD, "--file", tmp_path / "key.json")

    assert outcome.code == 0
    assert "remove it" in outcome.err
    assert key_file.read(home)["main"].api_key == API_KEY


def test_a_key_comes_from_a_prompt(run: Run, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([API_KEY, SECRET])
    monkeypatch.setattr(getpass, "getpass", lambda _prompt: next(answers))
    monkeypatch.setattr(material, "_raw", lambda _args: None)

    assert run(*ADD).code == 0
    assert key_file.read(home)["main"].secret.reveal().decode() == SECRET


def test_the_environment_only_with_the_unsafe_option(run: Run, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(material.API_KEY_VARIABLE, API_KEY)
    monkeypatch.setenv(material.SECRET_VARIABLE, SECRET)

    assert run(*ADD).code == 2
    assert run(*ADD, "--unsafe-env").code == 0
    assert key_file.read(home)["main"].api_key == API_KEY


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
@pytest.mark.parametrize("form", ["json", "lines"])
def test_a_private_key_comes_as_pem(run: Run, home: Home, kind: str, form: str) -> None:
    private = ed25519.Ed25519PrivateKey.generate() if kind == "ed25519" else rsa.generate_private_key(65537, 2048)
    pem = _pem(private)
    given = json.dumps({"apiKey": API_KEY, "privateKey": pem}) if form == "json" else f"{API_KEY}\n{pem}"

    outcome = run("key", "add", "main", "--kind", kind, given=given)

    assert outcome.code == 0, outcome.err
    stored = load_pem_private_key(key_file.read(home)["main"].secret.reveal(), password=None)
    assert stored.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) == (
        private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )


@pytest.mark.parametrize(
    "given",
    [
        "",
        API_KEY,
        "{",
        "[]",
        '{"apiKey": 1}',
        f'{{"apiKey": "{API_KEY}"}}',
        f"{API_KEY} x\n{SECRET}",
        f"{API_KEY}\n\u00fc{SECRET}",
        "x" * 70_000,
    ],
)
def test_what_is_no_key_is_refused_without_being_shown(run: Run, home: Home, given: str) -> None:
    outcome = run(*ADD, given=given)

    assert outcome.code == 2
    assert len(outcome.err.splitlines()) == 1
    assert SECRET not in outcome.err
    assert API_KEY not in outcome.err
    assert not key_file.read(home)


def test_a_key_is_not_replaced_and_a_strange_name_refused(run: Run, home: Home) -> None:
    assert run(*ADD, given=as_json()).code == 0
    again = run(*ADD, given=as_json(secret="other" * 8))

    assert (again.code, "exists already" in again.err) == (2, True)
    assert key_file.read(home)["main"].secret.reveal().decode() == SECRET
    assert run("key", "add", "../main", "--kind", "hmac", given=as_json()).code == 2


def test_a_pair_made_here_shows_its_public_half_and_waits_for_its_api_key(run: Run, home: Home) -> None:
    made = run("key", "new", "pair", "--kind", "ed25519")

    assert made.code == 0
    assert made.out.startswith("-----BEGIN PUBLIC KEY-----")
    assert "PRIVATE" not in made.out + made.err
    assert "waits for its API key" in run("key", "list").out

    completed = run("key", "set-api-key", "pair", given=f"{API_KEY}\n")

    assert completed.code == 0
    assert API_KEY not in completed.out + completed.err
    stored = key_file.read(home)["pair"]
    public = load_pem_private_key(stored.secret.reveal(), password=None).public_key()
    assert public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode() == made.out
    assert stored.api_key == API_KEY
    assert "waits for its API key" not in run("key", "list").out


def test_a_removed_key_is_gone_and_an_unknown_one_named(run: Run, home: Home) -> None:
    run(*ADD, given=as_json())

    assert run("key", "remove", "main").code == 0
    assert not key_file.read(home)
    unknown = run("key", "remove", "main")
    assert unknown.code == 2
    assert "none yet" in unknown.err


def test_a_signer_that_serves_is_kept_but_not_with_a_key_that_was_removed(
    run: Run, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was changed may keep the next signer from serving, and bots trade by the present one."""
    asked: list[tuple[str, object]] = []
    monkeypatch.setattr(control_socket, "call", lambda _path, verb, _s, args=None: asked.append((verb, args)))
    kept = ("restart_signer", {"keep": "yes"})
    assert run(*ADD, given=as_json()).code == 0
    assert run("caps", "set", "main", "--max-per-minute", "9").code == 0
    assert run("key", "set-api-key", "main", given="B2c3" * 16).code == 0
    assert run("key", "remove", "main").code == 0
    assert asked == [kept, kept, kept, ("restart_signer", None)]


def test_the_environment_comes_from_the_option_when_the_configuration_has_faults(run: Run, home: Home) -> None:
    home.config.write_text("nonsense")

    assert run(*ADD, given=as_json()).code == 2
    assert run(*ADD, "--environment", "testnet", given=as_json()).code == 0
    assert key_file.read(home)["main"].environment == "testnet"


def test_a_terminal_gets_no_private_key_prompt(run: Run, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(material, "_raw", lambda _args: None)

    outcome = run("key", "add", "main", "--kind", "rsa")

    assert outcome.code == 2
    assert "--file" in outcome.err
