"""For how long a copy stands for its store."""

import pytest

from counterseal.core.lease import HOUR_MS, MAX_STEP_BACK_MS, Lease, show_age

NOW = 1_795_000_000_000


@pytest.mark.parametrize(
    ("age_ms", "half", "over"),
    [
        (0, False, False),
        (12 * HOUR_MS - 1, False, False),
        (12 * HOUR_MS, True, False),
        (24 * HOUR_MS - 1, True, False),
        (24 * HOUR_MS, True, True),
        (1000 * HOUR_MS, True, True),
        (-MAX_STEP_BACK_MS, False, False),
        (-MAX_STEP_BACK_MS - 1, True, True),
    ],
)
def test_a_lease_ends_at_its_length_and_for_a_clock_that_jumped_back(age_ms: int, half: bool, over: bool) -> None:
    lease = Lease(NOW - age_ms, 24 * HOUR_MS)
    assert (lease.is_half_over(NOW), lease.is_over(NOW)) == (half, over)
    assert lease.age_ms(NOW) == max(0, age_ms)


@pytest.mark.parametrize(
    ("age_ms", "shown"),
    [(0, "0 s"), (119_999, "119 s"), (120_000, "2 min"), (7_199_999, "119 min"), (11_100_000, "3 h 5 min")],
)
def test_ages_are_written_for_people(age_ms: int, shown: str) -> None:
    assert show_age(age_ms) == shown
