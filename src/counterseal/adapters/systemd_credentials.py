"""What systemd gives a unit in its folder of credentials."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from counterseal.adapters.home import MAX_PRIVATE_FILE, HomeError

VARIABLE = "CREDENTIALS_DIRECTORY"
# The group may read: where systemd shares a credential by an access list, the mode shows the list's mask there.
_OTHERS = 0o037


def path_of(name: str, what: str, environ: Mapping[str, str]) -> Path:
    """Give where a credential lies; `what` it holds is for words. Raises HomeError when systemd gave none here."""
    folder = environ.get(VARIABLE)
    if not folder:
        raise HomeError(
            f"{what} comes from the systemd credential {name}, but there are none here; add to the unit: "
            f"LoadCredentialEncrypted={name}:/etc/credstore.encrypted/{name}"
        )
    return Path(folder) / name


def find(name: str) -> Path | None:
    """Give where a credential of this process lies, None where systemd gave none."""
    folder = os.environ.get(VARIABLE)
    return Path(folder) / name if folder else None


def read(path: Path) -> bytes:
    """Give the content of a credential. Raises HomeError when others could have read it, or it is no file."""
    name = path.name
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as fault:
        raise HomeError(f"the systemd credential {name} cannot be opened ({fault.strerror})") from None
    with os.fdopen(fd, "rb", closefd=True) as file:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode) or info.st_uid not in (os.geteuid(), 0):
            raise HomeError(f"the systemd credential {name} is no file of ours or of root")
        if stat.S_IMODE(info.st_mode) & _OTHERS:
            raise HomeError(f"the systemd credential {name} is open to other users; its mode must be 0400")
        content = file.read(MAX_PRIVATE_FILE + 1)
    if len(content) > MAX_PRIVATE_FILE:
        raise HomeError(f"the systemd credential {name} is larger than {MAX_PRIVATE_FILE} bytes; load the right one")
    return content
