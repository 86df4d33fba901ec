"""Which store holds the sealed keys, what is done while it is away, and the copy that stands for it meanwhile.

A copy of what the store held is kept as `keys/exchange.age`, and below `keys/store` the moment of its last sound
answer. Only what could be opened replaces it.
"""

import json
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from counterseal.adapters import systemd_credentials
from counterseal.adapters.age_box import PassphraseNeededError, WrongPassphraseError
from counterseal.adapters.home import (
    MAX_PRIVATE_FILE,
    Home,
    HomeError,
    out_of_reach,
    read_private,
    replace_private,
)
from counterseal.adapters.store_aws import AwsStore
from counterseal.adapters.store_file import FileStore
from counterseal.adapters.store_systemd import SystemdStore
from counterseal.adapters.store_vault import VaultStore
from counterseal.adapters.vault_login import operator_token
from counterseal.core.config.model import Config, Keystore
from counterseal.core.lease import HOUR_MS, Lease, show_age
from counterseal.core.secret import Secret
from counterseal.ports.key_store import KeyStore, KeyStoreError, Trouble

AGE = b"age-encryption.org/v1\n"
FORMAT = 1
# Names a private file with an operator's own token of Vault, for the command line; no process that stays has it.
OPERATOR_VARIABLE = "COUNTERSEAL_VAULT_TOKEN_FILE"
REMOTE = ("vault", "aws")
_SECTION = re.compile(rb"^\s*\[\s*[\"']?keystore|^\s*[\"']?keystore[\"']?\s*[.=]", re.MULTILINE)
# After these an answer may be missing to what was done all the same.
_UNCERTAIN = (Trouble.UNREACHABLE, Trouble.SLOW, Trouble.TRUNCATED)
_T = TypeVar("_T")
# One for each home of this process: a store remembers the version that it has read, and its login.
_stores: dict[Path, tuple[Keystore, KeyStore]] = {}
# Of which homes this process has read the copy: what it made of that is never written over what the store holds.
_copied: set[Path] = set()


@dataclass(frozen=True, slots=True)
class Note:
    """What is known of the copy: when the store last gave what it holds."""

    fetched_ms: int


def folder_of(home: Home) -> Path:
    """Give the folder of what is known of a store elsewhere: the login to it, and when it answered last."""
    return home.exchange_keys.with_name("store")


def previous_of(home: Home) -> Path:
    """Give where the copy lies that the present one has replaced: for an operator, nothing of ours reads it."""
    return home.exchange_keys.with_name("exchange.previous")


def make_folder(home: Home) -> None:
    """Make it, where it is missing; whoever is confined can no longer do that."""
    folder_of(home).mkdir(mode=0o700, exist_ok=True)


def settings_of(home: Home) -> Keystore:
    """Give [keystore] of the settings, also where another section has faults; without settings it is the file.

    Raises HomeError when nobody can tell what it says.
    """
    raw = _raw(home.config)
    # Most have no such section, and to judge the whole file takes longer than to open the keys.
    if b"keystore" not in raw and b"\\" not in raw:
        return Keystore()
    from counterseal.adapters import config_file
    from counterseal.core.config.loader import load_keystore

    loaded = config_file.read_whole(home.config)
    if isinstance(loaded.found, Config):
        return loaded.found.keystore
    if not _SECTION.search(raw):
        return Keystore()
    alone = load_keystore(loaded.content.decode("utf-8", "replace")) if loaded.content else loaded.found
    if isinstance(alone, Keystore):
        return alone
    raise HomeError(f"where the keys are kept cannot be told: {alone[0]}")


def of(home: Home) -> KeyStore:
    """Give the store of the settings. Raises HomeError when the settings cannot be read."""
    settings = settings_of(home)
    known = _stores.get(home.root)
    if known is None or known[0] != settings:
        known = _stores[home.root] = (settings, _made(home, settings))
    return known[1]


def put(home: Home, settings: Keystore, store: KeyStore) -> None:
    """Have this store used for a home by this process."""
    _stores[home.root] = (settings, store)


def read(home: Home, opened: Callable[[bytes, str], _T], *, keeps: bool = False) -> _T | None:
    """Give what `opened` makes of the sealed keys, named by its second argument; None where there are none yet.

    While a remote store is away or answers with what is no good, the copy stands for it, told in one line on standard
    error, until its lease ends. Who reads to hold the keys `keeps` what is new as the copy; anybody else only renews
    the lease of what is kept, so that the copy tells what the signer has taken up. Raises HomeError, and what `opened`
    raises.
    """
    store = of(home)
    kind = settings_of(home).kind
    is_remote = kind in REMOTE
    try:
        sealed = store.read()
        if sealed is None:
            if is_remote and fetched(home) is not None:
                raise KeyStoreError(Trouble.WRONG, f"{store.name} holds nothing any more; restore what it held")
            return None
        found = opened(sealed if kind == "file" else _checked(sealed, store.name), store.name)
    except (PassphraseNeededError, WrongPassphraseError):
        raise
    except (KeyStoreError, HomeError) as fault:
        if not is_remote or fetched(home) is None:
            raise _as_home_error(fault) from None
        return _from_copy(home, fault, opened)
    _copied.discard(home.root)
    if is_remote and (keeps or is_copied(home, sealed)):
        keep(home, sealed)
    return found


def read_copy(home: Home, opened: Callable[[bytes, str], _T]) -> _T:
    """Give what `opened` makes of the copy, however old it is. Raises HomeError, and what `opened` raises."""
    return opened(read_private(home.exchange_keys), str(home.exchange_keys))


def held(home: Home) -> bytes | None:
    """Give what the store itself holds, never the copy: for whoever writes it back. Raises HomeError."""
    store = of(home)
    if isinstance(store, SystemdStore):
        raise HomeError(f"{store.name} can only be read; do this in the installation that it comes from")
    try:
        return store.read()
    except KeyStoreError as fault:
        raise _as_home_error(fault) from None


def write(home: Home, sealed: bytes) -> None:
    """Put sealed keys in the place of those that this process has read last from the store. Raises HomeError."""
    store = of(home)
    if home.root in _copied:
        raise HomeError(f"{store.name} did not give its keys, so that nothing is written there; bring it back first")
    try:
        store.write(sealed)
    except KeyStoreError as fault:
        if fault.kind in _UNCERTAIN:
            raise HomeError(
                f"{fault}; whether it was written nobody knows: look with counterseal key list before you do it again"
            ) from None
        raise _as_home_error(fault) from None
    if settings_of(home).kind in REMOTE:
        keep(home, sealed)
        previous_of(home).unlink(missing_ok=True)  # what we have replaced on purpose is not wanted back
    else:
        _note_path(home).unlink(missing_ok=True)


def keep(home: Home, sealed: bytes) -> None:
    """Keep a copy of what the store holds, which was opened, and note the moment; the copy before stays beside it."""
    before = read_private(home.exchange_keys) if home.exchange_keys.exists() else None
    if before != sealed:
        if before is not None:
            replace_private(previous_of(home), before)
        replace_private(home.exchange_keys, sealed)
    note = {"format": FORMAT, "fetched_ms": _now_ms()}
    make_folder(home)
    replace_private(_note_path(home), json.dumps(note).encode())


def is_copied(home: Home, sealed: bytes) -> bool:
    """Tell whether the copy, which was opened when it was made, holds the same."""
    return fetched(home) is not None and read_private(home.exchange_keys) == sealed


def fetched(home: Home) -> Note | None:
    """Give what is known of the copy; None without one. Raises HomeError when others could have changed it."""
    path = _note_path(home)
    if not path.exists() or not home.exchange_keys.exists():
        return None
    try:
        document = json.loads(read_private(path))
        if document["format"] == FORMAT and type(document["fetched_ms"]) is int:
            return Note(document["fetched_ms"])
    except (ValueError, KeyError, TypeError):
        pass
    return None


def lease_of(home: Home) -> Lease | None:
    """Give the copy's lease, None without a copy."""
    note = fetched(home)
    return None if note is None else Lease(note.fetched_ms, settings_of(home).max_lease_hours * HOUR_MS)


# -- making


def _made(home: Home, settings: Keystore) -> KeyStore:
    if settings.kind in REMOTE:
        make_folder(home)
    if settings.kind == "vault":
        path = os.environ.get(OPERATOR_VARIABLE)
        operator = None if path is None else lambda: operator_token(path)
        return VaultStore(home, settings, lambda: _login(home, settings), operator)
    if settings.kind == "aws":
        has_login = settings.login_file or settings.login_credential
        return AwsStore(home, settings, (lambda: _login(home, settings)) if has_login else None)
    if settings.kind == "systemd":
        return SystemdStore(settings.credential or "", os.environ)
    return FileStore(home)


def _login(home: Home, settings: Keystore) -> tuple[Secret, str]:
    """Read what we log in with, and say where it is. Raises KeyStoreError."""
    try:
        path = login_path(home, settings)
        if path is None:
            raise HomeError("there is nothing to log in with; set keystore.login_file")
        content = systemd_credentials.read(path) if settings.login_credential else read_private(path)
        if content.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
            raise HomeError(f"{path} begins with a byte order mark; save it as plain text without one")
        if not content.strip():
            raise HomeError(f"{path} is empty; write what we log in with into it")
    except HomeError as fault:
        raise KeyStoreError(Trouble.REFUSED, str(fault)) from None
    return Secret(content), str(path)


def login_path(home: Home, settings: Keystore) -> Path | None:
    """Give where that lies, None where there is no such file. Raises HomeError."""
    if settings.login_credential is not None:
        return systemd_credentials.path_of(settings.login_credential, "what we log in with", os.environ)
    return None if settings.login_file is None else out_of_reach(home.root / settings.login_file)


# -- the copy


def _from_copy(home: Home, fault: Exception, opened: Callable[[bytes, str], _T]) -> _T:
    lease = lease_of(home)
    now_ms = _now_ms()
    if lease is None or lease.is_over(now_ms):
        age = "" if lease is None else f" is {show_age(lease.age_ms(now_ms))} old, and that"
        raise HomeError(
            f"{fault}; the copy of its keys here{age} is more than keystore.max_lease_hours allows"
        ) from None
    age = show_age(lease.age_ms(now_ms))
    sys.stderr.write(f"key store: {fault}; the copy of {age} ago is used, no longer than keystore.max_lease_hours\n")
    sys.stderr.flush()
    _copied.add(home.root)
    path = home.exchange_keys
    return opened(read_private(path), str(path))


def _checked(sealed: bytes, name: str) -> bytes:
    if sealed.lstrip().startswith(b"{"):
        raise KeyStoreError(
            Trouble.WRONG, f"{name} holds keys that nobody has sealed; seal them with: counterseal key import"
        )
    return sealed


def _as_home_error(fault: Exception) -> HomeError:
    return fault if isinstance(fault, HomeError) else HomeError(str(fault))


def _note_path(home: Home) -> Path:
    return folder_of(home) / "fetched"


def _raw(path: Path) -> bytes:
    """What stands in the settings, believed or not, to look for a section of ours; nothing where there are none."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(fd, "rb") as file:
            return file.read(MAX_PRIVATE_FILE + 1)
    except FileNotFoundError:
        return b""
    except OSError:
        return b"[keystore]"


def _now_ms() -> int:
    # Late: it brings asyncio, which is much for a process that lives for a moment and mostly needs no clock.
    from counterseal.adapters.system_clock import SystemClock

    return SystemClock().wall_ns() // 1_000_000
