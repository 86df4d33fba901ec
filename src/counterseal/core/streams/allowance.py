"""At most so many in any stretch of time: messages to the exchange, attempts to connect, messages of a bot."""

from collections import deque


class Allowance:
    """Counts what happened in the last `window_ms` milliseconds of monotonic time."""

    def __init__(self, most: int, window_ms: int) -> None:
        self._most = most
        self._window_ms = window_ms
        self._taken: deque[int] = deque()

    def wait_ms(self, now_ms: int) -> int:
        """Tell in how many milliseconds one more is allowed; 0 for now."""
        oldest = now_ms - self._window_ms
        self._forget(oldest)
        return self._taken[0] - oldest if len(self._taken) >= self._most else 0

    def take(self, now_ms: int) -> bool:
        """Count one more, if it is allowed now."""
        if self.wait_ms(now_ms):
            return False
        self._taken.append(now_ms)
        return True

    def count(self, now_ms: int) -> int:
        """Tell how many there were in the last stretch."""
        self._forget(now_ms - self._window_ms)
        return len(self._taken)

    def _forget(self, oldest: int) -> None:
        while self._taken and self._taken[0] <= oldest:
            self._taken.popleft()
