"""The signer's caps at rest: one JSON document, sealed to the signer like the keys and beside them."""

from collections.abc import Mapping
from pathlib import Path

from counterseal.adapters import age_box
from counterseal.adapters.home import Home, HomeError, read_private, remove_durably, replace_private
from counterseal.core import caps
from counterseal.core.caps import Caps, CapsError
from counterseal.core.secret import Secret


def path_of(home: Home) -> Path:
    """Give the file: in the folder of the keys, which nothing but the signer and the operator's command may enter."""
    return home.root / "keys" / "caps.age"


def read(home: Home, identity: Secret | None = None) -> dict[str, Caps]:
    """Open the file with the signer's identity, read from its file unless given; no file is no caps.

    Raises HomeError when it cannot be opened or is damaged: a signer without the caps that were set must not start.
    """
    path = path_of(home)
    if not path.exists():
        return {}
    if identity is None:
        identity = age_box.identity_secret(home, "signer")
    plain = age_box.open_sealed(identity, read_private(path), str(path))
    try:
        return caps.parse(plain.decode())
    except (CapsError, UnicodeDecodeError):
        raise HomeError(
            f"{path} is damaged inside its seal; restore it from a backup, or remove it and set the caps again"
        ) from None


def write(home: Home, entries: Mapping[str, Caps]) -> None:
    """Seal all caps and put them in the place of the old file; without any, remove the file."""
    path = path_of(home)
    if entries:
        replace_private(path, age_box.seal(home, "signer", caps.dump(entries).encode()))
    elif path.exists():
        remove_durably(path)
