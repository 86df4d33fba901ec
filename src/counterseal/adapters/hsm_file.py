"""Which keys lie in a hardware token, and how to reach it: `keys/hsm.json`. No secret and no PIN stands in it.

Whoever may write this file chooses code that the signer loads, so it lies in the folder that only the signer reads.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from counterseal.adapters.home import Home, HomeError, read_private, replace_private
from counterseal.core.config.grammar import parse_name

FORMAT = 1
KINDS = ("hmac", "ed25519", "rsa")
PIN_SOURCES = ("prompt", "file", "credential")
# Names with which the dynamic loader or Python itself could be steered are no settings of a module.
_VARIABLE = re.compile(r"(?!LD_|PYTHON|COUNTERSEAL_|GLIBC_|MALLOC_)[A-Z][A-Za-z0-9_]{1,63}")
_TEXT = re.compile(r"[^\x00-\x1f\x7f]{1,128}")
_CREDENTIAL = re.compile(r"[A-Za-z0-9._-]{1,128}")
_ID = re.compile(r"(?:[0-9a-f]{2}){1,64}")


@dataclass(frozen=True, slots=True)
class PinSource:
    """Where the PIN comes from: asked for, a file of mode 0600 (`name` its path), a systemd credential."""

    source: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class TokenPlace:
    """A token: the PKCS #11 module's path, label or serial number, and what the module needs to find it.

    `settings` are (variable, absolute path) pairs such as ("SOFTHSM2_CONF", "/etc/softhsm2.conf").
    """

    module: str
    label: str | None
    serial: str | None
    settings: tuple[tuple[str, str], ...]
    pin: PinSource

    @property
    def name(self) -> str:
        """How messages call it."""
        return f"token {self.label}" if self.label is not None else f"token of serial number {self.serial}"

    @property
    def address(self) -> str:
        """What tells it from other tokens."""
        return json.dumps([self.module, self.label, self.serial])


@dataclass(frozen=True, slots=True)
class HsmKey:
    """One exchange key in a token, found by `key_label`, `key_id` (lower-case hex) or both.

    `api_key` is None until the exchange has given one for a pair made in the token.
    """

    ref: str
    kind: str
    api_key: str | None
    environment: str
    created_ms: int
    token: TokenPlace
    key_label: str | None
    key_id: str | None

    def __repr__(self) -> str:
        return f"HsmKey(ref={self.ref!r}, kind={self.kind!r}, environment={self.environment!r})"


def path_of(home: Home) -> Path:
    """Give the file."""
    return home.root / "keys" / "hsm.json"


def read(home: Home) -> dict[str, HsmKey]:
    """Read the entries by name; no file is no keys.

    Raises HomeError when it is open to others, damaged, or of an unknown format.
    """
    path = path_of(home)
    if not path.exists() and not path.is_symlink():
        return {}
    try:
        document = json.loads(read_private(path))
        if document["format"] != FORMAT:
            raise HomeError(f"{path} has a format that this version does not know; update Counterseal")
        keys = [_key(entry) for entry in document["keys"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise HomeError(f"{path} is damaged; restore it from a backup, or remove it and add its keys again") from None
    if len({key.ref for key in keys}) != len(keys):
        raise HomeError(f"{path} holds one name twice; restore it from a backup")
    return {key.ref: key for key in keys}


def write(home: Home, keys: Mapping[str, HsmKey]) -> None:
    """Put these entries in the place of the old ones, whole or not at all."""
    document = {"format": FORMAT, "keys": [asdict(key) for key in keys.values()]}
    replace_private(path_of(home), json.dumps(document, indent=1).encode() + b"\n")


def fault(key: HsmKey) -> str | None:
    """Give the first thing about an entry that cannot be, as a sentence; None when it can be."""
    place = key.token
    checks = (
        (parse_name(key.ref) is not None, "the name must be 1 to 32 of a-z, 0-9, _ and -"),
        (key.kind in KINDS, "the kind must be hmac, ed25519 or rsa"),
        (place.module.startswith("/"), "the PKCS #11 module must be given by its absolute path"),
        (place.label is not None or place.serial is not None, "name the token by its label or its serial number"),
        (key.key_label is not None or key.key_id is not None, "name the key in the token by its label or its id"),
        (key.key_id is None or _ID.fullmatch(key.key_id), "the key's id must be an even number of hex digits"),
        (
            all(_TEXT.fullmatch(text) for text in (place.label, place.serial, key.key_label) if text is not None),
            "a label or serial number must be 1 to 128 printable characters",
        ),
        (
            all(_VARIABLE.fullmatch(name) and value.startswith("/") for name, value in place.settings),
            "a setting of the module must be VARIABLE=/absolute/path, and none that steers the system's loader",
        ),
        (place.pin.source in PIN_SOURCES, "the PIN must come from prompt, file or credential"),
        (place.pin.source != "file" or place.pin.name.startswith("/"), "the PIN file needs its absolute path"),
        (
            place.pin.source != "credential" or _CREDENTIAL.fullmatch(place.pin.name),
            "the credential's name must be 1 to 128 of letters, digits, dot, _ and -",
        ),
    )
    return next((sentence for holds, sentence in checks if not holds), None)


def _key(entry: dict[str, Any]) -> HsmKey:
    place = dict(entry["token"])
    pin = PinSource(**_texts(place["pin"]))
    settings = tuple((str(name), str(value)) for name, value in place["settings"])
    token = TokenPlace(
        module=_text(place["module"]),
        label=_optional(place["label"]),
        serial=_optional(place["serial"]),
        settings=settings,
        pin=pin,
    )
    if type(entry["created_ms"]) is not int:
        raise ValueError("a time is no integer")
    key = HsmKey(
        ref=_text(entry["ref"]),
        kind=_text(entry["kind"]),
        api_key=_optional(entry["api_key"]),
        environment=_text(entry["environment"]),
        created_ms=entry["created_ms"],
        token=token,
        key_label=_optional(entry["key_label"]),
        key_id=_optional(entry["key_id"]),
    )
    if fault(key) is not None:
        raise ValueError("an entry that cannot be")
    return key


def _texts(value: dict[str, Any]) -> dict[str, str]:
    return {name: text if text == "" else _text(text) for name, text in value.items()}


def _optional(value: object) -> str | None:
    return None if value is None else _text(value)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("a name is no text")
    return value
