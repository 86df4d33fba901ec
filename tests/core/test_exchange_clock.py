"""core.exchange_clock: exchange time by the monotonic clock, and how sure it is."""

import pytest

from counterseal.core.exchange_clock import MAX_UNCERTAINTY_MS, Reading

READING = Reading(ahead_ms=1_795_000_000_000, uncertainty_ms=20, at_ms=1_000)


def test_exchange_time_follows_the_monotonic_clock() -> None:
    """A millisecond of one is a millisecond of the other."""
    assert READING.exchange_ms(1_000) == 1_795_000_001_000
    assert READING.exchange_ms(61_000) - READING.exchange_ms(1_000) == 60_000


@pytest.mark.parametrize(("age_ms", "uncertainty"), [(0, 20), (1, 21), (2_000, 21), (2_001, 22), (960_000, 500)])
def test_uncertainty_grows_with_age(age_ms: int, uncertainty: int) -> None:
    """By 500 ppm, rounded up."""
    assert READING.uncertainty_at(READING.at_ms + age_ms) == uncertainty


def test_the_span_has_the_uncertainty_on_both_sides() -> None:
    """Whatever exchange time is, it lies in it; it widens with age."""
    assert READING.span(1_000) == (1_795_000_000_980, 1_795_000_001_020)
    earliest, latest = READING.span(61_000)
    assert (earliest, latest) == (1_795_000_060_950, 1_795_000_061_050)


@pytest.mark.threat(57)
def test_certainty_ends_above_500_ms() -> None:
    """At the bound it still holds."""
    last = READING.at_ms + (MAX_UNCERTAINTY_MS - READING.uncertainty_ms) * 2_000
    assert READING.is_certain(last)
    assert not READING.is_certain(last + 1)


def test_a_moment_before_the_reading_is_as_certain_as_the_reading() -> None:
    """An answer can be dated a little after the moment that asks."""
    assert READING.uncertainty_at(0) == 20


def test_from_when_on_it_is_uncertain() -> None:
    """The first moment of which is_certain says no; at once where the round trip alone is too long."""
    from_ms = READING.uncertain_from_ms()
    assert READING.is_certain(from_ms - 1)
    assert not READING.is_certain(from_ms)
    slow = Reading(0, MAX_UNCERTAINTY_MS + 7, 1_000)
    assert slow.uncertain_from_ms() == 1_001
