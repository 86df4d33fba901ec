"""The passphrase of the signer's identity: where it comes from, and what a wrong one costs.

It never comes from an argument or a variable of the environment; a variable only names systemd's directory.
"""

import getpass
import os
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from counterseal.adapters import age_box
from counterseal.adapters.home import Home, HomeError, out_of_reach, read_private
from counterseal.core.config.model import Signer
from counterseal.core.secret import Secret

CREDENTIALS_VARIABLE = "CREDENTIALS_DIRECTORY"
MAX_PASSPHRASE = 1024
FIRST_DELAY_S = 1.0
MAX_DELAY_S = 30.0
# The group may read: where systemd shares a credential by an access list, the mode shows the list's mask there.
_CREDENTIAL_OTHERS = 0o037
_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_WAYS = "set signer.passphrase_file or signer.passphrase_credential, or start on a terminal"

Wait = Callable[[float], object]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Source:
    """Where passphrases come from: "prompt", "pipe", "file", "credential" or "nowhere"; `path` for the two files."""

    kind: str
    path: str = ""

    @property
    def asks(self) -> bool:
        """Whether it can be asked only once, because a person or a pipe stands behind it."""
        return self.kind in ("prompt", "pipe")

    def __str__(self) -> str:
        return f"{self.kind}:{self.path}" if self.path else self.kind


NOWHERE = Source("nowhere")


def parse(text: str) -> Source:
    """Read what `str(source)` wrote."""
    kind, _, path = text.partition(":")
    return Source(kind, path)


def source(home: Home, signer: Signer, environ: Mapping[str, str], stdin: int = 0) -> Source:
    """Choose by the settings, else by what standard input is; nobody is asked when no passphrase is needed.

    Raises HomeError when there is nobody to ask.
    """
    if not age_box.is_locked(home):
        # A passphrase may be put on it while we run; a file can then be read.
        return NOWHERE if signer.passphrase_file is None else _file(home, signer.passphrase_file)
    named = configured(home, signer, environ)
    if named is not None:
        return named
    if os.isatty(stdin):
        return Source("prompt")
    if not stat.S_ISCHR(os.fstat(stdin).st_mode):  # /dev/null is a character device and no answer
        return Source("pipe")
    raise HomeError(f"the signer's identity has a passphrase, and there is nobody to ask for it; {_WAYS}")


def configured(home: Home, signer: Signer, environ: Mapping[str, str]) -> Source | None:
    """Give the source that the settings name, or None. Raises HomeError when systemd gave no credentials."""
    if signer.passphrase_file is not None:
        return _file(home, signer.passphrase_file)
    if signer.passphrase_credential is None:
        return None
    name, directory = signer.passphrase_credential, environ.get(CREDENTIALS_VARIABLE)
    if not directory:
        raise HomeError(
            f"the passphrase comes from the systemd credential {name}, but systemd gave none here; add to the unit: "
            f"LoadCredentialEncrypted={name}:/etc/credstore.encrypted/{name}"
        )
    return Source("credential", str(Path(directory) / name))


def _file(home: Home, name: str) -> Source:
    return Source("file", str(home.root / name))


def identity(home: Home, origin: Source, wait: Wait, say: Say) -> Secret:
    """Give the signer's identity, opened with a passphrase where it has one.

    Each wrong passphrase is told in one sentence and costs a wait, 1 s doubling to 30 s. Raises WrongPassphraseError
    when the source has no other, PassphraseNeededError when it has none at all, HomeError for what else is wrong.
    """
    if not age_box.is_locked(home):
        return age_box.identity_secret(home, "signer")
    delay_s, tried = FIRST_DELAY_S, False
    for passphrase in _passphrases(origin):
        try:
            return age_box.unlock(home, passphrase)
        except age_box.WrongPassphraseError:
            say(f"the passphrase {_origin(origin)} is wrong; waiting {delay_s:g} s")
            wait(delay_s)
            delay_s, tried = min(delay_s * 2, MAX_DELAY_S), True
    if tried:
        raise age_box.WrongPassphraseError(f"the passphrase {_origin(origin)} is wrong; put the right one there")
    raise age_box.PassphraseNeededError(
        "the signer needs its passphrase from an operator; end what runs, start it with: counterseal up, and give it"
    )


def _origin(origin: Source) -> str:
    return {"prompt": "that was entered", "pipe": "from standard input"}.get(origin.kind, f"in {origin.path}")


def _passphrases(origin: Source) -> Iterator[Secret]:
    if origin.kind == "prompt":
        yield from _prompted(origin)
    elif origin.kind == "pipe":
        while line := sys.stdin.buffer.readline(MAX_PASSPHRASE + 2):
            yield _checked(line, origin)
    elif origin.kind == "file":
        yield _checked(read_private(out_of_reach(Path(origin.path))), origin)
    elif origin.kind == "credential":
        yield _checked(_read_credential(Path(origin.path)), origin)


def _prompted(origin: Source) -> Iterator[Secret]:
    while True:
        try:
            entered = getpass.getpass("passphrase of the signer's identity (not shown): ")
        except EOFError:
            return
        if entered:
            yield _checked(entered.encode(), origin)


def _checked(raw: bytes, origin: Source) -> Secret:
    """Take the one line without its end. Raises HomeError, which never shows it."""
    line = raw.removesuffix(b"\n").removesuffix(b"\r")
    if line.startswith(_BYTE_ORDER_MARKS):
        raise HomeError(f"the passphrase {_origin(origin)} begins with a byte order mark; save it without one")
    if not 0 < len(line) <= MAX_PASSPHRASE or b"\n" in line or b"\0" in line:
        raise HomeError(f"the passphrase {_origin(origin)} must be one line of 1 to {MAX_PASSPHRASE} bytes")
    try:
        line.decode()
    except UnicodeDecodeError:
        raise HomeError(f"the passphrase {_origin(origin)} is not UTF-8; save it as UTF-8") from None
    return Secret(line)


def _read_credential(path: Path) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as fault:
        raise HomeError(f"the systemd credential {path.name} cannot be opened ({fault.strerror})") from None
    info = os.fstat(fd)
    if not stat.S_ISREG(info.st_mode) or info.st_uid not in (os.geteuid(), 0):
        os.close(fd)
        raise HomeError(f"the systemd credential {path.name} is no file of ours or of root")
    with os.fdopen(fd, "rb") as file:
        if stat.S_IMODE(info.st_mode) & _CREDENTIAL_OTHERS:
            raise HomeError(f"the systemd credential {path.name} is open to other users; its mode must be 0400")
        return file.read(MAX_PASSPHRASE + 3)
