"""The sealed keys in HashiCorp Vault or OpenBao: one secret of a KV engine of version 2."""

import base64
import binascii
import json
from collections.abc import Callable
from typing import Any

from counterseal.adapters import vault_link
from counterseal.adapters.home import Home
from counterseal.adapters.store_deadline import within
from counterseal.adapters.vault_link import judged, said
from counterseal.adapters.vault_login import Login
from counterseal.core.config.model import Keystore
from counterseal.core.secret import Secret
from counterseal.ports.key_store import KeyStoreError, Trouble

# The one field of the secret: the age envelope in base64.
FIELD = "age"


class VaultStore:
    """`secret` reads what we log in with and says where it is; with `operator` that token is used instead.

    Writing compares the version: who has written since we read is not overwritten.
    """

    def __init__(
        self,
        home: Home,
        settings: Keystore,
        secret: Callable[[], tuple[Secret, str]],
        operator: Callable[[], Secret] | None = None,
    ) -> None:
        self._settings, self._operator = settings, operator
        self._ca_file = home.root / settings.ca_file if settings.ca_file else None
        self._login = Login(home.exchange_keys.with_name("store"), settings, self.name, secret)
        self._client: Any = None
        self._version = self._replaced = 0

    @property
    def name(self) -> str:
        """How messages call it."""
        return f"Vault at {self._settings.url} ({self._settings.mount}/{self._settings.path})"

    def read(self) -> bytes | None:
        """Give the envelope, or what else the secret holds as JSON. Raises KeyStoreError."""
        found: bytes | None = self._within(self._read)
        return found

    def write(self, content: bytes) -> None:
        """Write a new version upon the one that was read. Raises KeyStoreError."""
        self._within(lambda client: self._write(client, content))

    def how_to_destroy(self) -> str:
        """Give the command that destroys what the last writing replaced, and no version before: that may be sealed."""
        return f"bao kv destroy -mount={self._settings.mount} -versions={self._replaced} {self._settings.path}"

    # -- in the thread

    def _read(self, client: Any) -> bytes | None:
        try:
            found = client.secrets.kv.v2.read_secret_version(
                self._settings.path, mount_point=self._settings.mount, raise_on_deleted_version=False
            )
        except Exception as fault:
            # A path that never was has no error; a mount that is not there has one.
            if type(fault).__name__ != "InvalidPath" or said(fault):
                raise
            self._version = 0
            return None
        try:
            self._version = int(found["data"]["metadata"]["version"])
            return _content(found["data"]["data"], self.name)
        except (KeyError, TypeError, ValueError):
            raise KeyStoreError(
                Trouble.WRONG, f"{self.name} gives no secret of KV version 2; check mount and path"
            ) from None

    def _write(self, client: Any, content: bytes) -> None:
        secret = {FIELD: base64.b64encode(content).decode()}
        try:
            found = client.secrets.kv.v2.create_or_update_secret(
                self._settings.path, secret=secret, cas=self._version, mount_point=self._settings.mount
            )
        except Exception as fault:
            if type(fault).__name__ == "InvalidRequest" and "check-and-set" in said(fault):
                raise KeyStoreError(
                    Trouble.CHANGED,
                    f"somebody else has changed {self.name} meanwhile; nothing was written, run it again",
                ) from None
            raise
        self._replaced, self._version = self._version, int(found["data"]["version"])

    def _within(self, work: Callable[[Any], Any]) -> Any:
        def call() -> Any:
            client = None
            try:
                client = self._made()
                return work(self._entered(client))
            except Exception as fault:  # noqa: BLE001  the library's words may hold a token; ours do not
                raise self._judged(fault) from None
            finally:
                if client is not None:
                    client.adapter.close()

        try:
            return within(self._settings.timeout_s, self.name, call)
        except KeyStoreError as fault:
            if fault.kind is Trouble.SLOW:
                self._client = None  # a thread may still hang on this one
            raise

    def _made(self) -> Any:
        if self._client is None:
            self._client = vault_link.client(self._settings, self._ca_file, self.name)
        return self._client

    def _entered(self, client: Any) -> Any:
        if self._operator is not None:
            client.token = self._operator().reveal().decode("ascii", "replace")
        else:
            self._login.enter(client)
        return client

    def _judged(self, fault: Exception) -> KeyStoreError:
        if type(fault).__name__ != "Forbidden":
            return judged(fault, self.name)
        # The login was good a moment ago.
        if self._operator is not None:
            return KeyStoreError(
                Trouble.REFUSED, f"{self.name} refuses the operator's token; log in anew, see its policy"
            )
        return KeyStoreError(
            Trouble.REFUSED,
            f"{self.name} refuses this with the role {self._settings.role}; attach the policy that allows it",
        )


def _content(data: Any, name: str) -> bytes | None:
    if data is None:  # deleted
        return None
    if FIELD not in data:
        return json.dumps(data).encode()
    try:
        return base64.b64decode(data[FIELD], validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise KeyStoreError(
            Trouble.WRONG, f"the field {FIELD} of {name} is no base64; restore an earlier version of the secret"
        ) from None
