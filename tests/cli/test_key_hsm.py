"""`counterseal key … --hsm`: what is kept is where the key lies; a PIN comes from a file, a terminal or a pipe."""

# ruff: noqa: E402 - what is imported further down exists with the extra only
import base64
import getpass
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_public_key
from tests import tokens
from tests.cli.conftest import API_KEY, SECRET, Run, as_json
from tests.tokens import PIN, SoftHsm

tokens.require()

from counterseal.adapters import hsm_file, key_file, pkcs11_token
from counterseal.adapters.home import Home
from counterseal.adapters.hsm_file import PinSource, TokenPlace
from counterseal.core.secret import Secret


@pytest.fixture(name="place")
def _place(softhsm: SoftHsm) -> TokenPlace:
    return softhsm.token()


@pytest.fixture(name="options")
def _options(softhsm: SoftHsm, place: TokenPlace, tmp_path: Path) -> list[str]:
    tokens.with_pin_file(place, tmp_path / "pin")
    return [*softhsm.options(place), "--pin-file", str(tmp_path / "pin")]


def signature(home: Home, name: str) -> bytes:
    entry = hsm_file.read(home)[name]
    token = pkcs11_token.Token(entry.token, lambda: Secret(PIN.encode()), lambda: 0, print)
    token.open()
    try:
        return token.signing_key(entry).make(b"timestamp=1")
    finally:
        token.close()


def test_a_pair_made_in_the_token(run: Run, home: Home, options: list[str], tmp_path: Path) -> None:
    made = run("key", "new", "main", *options)

    assert made.code == 0, made.err
    assert made.out.startswith("-----BEGIN PUBLIC KEY-----")
    assert "PRIVATE" not in made.out + made.err
    assert "waits for its API key in the token" in run("key", "list").out
    completed = run("key", "set-api-key", "main", given=f"{API_KEY}\n")
    assert completed.code == 0
    assert "active in the token" in run("key", "list").out
    entry = hsm_file.read(home)["main"]
    assert (entry.api_key, entry.kind, entry.environment, entry.key_label) == (API_KEY, "ed25519", "paper", "main")
    assert entry.token.pin == PinSource("file", str(tmp_path / "pin"))
    public = load_pem_public_key(made.out.encode())
    assert isinstance(public, ed25519.Ed25519PublicKey)
    public.verify(base64.b64decode(signature(home, "main")), b"timestamp=1")
    assert not home.exchange_keys.exists()
    shown = made.out + made.err + completed.out + completed.err + run("key", "list").out
    assert PIN not in shown and API_KEY not in shown
    assert PIN not in hsm_file.path_of(home).read_text()


def test_the_pin_of_a_new_pair_comes_through_a_pipe(run: Run, home: Home, softhsm: SoftHsm, place: TokenPlace) -> None:
    made = run("key", "new", "main", *softhsm.options(place), given=f"{PIN}\n")

    assert made.code == 0, made.err
    assert hsm_file.read(home)["main"].token.pin == PinSource("prompt")


def test_a_key_that_lies_in_the_token_is_looked_up_and_noted(
    run: Run, home: Home, options: list[str], place: TokenPlace
) -> None:
    tokens.put(tokens.key(place, "hmac", "desk key"), SECRET.encode())

    added = run("key", "add", "main", "--kind", "hmac", *options, "--key-label", "desk key", given=API_KEY)

    assert added.code == 0, added.err
    assert signature(home, "main")
    assert API_KEY not in added.out + added.err


@pytest.mark.parametrize("kind", ["hmac", "ed25519"])
def test_a_key_is_moved_into_the_token_and_kept_nowhere_else(
    run: Run, home: Home, options: list[str], kind: str
) -> None:
    private = ed25519.Ed25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    given = as_json() if kind == "hmac" else as_json(secret=pem)

    added = run("key", "add", "main", "--kind", kind, *options, "--import", given=given)

    assert added.code == 0, added.err
    assert not home.exchange_keys.exists()
    if kind == "ed25519":
        private.public_key().verify(base64.b64decode(signature(home, "main")), b"timestamp=1")
    for path in home.root.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes()


def test_without_a_terminal_or_pin_file_a_key_is_noted_unseen(
    run: Run, home: Home, softhsm: SoftHsm, place: TokenPlace
) -> None:
    added = run("key", "add", "main", "--kind", "rsa", *softhsm.options(place), "--key-id", "ABCD", given=API_KEY)

    assert added.code == 0, added.err
    assert "was not looked up" in added.err
    assert (hsm_file.read(home)["main"].key_id, hsm_file.read(home)["main"].key_label) == ("abcd", None)


def test_a_pin_from_a_credential_is_noted_by_name(run: Run, home: Home, softhsm: SoftHsm, place: TokenPlace) -> None:
    added = run(
        "key", "add", "main", "--kind", "rsa", *softhsm.options(place), "--pin-credential", "desk-pin", given=API_KEY
    )

    assert added.code == 0
    assert "systemd credential desk-pin" in added.err
    assert hsm_file.read(home)["main"].token.pin == PinSource("credential", "desk-pin")


def test_on_a_terminal_the_pin_is_asked_for(
    run: Run, home: Home, softhsm: SoftHsm, place: TokenPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens.put(tokens.key(place, "hmac"), SECRET.encode())
    answers = {"API": API_KEY, "PIN": PIN}
    monkeypatch.setattr(getpass, "getpass", lambda prompt: answers[prompt[:3]])
    monkeypatch.setattr("tests.cli.conftest._Pipe.isatty", lambda _self: True)

    added = run("key", "add", "main", "--kind", "hmac", *softhsm.options(place))

    assert added.code == 0, added.err
    assert "was not looked up" not in added.err
    assert sys.stdin.isatty()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--module", "/x.so"], "need --hsm"),
        (["--import"], "need --hsm"),
        (["--hsm"], "needs --module PATH and --token"),
        (["--hsm", "--module", "/x.so"], "needs --module PATH and --token"),
        (["--hsm", "--module", "x.so", "--token", "t"], "absolute path"),
        (["--hsm", "--module", "/x.so", "--token", "t", "--key-id", "xyz"], "hex digits"),
        (["--hsm", "--module", "/x.so", "--token", "t", "--module-setting", "LD_PRELOAD=/x"], "loader"),
        (["--hsm", "--module", "/x.so", "--token", "t", "--pin-file", "pin"], "absolute path"),
    ],
)
def test_options_that_do_not_fit(run: Run, home: Home, words: list[str], sentence: str) -> None:
    refused = run("key", "add", "main", "--kind", "hmac", *words, given=as_json())

    assert (refused.code, sentence in refused.err) == (2, True), refused.err
    assert len(refused.err.splitlines()) == 1
    assert hsm_file.read(home) == {} and key_file.read(home) == {}


def test_faults_of_the_token_are_sentences_and_nothing_is_noted(
    run: Run, home: Home, options: list[str], softhsm: SoftHsm, place: TokenPlace, tmp_path: Path
) -> None:
    (tmp_path / "wrong").write_text("wrong pin")
    (tmp_path / "wrong").chmod(0o600)
    add = ("key", "add", "main", "--kind", "hmac")
    cases = [
        ([*options, "--key-label", "none"], "holds no key"),
        ([*softhsm.options(place), "--pin-file", str(tmp_path / "wrong")], "refuses the PIN"),
        ([*options[:2], "/nowhere.so", *options[3:]], "missing or not readable"),
        ([*options[:4], "nobody", *options[5:]], "there is no token nobody"),
    ]
    for words, sentence in cases:
        refused = run(*add, *words, given=API_KEY)
        assert (refused.code, sentence in refused.err) == (1, True), refused.err
        assert len(refused.err.splitlines()) == 1
        assert "wrong pin" not in refused.err
    assert hsm_file.read(home) == {}


def test_a_name_is_used_once_whatever_kind_of_place_it_has(run: Run, home: Home, options: list[str]) -> None:
    assert run("key", "new", "main", *options).code == 0

    assert "exists already" in run("key", "new", "main", *options).err
    assert "exists already" in run("key", "add", "main", "--kind", "hmac", given=as_json()).err
    assert run("key", "add", "sealed", "--kind", "hmac", given=as_json()).code == 0
    assert "exists already" in run("key", "new", "sealed", *options).err


def test_a_removed_entry_leaves_the_key_in_its_token_and_says_so(run: Run, home: Home, options: list[str]) -> None:
    run("key", "new", "main", *options)

    removed = run("key", "remove", "main")

    assert removed.code == 0
    assert "still lies in the token" in removed.err
    assert hsm_file.read(home) == {}
    assert "there is no key of that name" in run("key", "remove", "main").err


def test_all_keys_of_a_token_agree_on_how_it_is_opened(
    run: Run, home: Home, options: list[str], softhsm: SoftHsm, place: TokenPlace
) -> None:
    run("key", "new", "main", *options)

    refused = run("key", "new", "second", *softhsm.options(place), given=f"{PIN}\n")

    assert (refused.code, "another PIN source" in refused.err) == (2, True)
    assert run("key", "new", "second", *options).code == 0
    assert sorted(hsm_file.read(home)) == ["main", "second"]
