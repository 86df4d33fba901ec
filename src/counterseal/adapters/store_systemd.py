"""The sealed keys as a credential that systemd gives us: read, never written."""

from collections.abc import Mapping

from counterseal.adapters import systemd_credentials
from counterseal.adapters.home import HomeError
from counterseal.ports.key_store import KeyStoreError, Trouble


class SystemdStore:
    """The credential `name` of the unit that we run in."""

    def __init__(self, credential: str, environ: Mapping[str, str]) -> None:
        self._credential, self._environ = credential, environ

    @property
    def name(self) -> str:
        """How messages call it."""
        return f"the systemd credential {self._credential}"

    def read(self) -> bytes | None:
        """Give what systemd loaded. Raises KeyStoreError."""
        try:
            path = systemd_credentials.path_of(self._credential, "what holds the keys", self._environ)
            return systemd_credentials.read(path)
        except HomeError as fault:
            raise KeyStoreError(Trouble.REFUSED, str(fault)) from None

    def write(self, content: bytes) -> None:
        """Always raises KeyStoreError: only who writes the unit can change what it loads."""
        raise KeyStoreError(
            Trouble.REFUSED,
            f"{self.name} can only be read; change keys in an installation of kind file, give its keys/exchange.age "
            f"to: systemd-creds encrypt --name={self._credential}, and restart the unit",
        )
