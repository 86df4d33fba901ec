"""Hours of the UTC week as text: "08:00-18:00", "Mon-Fri 22:00-02:00", "Mon,Wed 00:00-24:00"."""

import re
from collections.abc import Iterable

from counterseal.core.config.model import HourRange

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

_DAY = "|".join(WEEKDAYS)
_DAYS = f"(?:{_DAY})(?:-(?:{_DAY}))?"
_HOURS = re.compile(rf"(?:({_DAYS}(?:,{_DAYS})*) )?([0-9]{{2}}):([0-9]{{2}})-([0-9]{{2}}):([0-9]{{2}})")


def parse_hours(text: str) -> HourRange | None:
    """Read one range; None when it is unreadable or begins where it ends.

    Without weekdays it holds every day. A range of weekdays may run over Sunday ("Sat-Mon"). The end is not
    part of the range and may be 24:00; an end before the start lies on the next day.
    """
    match = _HOURS.fullmatch(text)
    if match is None:
        return None
    start = _minute(match[2], match[3])
    end = _minute(match[4], match[5])
    if start is None or end is None or start == 1440 or start == end:
        return None
    return HourRange(start, end, _weekdays(match[1]))


def show_hours(hours: HourRange) -> str:
    """Write a range as `parse_hours` reads it."""
    times = (hours.start_minute, hours.end_minute)
    clock = "-".join(f"{minute // 60:02}:{minute % 60:02}" for minute in times)
    if len(hours.weekdays) == 7:
        return clock
    return f"{','.join(_runs(sorted(hours.weekdays)))} {clock}"


def _minute(hour: str, minute: str) -> int | None:
    if int(minute) > 59 or int(hour) * 60 + int(minute) > 1440:
        return None
    return int(hour) * 60 + int(minute)


def _weekdays(text: str | None) -> frozenset[int]:
    if text is None:
        return frozenset(range(7))
    days: set[int] = set()
    for item in text.split(","):
        first, _, last = item.partition("-")
        start = WEEKDAYS.index(first)
        span = (WEEKDAYS.index(last or first) - start) % 7
        days.update((start + step) % 7 for step in range(span + 1))
    return frozenset(days)


def _runs(days: Iterable[int]) -> list[str]:
    runs: list[list[int]] = []
    for day in days:
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return [WEEKDAYS[run[0]] if len(run) == 1 else f"{WEEKDAYS[run[0]]}-{WEEKDAYS[run[-1]]}" for run in runs]
