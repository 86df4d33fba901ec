"""Who listens to streams, as the hub sees it."""

from typing import Protocol


class Reader(Protocol):
    """A bot's connection. `is_combined` may change while it listens."""

    is_combined: bool

    def push(self, frame: bytes, key: str | None) -> None:
        """Send a frame soon. A frame with a `key` may be replaced by a later one of that key."""
        ...

    def write(self) -> None:
        """Write what was pushed in this turn of the loop."""
        ...

    def __hash__(self) -> int: ...
