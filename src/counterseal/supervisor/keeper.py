"""What outlives the signers: secret memory in which the next one finds its keys, held as descriptors, never mapped."""

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from counterseal.adapters import secret_memory, unlock
from counterseal.adapters.home import Home, HomeError
from counterseal.core.config.model import Signer

# As `signer.key_page` and `signer.identity_page` lay them out: both check it.
KEYS_SIZE = 256 * 1024
IDENTITY_SIZE = 4096
_SEALED = ("exchange.age", "caps.age", "log.age")

Stamp = tuple[tuple[int, ...], ...]


@dataclass(slots=True)
class Keeper:
    """The descriptors (None where the kernel has no memfd_secret), and where a passphrase comes from.

    `filled` is the stamp of the sealed files whose keys the memory holds; None before a signer was ready. `pins` are
    those of hardware tokens that an operator typed, `environment` is that of the settings.
    """

    home: Home
    required: str
    source: unlock.Source
    page: int | None
    identity: int | None
    filled: Stamp | None = None
    launched: Stamp = field(default=())
    prepared: Stamp = field(default=())
    pins: int | None = None
    environment: str = ""

    @property
    def fds(self) -> tuple[int, ...]:
        """What a signer inherits."""
        return tuple(fd for fd in (self.page, self.identity, self.pins) if fd is not None)

    @property
    def waits(self) -> bool:
        """Whether a person or a pipe is still to give the passphrase."""
        return self.source.asks

    def stdin(self) -> int | None:
        """What a signer's standard input should be: ours while a passphrase is to come from it."""
        return None if self.waits else subprocess.DEVNULL

    def flags(self) -> list[str]:
        """Give the arguments of a signer that is started now; it opens the key file unless nothing has changed."""
        self.launched = _stamp(self.home)
        flags = self._flags(self.page)
        return flags if self.launched == self.filled else [*flags, "--refill"]

    def flags_beside(self, page: int | None) -> list[str]:
        """Give those of one that opens the key file into memory of its own while another one serves."""
        self.prepared = _stamp(self.home)
        return [*self._flags(page), "--refill"]

    def beside(self) -> int | None:
        """Make memory for a signer beside the one that serves; None where none is kept. Raises OSError."""
        return None if self.page is None else secret_memory.descriptor(KEYS_SIZE)

    def adopt(self, page: int | None) -> None:
        """Keep this memory from now on; the kernel clears the one before when its signer has ended."""
        self.launched = self.prepared
        if page is not None and self.page is not None:
            os.close(self.page)
            self.page = page

    def _flags(self, page: int | None) -> list[str]:
        flags = ["--secret-memory", self.required, "--passphrase", str(self.source)]
        flags += ["--environment", self.environment] if self.environment else []
        for name, fd in (("--page-fd", page), ("--unlock-fd", self.identity), ("--pins-fd", self.pins)):
            flags += [] if fd is None else [name, str(fd)]
        return flags

    def ready(self) -> None:
        """Note that the signer serves: the memory holds its keys, and nobody is asked for a passphrase again."""
        self.filled = self.launched
        if self.waits:
            self.source = unlock.NOWHERE

    def forget(self) -> None:
        """Have the next signer open the key file anew."""
        self.filled = None

    def close(self) -> None:
        """Give the memory back to the kernel, which clears it."""
        for fd in self.fds:
            os.close(fd)
        self.page = self.identity = self.pins = None


def keeper(home: Home, signer: Signer, source: unlock.Source) -> Keeper:
    """Make the memory. Raises HomeError when the level that the settings require is not reached."""
    level = secret_memory.best(KEYS_SIZE).level
    if not secret_memory.reaches(level, signer.secret_memory):
        raise HomeError(secret_memory.shortfall(level, signer.secret_memory))
    if level != secret_memory.MEMFD_SECRET:
        return Keeper(home, signer.secret_memory, source, None, None)
    page, identity = secret_memory.descriptor(KEYS_SIZE), secret_memory.descriptor(IDENTITY_SIZE)
    return Keeper(home, signer.secret_memory, source, page, identity)


def _stamp(home: Home) -> Stamp:
    """Tell the present sealed files from those that replace them: each writing makes a new file.

    Where a store elsewhere holds the keys the file here is a copy, which filling the memory itself may replace.
    """
    folder = home.exchange_keys.parent
    is_copy = (folder / "store" / "fetched").exists()
    return tuple(() if is_copy and name == _SEALED[0] else _of_file(folder / name) for name in _SEALED)


def _of_file(path: Path) -> tuple[int, ...]:
    try:
        info = path.stat()
    except OSError:
        return ()
    return (info.st_dev, info.st_ino, info.st_mtime_ns, info.st_ctime_ns, info.st_size)
