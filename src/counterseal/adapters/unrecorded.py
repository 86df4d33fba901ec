"""Records that no disk takes any more: the newest in memory, each as a line on standard error."""

import json
import os
import select
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

MOST, MOST_BYTES = 10_000, 16 << 20
# What a bot was answered can be long, and says nothing that the outcome does not.
_LEFT_OFF = frozenset({"reply"})


class StandardError:
    """A file that is never waited for. A pipe that nobody empties, as the log of a full disk, takes no more lines."""

    def __init__(self, file: int = 2) -> None:
        self._file = file
        self._poll = select.poll()
        self._poll.register(file, select.POLLOUT)
        self._is_cut = False

    def write(self, line: str) -> None:
        """Write as much of a line as is taken at once. Raises OSError."""
        left = whole = line.encode() if not self._is_cut else b"\n" + line.encode()
        while left and self._poll.poll(0):
            # A pipe that is ready takes so much without waiting.
            left = left[os.write(self._file, left[: select.PIPE_BUF]) :]
        if left != whole:
            self._is_cut = bool(left)


class Unrecorded:
    """A ring of records with numbers of their own, from 1 without gaps."""

    def __init__(self, tell: Callable[[str], object] | None = None) -> None:
        self._tell = StandardError().write if tell is None else tell
        self.records: deque[Mapping[str, Any]] = deque()
        self._sizes: deque[int] = deque()
        self._size = 0
        self.count = 0

    def keep(self, record: Mapping[str, Any]) -> None:
        """Take one record, whatever is in it. A standard error that is closed or full costs only the line."""
        self.count += 1
        kept = {"unrecorded": self.count, **{name: value for name, value in record.items() if name not in _LEFT_OFF}}
        line = json.dumps(kept, separators=(",", ":"), default=str) + "\n"
        self._hold(kept, len(line))
        try:
            self._tell(line)
        except (OSError, ValueError):
            pass  # nobody reads standard error; the record is in the ring all the same

    def _hold(self, kept: Mapping[str, Any], size: int) -> None:
        """Put one into the ring. What it takes in memory is measured by its line."""
        self.records.append(kept)
        self._sizes.append(size)
        self._size += size
        while len(self.records) > MOST or self._size > MOST_BYTES:
            self.records.popleft()
            self._size -= self._sizes.popleft()
