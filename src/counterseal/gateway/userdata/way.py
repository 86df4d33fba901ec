"""How an account's user data is reached in one market: what the feed needs to know, and the two that there are."""

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import msgspec

# So long what was refused is not asked for again.
REFUSED_S = 60
# Nor is anything asked for with a key that the exchange refuses; whether it takes it again, others find out.
QUARANTINED, QUARANTINED_S = "the key is quarantined", 2


class Closed(Exception):
    """User data cannot be had now; the text is one sentence without a secret.

    `is_refused` tells that the exchange, or our signer, has said no: asking again soon changes nothing. `wait_s` is how
    long at least not to ask.
    """

    def __init__(self, why: str, wait_s: int = 0, *, is_refused: bool = False) -> None:
        super().__init__(why)
        self.wait_s = wait_s
        self.is_refused = is_refused


@dataclass(frozen=True, slots=True)
class Opening:
    """Where to connect. The path may hold a secret. `is_other` tells that it opens something else than the last one."""

    path: str = field(repr=False)
    is_other: bool


class Heard(NamedTuple):
    """What a message says: that the subscription stands, an event (its JSON), or that the connection must end.

    `is_last` tells that the exchange's server is about to go. `kind` is the event's.
    """

    stands: bool = False
    event: bytes = b""
    fault: Closed | None = None
    is_last: bool = False
    kind: str = ""


class Way(Protocol):
    """One account's way to its user data, by one version of a key. It is asked by one feed alone."""

    @property
    def ref(self) -> str:
        """The version of the key."""
        ...

    async def open(self) -> Opening:
        """Prepare a connection. Raises Closed."""
        ...

    async def greeting(self) -> bytes:
        """Give what to say first on an open connection, nothing where it stands by itself. Raises Closed."""
        ...

    def hear(self, text: bytes) -> Heard:
        """Read a message; what cannot be read says nothing. Raises msgspec.DecodeError for what is no JSON."""
        ...

    @property
    def keep_at_ms(self) -> int | None:
        """When `keep` is to be called next (monotonic ms), None for never."""
        ...

    async def keep(self) -> None:
        """Keep it from ending. Raises Closed when it is no longer there."""
        ...


NOTHING = Heard()


class Kind(msgspec.Struct):
    """The kind of an event."""

    e: str = ""
