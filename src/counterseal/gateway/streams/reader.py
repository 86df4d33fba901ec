"""Who listens to streams, as the hub sees it."""

from typing import NamedTuple, Protocol


class Parcel(NamedTuple):
    """What a turn of the loop brings to all who listen to the same: `data` are the frames in one piece.

    `places` says which of all `frames` of the turn, with their `keys`, these are.
    """

    data: bytes
    places: list[int]
    frames: list[bytes]
    keys: list[str | None]


class Reader(Protocol):
    """A bot's connection. `is_combined` may change while it listens."""

    is_combined: bool
    is_open: bool

    def push(self, frame: bytes, key: str | None) -> None:
        """Send a frame soon. A frame with a `key` may be replaced by a later one of that key."""
        ...

    def put(self, frame: bytes, key: str | None) -> None:
        """As `push`, but ahead of what comes in this turn and has not been delivered yet."""
        ...

    def deliver(self, parcel: Parcel) -> None:
        """Write what a turn brought behind what was pushed, at once where nothing waits."""
        ...

    def write(self) -> None:
        """Write what was pushed in this turn of the loop."""
        ...

    def close(self, code: int, reason: str) -> None:
        """End the connection with a close code and a reason of at most 123 bytes; nothing happens when it has ended."""
        ...

    def __hash__(self) -> int: ...
