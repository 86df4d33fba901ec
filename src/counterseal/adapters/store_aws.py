"""The sealed keys in AWS Secrets Manager: one secret, whose versions are told apart by their stages."""

import secrets
from collections.abc import Callable
from typing import Any

from counterseal.adapters import aws_link
from counterseal.adapters.aws_link import code_of, judged
from counterseal.adapters.home import Home
from counterseal.adapters.store_deadline import within
from counterseal.core.config.model import Keystore
from counterseal.core.secret import Secret
from counterseal.ports.key_store import KeyStoreError, Trouble

CURRENT, PENDING = "AWSCURRENT", "AWSPENDING"
# What the service takes.
MAX_CONTENT = 65_536


class AwsStore:
    """`secret` reads an access key and says where it is; without it the machine's role is used.

    The stage is always named. A new version comes in as AWSPENDING and becomes AWSCURRENT by taking that from the
    version that was read: who has written since is not overwritten, and what was read stays as AWSPREVIOUS.
    """

    def __init__(self, home: Home, settings: Keystore, secret: Callable[[], tuple[Secret, str]] | None) -> None:
        self._settings, self._secret = settings, secret
        self._ca_file = home.root / settings.ca_file if settings.ca_file else None
        self._client: Any = None
        self._version: str | None = None
        self._replaced: str | None = None

    @property
    def name(self) -> str:
        """How messages call it."""
        return f"AWS Secrets Manager ({self._settings.secret_name} in {self._settings.region})"

    def read(self) -> bytes | None:
        """Give the binary of the version that is AWSCURRENT, or its text; None without one. Raises KeyStoreError."""
        found: bytes | None = self._within(self._read)
        return found

    def write(self, content: bytes) -> None:
        """Make a new version AWSCURRENT in the place of the one that was read. Raises KeyStoreError."""
        if len(content) > MAX_CONTENT:
            raise KeyStoreError(
                Trouble.REFUSED,
                f"{self.name} takes at most {MAX_CONTENT} bytes, and the keys need {len(content)}; remove some",
            )
        self._within(lambda client: self._write(client, content))

    def how_to_destroy(self) -> str:
        """Give the command after which the service deletes what the last writing replaced."""
        return (
            f"aws secretsmanager update-secret-version-stage --secret-id {self._settings.secret_name} "
            f"--version-stage AWSPREVIOUS --remove-from-version-id {self._replaced}"
        )

    # -- in the thread

    def _read(self, client: Any) -> bytes | None:
        try:
            found = client.get_secret_value(SecretId=self._settings.secret_name, VersionStage=CURRENT)
        except Exception as fault:
            if code_of(fault) != "ResourceNotFoundException":
                raise
            self._version = None
            return None
        if "VersionId" not in found:  # what the library makes of half an answer
            raise KeyStoreError(Trouble.TRUNCATED, f"{self.name} broke its answer off in the middle; see how it is")
        self._version = str(found["VersionId"])
        if "SecretBinary" in found:
            return bytes(found["SecretBinary"])
        # A version may have been made without a value.
        return str(found["SecretString"]).encode() if "SecretString" in found else None

    def _write(self, client: Any, content: bytes) -> None:
        name, new = self._settings.secret_name, secrets.token_hex(16)
        if self._current(client) != self._version:
            raise self._changed()
        client.put_secret_value(SecretId=name, ClientRequestToken=new, SecretBinary=content, VersionStages=[PENDING])
        # The first version of a secret is AWSCURRENT from the beginning.
        if self._version is not None or self._current(client) is None:
            self._promote(client, new)
        if self._current(client) != new:
            raise self._changed()
        self._replaced, self._version = self._version, new

    def _promote(self, client: Any, new: str) -> None:
        more = {} if self._version is None else {"RemoveFromVersionId": self._version}
        try:
            client.update_secret_version_stage(
                SecretId=self._settings.secret_name, VersionStage=CURRENT, MoveToVersionId=new, **more
            )
        except Exception as fault:
            if code_of(fault) in ("InvalidParameterException", "InvalidRequestException"):
                raise self._changed() from None
            raise

    def _current(self, client: Any) -> str | None:
        """Give the version that is AWSCURRENT, None without one."""
        found = client.describe_secret(SecretId=self._settings.secret_name).get("VersionIdsToStages", {})
        return next((version for version, stages in found.items() if CURRENT in stages), None)

    def _changed(self) -> KeyStoreError:
        return KeyStoreError(
            Trouble.CHANGED, f"somebody else has changed {self.name} meanwhile; nothing was replaced, run it again"
        )

    def _within(self, work: Callable[[Any], Any]) -> Any:
        def call() -> Any:
            try:
                if self._client is None:
                    self._client = aws_link.client(self._settings, self._ca_file, self._secret, self.name)
                return work(self._client)
            except Exception as fault:  # noqa: BLE001  the library's words may hold ids; ours do not
                raise self._judged(fault) from None

        try:
            return within(self._settings.timeout_s, self.name, call)
        except KeyStoreError as fault:
            if fault.kind is Trouble.SLOW:
                self._client = None  # a thread may still hang on this one
            raise

    def _judged(self, fault: Exception) -> KeyStoreError:
        if code_of(fault) == "ResourceNotFoundException":
            return KeyStoreError(
                Trouble.WRONG,
                f"{self.name} does not exist; make it, with its tag, as docs/how-to/aws.md shows, and run this again",
            )
        return judged(fault, self.name)
