"""Answers to public reads, kept while they may be served again. Bounded; what was used longest ago goes first."""

from collections import OrderedDict
from typing import NamedTuple

from counterseal.core.public_reads import Key, SharedRead

MAX_BYTES = 64 << 20
# Room for spot's exchangeInfo of all symbols, by far the largest answer that many ask for.
MAX_ANSWER_BYTES = 32 << 20
MAX_ENTRIES = 4_096
# What an entry costs beside its texts, roughly.
ENTRY_BYTES = 512


class Kept(NamedTuple):
    """An answer with the exchange's Date header ("" without one) and the monotonic ms before it was asked for."""

    body: bytes
    date: str
    asked_ms: int


class _Entry(NamedTuple):
    kept: Kept
    until_ms: int
    size: int


class PublicCache:
    """Answers by what was asked. All times are monotonic milliseconds."""

    def __init__(
        self, max_bytes: int = MAX_BYTES, max_answer_bytes: int = MAX_ANSWER_BYTES, max_entries: int = MAX_ENTRIES
    ) -> None:
        self._max_bytes = max_bytes
        self._max_answer_bytes = max_answer_bytes
        self._max_entries = max_entries
        # The entry used longest ago stands first.
        self._entries: OrderedDict[Key, _Entry] = OrderedDict()
        self.size = 0

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, read: SharedRead, now_ms: int) -> Kept | None:
        """Give the answer that may be served for this read now, None without one."""
        entry = self._entries.get(read.key)
        if entry is None:
            return None
        if now_ms >= entry.until_ms:
            self._drop(read.key)
            return None
        self._entries.move_to_end(read.key)
        return entry.kept

    def keep(self, read: SharedRead, status: int, kept: Kept, now_ms: int) -> None:
        """Keep an answer: a whole success in JSON, young enough, not too large, asked for later than the one that is
        there."""
        until_ms = kept.asked_ms + read.serve_ms
        if status != 200 or kept.body[:1] not in (b"{", b"[") or now_ms >= until_ms:
            return
        size = _size(read, kept)
        there = self._entries.get(read.key)
        if size > self._max_answer_bytes or (there is not None and there.kept.asked_ms > kept.asked_ms):
            return
        if there is not None:
            self._drop(read.key)
        self._make_room(size, now_ms)
        self._entries[read.key] = _Entry(kept, until_ms, size)
        self.size += size

    def _make_room(self, size: int, now_ms: int) -> None:
        """Let go of what nobody can be served any more, and then of what was used longest ago."""
        while self._entries:
            key, first = next(iter(self._entries.items()))
            full = self.size + size > self._max_bytes or len(self._entries) >= self._max_entries
            if not full and now_ms < first.until_ms:
                return
            self._drop(key)

    def _drop(self, key: Key) -> None:
        self.size -= self._entries.pop(key).size


def _size(read: SharedRead, kept: Kept) -> int:
    texts = sum(len(name) + len(value) for name, value in read.key[1])
    return len(kept.body) + texts + ENTRY_BYTES
