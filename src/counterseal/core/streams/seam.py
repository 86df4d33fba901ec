"""From one connection to its successor without a gap and without a repeat.

For a moment both deliver the same streams. The old one's messages are passed on; the new one's are held back until the
old one has delivered them too, so that what is left is exactly what the old one has not delivered. Connections are not
equally fast: what the old one delivered first is remembered, and passed over when the new one brings it.
"""

import re
from collections import deque

# The moment of sending may differ between connections; everything else of a message is the same.
_without_moment = re.compile(rb'"E":[0-9]+,?')
# Of what only one of the two has delivered, so many messages a stream are remembered.
MOST_HELD = 10_000


class Seam:
    """The overlap of two connections. Messages are the text as received."""

    def __init__(self) -> None:
        self._early: dict[str, deque[bytes]] = {}
        self._ahead: dict[str, deque[bytes]] = {}
        self._held: dict[int, tuple[str, bytes]] = {}
        self._numbers: dict[str, deque[int]] = {}
        self._count = 0

    def old(self, name: str, text: bytes) -> None:
        """Note a message of the old connection; it is passed on in any case."""
        mark, early = _mark(text), self._early.get(name)
        if early is None or mark not in early:
            self._ahead.setdefault(name, deque(maxlen=MOST_HELD)).append(mark)
            return
        while early.popleft() != mark:
            self._held.pop(self._numbers[name].popleft())
        self._held.pop(self._numbers[name].popleft())

    def new(self, name: str, text: bytes) -> None:
        """Take a message of the new connection: it is held back unless the old one has delivered it."""
        if self.is_repeat(name, text):
            return
        early = self._early.setdefault(name, deque())
        numbers = self._numbers.setdefault(name, deque())
        if len(early) >= MOST_HELD:
            early.popleft()
            self._held.pop(numbers.popleft())
        self._count += 1
        early.append(_mark(text))
        numbers.append(self._count)
        self._held[self._count] = (name, text)

    def is_repeat(self, name: str, text: bytes) -> bool:
        """Tell whether the old connection has delivered this message of the new one; what came before it is forgot."""
        ahead, mark = self._ahead.get(name), _mark(text)
        if ahead is None or mark not in ahead:
            return False
        while ahead.popleft() != mark:
            pass
        return True

    def switch(self) -> list[tuple[str, bytes]]:
        """End the old connection: gives what the new one has delivered beyond it, in order, with the names."""
        held, self._held = list(self._held.values()), {}
        self._early, self._numbers = {}, {}
        return held


def _mark(text: bytes) -> bytes:
    return _without_moment.sub(b"", text)
