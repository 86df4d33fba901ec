"""Where the sealed keys of the exchange are kept, as whoever opens them sees it."""

from enum import Enum
from typing import Protocol


class Trouble(Enum):
    """What is the matter with a store."""

    UNREACHABLE = "unreachable"  # nobody there, or it says that it cannot serve now
    SLOW = "slow"  # no whole answer in time
    REFUSED = "refused"  # it does not know us, or we lack the right
    WRONG = "wrong"  # not who it should be, or something else than sealed keys
    TRUNCATED = "truncated"  # only a part of an answer
    CHANGED = "changed"  # somebody else has written since we read


class KeyStoreError(Exception):
    """The store did not do what was asked; the text is one sentence with the way out and holds no secret."""

    def __init__(self, kind: Trouble, sentence: str) -> None:
        super().__init__(sentence)
        self.kind = kind


class KeyStore(Protocol):
    """Holds one sealed content. Each call ends in the time that the settings give it."""

    @property
    def name(self) -> str:
        """How messages call it."""
        ...

    def read(self) -> bytes | None:
        """Give what it holds: an age envelope, or a plain secret that nobody has sealed yet. None for nothing.

        Raises KeyStoreError.
        """
        ...

    def write(self, content: bytes) -> None:
        """Put an age envelope in the place of what this object has last read or written; of nothing, if it never did.

        Raises KeyStoreError, of kind CHANGED when somebody else has written meanwhile: nothing is lost then.
        """
        ...
