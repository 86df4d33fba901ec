"""The sealed keys in a private file of the installation. Writers hold the lock `keys`."""

from counterseal.adapters.home import Home, read_private, replace_private


class FileStore:
    """`keys/exchange.age`, replaced whole."""

    def __init__(self, home: Home) -> None:
        self._path = home.exchange_keys

    @property
    def name(self) -> str:
        """The file's path."""
        return str(self._path)

    def read(self) -> bytes | None:
        """Give the file's content, None without one. Raises HomeError, whose sentences say what is wrong with it."""
        return read_private(self._path) if self._path.exists() else None

    def write(self, content: bytes) -> None:
        """Replace the file."""
        replace_private(self._path, content)
