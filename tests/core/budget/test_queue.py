"""core.budget.queue: lanes in order, then who has least, then who came first; bounded, with deadlines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.budget.queue import MAX_IN_ALL, MAX_PER_BOT, Queue, Waiting
from counterseal.core.budget.share import Lane


def wait(queue: Queue, bot: str, lane: Lane = Lane.TRADE, deadline_ms: int = 250, short_of: str = "pool") -> Waiting:
    """Add one that must find room."""
    waiting = Waiting(bot, lane, deadline_ms, short_of)
    assert queue.add(waiting)
    return waiting


def always(waiting: Waiting) -> str:
    return ""


def even(waiting: Waiting) -> int:
    return 0


def test_better_lanes_go_first() -> None:
    """Whoever came first."""
    queue = Queue()
    market, account = wait(queue, "a", Lane.MARKET), wait(queue, "a", Lane.ACCOUNT)
    trade, risk = wait(queue, "b", Lane.TRADE), wait(queue, "c", Lane.RISK)
    assert queue.ready(always, even) == [risk, trade, account, market]
    assert len(queue) == 0
    assert not any(waiting.is_waiting for waiting in (risk, trade, account, market))


def test_who_has_least_goes_first() -> None:
    """Asked again after each success, so that bots take turns."""
    queue, use = Queue(), {"greedy": 5, "modest": 0}
    order = [wait(queue, bot) for bot in ("greedy", "greedy", "modest", "modest", "modest")]

    def take(waiting: Waiting) -> str:
        use[waiting.bot] += 2
        return ""

    gone = queue.ready(take, lambda waiting: use[waiting.bot])
    assert [waiting.bot for waiting in gone] == ["modest", "modest", "modest", "greedy", "greedy"]
    assert [waiting for waiting in gone if waiting.bot == "greedy"] == order[:2]


def test_equals_take_turns_by_arrival() -> None:
    """And each line keeps its order."""
    queue = Queue()
    one, two, three = wait(queue, "b"), wait(queue, "a"), wait(queue, "b")
    assert queue.ready(always, even) == [one, two, three]


def test_a_line_keeps_its_order_when_the_first_does_not_fit() -> None:
    """The bot's next one waits; other bots and better lanes do not."""
    queue = Queue()
    large, small = wait(queue, "a"), wait(queue, "a")
    other, cancel = wait(queue, "b"), wait(queue, "a", Lane.RISK)
    assert queue.ready(lambda waiting: "other pool" if waiting is large else "", even) == [cancel, other]
    assert large.short_of == "other pool"
    assert len(queue) == 2
    assert queue.ready(always, even) == [large, small]


def test_a_pool_that_is_short_is_not_tried_without_end() -> None:
    """Four bots found it short: the others that wait for it are left for the next round, those of other pools not."""
    queue, tried = Queue(), []
    for number in range(50):
        wait(queue, f"bot{number}")
    free = wait(queue, "late", short_of="another pool")

    def attempt(waiting: Waiting) -> str:
        tried.append(waiting)
        return "" if waiting is free else "pool"

    assert queue.ready(attempt, even) == [free]
    assert len(tried) == 5
    assert len(queue) == 50


def test_what_waits_is_bounded_per_bot_and_in_all() -> None:
    """Exits on their own: a flood of reads shuts none out."""
    queue = Queue()
    for _ in range(MAX_PER_BOT):
        wait(queue, "a", Lane.MARKET)
    assert not queue.add(Waiting("a", Lane.TRADE, 1, ""))
    for number in range(MAX_IN_ALL - MAX_PER_BOT):
        wait(queue, f"bot{number}", Lane.MARKET)
    assert not queue.add(Waiting("new", Lane.TRADE, 1, ""))
    assert len(queue) == MAX_IN_ALL
    exits = [wait(queue, "a", Lane.RISK) for _ in range(MAX_PER_BOT)]
    assert not queue.add(Waiting("a", Lane.RISK, 1, ""))
    assert queue.ready(lambda waiting: "" if waiting.lane is Lane.RISK else "pool", even) == exits
    wait(queue, "a", Lane.RISK)


def test_a_deadline_ends_the_wait() -> None:
    """At its millisecond, in the order of arrival."""
    queue = Queue()
    assert queue.next_deadline_ms() is None
    assert queue.expired(10**9) == []
    late, early, same = wait(queue, "a", deadline_ms=300), wait(queue, "b", deadline_ms=200), wait(queue, "a")
    same.deadline_ms = 200
    assert queue.next_deadline_ms() == 200
    assert queue.expired(199) == []
    assert queue.expired(200) == [early, same]
    assert (queue.next_deadline_ms(), len(queue)) == (300, 1)
    assert queue.ready(always, even) == [late]
    assert queue.next_deadline_ms() is None


def test_who_is_gone_is_dropped() -> None:
    """From anywhere in its line; twice is once; one that was never added too."""
    queue = Queue()
    one, two, three = wait(queue, "a"), wait(queue, "a"), wait(queue, "a")
    queue.drop(two)
    queue.drop(two)
    queue.drop(Waiting("a", Lane.TRADE, 1, ""))
    assert len(queue) == 2
    assert queue.ready(always, even) == [one, three]
    queue.drop(one)
    assert len(queue) == 0


def test_an_item_is_the_caller_s() -> None:
    """It comes back as it was."""
    item = object()
    assert Waiting("a", Lane.TRADE, 1, "", item).item is item


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(Lane), st.integers(0, 50), st.integers(0, 3)), max_size=40
    ),
    st.integers(0, 20),
)
def test_nobody_is_lost_and_nobody_goes_twice(calls: list[tuple[str, Lane, int, int]], room: int) -> None:
    """Each is given out, expired, dropped or still there: exactly one of them, whatever happens in between."""
    queue, use, seen = Queue(max_per_bot=6, max_in_all=12), dict.fromkeys("abc", 0), []
    waiting_now = []
    for now_ms, (bot, lane, span_ms, what) in enumerate(calls):
        waiting = Waiting(bot, lane, now_ms + span_ms, "pool")
        if queue.add(waiting):
            waiting_now.append(waiting)
        if what == 1:
            budget = [room]

            def take(waiting: Waiting, budget: list[int] = budget) -> str:
                use[waiting.bot] += 1
                budget[0] -= 1
                return "" if budget[0] >= 0 else "pool"

            seen += queue.ready(take, lambda waiting: use[waiting.bot])
        elif what == 2:
            seen += queue.expired(now_ms)
            assert all(waiting.deadline_ms > now_ms for waiting in waiting_now if waiting not in seen)
        elif what == 3 and waiting.is_waiting:
            queue.drop(waiting)
            seen.append(waiting)
        assert len(queue) == len(waiting_now) - len(seen)
        deadline_ms = queue.next_deadline_ms()
        assert (deadline_ms is None) is (len(queue) == 0)
    seen += queue.ready(always, even)
    assert sorted(id(waiting) for waiting in seen) == sorted(id(waiting) for waiting in waiting_now)
    assert not queue._sizes


@pytest.mark.parametrize("lane", Lane)
def test_soonest_is_never_later_than_a_deadline(lane: Lane) -> None:
    """One that comes later with a sooner deadline moves it."""
    queue = Queue()
    wait(queue, "a", lane, 500)
    wait(queue, "b", lane, 400)
    wait(queue, "c", lane, 600)
    assert queue.next_deadline_ms() == 400


def test_one_may_wait_where_one_is_the_most() -> None:
    for queue in (Queue(max_per_bot=1), Queue(max_in_all=1)):
        for lane in (Lane.TRADE, Lane.RISK):
            assert queue.add(Waiting("a", lane, 250, "pool"))
            assert not queue.add(Waiting("a", lane, 250, "pool"))
    assert Queue(max_per_bot=1).add(Waiting("a", Lane.TRADE, 250, "pool"))


def test_the_next_deadline_is_the_soonest_that_is_left() -> None:
    queue = Queue()
    waits = [wait(queue, bot, deadline_ms=deadline_ms) for bot, deadline_ms in (("a", 30), ("b", 10), ("c", 20))]
    assert queue.next_deadline_ms() == 10
    assert queue.expired(10) == [waits[1]]
    assert queue.next_deadline_ms() == 20
    assert queue.expired(30) == [waits[0], waits[2]]
    assert queue.next_deadline_ms() is None


def test_64_of_a_bot_and_2048_in_all_may_wait() -> None:
    queue = Queue()
    added = [queue.add(Waiting("a", Lane.TRADE, 250, "pool")) for _ in range(65)]
    assert added == [True] * 64 + [False]
    added = [queue.add(Waiting(f"bot {number}", Lane.TRADE, 250, "pool")) for number in range(2_048 - 63)]
    assert added == [True] * (2_048 - 64) + [False]
