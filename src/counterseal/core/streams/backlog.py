"""What waits for a bot that does not read: bounded, and of some streams only the newest message."""

from collections.abc import Hashable


class Backlog:
    """Frames in the order of arrival, at most `most` bytes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = 0
        self._frames: dict[Hashable, bytes] = {}
        self._count = 0
        self.dropped = 0

    def put(self, frame: bytes, key: str | None) -> bool:
        """Keep a frame; one with a `key` replaces the one before it of that key. False when there is no room."""
        self._count += 1
        if key is not None and key in self._frames:
            self.dropped += 1
            self._size -= len(self._frames.pop(key))
        if self._size + len(frame) > self._most:
            return False
        self._frames[self._count if key is None else key] = frame
        self._size += len(frame)
        return True

    def take(self) -> list[bytes]:
        """Give everything that waits, and forget it."""
        frames, self._frames, self._size = list(self._frames.values()), {}, 0
        return frames

    def __bool__(self) -> bool:
        return bool(self._frames)
