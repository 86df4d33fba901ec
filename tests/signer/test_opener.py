"""The opener as a process: what it gives to the signer; every bad key file has its own sentence, nothing dies mute."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyrage
import pytest
from tests import passphrases
from tests.homes import HMAC_SECRET, SOURCE, make_home

from counterseal.adapters import age_box, key_file, secret_memory
from counterseal.adapters.home import Home, replace_private
from counterseal.core.secret import Secret
from counterseal.signer import identity_page, key_page

PASSPHRASE = Secret(b"a passphrase of words")


class Run:
    """One run of the opener: its status, its table (None when there is none), what it said."""

    def __init__(self, home: Home, *words: str, stdin: bytes = b"", fds: tuple[int, ...] = ()) -> None:
        ours, theirs = os.pipe()
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "counterseal.signer.opener", "--home", str(home.root)),
                *("--out-fd", str(theirs), *words),
            ],
            pass_fds=(theirs, *fds), stdin=subprocess.PIPE, stderr=subprocess.PIPE,
            env={"PYTHONPATH": str(SOURCE), "PATH": os.environ["PATH"]},
        )  # fmt: skip
        os.close(theirs)
        assert process.stdin is not None and process.stderr is not None
        with process, os.fdopen(ours, "rb") as pipe:
            process.stdin.write(stdin)
            process.stdin.close()
            memory = secret_memory.best(key_page.SIZE)
            self.table: key_page.Table | None = None
            try:
                key_page.fill(memory, pipe.fileno(), lambda: None)
                self.table = key_page.table(memory)
            except key_page.PageError:
                pass
            self.said = process.stderr.read().decode()
            self.code = process.wait(20)


def reseal(home: Home, change: Callable[[dict[str, object]], None]) -> None:
    """Change the document inside the seal."""
    opened = age_box.open_sealed(age_box.identity_secret(home, "signer"), home.exchange_keys.read_bytes(), "x")
    document = json.loads(opened)
    change(document["keys"][0])
    replace_private(home.exchange_keys, age_box.seal(home, "signer", json.dumps(document).encode()))


def test_gives_what_signs_and_no_pair_that_waits(home: Home) -> None:
    run = Run(home)
    assert (run.code, run.said) == (0, "")
    assert run.table is not None
    assert [(key.held.ref, key.held.kind, len(key.place)) for key in run.table.keys] == [
        ("main", "hmac", 64),
        ("modern", "ed25519", 64),
    ]
    assert bytes(run.table.keys[0].place) == HMAC_SECRET


def test_without_a_key_file_there_are_no_keys(tmp_path: Path) -> None:
    run = Run(make_home(tmp_path / "home"))
    assert run.code == 0
    assert run.table is not None and run.table.keys == ()


def truncated(home: Home) -> None:
    home.exchange_keys.write_bytes(home.exchange_keys.read_bytes()[:-20])


def cut_in_its_head(home: Home) -> None:
    home.exchange_keys.write_bytes(home.exchange_keys.read_bytes()[:90])


def no_age_file(home: Home) -> None:
    home.exchange_keys.write_bytes(b'{"keys": []}')


def empty(home: Home) -> None:
    home.exchange_keys.write_bytes(b"")


def sealed_for_another(home: Home) -> None:
    other = pyrage.x25519.Identity.generate().to_public()
    home.exchange_keys.write_bytes(pyrage.encrypt(b"{}", [other]))


def sealed_again_with_a_passphrase(home: Home) -> None:
    home.exchange_keys.write_bytes(pyrage.passphrase.encrypt(b"{}", "x"))


def world_readable(home: Home) -> None:
    home.exchange_keys.chmod(0o644)


def foreign(home: Home) -> None:
    os.chown(home.exchange_keys, 12345, 12345)
    home.exchange_keys.chmod(0o644)  # or it could not even be opened


def foreign_and_closed(home: Home) -> None:
    os.chown(home.exchange_keys, 12345, 12345)


def a_link(home: Home) -> None:
    home.exchange_keys.rename(home.root / "elsewhere")
    home.exchange_keys.symlink_to(home.root / "elsewhere")


def a_folder(home: Home) -> None:
    home.exchange_keys.unlink()
    home.exchange_keys.mkdir(mode=0o700)


def identity_gone(home: Home) -> None:
    home.signer_identity.unlink()


def identity_readable(home: Home) -> None:
    home.signer_identity.chmod(0o640)


def identity_damaged(home: Home) -> None:
    replace_private(home.signer_identity, b"AGE-SECRET-KEY-1NONSENSE\n")


def of_another_algorithm(home: Home) -> None:
    reseal(
        home,
        lambda key: (
            key.update(kind="rsa", private_key=key_file.new_ed25519()[0].reveal().decode()) or key.pop("secret")
        ),
    )


def with_a_line_break(home: Home) -> None:
    reseal(home, lambda key: key.update(secret="first\nsecond"))


def damaged_inside(home: Home) -> None:
    replace_private(home.exchange_keys, age_box.seal(home, "signer", b'{"format": 1, "keys": [{}]}'))


BAD: list[tuple[Callable[[Home], None], str]] = [
    (truncated, "exchange.age cannot be opened: it was cut short or changed; restore it from a backup"),
    (cut_in_its_head, "exchange.age cannot be opened: it was cut short; restore it from a backup"),
    (no_age_file, "exchange.age cannot be opened: it is no age file; restore it from a backup"),
    (empty, "exchange.age cannot be opened: it is no age file; restore it from a backup"),
    (sealed_for_another, "identity: it is sealed to another one; restore the pair from one backup"),
    (sealed_again_with_a_passphrase, "it was sealed again, with a passphrase; restore it from a backup"),
    (world_readable, "exchange.age is open to other users (mode 0644); run: chmod 600"),
    (foreign, "exchange.age belongs to another user (uid 12345); run: chown"),
    (foreign_and_closed, "exchange.age cannot be opened (Permission denied); it must be a regular file of ours"),
    (a_link, "exchange.age cannot be opened (Too many levels of symbolic links); it must be a regular file of ours"),
    (a_folder, "exchange.age is no regular file; replace it by the real one"),
    (identity_gone, "signer.key is missing; restore it from a backup"),
    (identity_readable, "signer.key is open to other users (mode 0640); run: chmod 600"),
    (identity_damaged, "the age identity file is damaged; restore it from a backup"),
    (of_another_algorithm, "key main is damaged: the private key is not of kind rsa, it is Ed25519; remove it with"),
    (
        with_a_line_break,
        "key main is damaged: the secret key has a line break in it; it must be one line; remove it with",
    ),
    (damaged_inside, "exchange.age is damaged inside its seal; restore it from a backup"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("spoil", "sentence"), BAD, ids=[spoil.__name__ for spoil, _ in BAD])
def test_a_bad_file_is_told_in_one_sentence(home: Home, spoil: Callable[[Home], None], sentence: str) -> None:
    if spoil in (foreign, foreign_and_closed) and os.geteuid() != 0:
        pytest.skip("only root gives files away")
    spoil(home)
    run = Run(home)
    assert (run.code, run.table) == (1, None)
    assert run.said.startswith("signer: ")
    assert run.said.count("\n") == 1
    assert sentence in run.said
    assert HMAC_SECRET.decode() not in run.said


def test_the_sentences_differ() -> None:
    assert len({sentence for _, sentence in BAD}) == len(BAD) - 1  # an empty file is no age file


@pytest.fixture(name="locked")
def _locked(home: Home) -> Home:
    identity = age_box.identity_secret(home, "signer")
    replace_private(home.signer_identity, passphrases.lock(identity, PASSPHRASE))
    return home


def test_a_passphrase_is_read_from_the_pipe_and_the_identity_kept_for_the_next(locked: Home) -> None:
    kept = secret_memory.descriptor(identity_page.SIZE)
    words = ("--unlock-fd", str(kept))
    pipe = (*words, "--passphrase", "pipe")

    wrong = Run(locked, *pipe, stdin=b"wrong\n", fds=(kept,))
    assert wrong.code == 3
    assert "the passphrase from standard input is wrong; waiting 1 s\n" in wrong.said
    assert identity_page.read(kept) is None
    right = Run(locked, *pipe, stdin=PASSPHRASE.reveal() + b"\n", fds=(kept,))
    assert (right.code, right.said) == (0, "")
    again = Run(locked, *words, fds=(kept,))
    assert (again.code, again.said) == (0, "")
    assert again.table is not None and len(again.table.keys) == 2
    nobody = Run(locked)
    assert nobody.code == 3
    assert "needs its passphrase from an operator" in nobody.said
    os.close(kept)


def test_a_kept_identity_that_no_longer_fits_is_not_used(locked: Home) -> None:
    kept = secret_memory.descriptor(identity_page.SIZE)
    identity_page.write(kept, Secret(str(pyrage.x25519.Identity.generate()).encode()))
    run = Run(locked, "--unlock-fd", str(kept), "--passphrase", "pipe", stdin=PASSPHRASE.reveal(), fds=(kept,))
    assert (run.code, run.said) == (0, "")
    os.close(kept)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "content", "mode", "sentence"),
    [
        ("file", b"a passphrase of words\n", 0o644, "is open to other users (mode 0644); run: chmod 600"),
        ("file", b"\xef\xbb\xbfa passphrase of words\n", 0o600, "begins with a byte order mark"),
        ("file", b"two\nlines\n", 0o600, "must be one line of 1 to 1024 bytes"),
        ("file", b"", 0o600, "must be one line of 1 to 1024 bytes"),
        ("file", b"x" * 2000, 0o600, "must be one line of 1 to 1024 bytes"),
        ("file", b"\xff\xfa", 0o600, "is not UTF-8"),
        ("file", None, 0o600, "is missing"),
        ("credential", b"a passphrase of words", 0o644, "is open to other users; its mode must be 0400"),
        ("credential", None, 0o600, "cannot be opened (No such file or directory)"),
    ],
)
def test_a_bad_passphrase_file_is_told(
    locked: Home, tmp_path: Path, kind: str, content: bytes | None, mode: int, sentence: str
) -> None:
    path = tmp_path / "passphrase"
    if content is not None:
        path.write_bytes(content)
        path.chmod(mode)
    run = Run(locked, "--passphrase", f"{kind}:{path}")
    assert (run.code, run.table) == (1, None)
    assert sentence in run.said
    assert "passphrase of words" not in run.said


@pytest.mark.parametrize(("kind", "mode"), [("file", 0o600), ("credential", 0o440)])
def test_a_good_passphrase_file_opens(locked: Home, tmp_path: Path, kind: str, mode: int) -> None:
    path = tmp_path / "passphrase"
    path.write_bytes(PASSPHRASE.reveal() + b"\n")
    path.chmod(mode)
    assert Run(locked, "--passphrase", f"{kind}:{path}").code == 0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda sealed: sealed[:-10], "it was cut short or changed"),
        (lambda sealed: sealed[:60], "cannot be opened"),
        (lambda sealed: sealed.replace(b"-> scrypt", b"-> scrypx"), "is not sealed with a passphrase"),
    ],
)
def test_a_locked_identity_that_is_damaged_is_told(
    locked: Home, change: Callable[[bytes], bytes], sentence: str
) -> None:
    replace_private(locked.signer_identity, change(locked.signer_identity.read_bytes()))
    run = Run(locked, "--passphrase", "pipe", stdin=PASSPHRASE.reveal())
    assert run.code == 1
    assert sentence in run.said
