"""Keys that stay in a hardware token, behind the same interface as those of the key file.

A token works on files and devices while it signs, not only when it is opened: SoftHSM reads the token's folder for
every signature, and a token that is opened again after it was taken out needs its module's settings and folder once
more. A sandbox that forbids opening files after the start must except what `paths` gives, for reading, and what
`writable_paths` gives, for writing too; a token behind a daemon (pcscd) needs the daemon's socket besides. With no key
in a token both give nothing and the sandbox stays whole.

One token that cannot be used takes its own keys away and no others: exits over the other keys stay possible.
"""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from counterseal.adapters import hsm_file, pin_source
from counterseal.adapters.home import Home, HomeError
from counterseal.adapters.hsm_file import HsmKey, TokenPlace
from counterseal.adapters.pin_source import Pin
from counterseal.core.messages import HeldKey
from counterseal.signer.desk import HeldSigningKey

if TYPE_CHECKING:
    from counterseal.adapters.pkcs11_token import Token

EXTRA = "pip install 'counterseal[hsm]'"
SOFTHSM_VARIABLE, SOFTHSM_SETTINGS = "SOFTHSM2_CONF", "/etc/softhsm/softhsm2.conf"
SOFTHSM_FOLDER = "/var/lib/softhsm/tokens"
_SOFTHSM_FOLDER_LINE = re.compile(r"(?m)^\s*directories\.tokendir\s*=\s*(\S.*?)\s*$")

Say = Callable[[str], None]


def load(
    home: Home,
    clock_ms: Callable[[], int],
    say: Say,
    prompted: Mapping[str, Pin] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> dict[str, HeldSigningKey]:
    """Open every token that `keys/hsm.json` names and give its keys by name.

    `clock_ms` is monotonic. `prompted` holds the PINs that an operator typed, by `TokenPlace.address`; `environ` names
    systemd's credentials. What cannot be used is told to `say`, one sentence each, and left out; a token that is only
    absent keeps its keys, which refuse until it is back. Raises HomeError when `keys/hsm.json` cannot be read.
    """
    entries = {ref: key for ref, key in hsm_file.read(home).items() if key.api_key is not None}
    if not entries:
        return {}
    places = {key.token.address: key.token for key in entries.values()}
    held: dict[str, HeldSigningKey] = {}
    for address, place in places.items():
        keys = [key for key in entries.values() if key.token.address == address]
        try:
            token = _opened(home, place, clock_ms, say, prompted or {}, environ)
        except HomeError as fault:
            say(f"{fault}; left out: {', '.join(key.ref for key in keys)}")
            continue
        held |= {key.ref: _held(token, key) for key in keys if _usable(token, key, say)}
    return held


def paths(home: Home) -> list[Path]:
    """Give the files and folders that must stay readable while the signer serves. Raises HomeError."""
    places = _places(home)
    found = {Path(place.module).resolve() for place in places}
    found |= {Path(value) for place in places for _, value in place.settings}
    for place in places:
        if _is_softhsm(place):
            found |= {_softhsm_settings(place), _softhsm_folder(place)}
    return sorted(path for path in found if path.exists())


def writable_paths(home: Home) -> list[Path]:
    """Give the folders that must stay writable: SoftHSM opens its own for writing each time it is initialised."""
    return sorted({_softhsm_folder(place) for place in _places(home) if _is_softhsm(place)})


def _opened(
    home: Home, place: TokenPlace, clock_ms: Callable[[], int], say: Say, prompted: Mapping[str, Pin],
    environ: Mapping[str, str],
) -> "Token":  # fmt: skip
    """Open one token. Raises HomeError when it cannot be used; an absent one is given unopened."""
    try:
        from counterseal.adapters import pkcs11_module, pkcs11_token
    except ImportError:
        raise HomeError(f"keys in a token need an extra that is not installed: {EXTRA}") from None
    pin = pin_source.fetch(place, prompted, environ)
    if pin_source.was_refused(home, place, pin.stamp):
        raise HomeError(
            f"the {place.name} has refused this PIN before and is not asked again, because it would lock itself; "
            "correct the PIN at its source"
        )
    token = pkcs11_token.Token(place, lambda: pin.secret, clock_ms, say)
    try:
        token.open()
    except pkcs11_module.PinRefusedError as fault:
        pin_source.note_refused(home, place, pin.stamp)
        raise HomeError(str(fault)) from None
    except pkcs11_module.TokenAbsentError as fault:
        say(f"{fault}; its keys refuse until it is there")
        return token
    except pkcs11_module.TokenError as fault:
        raise HomeError(str(fault)) from None
    pin_source.note_accepted(home, place)
    return token


def _usable(token: "Token", key: HsmKey, say: Say) -> bool:
    from counterseal.adapters.pkcs11_module import TokenError

    if not token.is_open:
        return True  # absent: judged when it is found
    try:
        token.check(key)
    except TokenError as fault:
        say(f"{fault}; left out: {key.ref}")
        return False
    return True


def _held(token: "Token", key: HsmKey) -> HeldSigningKey:
    return HeldSigningKey(HeldKey(key.ref, key.api_key or "", key.kind, key.environment), token.signing_key(key))


def _places(home: Home) -> list[TokenPlace]:
    return [key.token for key in hsm_file.read(home).values() if key.api_key is not None]


def _is_softhsm(place: TokenPlace) -> bool:
    return "softhsm" in Path(place.module).name


def _softhsm_settings(place: TokenPlace) -> Path:
    return Path(dict(place.settings).get(SOFTHSM_VARIABLE, SOFTHSM_SETTINGS))


def _softhsm_folder(place: TokenPlace) -> Path:
    try:
        text = _softhsm_settings(place).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return Path(SOFTHSM_FOLDER)
    line = _SOFTHSM_FOLDER_LINE.search(text)
    return Path(line[1] if line else SOFTHSM_FOLDER)
