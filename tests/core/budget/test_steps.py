"""core.budget.steps: readings of the clock that contradict each other."""

import pytest

from counterseal.core.budget.steps import Steps
from counterseal.core.budget.window import Moment


def test_the_first_reading_contradicts_nothing() -> None:
    """Whatever it says."""
    assert not Steps().note(Moment(10**12, 0, 5))


@pytest.mark.parametrize(
    ("ahead_ms", "uncertainty_ms", "after_ms", "contradicts"),
    [
        (0, 0, 0, False),
        (50, 20, 0, False),
        (51, 20, 0, True),
        (-50, 20, 0, False),
        (-51, 20, 0, True),
        (30, 0, 0, False),
        (31, 0, 0, True),
        # a poor clock drifts by a millisecond in two seconds
        (32, 0, 3_999, True),
        (32, 0, 4_000, False),
        (31, 0, -5_000, True),
    ],
)
def test_a_step_is_more_than_both_readings_allow(
    ahead_ms: int, uncertainty_ms: int, after_ms: int, contradicts: bool
) -> None:
    """10 ms uncertain before, 20 ms tolerated."""
    steps = Steps()
    steps.note(Moment(10**12, 10, 5_000))
    later = 5_000 + after_ms
    assert steps.note(Moment(10**12 - 5_000 + later + ahead_ms, uncertainty_ms, later)) is contradicts
    assert not steps.note(Moment(10**12 - 5_000 + later + ahead_ms, uncertainty_ms, later))


def test_steps_are_counted_and_the_last_is_remembered() -> None:
    steps = Steps()
    assert (steps.count, steps.stepped_ms, steps.ahead_ms) == (0, 0, None)
    for number, at_ms in enumerate((1_000, 2_000, 3_000), 1):
        steps.note(Moment(10**12 + number * 10**6, 0, at_ms))
        assert (steps.count, steps.stepped_ms) == (number - 1, at_ms if number > 1 else 0)
        assert steps.ahead_ms == 10**12 + number * 10**6 - at_ms
