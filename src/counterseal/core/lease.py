"""How long a copy of what a store holds may stand for the store."""

from dataclasses import dataclass

HOUR_MS = 3_600_000
# A clock may be set back by so much before a copy counts as one that nobody can date.
MAX_STEP_BACK_MS = 300_000


@dataclass(frozen=True, slots=True)
class Lease:
    """`fetched_ms` (Unix) is when the store last gave what the copy holds; it may be used for `length_ms` after."""

    fetched_ms: int
    length_ms: int

    def age_ms(self, now_ms: int) -> int:
        """Give the copy's age, 0 for one of the future."""
        return max(0, now_ms - self.fetched_ms)

    def is_over(self, now_ms: int) -> bool:
        """Tell whether the copy must not be used any more; also when the clock makes it one of the future."""
        return self.age_ms(now_ms) >= self.length_ms or now_ms < self.fetched_ms - MAX_STEP_BACK_MS

    def is_half_over(self, now_ms: int) -> bool:
        """Tell whether half of its time or more has gone."""
        return self.is_over(now_ms) or 2 * self.age_ms(now_ms) >= self.length_ms


def show_age(age_ms: int) -> str:
    """Write an age for people: "40 s", "12 min", "3 h 5 min"."""
    seconds = age_ms // 1000
    if seconds < 120:
        return f"{seconds} s"
    minutes = seconds // 60
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
