"""When a key is due for another version: its age, less a part that tells keys apart, and never in a blackout."""

import hashlib
from collections.abc import Sequence

from counterseal.core.config.model import HourRange
from counterseal.core.credential import within_hours

MINUTE_MS = 60_000
DAY_MS = 86_400_000
# A tenth of the period at most, and a day at most: keys of the same age do not fall due together.
_PART, MOST_JITTER_MS = 10, DAY_MS
# Hours repeat every week.
_WEEK_MINUTES = 7 * 24 * 60


def jitter_ms(name: str, since_ms: int, days: int) -> int:
    """Give how much earlier than its age says a version is due: the same for the same name and moment."""
    most = min(days * DAY_MS // _PART, MOST_JITTER_MS)
    drawn = int.from_bytes(hashlib.sha256(f"{name} {since_ms}".encode()).digest()[:8])
    return drawn % (most + 1)


def is_blackout(blackout: Sequence[HourRange], now_ms: int) -> bool:
    """Tell whether nothing may begin at this moment."""
    return bool(blackout) and within_hours(tuple(blackout), now_ms)


def due_ms(name: str, since_ms: int, days: int, blackout: Sequence[HourRange] = ()) -> int | None:
    """Give when a version that became active at `since_ms` is due; None when the blackout never ends."""
    due = since_ms + days * DAY_MS - jitter_ms(name, since_ms, days)
    if not is_blackout(blackout, due):
        return due
    minute = due // MINUTE_MS * MINUTE_MS
    later = range(minute + MINUTE_MS, minute + (_WEEK_MINUTES + 1) * MINUTE_MS, MINUTE_MS)
    return next((moment for moment in later if not is_blackout(blackout, moment)), None)


def is_due(name: str, since_ms: int, days: int | None, blackout: Sequence[HourRange], now_ms: int) -> bool:
    """Tell whether another version should be begun now. A clock that was set back makes nothing due."""
    if days is None or is_blackout(blackout, now_ms):
        return False
    return now_ms >= since_ms + days * DAY_MS - jitter_ms(name, since_ms, days)
