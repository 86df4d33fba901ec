"""What is secret about alert channels: files of mode 0600 below `alerts`, or systemd's credentials."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from counterseal.adapters.home import Home, HomeError, read_private
from counterseal.core.secret import Secret

CREDENTIALS_VARIABLE = "CREDENTIALS_DIRECTORY"
MAX_SECRET = 16_384
# The group may read: where systemd shares a credential by an access list, the mode shows the list's mask there.
_CREDENTIAL_OTHERS = 0o037


def folder_of(home: Home) -> Path:
    """Give the folder of the secrets of channels."""
    return home.root / "alerts"


def path_of(home: Home, name: str) -> Path:
    """Give the file of one channel's secret."""
    return folder_of(home) / f"{name}.secret"


def fetch(home: Home, name: str, credential: str | None, environ: Mapping[str, str]) -> tuple[Secret, str] | None:
    """Give a channel's secret and how messages call its place; None when there is no file for it.

    Raises HomeError when others could have read it, or a credential is missing.
    """
    if credential is not None:
        return _credential(name, credential, environ)
    path = path_of(home, name)
    if not path.exists():
        return None
    return _bounded(read_private(path), str(path))


def _credential(name: str, credential: str, environ: Mapping[str, str]) -> tuple[Secret, str]:
    folder = environ.get(CREDENTIALS_VARIABLE)
    if not folder:
        raise HomeError(
            f"the secret of the alert channel {name} comes from the systemd credential {credential}, but there are "
            f"none here; add to the unit: LoadCredential={credential}:/path/of/the/secret"
        )
    path = Path(folder) / credential
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as fault:
        raise HomeError(f"the systemd credential {credential} cannot be opened ({fault.strerror})") from None
    with os.fdopen(file, "rb") as stream:
        info = os.fstat(file)
        if not stat.S_ISREG(info.st_mode) or stat.S_IMODE(info.st_mode) & _CREDENTIAL_OTHERS:
            raise HomeError(f"the systemd credential {credential} is open to others; load it with LoadCredential=")
        return _bounded(stream.read(MAX_SECRET + 1), f"the systemd credential {credential}")


def _bounded(raw: bytes, where: str) -> tuple[Secret, str]:
    if len(raw) > MAX_SECRET or not raw.strip():
        raise HomeError(f"{where} is empty, or larger than {MAX_SECRET} bytes; write the secret of the channel into it")
    return Secret(raw.strip()), where
