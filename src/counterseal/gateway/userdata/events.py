"""What a feed of an account gives to whoever listens, and how to listen."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol


class UserEvent(NamedTuple):
    """One event of an account in one market ("spot", "usdm", "coinm"). `kind` is its `e`.

    `text` is the event's JSON as it came, `body` the same decoded once for everybody; it must not be changed.
    """

    account: str
    family: str
    kind: str
    body: Mapping[str, Any]
    text: bytes


class Listener(Protocol):
    """Whoever wants to know what happens on an account."""

    def on_event(self, event: UserEvent) -> None:
        """Something happened."""
        ...

    def on_gap(self, account: str, family: str) -> None:
        """Events may be missing from here on: the connection was lost and stands again, or cannot be made."""
        ...


class Feeds(Protocol):
    """The feeds of all accounts. They run whether somebody listens or not."""

    def join(self, listener: Listener, account: str, family: str) -> None:
        """Listen from now on; to listen twice is to listen once."""
        ...

    def stands(self, account: str, family: str) -> bool:
        """Tell whether events come at this moment."""
        ...

    def leave(self, listener: Listener, account: str, family: str) -> None:
        """Listen no more."""
        ...
