"""API keys of the exchange's accounts, in one file that a running server re-reads when it changes."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import string
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from counterseal.paper.signature import load_public

ALPHABET = string.ascii_letters + string.digits
RESTRICTED = 2
KINDS = ("hmac", "ed25519", "rsa")
PERMISSIONS = ("read", "trade", "futures", "margin", "transfer", "options")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key.  `verifier` is the HMAC secret or the public key's PEM, so it is never shown."""

    api_key: str
    kind: str
    verifier: str
    permissions: tuple[str, ...]
    account: str
    created_ms: int
    name: str = ""
    status: int = 1  # 1 from anywhere, 2 from `ips` only, 3 by a third party
    ips: tuple[str, ...] = ()
    shows: tuple[str, ...] = ()  # flags of apiRestrictions that are on although nothing here serves them
    trading_until_ms: int = 0  # when its permission to trade ends, 0 never

    def may_trade(self, now_ms: int) -> bool:
        """Whether its permission to trade has not ended."""
        return not self.trading_until_ms or now_ms < self.trading_until_ms

    def is_from(self, peer: str) -> bool:
        """Whether the key may be used from an address."""
        return self.status != RESTRICTED or peer in self.ips

    def __repr__(self) -> str:
        return f"ApiKey({self.api_key[:8]}, {self.kind}, {self.account})"


def make(kind: str, public_pem: str | None, permissions: tuple[str, ...], account: str, now_ms: int) -> ApiKey:
    """A new key.  ValueError when the kind, the permissions or the public key do not fit together."""
    if kind not in KINDS or not set(permissions) <= set(PERMISSIONS):
        raise ValueError(f"kind is one of {KINDS}, permissions are of {PERMISSIONS}")
    if (kind == "hmac") != (public_pem is None):
        raise ValueError("a public key is given exactly for rsa and ed25519")
    if public_pem is not None and type(load_public(public_pem)).__name__.lower().find(kind) < 0:
        raise ValueError("public key is of another kind")
    verifier = _token() if public_pem is None else public_pem
    return ApiKey(_token(), kind, verifier, permissions, account, now_ms)


def kind_of(public_pem: str) -> str:
    """ed25519 or rsa; ValueError for anything else."""
    return "ed25519" if "Ed25519" in type(load_public(public_pem)).__name__ else "rsa"


def _token() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(64))


class KeyFile:
    """`keys.json` of a home directory, mode 0600."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mark: tuple[int, int, int] | None = None
        self._keys: dict[str, ApiKey] = {}

    def find(self, api_key: str) -> ApiKey | None:
        """The key, from a fresh reading when the file has changed."""
        self._refresh()
        return self._keys.get(api_key)

    def of(self, account: str) -> list[ApiKey]:
        """The keys of an account, in the order in which they were made."""
        self._refresh()
        return [key for key in self._keys.values() if key.account == account]

    def accounts(self) -> list[str]:
        """Every account that has a key."""
        self._refresh()
        return list(dict.fromkeys(key.account for key in self._keys.values()))

    def add(self, key: ApiKey) -> None:
        """Write a new key, or the new state of one that is there."""
        with self._locked():
            self._keys[key.api_key] = key
            self._write()

    def change(self, api_key: str, changes: dict[str, Any]) -> ApiKey:
        """Give a key other permissions, addresses or flags. KeyError for one that there is not, ValueError."""
        with self._locked():
            changed = _from_row({**asdict(self._keys[api_key]), **changes})
            if not set(changed.permissions) <= set(PERMISSIONS):
                raise ValueError(f"permissions are of {PERMISSIONS}")
            self._keys[api_key] = changed
            self._write()
        return changed

    def delete(self, api_key: str) -> bool:
        """Whether there was such a key."""
        with self._locked():
            found = self._keys.pop(api_key, None)
            self._write()
        return found is not None

    def _refresh(self) -> None:
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            self._keys, self._mark = {}, None
            return
        mark = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
        if mark != self._mark:
            rows = json.loads(self.path.read_text("utf-8"))["keys"]
            keys = (_from_row(row) for row in rows)
            self._keys = {key.api_key: key for key in keys}
            self._mark = mark

    @contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = os.open(self.path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            self._refresh()
            yield
        finally:
            os.close(descriptor)

    def _write(self) -> None:
        rows = [asdict(key) for key in self._keys.values()]
        write_private(self.path, json.dumps({"keys": rows}, indent=1) + "\n")


def _from_row(row: dict[str, Any]) -> ApiKey:
    listed = {name: tuple(row.get(name, ())) for name in ("permissions", "ips", "shows")}
    return ApiKey(**{**row, **listed})


def changes_of(wanted: Mapping[str, object]) -> dict[str, Any]:
    """The fields of a key that a command changes. Without a list of addresses (null) it works from anywhere."""
    changes: dict[str, Any] = {
        name: tuple(map(str, listed))
        for name in ("permissions", "shows")
        if isinstance(listed := wanted.get(name), list)
    }
    ips = wanted.get("ips", ...)
    if ips is None:
        changes |= {"status": 1, "ips": ()}
    elif isinstance(ips, list):
        changes |= {"status": RESTRICTED, "ips": tuple(map(str, ips))}
    if "trading_until_ms" in wanted:
        changes["trading_until_ms"] = int(str(wanted["trading_until_ms"]))
    return changes


def write_private(path: Path, text: str) -> None:
    """Replace a file atomically; the new one has mode 0600."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    scratch.replace(path)
