"""The exchange, as the gateway sees it: one request, one answer, and the truth about whether it can have left."""

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol


class VenueReply(NamedTuple):
    """A complete answer. Header names are lower case. Times are monotonic nanoseconds."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    sent_ns: int
    received_ns: int


class NotSent(Exception):
    """No byte of the request left: resolution, connection or TLS failed before."""


class Lost(Exception):
    """Bytes left and no complete, sound answer came: the request may have been executed."""


class Terms(NamedTuple):
    """On which terms a request is sent: an exit may use what is kept for exits; `wanted` is asked right before the
    first byte leaves."""

    is_exit: bool = False
    wanted: Callable[[], bool] = lambda: True


ORDINARY = Terms()


class Venue(Protocol):
    """Connections to the exchange's hosts."""

    async def send(self, family: str, request: bytes, terms: Terms = ORDINARY) -> VenueReply:
        """Send one request once. Raises NotSent or Lost; never repeats by itself."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...
