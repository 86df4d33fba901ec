"""Logging in to Vault where something fails between the one unwrapping and the login that it is for."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from counterseal.adapters.vault_login import Login
from counterseal.core.config.model import Keystore
from counterseal.core.secret import Secret
from counterseal.ports.key_store import KeyStoreError

SETTINGS = Keystore(kind="vault", url="https://127.0.0.1:9", path="a", role="desk", role_id="id")


class Forbidden(Exception):
    """As the library calls it."""

    errors = ("permission denied",)


class Vault:
    """A client whose wrapping serves once; `fault` is raised by the next login."""

    def __init__(self) -> None:
        self.token: str | None = None
        self.unwrapped, self.logins = 0, list[str]()
        self.fault: Exception | None = None
        self.auth = SimpleNamespace(
            approle=SimpleNamespace(login=self._login), token=SimpleNamespace(lookup_self=self._look)
        )
        self.adapter = SimpleNamespace(post=self._post)

    def _post(self, path: str, **_more: object) -> dict[str, Any]:
        if self.unwrapped:
            raise Forbidden
        if path.endswith("lookup"):
            return {"data": {"creation_path": f"auth/{SETTINGS.auth_mount}/role/desk/secret-id"}}
        self.unwrapped += 1
        return {"data": {"secret_id": "the-secret-id"}}

    def _login(self, _role_id: str, secret_id: str, **_more: object) -> dict[str, Any]:
        fault, self.fault = self.fault, None
        if fault is not None:
            raise fault
        self.logins.append(secret_id)
        return {"auth": {"client_token": "the-token"}}

    def _look(self) -> dict[str, Any]:
        return {"data": {"renewable": False}}


def enter(folder: Path, vault: Vault, text: bytes = b"wrapped\n") -> None:
    Login(folder, SETTINGS, "Vault", lambda: (Secret(text), "the file")).enter(vault)


def test_a_fault_after_the_unwrapping_costs_no_login(tmp_path: Path) -> None:
    vault = Vault()
    vault.fault = ConnectionError()
    with pytest.raises(ConnectionError):
        enter(tmp_path, vault)
    kept = tmp_path / "vault.token"
    assert vault.unwrapped == 1 and vault.logins == [] and kept.stat().st_mode & 0o777 == 0o600

    enter(tmp_path, vault)
    assert vault.logins == ["the-secret-id"] and vault.token == "the-token"
    found = json.loads(kept.read_text())
    assert found["token"] == "the-token" and "secret_id" not in found
    enter(tmp_path, vault)
    assert len(vault.logins) == 1


def test_a_kept_secret_id_that_is_refused_or_of_another_wrapping_is_not_used_again(tmp_path: Path) -> None:
    vault = Vault()
    vault.fault = ConnectionError()
    with pytest.raises(ConnectionError):
        enter(tmp_path, vault)
    with pytest.raises(KeyStoreError, match="is not valid at Vault"):
        enter(tmp_path, vault, b"another\n")
    vault.fault = Forbidden()
    with pytest.raises(KeyStoreError, match="does not take the secret id"):
        enter(tmp_path, vault)
    assert "secret_id" not in json.loads((tmp_path / "vault.token").read_text())
    with pytest.raises(KeyStoreError, match="is used already"):
        enter(tmp_path, vault)
    assert vault.logins == []
