"""When a child is started again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.supervisor.decide import MAX_DELAY_MS, STEADY_MS, History, restart, restart_as_asked


def test_at_once_then_100_ms_doubling_to_2_s() -> None:
    history, delays = History(), []
    for _ in range(8):
        history, delay_ms = restart(history, lived_ms=50)
        delays.append(delay_ms)

    assert delays == [0, 100, 200, 400, 800, 1600, 2000, 2000]
    assert history == History(total=8, streak=8)


@pytest.mark.parametrize(("lived_ms", "delay_ms"), [(STEADY_MS - 1, 800), (STEADY_MS, 0)])
def test_ten_seconds_of_life_forgive_the_past(lived_ms: int, delay_ms: int) -> None:
    assert restart(History(total=9, streak=4), lived_ms)[1] == delay_ms


def test_an_end_that_was_asked_for_counts_but_does_not_slow_the_next_restart() -> None:
    history, delay_ms = restart_as_asked(History(total=2, streak=0))

    assert (history, delay_ms) == (History(total=3, streak=0), 0)
    assert restart(history, 5) == (History(total=4, streak=1), 0)


@given(st.lists(st.integers(0, 30_000), max_size=200))
def test_a_delay_is_never_negative_nor_above_two_seconds(lives: list[int]) -> None:
    history = History()
    for lived_ms in lives:
        history, delay_ms = restart(history, lived_ms)
        assert 0 <= delay_ms <= MAX_DELAY_MS
    assert history.total == len(lives)
