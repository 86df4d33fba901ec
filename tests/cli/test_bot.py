"""`counterseal bot`: mint, list, revoke."""

import json
import re
import stat
from ipaddress import ip_network
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from tests.cli.conftest import Run

from counterseal.adapters import credential_file
from counterseal.adapters.home import Home
from counterseal.core.config.model import HourRange

MINT = ("bot", "mint", "first")
DAY_MS = 86_400_000


def _public(path: Path, kind: str) -> Path:
    private = ed25519.Ed25519PrivateKey.generate() if kind == "ed25519" else rsa.generate_private_key(65537, 2048)
    path.write_bytes(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return path


def test_an_hmac_credential_has_the_exchanges_shape_and_is_printed_once(run: Run, home: Home) -> None:
    minted = run(*MINT)

    assert minted.code == 0
    shown = json.loads(minted.out)
    assert list(shown) == ["apiKey", "secretKey"]
    assert all(re.fullmatch("[A-Za-z0-9]{64}", value) for value in shown.values())
    credential = credential_file.load_all(home).by_key_id[shown["apiKey"]]
    assert credential.secret is not None
    assert credential.secret.reveal().decode() == shown["secretKey"]
    assert (credential.bot, credential.expires_ms, credential.sources, credential.hours) == ("first", None, (), ())
    listed = run("bot", "list")
    for value in shown.values():
        assert value not in minted.err + listed.out + listed.err
    assert "nothing is running" in minted.err


def test_a_credential_can_go_to_a_new_private_file(run: Run, home: Home, tmp_path: Path) -> None:
    minted = run(*MINT, "--out", tmp_path / "key.json")

    assert (minted.code, minted.out) == (0, "")
    assert stat.S_IMODE((tmp_path / "key.json").stat().st_mode) == 0o600
    assert json.loads((tmp_path / "key.json").read_text())["apiKey"] in credential_file.load_all(home).by_key_id
    assert run(*MINT, "--out", tmp_path / "key.json").code == 2
    assert run(*MINT, "--out", tmp_path / "missing" / "key.json").code == 1
    assert len(credential_file.load_all(home).by_key_id) == 1


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_for_rsa_and_ed25519_we_hold_no_secret(run: Run, home: Home, tmp_path: Path, kind: str) -> None:
    public = _public(tmp_path / "public.pem", kind)

    minted = run(*MINT, "--kind", kind, "--public-key", public)

    assert minted.code == 0
    shown = json.loads(minted.out)
    assert list(shown) == ["apiKey"]
    assert re.fullmatch("[A-Za-z0-9]{64}", shown["apiKey"])
    credential = credential_file.load_all(home).by_key_id[shown["apiKey"]]
    assert credential.secret is None
    assert credential.public_key == public.read_bytes()


def test_bounds_are_kept_with_the_credential(run: Run, home: Home) -> None:
    bounds = ("--expires", "30d", "--source", "10.0.0.0/8", "--source", "::1", "--hours", "Mon-Fri 08:00-18:00")

    assert run(*MINT, *bounds).code == 0
    (credential,) = credential_file.load_all(home).by_key_id.values()

    assert credential.expires_ms == credential.created_ms + 30 * DAY_MS
    assert credential.sources == (ip_network("10.0.0.0/8"), ip_network("::1"))
    assert credential.hours == (HourRange(480, 1080, frozenset(range(5))),)
    listed = run("bot", "list").out
    assert all(text in listed for text in ("10.0.0.0/8", "::1/128", "Mon-Fri 08:00-18:00", "first", "hmac"))


@pytest.mark.parametrize(
    "wrong",
    [
        ("--expires", "soon"),
        ("--expires", "0d"),
        ("--expires", "9999w"),
        ("--source", "10.0.0.1/8"),
        ("--source", "localhost"),
        ("--hours", "8-18"),
        ("--kind", "rsa"),
        ("--public-key", "/dev/null"),
    ],
)
def test_wrong_bounds_are_one_sentence_and_nothing_is_minted(run: Run, home: Home, wrong: tuple[str, ...]) -> None:
    outcome = run(*MINT, *wrong)

    assert (outcome.code, outcome.out) == (2, "")
    assert len(outcome.err.splitlines()) == 1
    assert not list(home.bots.iterdir())


def test_a_private_or_unfit_key_is_not_taken_for_a_public_one(run: Run, home: Home, tmp_path: Path) -> None:
    small = rsa.generate_private_key(65537, 1024)
    private = ed25519.Ed25519PrivateKey.generate()
    files = {
        "private": private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        "small": small.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "other": private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "nonsense": b"nonsense",
    }
    for name, sentence in [
        ("private", "is a private key"),
        ("small", "1024 bits"),
        ("other", "of another kind"),
        ("nonsense", "no public key"),
        ("missing", "cannot be read"),
    ]:
        path = tmp_path / name
        if name in files:
            path.write_bytes(files[name])
        outcome = run(*MINT, "--kind", "rsa", "--public-key", path)
        assert outcome.code == 2
        assert sentence in outcome.err
    assert not list(home.bots.iterdir())


def test_a_bot_that_is_not_in_the_configuration_is_refused_with_the_section(run: Run, home: Home) -> None:
    outcome = run("bot", "mint", "stranger")

    assert outcome.code == 2
    assert "[bots.stranger]" in outcome.err
    home.config.write_text("nonsense")
    assert run(*MINT).code == 2


def test_revoke_removes_the_file_and_says_that_nobody_confirmed(run: Run, home: Home) -> None:
    run(*MINT)

    outcome = run("bot", "revoke", "first")

    assert outcome.code == 1
    assert "nothing is running" in outcome.err
    assert not list(home.bots.iterdir())
    assert run("bot", "revoke", "first").code == 2


def test_of_several_credentials_one_is_named_or_all(run: Run, home: Home) -> None:
    for _ in range(3):
        run(*MINT)
    fingerprints = sorted(credential_file.load_all(home).by_fingerprint)

    refused = run("bot", "revoke", "first")
    assert refused.code == 2
    assert all(fingerprint in refused.err for fingerprint in fingerprints)
    run("bot", "revoke", fingerprints[0])
    assert sorted(credential_file.load_all(home).by_fingerprint) == fingerprints[1:]
    run("bot", "revoke", "first", "--all")
    assert not credential_file.load_all(home).by_fingerprint


def test_an_unreadable_file_is_told_by_list_and_can_be_revoked(run: Run, home: Home) -> None:
    run(*MINT)
    (path,) = home.bots.iterdir()
    path.write_bytes(b"garbage")

    listed = run("bot", "list")
    assert listed.code == 1
    assert path.stem in listed.err
    run("bot", "revoke", path.stem)
    assert not path.exists()


def test_a_path_is_no_fingerprint(run: Run, home: Home, tmp_path: Path) -> None:
    (tmp_path / "victim.age").write_bytes(b"x")

    assert run("bot", "revoke", "../../victim").code == 2
    assert (tmp_path / "victim.age").exists()


@pytest.mark.parametrize("words", [("NAME!", "--operator", "jane"), ("first", "--operator", "two words"), ("first",)])
def test_enabling_needs_a_bot_and_a_named_operator(run: Run, home: Home, words: tuple[str, ...]) -> None:
    """A name that could not be journalled is none."""
    assert home.config.exists()
    try:
        code = run("bot", "enable", *words).code
    except SystemExit as ended:
        code = int(ended.code or 0)
    assert code == 2


def test_enabling_needs_what_runs(run: Run, home: Home) -> None:
    """Only the gateway knows who is disabled."""
    assert home.config.exists()
    refused = run("bot", "enable", "first", "--operator", "jane")
    assert refused.code == 1
    assert "nothing is running" in refused.err


def test_a_canary_has_the_shape_of_any_credential_and_is_marked(run: Run, home: Home) -> None:
    """Its name says where it is planted, and is no bot's."""
    minted = run("bot", "mint", "build-server", "--canary")
    assert minted.code == 0 and "canary" in minted.err
    shown = json.loads(minted.out)
    assert [re.fullmatch("[A-Za-z0-9]{64}", value) is not None for value in shown.values()] == [True, True]
    assert run(*MINT).code == 0
    assert {c.bot: c.canary for c in credential_file.load_all(home).by_key_id.values()} == {
        "build-server": True, "first": False,
    }  # fmt: skip
    rows = {line.split()[1]: line for line in run("bot", "list").out.splitlines()[1:]}
    assert "hmac, canary" in rows["build-server"] and "canary" not in rows["first"]
    assert run("bot", "revoke", "build-server").code == 1, "nothing runs that could confirm it"
    assert [c.bot for c in credential_file.load_all(home).by_key_id.values()] == ["first"]


@pytest.mark.parametrize("name", ["Build", "-x", "a" * 33, "a b"])
def test_a_canary_s_name_is_of_the_grammar_of_names(run: Run, home: Home, name: str) -> None:
    assert run("bot", "mint", "--canary", "--", name).code == 2
    assert run("bot", "mint", "nobody").code == 2, "without the option the name is a bot's"
