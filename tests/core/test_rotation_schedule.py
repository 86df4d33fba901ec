"""When a key is due: by its age, a little earlier, never in a blackout, and never by a clock that went back."""

from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.config.hours import parse_hours
from counterseal.core.config.model import HourRange
from counterseal.core.rotation_schedule import DAY_MS, MINUTE_MS, MOST_JITTER_MS, due_ms, is_blackout, is_due, jitter_ms

# A Monday, 00:00 UTC.
MONDAY = 1_767_571_200_000


def hours(text: str) -> HourRange:
    found = parse_hours(text)
    assert found is not None
    return found


_moments = st.integers(MONDAY, MONDAY + 400 * DAY_MS)


@given(st.sampled_from(["main", "grid", "x"]), _moments, st.integers(1, 365))
def test_the_jitter_is_the_same_again_and_small(name: str, since_ms: int, days: int) -> None:
    drawn = jitter_ms(name, since_ms, days)
    assert drawn == jitter_ms(name, since_ms, days)
    assert 0 <= drawn <= min(days * DAY_MS // 10, MOST_JITTER_MS)


def test_keys_of_one_age_fall_due_apart() -> None:
    """Fifty keys sealed in the same moment: no two within the same minute of a day."""
    due = {due_ms(f"key{number}", MONDAY, 30) for number in range(50)}
    assert len({moment // MINUTE_MS for moment in due if moment is not None}) >= 45
    assert all(moment is not None and MONDAY + 29 * DAY_MS <= moment <= MONDAY + 30 * DAY_MS for moment in due)


@given(
    _moments, st.integers(1, 365), st.sampled_from(["", "00:00-12:00", "Mon-Fri 08:00-20:00", "Sat,Sun 00:00-24:00"])
)
def test_what_is_shown_as_due_is_when_it_begins(since_ms: int, days: int, text: str) -> None:
    """The first moment that is not in a blackout: due then, not a minute before."""
    blackout = (hours(text),) if text else ()
    shown = due_ms("main", since_ms, days, blackout)
    assert shown is not None and not is_blackout(blackout, shown)
    assert is_due("main", since_ms, days, blackout, shown)
    if shown - MINUTE_MS >= since_ms:
        assert not is_due("main", since_ms, days, blackout, shown - MINUTE_MS - 1)


def test_a_blackout_that_never_ends_lets_nothing_begin() -> None:
    always = (hours("00:00-24:00"),)
    assert due_ms("main", MONDAY, 1, always) is None
    assert not is_due("main", MONDAY, 1, always, MONDAY + 100 * DAY_MS)


def test_without_days_nothing_is_ever_due() -> None:
    assert not is_due("main", 0, None, (), MONDAY)


@given(st.integers(-400, 0))
def test_a_clock_that_was_set_back_makes_nothing_due(days_ago: int) -> None:
    assert not is_due("main", MONDAY, 1, (), MONDAY + days_ago * DAY_MS)
