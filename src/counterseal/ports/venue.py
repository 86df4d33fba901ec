"""The exchange, as the gateway sees it: one request, one answer, and the truth about whether it can have left."""

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from counterseal.core.binance.sizes import USUAL


class VenueReply(NamedTuple):
    """A complete answer. Header names are lower case. Times are monotonic nanoseconds."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    sent_ns: int
    received_ns: int


class NotSent(Exception):
    """No byte of the request left."""


class Unreachable(NotSent):
    """Resolution, connection or TLS failed: the host, or the way to it, is not well."""


class Unbound(NotSent):
    """The egress address is none of this host's; another one may do."""


class Busy(NotSent):
    """All connections that such a request may use are in use: too much is asked at once."""


class Lost(Exception):
    """Bytes left and no complete, sound answer came: the request may have been executed."""


class Terms(NamedTuple):
    """On which terms a request is sent: an exit may use what is kept for exits; `wanted` is asked right before the
    first byte leaves; `egress` is the address of this host that it leaves from, empty where the system chooses; an
    answer whose body has more than `most` bytes is lost."""

    is_exit: bool = False
    wanted: Callable[[], bool] = lambda: True
    egress: str = ""
    most: int = USUAL


ORDINARY = Terms()


class Venue(Protocol):
    """Connections to the exchange's hosts."""

    async def send(self, family: str, request: bytes, terms: Terms = ORDINARY) -> VenueReply:
        """Send one request once. Raises NotSent (see what it is of) or Lost; never repeats by itself."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...
