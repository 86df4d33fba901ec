"""The signer, as the gateway sees it."""

from asyncio import Future
from collections.abc import Mapping
from typing import Protocol

from counterseal.core.messages import HeldKey, Refused, Sign, Signed


class SigningClient(Protocol):
    """Queues typed requests for signatures; they leave together when `flush` is called."""

    def keys(self) -> Mapping[str, HeldKey]:
        """The keys that the signer holds, by name; empty until it has said hello."""
        ...

    def queue(self, request: Sign) -> "Future[Signed | Refused]":
        """Queue a request. The future fails with SignerUnavailable when no answer comes in time."""
        ...

    def flush(self) -> None:
        """Send what is queued."""
        ...

    def drop(self, error: Exception) -> None:
        """Fail what is queued and not yet sent."""
        ...

    def next_id(self) -> int:
        """Give a number that no request of any incarnation of this gateway has used."""
        ...


class SignerUnavailable(Exception):
    """The signer did not answer in time; nothing was signed, so nothing can have been sent."""
