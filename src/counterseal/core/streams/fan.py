"""Who wants which stream of one place upstream, and on which of its connections each stream is."""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from counterseal.core.streams.books import LocalBook
from counterseal.core.streams.sequence import Sequence, is_numbered

MOST_ON_A_LINE = 1_024
MOST_LINES = 4

Member = TypeVar("Member", bound=Hashable)


@dataclass(slots=True, eq=False)
class Listened(Generic[Member]):
    """A stream that somebody listens to. `line` numbers the upstream connection that it is on.

    `silenced` missed something: they get nothing more until they have been told. `heard_ns` is when the last message
    came, or when the stream was asked for. `latest` is that message where it is the whole state, `book` what
    is kept of changes where somebody reads it; both end with a gap.
    """

    name: str
    newest_only: bool
    line: int
    heard_ns: int = 0
    members: dict[Member, None] = field(default_factory=dict)
    silenced: dict[Member, None] = field(default_factory=dict)
    sequence: Sequence | None = None
    latest: bytes = b""
    book: LocalBook | None = None

    def hear(self, text: bytes, now_ns: int) -> None:
        """Take a message in its combined form."""
        self.heard_ns = now_ns
        if self.newest_only:
            self.latest = text
        if self.book is not None:
            self.book.take(text)

    def restart(self) -> None:
        """Begin anew: what was missed is known."""
        self.latest, self.book = b"", None
        if self.sequence is not None:
            self.sequence.restart()


class Fan(Generic[Member]):
    """The streams of one place upstream. Each is on exactly one line, however many listen to it."""

    def __init__(self) -> None:
        self._streams: dict[str, Listened[Member]] = {}
        self._lines: list[dict[str, None]] = [{} for _ in range(MOST_LINES)]

    def join(self, member: Member, name: str, *, newest_only: bool, now_ns: int = 0) -> int | None:
        """Listen from now on. Gives the stream's line; None when there is no room upstream."""
        stream = self._streams.get(name)
        if stream is None:
            line = next((number for number, names in enumerate(self._lines) if len(names) < MOST_ON_A_LINE), None)
            if line is None:
                return None
            stream = self._streams[name] = Listened(name, newest_only, line, now_ns)
            stream.sequence = Sequence() if is_numbered(name) else None
            self._lines[line][name] = None
        stream.members[member] = None
        return stream.line

    def leave(self, member: Member, name: str) -> int | None:
        """Listen no more. Gives the line of a stream that nobody wants any more, else None."""
        stream = self._streams.get(name)
        if stream is None:
            return None
        stream.members.pop(member, None)
        stream.silenced.pop(member, None)
        if stream.members or stream.silenced:
            return None
        del self._streams[name], self._lines[stream.line][name]
        return stream.line

    def silence(self, names: Iterable[str]) -> dict[Member, None]:
        """Give nobody who listens to these streams now any more of them, and name them all. Who joins later does not
        miss what they do: the streams' ids begin anew.
        """
        silenced: dict[Member, None] = {}
        for stream in self.listened(names):
            silenced |= stream.members
            stream.silenced |= stream.members
            stream.members.clear()
        self.restart(names)
        return silenced

    def restart(self, names: Iterable[str]) -> None:
        """Let what is known of these streams begin anew."""
        for stream in self.listened(names):
            stream.restart()

    def listened(self, names: Iterable[str]) -> Iterator[Listened[Member]]:
        """Give those of the named streams that somebody listens to."""
        return (self._streams[name] for name in names if name in self._streams)

    def find(self, name: str) -> Listened[Member] | None:
        """Give a stream that somebody listens to."""
        return self._streams.get(name)

    def wanted(self, line: int) -> Mapping[str, None]:
        """Give the names that must be subscribed on a line; it changes as bots come and go."""
        return self._lines[line]

    def __iter__(self) -> Iterator[Listened[Member]]:
        return iter(self._streams.values())

    def __len__(self) -> int:
        return len(self._streams)
