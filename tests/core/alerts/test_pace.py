"""At most 20 messages in any minute, and never long a wait for what is urgent."""

from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.alerts.pace import MOST, URGENT_MS, WINDOW_MS, Pace


def test_two_urgent_ones_leave_at_once_and_the_next_after_four_seconds() -> None:
    pace = Pace()
    for _ in range(2):
        assert pace.allows(1_000, urgent=True)
        pace.spend(1_000, urgent=True)
    assert not pace.allows(4_999, urgent=True)
    assert pace.allows(5_000, urgent=True)


def test_others_leave_every_twenty_seconds_beside_the_urgent_ones() -> None:
    pace = Pace()
    for _ in range(2):
        assert pace.allows(0, urgent=False)
        pace.spend(0, urgent=False)
    assert not pace.allows(19_999, urgent=False) and pace.allows(19_999, urgent=True)
    assert pace.allows(20_000, urgent=False)


def test_both_budgets_together_are_the_bound() -> None:
    pace, sent = Pace(), 0
    for now_ms in range(0, WINDOW_MS, 100):
        for urgent in (True, True, False, False):
            if pace.allows(now_ms, urgent=urgent):
                pace.spend(now_ms, urgent=urgent)
                sent += 1
    assert sent == MOST


def test_after_a_rest_there_is_no_more_than_the_burst() -> None:
    pace = Pace()
    pace.spend(0, urgent=True)
    for _ in range(2):
        assert pace.allows(10**9, urgent=True)
        pace.spend(10**9, urgent=True)
    assert not pace.allows(10**9, urgent=True)


def test_the_bound_holds_even_where_the_paces_would_not() -> None:
    """Whoever spends without asking closes the channel for the rest of the minute."""
    pace = Pace()
    for _ in range(MOST):
        pace.spend(0, urgent=False)
    assert not pace.allows(WINDOW_MS - 1, urgent=True)
    assert pace.allows(WINDOW_MS, urgent=True)


@given(st.lists(st.tuples(st.integers(0, 3_000), st.booleans()), max_size=400))
def test_no_minute_has_more_than_twenty_and_no_urgent_one_waits_long(steps: list[tuple[int, bool]]) -> None:
    pace, now_ms, sent, waits = Pace(), 0, [], None
    for step_ms, urgent in steps:
        now_ms += step_ms
        if urgent and waits is None:
            waits = now_ms
        if pace.allows(now_ms, urgent=urgent):
            pace.spend(now_ms, urgent=urgent)
            sent.append(now_ms)
            if urgent:
                waits = None
        elif urgent:
            assert now_ms - waits < URGENT_MS  # type: ignore[operator]
    assert all(sum(start <= each < start + WINDOW_MS for each in sent) <= MOST for start in sent)
