"""Headers, recovery recipients, passphrases: whole or not at all, and the real `age` reads and writes the same."""

import os
import pty
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyrage
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import cheap_age
from tests.homes import HMAC_SECRET, make_home

from counterseal.adapters import age_box, key_file, seal_header, seal_passphrase, seal_recipients
from counterseal.adapters import home as home_module
from counterseal.adapters.home import Home, HomeError, replace_private
from counterseal.adapters.key_file import StoredKey
from counterseal.core.secret import Secret

PASSPHRASE = b"stapled quartz under nine rivers"
OTHER = b"another one: Ofen Regal Mond"
HMAC = StoredKey("main", "hmac", "api-key", Secret(HMAC_SECRET), "paper", 1_700_000_000_000)


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Home:
    home = make_home(tmp_path / "home")
    key_file.write(home, {"main": HMAC})
    return home


@pytest.fixture(name="cheap")
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(age_box, "lock", cheap_lock)


def cheap_lock(identity: Secret, passphrase: Secret) -> bytes:
    return cheap_age.lock(identity.reveal() + b"\n", passphrase.reveal())


def pair() -> tuple[str, str]:
    """Give (recipient, identity)."""
    identity = pyrage.x25519.Identity.generate()
    return str(identity.to_public()), str(identity)


def opens(home: Home, identity: Secret | str) -> bool:
    text = Secret(identity.encode()) if isinstance(identity, str) else identity
    try:
        return "main" in key_file.read(home, text)
    except age_box.ForeignSealError:
        return False


# -- headers


def test_a_header_tells_kinds_and_leaves_grease_out(home: Home) -> None:
    recipients = [pyrage.x25519.Recipient.from_str(pair()[0]) for _ in range(3)]

    for _ in range(20):  # the library adds grease by chance
        assert seal_header.kinds(pyrage.encrypt(b"x", recipients)) == ["X25519"] * 3
    assert seal_header.kinds(pyrage.encrypt(b"x", recipients, armored=True)) == ["X25519"] * 3
    assert seal_header.kinds(cheap_age.lock(b"x", PASSPHRASE)) == ["scrypt"]
    assert seal_header.kinds(cheap_age.lock(b"x", PASSPHRASE, armored=True)) == ["scrypt"]
    assert seal_header.show(["X25519", "X25519", "scrypt"]) == "2 × X25519, 1 × scrypt"
    assert seal_header.show([]) == "nobody"


@pytest.mark.parametrize(
    "content",
    [b"", b"AGE-SECRET-KEY-1", b"age-encryption.org/v2\n--- x", b"age-encryption.org/v1\n-> X25519 a\n",
     b"-----BEGIN AGE ENCRYPTED FILE-----\n???\n-----END AGE ENCRYPTED FILE-----\n"],
)  # fmt: skip
def test_what_is_no_age_file_has_no_header(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"age file|cut short|armor"):
        seal_header.kinds(content)


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_a_header_or_a_sentence(tail: bytes, starts_right: bool) -> None:
    content = seal_header.VERSION + tail if starts_right else tail
    try:
        assert isinstance(seal_header.show(seal_header.kinds(content)), str)
    except ValueError as fault:
        assert "\n" not in str(fault)


# -- the passphrase on the identity


@pytest.mark.parametrize("armored", [False, True])
@pytest.mark.parametrize("comments", [b"", b"# created: today\n# public key: age1...\n"])
def test_an_identity_is_opened_in_each_form_that_age_writes(home: Home, armored: bool, comments: bytes) -> None:
    text = home.signer_identity.read_bytes()
    replace_private(home.signer_identity, comments + text)
    assert opens(home, age_box.identity_secret(home, "signer"))

    replace_private(home.signer_identity, cheap_age.lock(comments + text, PASSPHRASE, armored=armored))

    assert age_box.is_locked(home)
    assert opens(home, age_box.unlock(home, Secret(PASSPHRASE)))
    with pytest.raises(age_box.WrongPassphraseError):
        age_box.unlock(home, Secret(OTHER))
    with pytest.raises(age_box.PassphraseNeededError):
        key_file.read(home)


@pytest.mark.slow
def test_set_change_and_take_away_with_the_library_s_own_second(home: Home) -> None:
    """The real cost once; the identity stays the same throughout."""
    identity = age_box.identity_secret(home, "signer")

    seal_passphrase.put(home, identity, Secret(PASSPHRASE))

    assert identity.reveal() not in home.signer_identity.read_bytes()
    assert home.signer_identity.stat().st_mode & 0o777 == 0o600
    again = age_box.unlock(home, Secret(PASSPHRASE))
    assert again.reveal() == identity.reveal()
    seal_passphrase.take_away(home, again)
    assert age_box.identity_secret(home, "signer").reveal() == identity.reveal()


def test_a_foreign_identity_is_never_put_in_the_place(home: Home, cheap: None) -> None:
    before = home.signer_identity.read_bytes()

    for act in (
        lambda i: seal_passphrase.put(home, i, Secret(PASSPHRASE)),
        lambda i: seal_passphrase.take_away(home, i),
    ):
        for foreign in (pair()[1].encode(), b"nonsense", b"\xff"):
            with pytest.raises(HomeError, match="do not belong together"):
                act(Secret(foreign))
    assert home.signer_identity.read_bytes() == before


def test_what_does_not_open_again_does_not_count(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    before = home.signer_identity.read_bytes()
    identity = age_box.identity_secret(home, "signer")
    monkeypatch.setattr(age_box, "lock", lambda i, _p: cheap_lock(i, Secret(OTHER)))
    with pytest.raises(HomeError):
        seal_passphrase.put(home, identity, Secret(PASSPHRASE))
    monkeypatch.setattr(age_box, "lock", lambda _i, p: cheap_lock(Secret(pair()[1].encode()), p))
    with pytest.raises(HomeError, match="another one; nothing was changed"):
        seal_passphrase.put(home, identity, Secret(PASSPHRASE))

    assert home.signer_identity.read_bytes() == before


# -- recovery recipients


def test_a_recovery_recipient_opens_what_is_there_and_what_comes(home: Home) -> None:
    recipient, offline = pair()
    identity = age_box.identity_secret(home, "signer")
    assert not opens(home, offline)

    assert seal_recipients.add(home, identity, recipient) == 1

    assert opens(home, offline) and opens(home, identity)
    assert seal_recipients.read(home) == (recipient,)
    key_file.write(home, {"main": HMAC, "later": replace(HMAC, ref="later")})
    assert opens(home, offline)
    gateway = age_box.identity_secret(home, "gateway")
    assert not opens(home, gateway)

    assert seal_recipients.remove(home, identity, recipient) == 1

    assert not opens(home, offline)
    assert opens(home, identity)
    assert seal_recipients.read(home) == ()


def test_every_file_of_the_signer_is_sealed_again_and_no_other(home: Home) -> None:
    recipient, offline = pair()
    caps, foreign = home.exchange_keys.with_name("caps.age"), home.exchange_keys.with_name("ca.age")
    replace_private(caps, age_box.seal(home, "signer", b"caps"))
    replace_private(foreign, pyrage.encrypt(b"of the CA", [pyrage.x25519.Recipient.from_str(pair()[0])]))
    untouched = foreign.read_bytes()

    assert seal_recipients.add(home, age_box.identity_secret(home, "signer"), recipient) == 2

    assert age_box.open_sealed(Secret(offline.encode()), caps.read_bytes(), "") == b"caps"
    assert foreign.read_bytes() == untouched


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "no age X25519"),
        ("age1xyz", "no age X25519"),
        ("ssh-ed25519 AAAAC3Nza", "no age X25519"),
        ("AGE-SECRET-KEY-1QQPQQ", "the secret half"),
        ("age-secret-key-1qqpqq", "the secret half"),
    ],
)
def test_what_is_no_recipient(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as refused:
        seal_recipients.parse(text)

    assert not text or text not in str(refused.value)


def test_neither_the_gateway_nor_the_signer_nor_too_many(home: Home) -> None:
    identity = age_box.identity_secret(home, "signer")
    for owner in seal_recipients.named(home).values():
        with pytest.raises(ValueError, match="belongs to the installation"):
            seal_recipients.add(home, identity, owner)
    for _ in range(seal_recipients.MAX_RECOVERY):
        seal_recipients.add(home, identity, pair()[0])
    with pytest.raises(ValueError, match="already; remove one"):
        seal_recipients.add(home, identity, pair()[0])
    assert opens(home, identity)


@pytest.mark.parametrize("recovery", ["age1x", ["nonsense"], 7, [7], {"a": 1}])
def test_damaged_recipients_are_told_and_nothing_is_sealed_to_fewer(home: Home, recovery: object) -> None:
    import json

    document = json.loads(home.recipients.read_text())
    home.recipients.write_text(json.dumps({**document, "recovery": recovery}))
    before = home.exchange_keys.read_bytes()

    for act in (
        lambda: seal_recipients.read(home),
        lambda: seal_recipients.again(home, age_box.identity_secret(home, "signer")),
        lambda: key_file.write(home, {}),
    ):
        with pytest.raises(HomeError, match="damaged"):
            act()
    assert home.exchange_keys.read_bytes() == before


def test_a_wrong_identity_changes_nothing(home: Home) -> None:
    before = home.recipients.read_bytes(), home.exchange_keys.read_bytes()

    with pytest.raises(age_box.ForeignSealError):
        seal_recipients.add(home, Secret(pair()[1].encode()), pair()[0])

    assert (home.recipients.read_bytes(), home.exchange_keys.read_bytes()) == before


# -- a crash at any point


STEPS = (
    "open",
    "write",
    "fsync",
    "replace",
    "fsync of the folder",
    "open",
    "write",
    "fsync",
    "replace",
    "fsync of the folder",
)


def crash_at(step: int, act: Callable[[], object]) -> bool:
    """Do it in a child that dies as if killed when it comes to that step; tells whether it died there."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            _die_at(step)
            act()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 77


def _die_at(step: int) -> None:
    passed = 0

    def counted(real: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **kwargs: object) -> object:
            nonlocal passed
            if passed == step:
                os._exit(77)
            passed += 1
            return real(*args, **kwargs)

        return call

    for name in ("_write_exclusive", "_sync_directory"):
        setattr(home_module, name, counted(getattr(home_module, name)))
    os.fsync = counted(os.fsync)  # type: ignore[assignment]
    Path.replace = counted(Path.replace)  # type: ignore[method-assign,assignment]


@pytest.mark.slow
def test_a_crash_while_the_passphrase_is_set_or_taken_away_leaves_one_that_opens(home: Home, cheap: None) -> None:
    identity = age_box.identity_secret(home, "signer")
    died = 0
    for step in range(8):
        replace_private(home.signer_identity, identity.reveal() + b"\n")
        died += crash_at(step, lambda: seal_passphrase.put(home, identity, Secret(PASSPHRASE)))
        found = (
            age_box.unlock(home, Secret(PASSPHRASE))
            if age_box.is_locked(home)
            else age_box.identity_secret(home, "signer")
        )
        assert opens(home, found), step

        seal_passphrase.put(home, identity, Secret(PASSPHRASE))
        died += crash_at(step, lambda: seal_passphrase.put(home, identity, Secret(OTHER)))
        assert any(_unlocks(home, each) for each in (PASSPHRASE, OTHER)), step

        died += crash_at(step, lambda: seal_passphrase.take_away(home, identity))
        found = identity if not age_box.is_locked(home) else _either(home)
        assert opens(home, found), step
    assert died >= 12


def _unlocks(home: Home, passphrase: bytes) -> bool:
    try:
        return opens(home, age_box.unlock(home, Secret(passphrase)))
    except age_box.WrongPassphraseError:
        return False


def _either(home: Home) -> Secret:
    for passphrase in (PASSPHRASE, OTHER):
        if _unlocks(home, passphrase):
            return age_box.unlock(home, Secret(passphrase))
    raise AssertionError("neither passphrase opens the identity")


@pytest.mark.slow
def test_a_crash_while_recipients_change_leaves_files_that_open_and_again_completes_it(home: Home) -> None:
    identity = age_box.identity_secret(home, "signer")
    replace_private(home.exchange_keys.with_name("caps.age"), age_box.seal(home, "signer", b"caps"))
    files = sorted(home.exchange_keys.parent.glob("*.age"))
    died = 0
    for step in range(20):
        recipient, offline = pair()
        for act in (seal_recipients.add, seal_recipients.remove):
            died += crash_at(step, lambda act=act, recipient=recipient: act(home, identity, recipient))
            for path in files:
                age_box.open_sealed(identity, path.read_bytes(), str(path))
            seal_recipients.again(home, identity)
            listed = recipient in seal_recipients.read(home)
            assert opens(home, offline) == listed
            act(home, identity, recipient)
            assert opens(home, offline) == (act is seal_recipients.add)
        assert seal_recipients.read(home) == ()
    assert died >= 20


# -- the real program


def age(*words: str, answers: bytes = b"", given: bytes = b"") -> bytes:
    """Run age; `answers` is what a person types at its prompts. Skips where it is not installed, fails in CI."""
    program = shutil.which(words[0])
    if program is None:
        text = "age is not installed: apt-get install age"
        pytest.fail(text) if os.environ.get("COUNTERSEAL_CI") else pytest.skip(text)
    if not answers:
        return subprocess.run([program, *words[1:]], input=given, capture_output=True, check=True).stdout
    return _on_a_terminal([program, *words[1:]], answers)


def _on_a_terminal(argv: list[str], answers: bytes) -> bytes:
    """Run with a terminal of its own and type the answers, one line each, when it asks."""
    child, terminal = pty.fork()
    if child == 0:
        os.execv(argv[0], argv)
    shown = b""
    lines = answers.splitlines(keepends=True)
    try:
        while True:
            shown += os.read(terminal, 4096)
            if lines and shown.rstrip().endswith(b":"):
                shown = b""
                os.write(terminal, lines.pop(0))
    except OSError:
        pass  # it has ended
    finally:
        os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, shown
    return shown


@pytest.mark.slow
def test_age_opens_what_is_locked_here(home: Home, tmp_path: Path) -> None:
    text = home.signer_identity.read_bytes().strip()
    seal_passphrase.put(home, age_box.identity_secret(home, "signer"), Secret(PASSPHRASE))

    age("age", "-d", "-o", str(tmp_path / "plain"), str(home.signer_identity), answers=PASSPHRASE + b"\n")

    assert (tmp_path / "plain").read_bytes().strip() == text


@pytest.mark.slow
@pytest.mark.parametrize("form", [(), ("-a",)])
def test_what_age_locks_opens_here(home: Home, tmp_path: Path, form: tuple[str, ...]) -> None:
    made = tmp_path / "made"
    words = ("age", "-p", *form, "-o", str(made), str(home.signer_identity))
    age(*words, answers=PASSPHRASE + b"\n" + PASSPHRASE + b"\n")

    replace_private(home.signer_identity, made.read_bytes())

    assert age_box.is_locked(home)
    assert opens(home, age_box.unlock(home, Secret(PASSPHRASE)))


def test_age_opens_the_keys_with_a_recovery_identity_of_its_own(home: Home, tmp_path: Path) -> None:
    identity = tmp_path / "offline.key"
    age("age-keygen", "-o", str(identity))
    recipient = age("age-keygen", "-y", str(identity)).decode().strip()

    seal_recipients.add(home, age_box.identity_secret(home, "signer"), recipient)

    opened = age("age", "-d", "-i", str(identity), str(home.exchange_keys))
    assert key_file.parse(opened, "x")["main"].secret.reveal() == HMAC_SECRET
    identity.unlink()


def test_what_age_seals_to_the_signer_opens_here(home: Home, tmp_path: Path) -> None:
    sealed = age("age", "-r", seal_recipients.named(home)["signer"], given=b"by age")

    assert age_box.open_sealed(age_box.identity_secret(home, "signer"), sealed, "x") == b"by age"
