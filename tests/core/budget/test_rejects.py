"""A bot in a reject loop is slowed alone: after ten refusals, from 100 ms to 10 s, one success ends it, exits never."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.budget.rejects import FREE_REFUSALS, LONGEST_PAUSE_MS, Rejects, Told, judge

NOW = 1_000_000


def looping(times: int = FREE_REFUSALS + 1) -> Rejects:
    rejects = Rejects()
    for _ in range(times):
        rejects.note("alpha", "trade", Told.REFUSED, NOW)
    return rejects


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        (200, None, Told.ACCEPTED),
        (201, None, Told.ACCEPTED),
        (200, -2010, Told.REFUSED),
        (400, -2010, Told.REFUSED),
        (400, -1013, Told.REFUSED),
        (400, None, Told.REFUSED),
        (401, -2015, Told.REFUSED),
        (404, None, Told.REFUSED),
        (409, -2021, Told.NEITHER),
        (400, -2022, Told.REFUSED),
        (429, -1015, Told.REFUSED),
        (429, -1003, Told.NEITHER),
        (429, None, Told.NEITHER),
        (418, -1003, Told.NEITHER),
        (418, None, Told.NEITHER),
        (403, None, Told.NEITHER),
        (408, None, Told.NEITHER),
        (400, -1021, Told.NEITHER),
        (400, -1022, Told.NEITHER),
        (299, None, Told.ACCEPTED),
        (300, None, Told.NEITHER),
        (302, None, Told.NEITHER),
        (500, None, Told.NEITHER),
        (503, -1008, Told.NEITHER),
    ],
)
def test_what_an_answer_says_about_the_bot(status: int, code: int | None, told: Told) -> None:
    assert judge(status, code) is told


def test_a_throttle_counts_against_the_bot_that_caused_it_only() -> None:
    assert judge(429, -1003, caused_throttle=True) is Told.REFUSED
    assert judge(400, -1021, caused_throttle=True) is Told.NEITHER


def test_ten_refusals_are_free_and_the_eleventh_begins_a_pause() -> None:
    assert looping(FREE_REFUSALS).ask("alpha", "trade", NOW) == 0
    rejects = looping()
    assert rejects.ask("alpha", "trade", NOW) == 100
    assert rejects.ask("alpha", "trade", NOW + 99) == 1
    assert rejects.ask("alpha", "trade", NOW + 100) == 0


def test_after_a_pause_one_may_go_and_the_next_waits() -> None:
    """A hundred requests that wait for the end of a pause are not sent at its end."""
    rejects = looping()
    assert [rejects.ask("alpha", "trade", NOW + 100) for _ in range(3)] == [0, 100, 100]


def test_pauses_double_up_to_ten_seconds() -> None:
    rejects, now, pauses = looping(), NOW, list[int]()
    for _ in range(10):
        pauses.append(rejects.ask("alpha", "trade", now))
        now += pauses[-1]
        assert rejects.ask("alpha", "trade", now) == 0
        rejects.note("alpha", "trade", Told.REFUSED, now)
    assert pauses == [100, 200, 400, 800, 1_600, 3_200, 6_400, *3 * [LONGEST_PAUSE_MS]]


def test_refusals_of_what_left_side_by_side_are_one_step() -> None:
    rejects = looping(60)
    assert rejects.ask("alpha", "trade", NOW) == 100


def test_a_try_without_an_answer_is_followed_by_another_after_the_same_pause() -> None:
    rejects = looping()
    assert rejects.ask("alpha", "trade", NOW + 100) == 0
    rejects.note("alpha", "trade", Told.NEITHER, NOW + 120)
    assert rejects.ask("alpha", "trade", NOW + 150) == 50
    assert rejects.ask("alpha", "trade", NOW + 200) == 0


def test_one_success_ends_it() -> None:
    rejects = looping()
    rejects.note("alpha", "trade", Told.ACCEPTED, NOW)
    assert rejects.ask("alpha", "trade", NOW) == 0
    assert rejects.slowed(NOW) == {}
    for _ in range(FREE_REFUSALS):
        rejects.note("alpha", "trade", Told.REFUSED, NOW)
    assert rejects.ask("alpha", "trade", NOW) == 0


def test_other_bots_and_other_work_are_not_slowed() -> None:
    rejects = looping()
    assert rejects.ask("beta", "trade", NOW) == rejects.ask("alpha", "account", NOW) == 0
    rejects.note("alpha", "account", Told.ACCEPTED, NOW)
    assert rejects.ask("alpha", "trade", NOW) == 100


def test_exits_are_never_slowed_and_count_neither_way() -> None:
    rejects = looping()
    assert rejects.ask("alpha", "trade", NOW, is_exit=True) == 0
    rejects.note("alpha", "trade", Told.ACCEPTED, NOW, is_exit=True)
    assert rejects.ask("alpha", "trade", NOW) == 100
    fresh = Rejects()
    for _ in range(50):
        fresh.note("alpha", "trade", Told.REFUSED, NOW, is_exit=True)
    assert fresh.ask("alpha", "trade", NOW) == 0


def test_what_is_shown() -> None:
    rejects = looping()
    rejects.note("beta", "trade", Told.REFUSED, NOW)
    assert rejects.slowed(NOW + 40) == {("alpha", "trade"): (11, 60)}
    assert rejects.slowed(NOW + 400) == {("alpha", "trade"): (11, 0)}


def test_a_loop_of_ten_minutes_costs_few_requests() -> None:
    """A bot that repeats a refused order each 20 ms for ten minutes: 30,000 without us."""
    rejects, sent = Rejects(), 0
    for now in range(0, 600_000, 20):
        if rejects.ask("alpha", "trade", now) == 0:
            sent += 1
            rejects.note("alpha", "trade", Told.REFUSED, now + 5)
    assert sent <= 80


@given(st.lists(st.tuples(st.sampled_from(Told), st.integers(0, 20_000)), max_size=60))
def test_nobody_waits_longer_than_ten_seconds(story: list[tuple[Told, int]]) -> None:
    rejects, now = Rejects(), 0
    for told, passed in story:
        rejects.note("alpha", "trade", told, now)
        now += passed
        wait = rejects.ask("alpha", "trade", now)
        assert 0 <= wait <= LONGEST_PAUSE_MS
        assert rejects.ask("alpha", "trade", now + wait) == 0 or wait == 0


def test_the_longest_pause_is_ten_seconds() -> None:
    rejects, now_ms = Rejects(), 0
    for _ in range(30):
        rejects.note("a", "trade", Told.REFUSED, now_ms)
        now_ms += 20_000
        rejects.ask("a", "trade", now_ms)
    rejects.note("a", "trade", Told.REFUSED, now_ms)
    assert rejects.ask("a", "trade", now_ms) == 10_000
