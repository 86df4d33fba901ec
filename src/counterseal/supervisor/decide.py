"""When a child that died is started again. Pure."""

from dataclasses import dataclass

FIRST_DELAY_MS = 100
MAX_DELAY_MS = 2_000
STEADY_MS = 10_000


@dataclass(frozen=True, slots=True)
class History:
    """How often a child was restarted: in all, and in a row without living `STEADY_MS`."""

    total: int = 0
    streak: int = 0


def restart(history: History, lived_ms: int) -> tuple[History, int]:
    """Give the new history and the ms to wait: at once, then 100 ms doubling to 2 s, until it lives 10 s."""
    streak = 0 if lived_ms >= STEADY_MS else history.streak
    delay_ms = 0 if streak == 0 else min(FIRST_DELAY_MS << min(streak - 1, 10), MAX_DELAY_MS)
    return History(history.total + 1, streak + 1), delay_ms


def restart_as_asked(history: History) -> tuple[History, int]:
    """The same for an end that was asked for: at once, and it counts towards no streak."""
    return History(history.total + 1, history.streak), 0
