"""From one connection to its successor without a gap and without a repeat.

For a moment both deliver the same streams. The old one's messages are passed on; the new one's are held back until the
old one has delivered them too, so that what is left is exactly what the old one has not delivered. Connections are not
equally fast: what the old one delivered first is remembered, and passed over when the new one brings it.
"""

import re
from collections import deque

# The moment of sending may differ between connections; everything else of a message is the same.
_without_moment = re.compile(rb'"E":[0-9]+,?')
# Of what only one of the two has delivered, so many messages a stream are remembered, and so many bytes are held.
MOST_HELD, MOST_BYTES = 10_000, 64 << 20


class Seam:
    """The overlap of two connections. Messages are the text as received. `matches` are those that both delivered;
    `is_short` when more was to be held than may be: something of the new one is missing.
    """

    def __init__(self) -> None:
        self.matches = 0
        self.is_short = False
        self._early: dict[str, deque[int]] = {}
        self._ahead: dict[str, deque[int]] = {}
        self._held: dict[int, tuple[str, bytes]] = {}
        self._numbers: dict[str, deque[int]] = {}
        self._count = self._size = 0

    def old(self, name: str, text: bytes) -> None:
        """Note a message of the old connection; it is passed on in any case."""
        mark, early = _mark(text), self._early.get(name)
        if early is None or mark not in early:
            self._ahead.setdefault(name, deque(maxlen=MOST_HELD)).append(mark)
            return
        self.matches += 1
        # What the old one has delivered before it, the new one does not bring any more.
        self._ahead.pop(name, None)
        while self._let_go(name) != mark:
            pass

    def new(self, name: str, text: bytes) -> None:
        """Take a message of the new connection: it is held back unless the old one has delivered it."""
        if self.is_repeat(name, text):
            return
        early = self._early.setdefault(name, deque())
        numbers = self._numbers.setdefault(name, deque())
        if self._size + len(text) > MOST_BYTES:
            self.is_short = True
            return
        if len(early) >= MOST_HELD:
            self.is_short = True
            self._let_go(name)
        self._count += 1
        self._size += len(text)
        early.append(_mark(text))
        numbers.append(self._count)
        self._held[self._count] = (name, text)

    def _let_go(self, name: str) -> int:
        """Hold a stream's oldest message no longer; gives its mark."""
        self._size -= len(self._held.pop(self._numbers[name].popleft())[1])
        return self._early[name].popleft()

    def is_repeat(self, name: str, text: bytes) -> bool:
        """Tell whether the old connection has delivered this message of the new one; what came before it is forgot."""
        ahead, mark = self._ahead.get(name), _mark(text)
        if ahead is None or mark not in ahead:
            return False
        self.matches += 1
        while ahead.popleft() != mark:
            pass
        return True

    @property
    def is_holding(self) -> bool:
        """Tell whether the new connection has delivered something that the old one has not."""
        return bool(self._held)

    def switch(self) -> list[tuple[str, bytes]]:
        """End the old connection: gives what the new one has delivered beyond it, in order, with the names."""
        held, self._held = list(self._held.values()), {}
        self._early, self._numbers, self._size = {}, {}, 0
        return held


def _mark(text: bytes) -> int:
    """Give 64 bits that stand for a message: thousands of streams are remembered for as long as a handshake takes."""
    return hash(_without_moment.sub(b"", text))
