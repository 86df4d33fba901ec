"""What one connection to the exchange has been told, and what it must be told next."""

import json
from collections.abc import Mapping

# So many names in one message: far below the size that the exchange takes.
MOST_NAMES = 200


class Telling:
    """Keeps a connection's subscriptions equal to `wanted`, in as few messages as possible.

    Who comes and goes between two messages costs none: only the difference at the moment of sending is told.
    """

    def __init__(self, wanted: Mapping[str, None]) -> None:
        self._wanted = wanted
        self._told: dict[str, None] = {}
        self._unanswered: dict[int, tuple[str, ...]] = {}
        self._count = 0

    def next_message(self) -> bytes | None:
        """Give the next message to send, or None when there is nothing to say."""
        missing = [name for name in self._wanted if name not in self._told][:MOST_NAMES]
        if missing:
            self._told.update(dict.fromkeys(missing))
            return self._message("SUBSCRIBE", missing)
        surplus = [name for name in self._told if name not in self._wanted][:MOST_NAMES]
        for name in surplus:
            del self._told[name]
        return self._message("UNSUBSCRIBE", surplus) if surplus else None

    def _message(self, method: str, names: list[str]) -> bytes:
        self._count += 1
        self._unanswered[self._count] = tuple(names)
        message = {"method": method, "params": names, "id": self._count}
        return json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()

    def answered(self, asked: object) -> tuple[str, ...]:
        """Note an answer by its id; gives the names it was about, none for an id that was not asked."""
        return self._unanswered.pop(asked, ()) if isinstance(asked, int) else ()

    @property
    def is_settled(self) -> bool:
        """All that is wanted has been asked for and answered."""
        return not self._unanswered and self._told.keys() >= self._wanted.keys()

    def __len__(self) -> int:
        return len(self._told)
