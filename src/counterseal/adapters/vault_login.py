"""Logging in to Vault by AppRole, with a secret id that can be had only once, and keeping the token that it gives."""

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from counterseal.adapters.home import HomeError, read_private, replace_private
from counterseal.adapters.vault_link import said
from counterseal.core.config.model import Keystore
from counterseal.core.secret import Secret
from counterseal.ports.key_store import KeyStoreError, Trouble

FORMAT = 1
_FRESH = "have a fresh one put there"


class Login:
    """Gives the client a token that lives. `folder` keeps it, `secret` reads what we log in with."""

    def __init__(self, folder: Path, settings: Keystore, name: str, secret: Callable[[], tuple[Secret, str]]) -> None:
        self._path = folder / "vault.token"
        self._settings, self._name, self._secret = settings, name, secret
        # A token of another server or role is none of ours.
        place = f"{settings.url} {settings.auth_mount} {settings.role} {settings.role_id}"
        self._place = hashlib.sha256(place.encode()).hexdigest()

    def enter(self, client: Any) -> None:
        """Have the client hold a token: the one that is kept, renewed when half of its time has gone, or a new one.

        Raises KeyStoreError, and what the client raises when Vault is not well.
        """
        with self._locked():
            kept = self._kept()
            if not self._resume(client, kept):
                self._log_in(client, kept)

    def _resume(self, client: Any, kept: dict[str, str]) -> bool:
        if not kept.get("token"):
            return False
        client.token = kept["token"]
        try:
            found = client.auth.token.lookup_self()["data"]
            if found["renewable"] and 2 * found["ttl"] < found["creation_ttl"]:
                client.auth.token.renew_self()
        except Exception as fault:
            if type(fault).__name__ not in ("Forbidden", "InvalidRequest"):
                raise
            client.token = None
            return False
        return True

    def _log_in(self, client: Any, kept: dict[str, str]) -> None:
        client.token = None
        given, where = self._secret()
        text = given.reveal().decode("ascii", "replace").strip()
        secret_id = self._secret_id(client, text, where, kept)
        try:
            found = client.auth.approle.login(
                self._settings.role_id, secret_id, use_token=False, mount_point=self._settings.auth_mount
            )
        except Exception as fault:
            if type(fault).__name__ not in ("Forbidden", "InvalidRequest"):
                raise
            if self._settings.wrapped:
                self._keep({"used": _digest(text)})
            raise KeyStoreError(
                Trouble.REFUSED,
                f"{self._name} does not take the secret id from {where}: it is used up, expired or of another role; "
                f"{_FRESH}",
            ) from None
        client.token = found["auth"]["client_token"]
        self._keep({"used": _digest(text), "token": client.token})

    def _secret_id(self, client: Any, text: str, where: str, kept: dict[str, str]) -> str:
        """Give what we log in with: kept until a login was answered, because the wrapping gives it only once."""
        if not self._settings.wrapped:
            return text
        if kept.get("used") == _digest(text) and "secret_id" in kept:
            return kept["secret_id"]
        secret_id = self._unwrapped(client, text, where, kept)
        self._keep({"used": _digest(text), "secret_id": secret_id})
        return secret_id

    def _unwrapped(self, client: Any, text: str, where: str, kept: dict[str, str]) -> str:
        """Have the secret id out of its wrapping, after a look at who wrapped what; the wrapping serves once."""
        try:
            found = client.adapter.post("/v1/sys/wrapping/lookup", json={"token": text})["data"]
        except Exception as fault:
            if type(fault).__name__ not in ("Forbidden", "InvalidRequest"):
                raise
            raise KeyStoreError(Trouble.REFUSED, self._spent(text, where, kept)) from None
        path = f"auth/{self._settings.auth_mount}/role/{self._settings.role}/secret-id"
        if found.get("creation_path") != path:
            raise KeyStoreError(
                Trouble.WRONG,
                f"what {where} holds was not made by {self._name} as a secret id of the role {self._settings.role}: "
                f"somebody may have exchanged it; do not use it, find out who wrote it, and {_FRESH}",
            )
        self._keep({"used": _digest(text)})
        client.token = text
        try:
            return str(client.adapter.post("/v1/sys/wrapping/unwrap")["data"]["secret_id"])
        except Exception as fault:
            if type(fault).__name__ not in ("Forbidden", "InvalidRequest") or "permission denied" in said(fault):
                raise
            raise KeyStoreError(Trouble.REFUSED, self._spent(text, where, {})) from None
        finally:
            client.token = None

    def _spent(self, text: str, where: str, kept: dict[str, str]) -> str:
        if kept.get("used") == _digest(text):
            return (
                f"the login to {self._name} has ended, and the wrapped secret id in {where} is used already; {_FRESH}"
            )
        return (
            f"the wrapped secret id in {where} is not valid at {self._name}: it has expired, or SOMEBODY ELSE HAS USED "
            f"IT; unless it was too old, revoke the role's secret ids and look for who took it, then {_FRESH}"
        )

    # -- what is kept

    def _kept(self) -> dict[str, str]:
        """What an earlier process has kept, nothing where that is unreadable or of another place."""
        try:
            found = json.loads(read_private(self._path)) if self._path.exists() else {}
            fits = found["format"] == FORMAT and found["place"] == self._place
        except (ValueError, KeyError, TypeError):
            return {}
        return {name: str(found[name]) for name in ("token", "used", "secret_id") if found.get(name)} if fits else {}

    def _keep(self, found: dict[str, str]) -> None:
        document = {"format": FORMAT, "place": self._place, **found}
        replace_private(self._path, json.dumps(document).encode())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One process at a time, so that two of ours do not fight for what serves once. The wait is the caller's."""
        fd = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)


def operator_token(path: str) -> Secret:
    """Give the token of an operator from the private file that an environment variable names. Raises KeyStoreError."""
    try:
        return Secret(read_private(Path(path).expanduser()).strip())
    except HomeError as fault:
        raise KeyStoreError(Trouble.REFUSED, str(fault)) from None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
