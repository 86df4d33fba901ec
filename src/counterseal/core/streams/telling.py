"""What one connection to the exchange has been told, and what it must be told next."""

import json
from collections import deque
from collections.abc import Mapping

# So many names in one message: far below the size that the exchange takes.
MOST_NAMES = 200
# The exchange takes so many streams on a connection.
MOST_TOLD = 1_024


class Telling:
    """Keeps a connection's subscriptions equal to `wanted`, in as few messages as possible.

    Who comes and goes between two messages costs none: only the difference at the moment of sending is told.
    """

    def __init__(self, wanted: Mapping[str, None]) -> None:
        self._wanted = wanted
        self._told: dict[str, None] = {}
        self._unanswered: dict[int, tuple[str, ...]] = {}
        # What was refused is told again in smaller groups.
        self._groups: deque[tuple[str, ...]] = deque()
        self._count = 0
        # What was wanted when something was asked for first.
        self._first: tuple[str, ...] = ()

    def next_message(self, *, adds_only: bool = False) -> bytes | None:
        """Give the next message to send, or None when there is nothing to say. With `adds_only` nothing is unsubscribed
        for now, unless room is needed.
        """
        missing = [name for name in self._wanted if name not in self._told]
        surplus = [name for name in self._told if name not in self._wanted][:MOST_NAMES]
        is_crowded = len(self._told) + len(missing) > MOST_TOLD
        if surplus and (is_crowded or not (missing or adds_only)):
            for name in surplus:
                del self._told[name]
            return self._message("UNSUBSCRIBE", surplus)
        if not missing:
            return None
        names = self._next_group() or missing[:MOST_NAMES]
        self._first = self._first or tuple(missing)
        self._told.update(dict.fromkeys(names))
        return self._message("SUBSCRIBE", names)

    def _next_group(self) -> list[str]:
        """Give what must be asked for apart from everything else, nothing when there is none of it."""
        while self._groups:
            names = [name for name in self._groups.popleft() if name in self._wanted and name not in self._told]
            if names:
                return names
        return []

    def _message(self, method: str, names: list[str]) -> bytes:
        self._count += 1
        self._unanswered[self._count] = tuple(names)
        message = {"method": method, "params": names, "id": self._count}
        return json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()

    def answered(self, asked: object) -> tuple[str, ...]:
        """Note an answer by its id; gives the names it was about, none for an id that was not asked."""
        return self._unanswered.pop(asked, ()) if isinstance(asked, int) else ()

    def refused(self, asked: object) -> tuple[str, ...]:
        """Note that a message was refused, by its id; gives the names it was about. They are asked for again in halves,
        until the one that the exchange does not take is alone.
        """
        names = self.answered(asked)
        if len(names) > 1:
            for name in names:
                self._told.pop(name, None)
            middle = len(names) // 2
            self._groups += (names[:middle], names[middle:])
        return names

    @property
    def is_whole(self) -> bool:
        """All that was wanted at first has been asked for and answered, whatever has been asked for since."""
        waiting = set[str]().union(*self._unanswered.values())
        wanted = [name for name in self._first if name in self._wanted]
        return bool(self._first) and all(name in self._told and name not in waiting for name in wanted)

    @property
    def is_settled(self) -> bool:
        """All that is wanted has been asked for and answered."""
        return not self._unanswered and self._told.keys() >= self._wanted.keys()

    def __len__(self) -> int:
        return len(self._told)
