"""The layout of an installation on disk, and the only code that writes or reads its private files.

Every directory is 0700 and every file 0600. What is replaced is replaced whole: a temporary file beside it,
fsync, rename, fsync of the directory; so a crash leaves the old content or the new.
"""

import fcntl
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MAX_PRIVATE_FILE = 1 << 20
HOME_VARIABLE = "COUNTERSEAL_HOME"
_OTHERS = 0o077


class HomeError(Exception):
    """Something about the installation is not as it must be; the text is one sentence with the way out."""


class HomeBusyError(HomeError):
    """Another process holds the lock."""


@dataclass(frozen=True, slots=True)
class Home:
    """One installation below `root`."""

    root: Path

    @property
    def config(self) -> Path:
        """The settings file."""
        return self.root / "counterseal.toml"

    @property
    def exchange_keys(self) -> Path:
        """The exchange's keys, sealed to the signer."""
        return self.root / "keys" / "exchange.age"

    @property
    def signer_identity(self) -> Path:
        """The age identity that opens `exchange_keys`."""
        return self.root / "identities" / "signer.key"

    @property
    def gateway_identity(self) -> Path:
        """The age identity that opens the files below `bots`."""
        return self.root / "identities" / "gateway.key"

    @property
    def recipients(self) -> Path:
        """The public halves of both identities, JSON."""
        return self.root / "recipients.json"

    @property
    def bots(self) -> Path:
        """One sealed file per virtual credential."""
        return self.root / "bots"

    @property
    def journal(self) -> Path:
        """Durable intents and outcomes."""
        return self.root / "journal"

    @property
    def logs(self) -> Path:
        """What the processes tell."""
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """What exists only while something runs."""
        return self.root / "run"

    @property
    def control_socket(self) -> Path:
        """Where operators reach the supervisor."""
        return self.run / "control.sock"

    @property
    def supervisor_file(self) -> Path:
        """Process id, address and start of the running supervisor, JSON."""
        return self.run / "supervisor.json"

    @property
    def directories(self) -> tuple[Path, ...]:
        """Every directory of an installation, the root first."""
        names = ("keys", "identities", "bots", "journal", "run", "logs")
        return (self.root, *(self.root / name for name in names))

    @property
    def is_initialised(self) -> bool:
        """Whether `init` has been here."""
        return self.signer_identity.exists() or self.gateway_identity.exists()

    def create(self) -> None:
        """Make the directories that are missing.

        Raises HomeError when one that exists is open to others.
        """
        for directory in self.directories:
            directory.mkdir(mode=0o700, parents=directory == self.root, exist_ok=True)
        self._check_directories()

    def check(self) -> None:
        """Raise HomeError unless this is an installation that nobody else can read."""
        if not self.is_initialised:
            raise HomeError(f"{self.root} is no Counterseal home; make one with: counterseal init --home {self.root}")
        self._check_directories()

    def _check_directories(self) -> None:
        for directory in self.directories:
            try:
                info = directory.lstat()
            except FileNotFoundError:
                raise HomeError(f"{directory} is missing; make it with: mkdir -m 700 {directory}") from None
            if not stat.S_ISDIR(info.st_mode):
                raise HomeError(f"{directory} is no directory; move it away and run: mkdir -m 700 {directory}")
            _judge(directory, info, 0o700)


def from_environment(environ: Mapping[str, str], chosen: str | None = None) -> Home:
    """Give the home that `--home` chose, else `$COUNTERSEAL_HOME`, else `~/.counterseal`; absolute."""
    named = chosen or environ.get(HOME_VARIABLE) or "~/.counterseal"
    return Home(Path(named).expanduser().absolute())


def out_of_reach(path: Path) -> Path:
    """Give the path of a PIN or passphrase unless it lies where the gateway may read. Raises HomeError."""
    if path.resolve().is_relative_to("/etc"):
        raise HomeError(
            f"{path} lies below /etc, which the gateway may read; move it, for example to /var/lib/counterseal"
        )
    return path


def read_private(path: Path) -> bytes:
    """Read a file that only its owner (we or root) may read.

    Raises HomeError when it is missing, a symbolic link, no regular file, open to others, or above 1 MiB.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise HomeError(f"{path} is missing; restore it from a backup or start over with: counterseal init") from None
    except OSError as fault:
        raise HomeError(f"{path} cannot be opened ({fault.strerror}); it must be a regular file of ours") from None
    info = os.fstat(fd)
    if not stat.S_ISREG(info.st_mode):
        os.close(fd)
        raise HomeError(f"{path} is no regular file; replace it by the real one")
    with os.fdopen(fd, "rb") as file:
        _judge(path, info, 0o600)
        content = file.read(MAX_PRIVATE_FILE + 1)
    if len(content) > MAX_PRIVATE_FILE:
        raise HomeError(f"{path} is larger than {MAX_PRIVATE_FILE} bytes; that is not a file of Counterseal")
    return content


def create_private(path: Path, content: bytes) -> None:
    """Write a new file of mode 0600, durably. Raises HomeError when the path exists."""
    try:
        _write_exclusive(path, content)
    except FileExistsError:
        raise HomeError(f"{path} exists already and is not overwritten; remove it first if you mean to") from None
    _sync_directory(path.parent)


def replace_private(path: Path, content: bytes) -> None:
    """Put a new content of mode 0600 in the place of an old one, whole or not at all, durably."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        _write_exclusive(temporary, content)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_directory(path.parent)


def remove_durably(path: Path) -> None:
    """Remove a file so that a crash does not bring it back. Raises FileNotFoundError."""
    path.unlink()
    _sync_directory(path.parent)


@contextmanager
def locked(home: Home, name: str) -> Iterator[None]:
    """Hold the lock `run/NAME.lock` until the block ends; the kernel frees it when the process dies.

    Raises HomeBusyError at once when another process holds it.
    """
    fd = os.open(home.run / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HomeBusyError(
                f"another process holds {home.run / name}.lock; wait until it has finished, or end it"
            ) from None
        yield
    finally:
        os.close(fd)


def _judge(path: Path, info: os.stat_result, wanted: int) -> None:
    mode = stat.S_IMODE(info.st_mode)
    if info.st_uid not in (os.geteuid(), 0):
        raise HomeError(f"{path} belongs to another user (uid {info.st_uid}); run: chown {os.geteuid()} {path}")
    if mode & _OTHERS:
        raise HomeError(f"{path} is open to other users (mode {mode:04o}); run: chmod {wanted:o} {path}")


def _write_exclusive(path: Path, content: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        os.fchmod(fd, 0o600)
        file.write(content)
        file.flush()
        os.fsync(fd)


def _sync_directory(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
