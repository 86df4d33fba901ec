"""Where a token's PIN comes from, and the note that a PIN was refused.

A token locks itself after a few wrong PINs, and a signer that dies is started again at once: a PIN that was refused
is therefore never tried a second time while its source is unchanged. The note of that outlives the process.
"""

import json
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from counterseal.adapters.home import Home, HomeError, out_of_reach, read_private, replace_private
from counterseal.adapters.hsm_file import TokenPlace
from counterseal.core.secret import Secret

MAX_PIN = 255
CREDENTIALS_VARIABLE = "CREDENTIALS_DIRECTORY"
# Others than owner and group read it, or anybody but the owner writes it. The group may read: where systemd shares a
# credential by an access list, the mode shows the list's mask in the group's place.
_CREDENTIAL_OTHERS = 0o037
_PIN = re.compile(rb"[\x20-\x7e]+")


@dataclass(frozen=True, slots=True)
class Pin:
    """A PIN and the stamp of its source, which changes whenever the source does and tells nothing about the PIN."""

    secret: Secret
    stamp: str


def fetch(place: TokenPlace, prompted: Mapping[str, Pin], environ: Mapping[str, str]) -> Pin:
    """Give the PIN of a token. `prompted` holds what was asked for, by `place.address`; `environ` names the directory
    of systemd's credentials, never a PIN.

    Raises HomeError with what to do when there is none, or when others could have read it.
    """
    if place.pin.source == "prompt":
        if place.address not in prompted:
            raise HomeError(f"the PIN of the {place.name} was not asked for; start with: counterseal up, on a terminal")
        return prompted[place.address]
    if place.pin.source == "file":
        path = out_of_reach(Path(place.pin.name))
        return Pin(checked(read_private(path), place), _stamp(path))
    directory = environ.get(CREDENTIALS_VARIABLE)
    if not directory:
        raise HomeError(
            f"the PIN of the {place.name} comes from the systemd credential {place.pin.name}, but there are none here; "
            f"add to the unit: LoadCredential={place.pin.name}:/path/of/the/PIN"
        )
    path = Path(directory) / place.pin.name
    return Pin(checked(_read_credential(path), place), _stamp(path))


def checked(raw: bytes, place: TokenPlace) -> Secret:
    """Take one PIN out of what was read: one line of printable ASCII. Raises HomeError, which never shows it."""
    pin = raw.strip(b"\r\n")
    if not _PIN.fullmatch(pin) or len(pin) > MAX_PIN:
        raise HomeError(f"the PIN of the {place.name} must be one line of 1 to {MAX_PIN} printable ASCII characters")
    return Secret(pin)


def was_refused(home: Home, place: TokenPlace, stamp: str) -> bool:
    """Tell whether the token refused what this source held, and the source is still the same."""
    return _notes(home).get(place.address) == stamp


def note_refused(home: Home, place: TokenPlace, stamp: str) -> None:
    """Note, durably, that the token refused what this source holds."""
    _write(home, {**_notes(home), place.address: stamp})


def note_accepted(home: Home, place: TokenPlace) -> None:
    """Forget the note about a token, if there is one."""
    notes = _notes(home)
    if notes.pop(place.address, None) is not None:
        _write(home, notes)


def _path(home: Home) -> Path:
    return home.run / "refused-pins.json"


def _notes(home: Home) -> dict[str, str]:
    path = _path(home)
    if not path.exists():
        return {}
    try:
        found = json.loads(read_private(path))
        return {str(name): str(stamp) for name, stamp in found.items()}
    except (ValueError, AttributeError):
        raise HomeError(f"{path} is damaged; remove it when you are sure of the token's PIN") from None


def _write(home: Home, notes: Mapping[str, str]) -> None:
    replace_private(_path(home), json.dumps(notes).encode() + b"\n")


def _stamp(path: Path) -> str:
    info = path.stat()
    return f"{info.st_dev}:{info.st_ino}:{info.st_mtime_ns}:{info.st_size}"


def _read_credential(path: Path) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as fault:
        raise HomeError(f"the systemd credential {path.name} cannot be opened ({fault.strerror})") from None
    with os.fdopen(fd, "rb") as file:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode) or info.st_uid not in (os.geteuid(), 0):
            raise HomeError(f"the systemd credential {path.name} is no file of ours or of root")
        if stat.S_IMODE(info.st_mode) & _CREDENTIAL_OTHERS:
            raise HomeError(f"the systemd credential {path.name} is open to other users; its mode must be 0400")
        return file.read(MAX_PIN + 3)
