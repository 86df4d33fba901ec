"""Where a passphrase comes from, what a wrong one costs, and a prompt on a real terminal."""

import os
import pty
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from tests import passphrases
from tests.homes import SOURCE, make_home

from counterseal.adapters import age_box, unlock
from counterseal.adapters.home import Home, HomeError, replace_private
from counterseal.cli import main as cli
from counterseal.core.config.model import Signer
from counterseal.core.secret import Secret

PASSPHRASE = b"a passphrase of words"


@pytest.fixture(name="locked")
def _locked(tmp_path: Path) -> Home:
    home = make_home(tmp_path / "home")
    sealed = passphrases.lock(age_box.identity_secret(home, "signer"), Secret(PASSPHRASE))
    replace_private(home.signer_identity, sealed)
    return home


def test_what_the_product_seals_it_opens(locked: Home) -> None:
    """At full cost, once: `lock` and `unlock`, and the cost is there."""
    identity = age_box.unlock(locked, Secret(PASSPHRASE))
    sealed = age_box.lock(identity, Secret(b"another"))
    assert int(sealed.split(b"\n")[1].split()[3]) >= 14, "at least 2 ** 14 rounds on any machine"
    replace_private(locked.signer_identity, sealed)
    assert age_box.unlock(locked, Secret(b"another")).reveal() == identity.reveal()


def test_an_identity_without_a_passphrase_needs_no_source(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    assert not age_box.is_locked(home)
    assert unlock.source(home, Signer(), {}) == unlock.NOWHERE
    assert unlock.source(home, Signer(passphrase_credential="x"), {}) == unlock.NOWHERE
    assert not unlock.source(home, Signer(passphrase_file="x"), {}).asks
    assert unlock.identity(home, unlock.NOWHERE, len, print).reveal().startswith(b"AGE-SECRET-KEY-1")


def test_the_settings_come_first_then_what_standard_input_is(locked: Home) -> None:
    folder = {"CREDENTIALS_DIRECTORY": "/run/credentials/x"}
    ours, theirs = os.pipe()
    null, (primary, terminal) = os.open(os.devnull, os.O_RDONLY), pty.openpty()
    try:
        relative = unlock.source(locked, Signer(passphrase_file="word"), {}, terminal)
        assert str(relative) == f"file:{locked.root}/word"
        assert str(unlock.source(locked, Signer(passphrase_file="/x/word"), {}, null)) == "file:/x/word"
        named = Signer(passphrase_credential="word")
        assert str(unlock.source(locked, named, folder, null)) == "credential:/run/credentials/x/word"
        with pytest.raises(HomeError, match="systemd gave none here; add to the unit: LoadCredentialEncrypted=word:"):
            unlock.source(locked, named, {}, terminal)
        assert unlock.source(locked, Signer(), folder, terminal) == unlock.Source("prompt")
        assert unlock.source(locked, Signer(), folder, ours) == unlock.Source("pipe")
        with pytest.raises(HomeError, match=r"nobody to ask for it; set signer\.passphrase_file"):
            unlock.source(locked, Signer(), folder, null)
    finally:
        for fd in (ours, theirs, null, primary, terminal):
            os.close(fd)


@pytest.mark.parametrize("text", ["prompt", "pipe", "nowhere", "file:/a:b", "credential:/run/x"])
def test_a_source_is_read_back_as_it_was_written(text: str) -> None:
    assert str(unlock.parse(text)) == text


def test_the_wait_doubles_to_half_a_minute(locked: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight wrong ones and a right one; the sealed identity itself is opened only once here."""
    given = iter([b"wrong"] * 8 + [PASSPHRASE])
    real = age_box.unlock

    def judged(home: Home, passphrase: Secret) -> Secret:
        if passphrase.reveal() == b"wrong":
            raise age_box.WrongPassphraseError("the passphrase is wrong")
        return real(home, passphrase)

    monkeypatch.setattr(age_box, "unlock", judged)
    monkeypatch.setattr(unlock.getpass, "getpass", lambda _prompt: next(given).decode())
    waited: list[float] = []
    said: list[str] = []
    found = unlock.identity(locked, unlock.Source("prompt"), waited.append, said.append)
    assert found.reveal().startswith(b"AGE-SECRET-KEY-1")
    assert waited == [1, 2, 4, 8, 16, 30, 30, 30]
    assert said[2] == "the passphrase that was entered is wrong; waiting 4 s"


def test_a_wrong_one_is_told_from_a_damaged_file(locked: Home) -> None:
    with pytest.raises(age_box.WrongPassphraseError):
        age_box.unlock(locked, Secret(b"another"))
    assert age_box.unlock(locked, Secret(PASSPHRASE)).reveal().startswith(b"AGE-SECRET-KEY-1")
    with pytest.raises(age_box.PassphraseNeededError):
        age_box.identity_secret(locked, "signer")
    assert age_box.identity_secret(locked, "gateway").reveal().startswith(b"AGE-SECRET-KEY-1")


def on_terminal(home: Home, *answers: bytes) -> tuple[int, bytes, bool]:
    """Run the opener on a terminal of its own; gives its status, what the terminal showed, whether echo is back on."""
    primary, terminal = pty.openpty()
    out, into = os.pipe()
    command = [sys.executable, "-m", "counterseal.signer.opener", "--home", str(home.root), "--out-fd", str(into)]
    with subprocess.Popen(
        [*command, "--passphrase", "prompt"], stdin=terminal, stderr=terminal, pass_fds=[into], start_new_session=True,
        env={"PYTHONPATH": str(SOURCE), "PATH": os.environ["PATH"]},
    ) as process:  # fmt: skip
        os.close(into)
        shown = b""
        for answer in answers:
            while not shown.endswith(b"(not shown): "):
                shown += os.read(primary, 4096)
            assert not termios.tcgetattr(terminal)[3] & termios.ECHO
            os.write(primary, answer + b"\n")
            shown += os.read(primary, 4096)
        if not answers:
            os.close(out)
            while not shown.endswith(b"(not shown): "):
                shown += os.read(primary, 4096)
            process.terminate()
        code = process.wait(30)
        os.set_blocking(primary, False)
        try:
            shown += os.read(primary, 4096)
        except BlockingIOError:
            pass
        echo = bool(termios.tcgetattr(terminal)[3] & termios.ECHO)
    for fd in (primary, terminal, *((out,) if answers else ())):
        os.close(fd)
    return code, shown, echo


def test_a_prompt_shows_nothing_of_the_answer_and_asks_again(locked: Home) -> None:
    code, shown, echo = on_terminal(locked, b"", b"wrong answer", PASSPHRASE)
    assert code == 0, shown
    assert shown.count(b"passphrase of the signer's identity (not shown): ") == 3
    assert b"the passphrase that was entered is wrong; waiting 1 s" in shown
    assert b"wrong answer" not in shown
    assert PASSPHRASE not in shown
    assert echo


def test_a_prompt_that_is_ended_gives_the_terminal_back(locked: Home) -> None:
    code, _, echo = on_terminal(locked)
    assert code == 1
    assert echo


def test_verbs_ask_for_the_passphrase_by_the_settings_once(
    locked: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    word = tmp_path / "word"
    word.write_bytes(PASSPHRASE + b"\n")
    word.chmod(0o600)
    venue = '[venue]\nenvironment = "testnet"\n'
    locked.config.write_text(f'{venue}[signer]\npassphrase_file = "{word}"\n')
    locked.config.chmod(0o600)
    (tmp_path / "key").write_text("the-api-key\n" + "s" * 64 + "\n")
    home = ("--home", str(locked.root))
    assert cli.main(["key", "add", "main", "--kind", "hmac", "--file", str(tmp_path / "key"), *home]) == 0
    assert cli.main(["key", "list", *home]) == 0
    assert "main" in capsys.readouterr().out
    word.write_bytes(b"another\n")
    assert cli.main(["key", "list", *home]) == 1
    assert "is wrong; put the right one there" in capsys.readouterr().err


def test_without_a_terminal_a_verb_says_what_to_do(locked: Home) -> None:
    locked.config.write_text('[venue]\nenvironment = "testnet"\n')
    locked.config.chmod(0o600)
    said = []
    for words in (("add", "main", "--kind", "hmac"), ("list",)):
        done = subprocess.run(
            [sys.executable, "-m", "counterseal.cli.main", "key", *words, "--home", str(locked.root)],
            input=b"the-api-key\n" + b"s" * 64, capture_output=True, start_new_session=True, check=False,
            env={"PYTHONPATH": str(SOURCE), "PATH": os.environ["PATH"]},
        )  # fmt: skip
        said.append((done.returncode, done.stderr))
    assert said[0][0] == 0, "the first key needs no identity: it is sealed to its public half"
    assert said[1][0] == 1
    assert b"there is no terminal to ask for it; run this on one or set signer.passphrase_file" in said[1][1]
