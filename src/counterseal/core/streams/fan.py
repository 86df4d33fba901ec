"""Who wants which stream of one place upstream, and on which of its connections each stream is."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

MOST_ON_A_LINE = 1_024
MOST_LINES = 4

Member = TypeVar("Member", bound=Hashable)


@dataclass(slots=True, eq=False)
class Listened(Generic[Member]):
    """A stream that somebody listens to. `line` numbers the upstream connection that it is on."""

    name: str
    newest_only: bool
    line: int
    members: dict[Member, None] = field(default_factory=dict)


class Fan(Generic[Member]):
    """The streams of one place upstream. Each is on exactly one line, however many listen to it."""

    def __init__(self) -> None:
        self._streams: dict[str, Listened[Member]] = {}
        self._lines: list[dict[str, None]] = [{} for _ in range(MOST_LINES)]

    def join(self, member: Member, name: str, *, newest_only: bool) -> int | None:
        """Listen from now on. Gives the stream's line; None when there is no room upstream."""
        stream = self._streams.get(name)
        if stream is None:
            line = next((number for number, names in enumerate(self._lines) if len(names) < MOST_ON_A_LINE), None)
            if line is None:
                return None
            stream = self._streams[name] = Listened(name, newest_only, line)
            self._lines[line][name] = None
        stream.members[member] = None
        return stream.line

    def leave(self, member: Member, name: str) -> int | None:
        """Listen no more. Gives the line of a stream that nobody wants any more, else None."""
        stream = self._streams.get(name)
        if stream is None or member not in stream.members:
            return None
        del stream.members[member]
        if stream.members:
            return None
        del self._streams[name], self._lines[stream.line][name]
        return stream.line

    def find(self, name: str) -> Listened[Member] | None:
        """Give a stream that somebody listens to."""
        return self._streams.get(name)

    def wanted(self, line: int) -> Mapping[str, None]:
        """Give the names that must be subscribed on a line; it changes as bots come and go."""
        return self._lines[line]

    def __len__(self) -> int:
        return len(self._streams)
