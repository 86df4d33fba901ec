"""core.budget.window: what counts in which window, at every boundary, with a clock of every kind."""

import pytest
from tests.core.budget.exchange import MIDNIGHT, MONOTONIC, moment

from counterseal.core.budget.hearing import hear
from counterseal.core.budget.pools import POOLS
from counterseal.core.budget.share import Lane, Quotas, Shares
from counterseal.core.budget.window import Moment, Seat, Window

MINUTE = 60_000


def window(pool: str = "spot_weight", at_ms: int = MIDNIGHT + 5_000, uncertainty_ms: int = 20) -> Window:
    return Window(POOLS[pool], "ip", "", POOLS[pool].limit, Shares(), moment(at_ms, uncertainty_ms))


def spend(counted: Window, bot: str, amount: int) -> None:
    """Spend as the ledger does, without a header."""
    counted.seat(bot, 1).spent += amount
    counted.spent += amount
    counted.level += amount


@pytest.mark.parametrize(
    ("pool", "begin_ms", "end_ms"),
    [
        ("spot_weight", 0, 60_000),
        ("spot_orders_10s", 10_000, 20_000),
        ("spot_raw", 0, 300_000),
        ("spot_orders_1d", 0, 86_400_000),
        ("spot_ws_messages", 12_000, 13_000),
    ],
)
def test_windows_are_aligned_to_exchange_time(pool: str, begin_ms: int, end_ms: int) -> None:
    """Minutes at :00, ten seconds at :10, days at midnight."""
    counted = window(pool, MIDNIGHT + 12_345)
    assert (counted.begin_ms, counted.end_ms) == (MIDNIGHT + begin_ms, MIDNIGHT + end_ms)


def test_it_turns_when_the_boundary_has_surely_passed() -> None:
    """Not at the boundary, but when the clock's uncertainty has passed too."""
    counted = window()
    spend(counted, "a", 100)
    for at_ms in (MINUTE - 1, MINUTE, MINUTE + 19):
        counted.turn(moment(MIDNIGHT + at_ms, 20))
        assert (counted.spent, counted.level, counted.begin_ms) == (100, 100, MIDNIGHT)
    counted.turn(moment(MIDNIGHT + MINUTE + 20, 20))
    assert (counted.spent, counted.level, counted.begin_ms) == (0, 0, MIDNIGHT + MINUTE)
    assert counted.seat("a", 1).was_active


def test_what_was_long_ago_is_not_the_window_before() -> None:
    """A window skipped: nobody is active for what was spent before it."""
    counted = window()
    spend(counted, "a", 100)
    counted.turn(moment(MIDNIGHT + 2 * MINUTE + 20, 20))
    assert not counted.seat("a", 1).was_active


def test_what_may_lie_on_both_sides_counts_on_both() -> None:
    """And not a window longer; what lies further ahead counts until then."""
    counted = window()
    spend(counted, "a", 7)
    spend(counted, "b", 70)
    counted.count_ahead("a", 3, MIDNIGHT + MINUTE)
    counted.count_ahead("a", 4, MIDNIGHT + MINUTE + 5)
    counted.count_ahead("b", 10, MIDNIGHT + 2 * MINUTE)
    counted.turn(moment(MIDNIGHT + MINUTE))
    assert (counted.spent, counted.seat("a", 1).spent, counted.seat("b", 1).spent) == (17, 7, 10)
    counted.turn(moment(MIDNIGHT + 2 * MINUTE))
    assert (counted.spent, counted.seat("a", 1).spent, counted.seat("b", 1).spent) == (10, 0, 10)
    counted.count_ahead("b", 10, MIDNIGHT + 3 * MINUTE)
    counted.turn(moment(MIDNIGHT + 4 * MINUTE))
    assert (counted.spent, counted.ahead) == (0, {})


def test_what_is_in_flight_outlives_the_turn() -> None:
    """It counts in the new window until it is settled."""
    counted = window()
    counted.in_flight = counted.seat("a", 1).in_flight = 40
    counted.turn(moment(MIDNIGHT + MINUTE))
    assert (counted.used, counted.seat("a", 1).was_active) == (40, True)


def test_a_vaguer_clock_turns_nothing_back() -> None:
    """The lower bound of time sinks when a reading is vaguer; the boundary was passed all the same."""
    counted = window(at_ms=MIDNIGHT + MINUTE + 10, uncertainty_ms=0)
    spend(counted, "a", 5)
    counted.turn(moment(MIDNIGHT + MINUTE + 12, 300))
    assert (counted.begin_ms, counted.spent) == (MIDNIGHT + MINUTE, 5)


def test_time_that_goes_back_gives_nothing_back() -> None:
    """What was counted goes on counting for one window of the monotonic clock, whatever the clock says now."""
    counted = window(at_ms=MIDNIGHT + MINUTE + 10, uncertainty_ms=0)
    spend(counted, "a", 5)
    counted.count_ahead("a", 5, MIDNIGHT + 2 * MINUTE)
    back = Moment(MIDNIGHT + 50_000, 0, MONOTONIC + 70_000)
    counted.turn(back)
    assert (counted.begin_ms, counted.spent, counted.seat("a", 1).spent) == (MIDNIGHT, 5, 5)
    spend(counted, "a", 1)
    counted.turn(Moment(MIDNIGHT + MINUTE, 0, MONOTONIC + 80_000))
    assert (counted.begin_ms, counted.spent) == (MIDNIGHT + MINUTE, 5)
    counted.turn(Moment(MIDNIGHT + 2 * MINUTE, 0, MONOTONIC + 131_000))
    assert counted.spent == 5
    counted.turn(Moment(MIDNIGHT + 3 * MINUTE, 0, MONOTONIC + 200_000))
    assert (counted.spent, counted.held) == (0, {})


def test_what_was_spent_is_held_when_time_goes_back() -> None:
    counted = window(at_ms=MIDNIGHT + MINUTE + 10, uncertainty_ms=0)
    spend(counted, "a", 1)
    counted.turn(Moment(MIDNIGHT + 50_000, 0, MONOTONIC + 70_000))
    assert (counted.begin_ms, counted.spent, counted.used) == (MIDNIGHT, 1, 1)


def test_a_clock_that_may_be_at_the_boundary_turns_nothing_back() -> None:
    counted = window(at_ms=MIDNIGHT + MINUTE + 10, uncertainty_ms=0)
    for at_ms, begin_ms in ((MINUTE, MINUTE), (MINUTE - 20, MINUTE), (MINUTE - 21, 0)):
        counted.turn(moment(MIDNIGHT + at_ms, 0 if at_ms == MINUTE else 20))
        assert counted.begin_ms == MIDNIGHT + begin_ms


# A window, its part that the clock may drift in it, and the time for which a request may be late.
HELD_MS = 60_000 + 30 + 1_000


@pytest.mark.parametrize("over_ms", [1, 29, 31, 999, 1_001, 7_000, 15_000])
def test_what_is_held_counts_for_a_window_and_until_the_next_quarter(over_ms: int) -> None:
    """`over_ms` is by how much the time for which it counts at least passes a quarter."""
    until_ms = 600_000
    held_ms = until_ms - 15_000 + over_ms - HELD_MS
    for at_ms, spent in ((until_ms - 1, 1), (until_ms, 0)):
        counted = window()
        spend(counted, "a", 1)
        counted.hold(held_ms)
        counted.turn(Moment(MIDNIGHT + MINUTE, 0, at_ms))
        assert (counted.spent, counted.level) == (spent, spent)


def test_a_step_holds_what_was_spent_and_then_trusts_the_clock_again() -> None:
    """What is spent after the step is held by the first turn within a window's time, and by no later one."""
    for later_ms, spent in ((59_999, 15), (60_000, 10), (60_500, 10), (90_000, 0)):
        counted = window()
        spend(counted, "a", 10)
        counted.step(MONOTONIC + 5_000)
        spend(counted, "a", 5)
        counted.turn(Moment(MIDNIGHT + MINUTE, 0, MONOTONIC + 5_000 + later_ms))
        assert counted.spent == spent


def test_who_spent_anything_is_active_for_one_window_more() -> None:
    counted = window()
    spend(counted, "a", 1)
    counted.turn(moment(MIDNIGHT + MINUTE))
    assert counted.seat("a", 1).was_active


def test_what_is_carried_into_a_day_is_replaced_by_its_first_number() -> None:
    counted = window("spot_orders_1d", MIDNIGHT - 1_000)
    spend(counted, "a", 30)
    counted.count_ahead("a", 30, MIDNIGHT + 10)
    counted.turn(moment(MIDNIGHT + 20, 0))
    assert counted.level == 30
    mark = counted.mark
    counted.spent += 1
    assert hear(counted, "5", 1, mark, True) == 5
    assert counted.level == 5


def test_a_seat_begins_with_nothing() -> None:
    seat = Seat("a", 3)
    assert (seat.bot, seat.share, seat.spent, seat.in_flight, seat.loose) == ("a", 3, 0, 0, 0)
    assert (seat.asked, seat.was_active) == (False, False)


def test_a_clock_that_jumps_for_ever_adds_up_to_no_more() -> None:
    """Held is what was spent within the last window and a quarter, at any number of jumps."""
    counted = window()
    most = 0
    for second in range(600):
        spend(counted, "a", 1)
        counted.hold(MONOTONIC + second * 1_000)
        if second % 60 == 59:
            counted.turn(moment(MIDNIGHT + (second + 1) * 1_000))
            most = max(most, counted.spent)
    assert 60 <= most <= 80
    assert len(counted.held) <= 6


def test_only_what_is_fresh_is_held() -> None:
    """What is held already keeps its own time, for each bot; a bot that spent nothing new gets no second entry."""
    counted = window()
    spend(counted, "a", 5)
    counted.hold(MONOTONIC)
    spend(counted, "b", 7)
    counted.hold(MONOTONIC + 30_000)
    assert [amounts for _, amounts in sorted(counted.held.items())] == [{"a": 5}, {"b": 7}]


def test_limits_change_in_the_middle_of_a_window() -> None:
    """What was spent stays spent; the ceilings are new at once, and nothing divides by nothing."""
    counted = window()
    seat = counted.seat("a", 1)
    spend(counted, "a", 3_000)
    assert counted.has_room(seat, Lane.MARKET, 300, MIDNIGHT + 5_000)
    counted.set_limit(3_000)
    assert not counted.has_room(seat, Lane.RISK, 1, MIDNIGHT + 5_000)
    assert counted.has_room(seat, Lane.RISK, 0, MIDNIGHT + 5_000)
    counted.set_limit(0)
    assert not counted.has_room(seat, Lane.TRADE, 1, MIDNIGHT + 5_000)
    assert counted.noise == 20


def test_time_left_is_within_the_window() -> None:
    """Also where the lower bound of time lies before or behind it."""
    counted = window()
    seat = counted.seat("a", 1)
    spend(counted, "a", 1_650)
    spend(counted, "b", 1)
    # Of 3,300 half is divided; 824 of b's 825 are kept.
    for at_ms in (MIDNIGHT - 900_000, MIDNIGHT):
        assert counted.has_room(seat, Lane.MARKET, 825, at_ms)
        assert not counted.has_room(seat, Lane.MARKET, 826, at_ms)
    assert counted.has_room(seat, Lane.MARKET, 1_649, MIDNIGHT + 60_000)
    assert counted.has_room(seat, Lane.MARKET, 1_649, MIDNIGHT + 900_000)


@pytest.mark.parametrize("how", ["spent", "in_flight", "was_active", "asked"])
def test_who_is_active_has_a_part(how: str) -> None:
    """Whoever spent or asked in this window or the last; nobody else."""
    counted = window()
    greedy, other = counted.seat("greedy", 1), counted.seat("other", 1)
    spend(counted, "greedy", 1_650)
    assert counted.has_room(greedy, Lane.MARKET, 827, MIDNIGHT)
    if how == "spent":
        other.spent = 1
    elif how == "in_flight":
        other.in_flight = 1
    elif how == "was_active":
        other.was_active = True
    else:
        other.asked = True
    assert not counted.has_room(greedy, Lane.MARKET, 827, MIDNIGHT)
    other.spent = other.in_flight = 0
    other.was_active = other.asked = False
    assert counted.has_room(greedy, Lane.MARKET, 827, MIDNIGHT)


def test_who_asked_in_vain_is_active_for_one_window_more() -> None:
    """Then no more; nor after a window in which nothing happened, nor after time went back."""
    counted = window()
    seat = counted.seat("a", 1)
    for at_ms, was_active in ((MINUTE, True), (2 * MINUTE, False)):
        seat.asked = at_ms == MINUTE
        counted.turn(moment(MIDNIGHT + at_ms))
        assert (seat.was_active, seat.asked) == (was_active, False)
    for at_ms in (4 * MINUTE, MINUTE):
        seat.asked = True
        counted.turn(moment(MIDNIGHT + at_ms))
        assert (seat.was_active, seat.asked) == (False, False)


def test_a_seat_has_the_share_of_the_last_policy() -> None:
    """One seat for a bot, however often its share changes."""
    counted = window()
    seat = counted.seat("a", 1)
    assert counted.seat("a", 5) is seat
    assert seat.share == 5


def test_bounds_of_one_bot() -> None:
    """To the last unit, with what is in flight."""
    counted = window()
    seat = counted.seat("a", 1)
    seat.spent, seat.in_flight = 60, 30
    assert counted.within(seat, 10, Quotas(weight_1m=100))
    assert not counted.within(seat, 11, Quotas(weight_1m=100))
    assert counted.within(seat, 10_000, Quotas(orders_10s=1))


def test_the_first_window_is_partial() -> None:
    """Who spent in it before we began nobody knows."""
    counted = window()
    assert counted.is_partial
    counted.turn(moment(MIDNIGHT + MINUTE))
    assert not counted.is_partial


def test_foreign_is_what_is_counted_above_ours() -> None:
    """Never negative: the day's count can be below what we placed."""
    counted = window()
    counted.level, counted.spent = 9, 4
    assert counted.foreign == 5
    counted.level = 3
    assert counted.foreign == 0
