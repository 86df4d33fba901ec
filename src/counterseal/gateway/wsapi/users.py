"""User data on a connection to the spot WebSocket API: what it asks of whoever gives out the events."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from counterseal.core.credential import Credential
from counterseal.gateway import reply as replies
from counterseal.gateway.reply import Reply
from counterseal.gateway.state import Source


class EventSocket(Protocol):
    """A bot's connection. `send` takes the text `{"subscriptionId":n,"event":{...}}`, in order with the answers."""

    is_open: bool

    def send(self, text: bytes) -> None:
        """Send a message."""
        ...

    def drain(self) -> None:
        """End the connection as soon as what was asked on it is answered."""
        ...

    def __hash__(self) -> int: ...


class UserAsk(NamedTuple):
    """A `userDataStream` method. `values` are its parameters without key, time and signature.

    `credential` is whose it is, proven and allowed; None for `userDataStream.unsubscribe`, which asks for nobody.
    `by_session`: the connection's logon speaks for it, so that it ends with the logon. `source` is the bot's address,
    `unit` the connection's ("MICROSECOND", or "" for milliseconds).
    """

    socket: EventSocket
    method: str
    values: Mapping[str, str]
    credential: Credential | None
    by_session: bool
    source: Source
    unit: str = ""


class UserMethods(Protocol):
    """Whoever keeps the subscriptions of all connections."""

    def answer(self, ask: UserAsk) -> Reply:
        """Carry out a method; status 200 and the `result`, or an error."""
        ...

    def subscriptions(self, socket: EventSocket) -> list[int]:
        """Give the numbers of a connection's subscriptions."""
        ...

    def has_session_one(self, socket: EventSocket) -> bool:
        """Tell whether one of them came by the logon."""
        ...

    def logged_out(self, socket: EventSocket) -> None:
        """End those that came by the logon."""
        ...

    def gone(self, socket: EventSocket) -> None:
        """The connection is over. May be told twice."""
        ...


class NoUserMethods:
    """There are no user data."""

    def answer(self, _ask: UserAsk) -> Reply:
        """Refuse."""
        return replies.denial("stream_not_available")

    def subscriptions(self, _socket: EventSocket) -> list[int]:
        """Give none."""
        return []

    def has_session_one(self, _socket: EventSocket) -> bool:
        """There is none."""
        return False

    def logged_out(self, _socket: EventSocket) -> None:
        """Nothing ends."""

    def gone(self, _socket: EventSocket) -> None:
        """Nothing ends."""
