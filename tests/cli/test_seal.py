"""`counterseal seal`: everything is looked over, nothing secret is shown, a wrong passphrase costs a wait."""

import getpass
from collections.abc import Iterator
from pathlib import Path

import pyrage
import pytest
from tests import cheap_age
from tests.adapters.test_seal import cheap_lock
from tests.cli.conftest import API_KEY, SECRET, Outcome, Run, as_json

from counterseal.adapters import age_box, hsm_file, key_file
from counterseal.adapters.home import Home, replace_private
from counterseal.adapters.home import locked as lock
from counterseal.adapters.hsm_file import HsmKey, PinSource, TokenPlace
from counterseal.cli import caps, key, seal

PASSPHRASE, OTHER = "stapled quartz under nine rivers", "Ofen Regal Mond und Teich"
IDENTITY = pyrage.x25519.Identity.generate()
RECIPIENT = str(IDENTITY.to_public())


@pytest.fixture(name="waits", autouse=True)
def _waits(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """What was waited for; the tests do not wait, and this process stays as it is."""
    waited: list[float] = []
    monkeypatch.setattr(seal, "_wait", waited.append)
    monkeypatch.setattr(seal, "harden", lambda: None)
    monkeypatch.setattr(age_box, "lock", cheap_lock)
    yield waited


@pytest.fixture(name="sealed")
def _sealed(run: Run, home: Home) -> Home:
    """A home with a key and a credential."""
    assert run("key", "add", "main", "--kind", "hmac", given=as_json()).code == 0
    run("bot", "mint", "first", "--out", str(home.root.parent / "bot.json"))
    assert list(home.bots.glob("*.age"))
    return home


def locked(home: Home, passphrase: str = PASSPHRASE) -> Home:
    replace_private(home.signer_identity, cheap_age.lock(home.signer_identity.read_bytes(), passphrase.encode()))
    return home


def identity_text(home: Home) -> str:
    return age_box.identity_secret(home, "signer").reveal().decode()


def shows_nothing(home: Home, *outcomes: Outcome, identity: str = "") -> bool:
    """Nothing secret stands in what was printed."""
    secrets = [SECRET, API_KEY, PASSPHRASE, OTHER, str(IDENTITY), identity or "AGE-SECRET-KEY"]
    return not any(text in outcome.out + outcome.err for outcome in outcomes for text in [*secrets, "AGE-SECRET-KEY"])


# -- verify


def test_all_as_it_must_be(run: Run, sealed: Home) -> None:
    found = run("seal", "verify")

    assert (found.code, found.err) == (0, "")
    lines = {line.split()[0]: line for line in found.out.splitlines()}
    assert set(lines) == {"FILE", "recipients.json", "identities/signer.key", "identities/gateway.key",
                          "keys/exchange.age", "keys/log.age",
                          next(f"bots/{p.name}" for p in sealed.bots.glob("*.age"))}  # fmt: skip
    assert "opens for the signer" in lines["keys/exchange.age"] and "1 × X25519" in lines["keys/exchange.age"]
    assert all("0600" in line for name, line in lines.items() if name != "FILE")
    assert shows_nothing(sealed, found, identity=identity_text(sealed))


def test_with_a_passphrase_from_a_pipe_and_with_a_wrong_one(run: Run, sealed: Home, waits: list[float]) -> None:
    locked(sealed)

    right, wrong, none = (run("seal", "verify", given=text) for text in (PASSPHRASE + "\n", OTHER + "\n", ""))

    assert (right.code, right.err) == (0, "")
    assert "a passphrase" in right.out
    assert wrong.code == none.code == 1
    assert "is wrong" in wrong.err and "not tried" in wrong.out and "opens for the gateway" in wrong.out
    assert waits == [1.0]
    assert shows_nothing(sealed, right, wrong, none)


def test_the_settings_may_name_where_the_passphrase_is(run: Run, sealed: Home) -> None:
    locked(sealed)
    (sealed.root / "pass").write_text(PASSPHRASE + "\n")
    (sealed.root / "pass").chmod(0o600)
    with sealed.config.open("a") as file:
        file.write('\n[signer]\npassphrase_file = "pass"\n')

    assert run("seal", "verify").code == 0


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def cut_header(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:40])


def seal_to_somebody(path: Path) -> None:
    path.write_bytes(pyrage.encrypt(b"x", [IDENTITY.to_public()]))


def seal_with_a_passphrase(path: Path) -> None:
    path.write_bytes(cheap_age.lock(b"x", b"x"))


def open_to_all(path: Path) -> None:
    path.chmod(0o644)


def no_age_file(path: Path) -> None:
    path.write_bytes(b"plain")


def remove(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize(
    ("name", "harm", "sentence"),
    [
        ("keys/exchange.age", truncate, "cut short"),
        ("keys/exchange.age", cut_header, "header is cut short"),
        ("keys/exchange.age", seal_to_somebody, "sealed to another one"),
        ("keys/exchange.age", seal_with_a_passphrase, "sealed again, with a passphrase"),
        ("keys/exchange.age", open_to_all, "open to other users (mode 0644); run: chmod 600"),
        ("keys/exchange.age", no_age_file, "no age file"),
        ("identities/signer.key", open_to_all, "open to other users"),
        ("identities/signer.key", no_age_file, "holds no age identity"),
        ("identities/gateway.key", no_age_file, "holds no age identity"),
        ("recipients.json", no_age_file, "damaged"),
        ("recipients.json", remove, "is missing"),
        ("recipients.json", open_to_all, "open to other users"),
    ],
)
def test_each_fault_has_its_sentence(run: Run, sealed: Home, name: str, harm: object, sentence: str) -> None:
    harm(sealed.root / name)  # type: ignore[operator]

    found = run("seal", "verify")

    assert found.code == 1
    assert sentence in found.err
    assert "unexpected" not in found.err
    assert shows_nothing(sealed, found)


def test_further_faults(run: Run, sealed: Home) -> None:
    gateway_recipient = str(pyrage.x25519.Identity.from_str(sealed.gateway_identity.read_text().strip()).to_public())
    to_gateway = pyrage.encrypt(b"x", [pyrage.x25519.Recipient.from_str(gateway_recipient)])
    (sealed.exchange_keys.with_name("caps.age")).write_bytes(to_gateway)
    (sealed.exchange_keys.with_name("caps.age")).chmod(0o600)
    (sealed.bots / "x.age").write_bytes(age_box.seal(sealed, "signer", b"x"))
    (sealed.bots / "x.age").chmod(0o600)
    (sealed.root / "keys" / ".exchange.age.abcd.tmp").write_bytes(b"left")
    sealed.root.chmod(0o755)

    found = run("seal", "verify")

    assert found.code == 1
    for sentence in ("can be opened by the gateway", "instead of the gateway", "was interrupted; remove it",
                     "open to other users (mode 0755)"):  # fmt: skip
        assert sentence in found.err, sentence
    sealed.root.chmod(0o700)


def test_a_pair_of_identity_and_recipients_from_two_backups(run: Run, sealed: Home) -> None:
    sealed.signer_identity.write_text(f"{IDENTITY}\n")

    found = run("seal", "verify")

    assert found.code == 1
    assert "names another recipient than the identity of the signer has" in found.err


def test_tokens_and_their_pin_files_are_looked_at(run: Run, sealed: Home, tmp_path: Path) -> None:
    pin = tmp_path / "pin"
    pin.write_text("1234")
    pin.chmod(0o600)
    place = TokenPlace("/usr/lib/token.so", "desk", None, (), PinSource("file", str(pin)))
    hsm_file.write(sealed, {"hsm": HsmKey("hsm", "rsa", API_KEY, "paper", 1, place, "x", None)})

    good = run("seal", "verify")
    pin.chmod(0o640)
    bad = run("seal", "verify")

    assert good.code == 0
    assert "names 1 in tokens" in good.out and "a PIN" in good.out and "1234" not in good.out
    assert bad.code == 1 and "open to other users" in bad.err
    assert shows_nothing(sealed, good, bad)


def test_no_home_at_all(run: Run, tmp_path: Path) -> None:
    found = run("seal", "verify", "--home", tmp_path / "none")

    assert (found.code, "is no Counterseal home" in found.err) == (1, True)


# -- change-passphrase


def test_set_change_and_remove_through_a_pipe(run: Run, sealed: Home) -> None:
    text = identity_text(sealed)
    done = [
        run("seal", "change-passphrase", given=f"{PASSPHRASE}\n"),
        run("seal", "change-passphrase", given=f"{PASSPHRASE}\n{OTHER}\n"),
        run("seal", "verify", given=f"{OTHER}\n"),
    ]
    assert [outcome.code for outcome in done] == [0, 0, 0], done
    assert text.encode() not in sealed.signer_identity.read_bytes()
    assert "opens without a passphrase" in done[0].err and "opens with the old passphrase" in done[1].err

    done.append(run("seal", "change-passphrase", "--remove", given=f"{OTHER}\nremove the passphrase\n"))

    assert done[-1].code == 0
    assert identity_text(sealed) == text
    assert run("key", "list").code == 0
    assert shows_nothing(sealed, *done, identity=text)


@pytest.mark.parametrize("answer", ["", "yes\n", "Remove the passphrase\n"])
def test_removal_needs_its_words(run: Run, sealed: Home, answer: str) -> None:
    locked(sealed)

    refused = run("seal", "change-passphrase", "--remove", given=f"{PASSPHRASE}\n{answer}")

    assert (refused.code, "not confirmed" in refused.err) == (2, True)
    assert age_box.is_locked(sealed)


def test_a_wrong_present_passphrase_costs_a_wait_and_changes_nothing(
    run: Run, sealed: Home, waits: list[float]
) -> None:
    locked(sealed)
    before = sealed.signer_identity.read_bytes()

    for words in ((), ("--remove",)):
        refused = run("seal", "change-passphrase", *words, given=f"{OTHER}\n{PASSPHRASE}\n")
        assert (refused.code, "nothing was changed" in refused.err) == (1, True)
        assert shows_nothing(sealed, refused)

    assert waits == [1.0, 1.0]
    assert sealed.signer_identity.read_bytes() == before


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("", "ended too early"),
        ("short\n", "at least 12 characters"),
        ("aaaaaaaaaaaaaaaaaaaa\n", "repeats"),
        ("password1234\n", "tried first"),
        ("x" * 2000 + "\n", "too long a line"),
        ("\n", "at least 12"),
    ],
)
def test_a_weak_or_missing_new_one_is_refused(run: Run, sealed: Home, given: str, sentence: str) -> None:
    refused = run("seal", "change-passphrase", given=given)

    assert (refused.code, sentence in refused.err) == (2, True), refused.err
    assert len(refused.err.splitlines()) == 1
    assert not age_box.is_locked(sealed)


def test_on_a_terminal_three_tries_and_the_new_one_twice(
    run: Run, sealed: Home, monkeypatch: pytest.MonkeyPatch, waits: list[float]
) -> None:
    monkeypatch.setattr("tests.cli.conftest._Pipe.isatty", lambda _self: True)
    locked(sealed)

    def typed(*answers: str) -> Outcome:
        rest = iter(answers)
        monkeypatch.setattr(getpass, "getpass", lambda _prompt: next(rest))
        outcome = run("seal", "change-passphrase")
        assert next(rest, None) is None, "not all was asked for"
        return outcome

    assert typed(OTHER, PASSPHRASE, OTHER, OTHER).code == 0
    assert waits == [1.0]
    assert "not the same" in typed(OTHER, PASSPHRASE, PASSPHRASE + "x").err
    assert typed(PASSPHRASE, PASSPHRASE, PASSPHRASE).code == 1
    assert waits[1:] == [1.0, 2.0, 4.0]


def test_removing_what_is_not_there(run: Run, sealed: Home) -> None:
    refused = run("seal", "change-passphrase", "--remove")

    assert (refused.code, "has no passphrase" in refused.err) == (2, True)


def test_a_setting_that_names_the_old_passphrase_is_recalled(run: Run, sealed: Home) -> None:
    with sealed.config.open("a") as file:
        file.write('\n[signer]\npassphrase_file = "pass"\n')

    assert "put the new one there too" in run("seal", "change-passphrase", given=f"{PASSPHRASE}\n").err


def test_a_passphrase_is_no_argument(run: Run, sealed: Home) -> None:
    refused = run("seal", "change-passphrase", PASSPHRASE)

    assert refused.code == 2
    assert shows_nothing(sealed, refused)


# -- add-recipient


def test_a_recipient_is_added_listed_removed(run: Run, sealed: Home) -> None:
    added = run("seal", "add-recipient", RECIPIENT)

    assert added.code == 0, added.err
    assert "there is 1 for recovery" in added.err
    assert run("seal", "add-recipient", "--list").out == f"{RECIPIENT}\n"
    assert pyrage.decrypt(sealed.exchange_keys.read_bytes(), [IDENTITY])
    assert "2 × X25519" in run("seal", "verify").out
    assert run("seal", "add-recipient", RECIPIENT).code == 0
    assert run("seal", "verify").code == 0
    assert run("key", "add", "second", "--kind", "hmac", given=as_json()).code == 0
    assert run("seal", "verify").code == 0

    removed = run("seal", "add-recipient", RECIPIENT, "--remove")

    assert removed.code == 0
    assert "still opens older copies" in removed.err
    assert run("seal", "add-recipient", "--list").out == ""
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(sealed.exchange_keys.read_bytes(), [IDENTITY])
    assert sorted(key_file.read(sealed)) == ["main", "second"]
    assert shows_nothing(sealed, added, removed, identity=identity_text(sealed))


def test_what_was_interrupted_is_told_and_completed(run: Run, sealed: Home) -> None:
    before = sealed.exchange_keys.read_bytes()
    run("seal", "add-recipient", RECIPIENT)
    replace_private(sealed.exchange_keys, before)  # as if the power had gone before this was sealed again

    found = run("seal", "verify")

    assert found.code == 1
    assert "has 1 for recipients where 2 should be" in found.err
    assert run("seal", "add-recipient", "--again").code == 0
    assert run("seal", "verify").code == 0


def test_under_a_passphrase(run: Run, sealed: Home, waits: list[float]) -> None:
    locked(sealed)

    refused = run("seal", "add-recipient", RECIPIENT, given=OTHER + "\n")
    added = run("seal", "add-recipient", RECIPIENT, given=PASSPHRASE + "\n")

    assert (refused.code, added.code, waits) == (1, 0, [1.0])
    assert run("seal", "add-recipient", "--list").out == f"{RECIPIENT}\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "name one recipient"),
        (("age1nonsense",), "no age X25519"),
        ((str(IDENTITY),), "the secret half"),
        ((RECIPIENT, "--remove"), "none of the recovery recipients"),
        ((RECIPIENT, "--again"), "name one recipient"),
    ],
)
def test_what_cannot_be_a_recipient(run: Run, sealed: Home, words: tuple[str, ...], sentence: str) -> None:
    before = sealed.recipients.read_bytes()

    refused = run("seal", "add-recipient", *words)

    assert (refused.code, sentence in refused.err) == (2, True), refused.err
    assert sealed.recipients.read_bytes() == before
    assert shows_nothing(sealed, refused)


def test_the_gateway_is_no_recipient(run: Run, sealed: Home) -> None:
    gateway = pyrage.x25519.Identity.from_str(sealed.gateway_identity.read_text().strip()).to_public()

    refused = run("seal", "add-recipient", str(gateway))

    assert (refused.code, "the gateway may not" in refused.err) == (2, True)


@pytest.mark.parametrize("name", seal.LOCKS)
def test_a_lock_that_another_command_holds(run: Run, sealed: Home, name: str) -> None:
    before = sealed.exchange_keys.read_bytes()
    with lock(sealed, name):
        for words in (("change-passphrase",), ("add-recipient", RECIPIENT)):
            refused = run("seal", *words, given=f"{PASSPHRASE}\n")
            assert (refused.code, "another process holds" in refused.err) == (1, True)
    assert sealed.exchange_keys.read_bytes() == before


def test_the_locks_are_those_of_the_verbs_that_seal() -> None:
    assert set(seal.LOCKS) == {key.LOCK, caps.LOCK}
