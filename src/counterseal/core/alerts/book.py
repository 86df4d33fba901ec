"""All alerts that are known: equal ones counted as one, critical ones open until somebody answers, all bounded."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from counterseal.core.alerts.entry import Entry
from counterseal.core.alerts.model import Alert, Severity

# So many are kept one by one, of each code and in all; what comes beyond is counted.
MAX_OF_CODE, MAX_ENTRIES = 100, 500
# What was answered for and then did not happen for so long is over; when it happens again it is new.
PAUSE_MS = 15_000
# How long what is settled stays in the list.
KEEP_WALL_MS = 86_400_000


class Book:
    """Entries by number. `changed` are the numbers whose entries are to be written, or removed, since `take_changed`.

    `lost` counts alerts for which there was no room and that nobody was told; for `dedupe_ms` equal ones are one.
    """

    def __init__(self, dedupe_ms: int) -> None:
        self.dedupe_ms = dedupe_ms
        self._entries: dict[int, Entry] = {}
        self._by_key: dict[str, int] = {}
        self._of_code: dict[str, int] = {}
        self._changed: set[int] = set()
        self._next = 1
        self.lost = 0

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, number: int) -> Entry | None:
        """Give an entry by its number."""
        return self._entries.get(number)

    def changed(self, entry: Entry) -> None:
        """Note that an entry is to be written again."""
        self._changed.add(entry.number)

    def take_changed(self) -> dict[int, Entry | None]:
        """Give what changed since the last call, None for what is gone."""
        changed, self._changed = self._changed, set()
        return {number: self._entries.get(number) for number in sorted(changed)}

    def restore(self, entries: Iterable[Entry]) -> None:
        """Take up what an earlier run has kept."""
        for entry in entries:
            self._put(entry)
            self._next = max(self._next, entry.number + 1)

    def take(self, alert: Alert, now_ms: int, wall_ms: int) -> Entry | None:
        """Take an alert. Gives its entry when it must be told, None when it is only counted.

        An equal one within the window is counted, unless it has become louder; after the window it is told again. What
        somebody has answered for and what then happens again after a pause, or after the window, is a new one.
        """
        entry = self._entries.get(self._by_key.get(alert.dedup_key, 0))
        if entry is None:
            entry = self._overflow(alert)
        if entry is None:
            return self._new(alert, now_ms, wall_ms)
        is_over = now_ms - entry.window_ms >= self.dedupe_ms
        if entry.acked_by and (is_over or now_ms - entry.seen_ms >= PAUSE_MS):
            return self._new(alert, now_ms, wall_ms)
        return self._again(entry, alert, now_ms, wall_ms, is_over=is_over)

    def _again(self, entry: Entry, alert: Alert, now_ms: int, wall_ms: int, *, is_over: bool) -> Entry | None:
        is_louder = alert.severity > entry.severity
        entry.count += 1
        entry.last_wall_ms, entry.seen_ms = wall_ms, now_ms
        entry.alert = replace(alert, severity=max(alert.severity, entry.severity), dedup_key=entry.alert.dedup_key)
        self.changed(entry)
        if not is_over and not is_louder:
            return None
        entry.window_ms = entry.due_ms = now_ms
        entry.is_spread = False
        entry.sent.clear()
        if is_louder:
            entry.step_ms, entry.acked_by = now_ms, ""
        return entry

    def _new(self, alert: Alert, now_ms: int, wall_ms: int) -> Entry | None:
        is_last = self._of_code.get(alert.code, 0) >= MAX_OF_CODE - 1
        if not self._make_room(alert.severity, wall_ms):
            self.lost += 1
            return None
        if is_last:
            alert = replace(alert, dedup_key=_rest_of(alert.code))
        entry = Entry(self._next, alert, now_ms, now_ms, now_ms, now_ms, wall_ms, wall_ms, more=is_last)
        self._next += 1
        self._put(entry)
        self.changed(entry)
        return entry

    def _overflow(self, alert: Alert) -> Entry | None:
        """The entry that counts what is too much of one code, once there is one."""
        return self._entries.get(self._by_key.get(_rest_of(alert.code), 0))

    def _put(self, entry: Entry) -> None:
        self._entries[entry.number] = entry
        self._by_key[entry.alert.dedup_key] = entry.number
        self._of_code[entry.alert.code] = self._of_code.get(entry.alert.code, 0) + 1

    def _remove(self, entry: Entry) -> None:
        del self._entries[entry.number]
        if self._by_key.get(entry.alert.dedup_key) == entry.number:
            del self._by_key[entry.alert.dedup_key]
        self._of_code[entry.alert.code] -= 1
        self._changed.add(entry.number)

    def _make_room(self, severity: Severity, wall_ms: int) -> bool:
        """Remove what matters least: settled ones first, then quieter ones; never something as loud as the new one."""
        if len(self._entries) < MAX_ENTRIES:
            return True
        self.forget(wall_ms)
        if len(self._entries) < MAX_ENTRIES:
            return True
        least = min(self._entries.values(), key=lambda entry: (not entry.is_settled, entry.severity, entry.number))
        if not least.is_settled and least.severity >= severity:
            return False
        self._remove(least)
        return True

    def forget(self, wall_ms: int) -> None:
        """Remove what has been settled for a day."""
        old = [e for e in self if e.is_settled and abs(wall_ms - e.last_wall_ms) >= KEEP_WALL_MS]
        for entry in old:
            self._remove(entry)

    def acknowledge(self, number: int, operator: str, wall_ms: int) -> Entry | None:
        """Note who answers for an alert; nothing more is told of it. None when there is no such alert."""
        entry = self._entries.get(number)
        if entry is None:
            return None
        if not entry.acked_by:
            entry.acked_by, entry.acked_wall_ms = operator, wall_ms
            entry.waiting.clear()
            self.changed(entry)
        return entry


def _rest_of(code: str) -> str:
    return f"more of {code}"
