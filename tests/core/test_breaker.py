"""A failing host is left alone and met again without a burst; exits leave at every moment."""

import random  # noqa: TID251  a simulation, by seed

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.breaker import (
    FAILURES_IN_A_ROW,
    FIRST_PAUSE_MS,
    LEAST_SEEN,
    LONGEST_PAUSE_MS,
    RAMP_SECONDS,
    RAMP_START,
    Breakers,
    Phase,
    is_failure,
)

NOW = 1_000_000


def middle(_count: int) -> int:
    """No jitter: the middle of what can be drawn."""
    return 200


def fail(breakers: Breakers, times: int, now_ms: int = NOW, work: str = "trade") -> None:
    for _ in range(times):
        breakers.note("spot", work, ok=False, sent_ms=now_ms, now_ms=now_ms)


def opened() -> Breakers:
    breakers = Breakers(middle)
    fail(breakers, FAILURES_IN_A_ROW)
    return breakers


@pytest.mark.parametrize(
    ("status", "failed"), [(200, False), (299, False), (400, False), (429, False), (408, True), (500, True)]
)
def test_what_is_a_failure(status: int, failed: bool) -> None:
    assert is_failure(status) is failed
    assert is_failure(503) and is_failure(599)


@pytest.mark.threat(29)
def test_what_sends_elsewhere_is_a_failure() -> None:
    """The exchange sends nobody anywhere: such an answer comes from something in front of it."""
    assert all(is_failure(status) for status in (300, 301, 302, 303, 304, 307, 308, 399))


def test_five_failures_in_a_row_open_it() -> None:
    breakers = Breakers(middle)
    fail(breakers, 4)
    breakers.note("spot", "trade", ok=True, sent_ms=NOW, now_ms=NOW)
    fail(breakers, 4)
    assert breakers.ask("spot", "trade", NOW) == 0
    fail(breakers, 1)
    assert breakers.ask("spot", "trade", NOW) == FIRST_PAUSE_MS
    assert breakers.report(NOW) == {("spot", "trade"): ("open", FIRST_PAUSE_MS)}


def test_an_answer_that_is_well_counts_as_noted() -> None:
    """The short way for good answers: it ends a row of failures, and counts among the answers of its second."""
    breakers, noted = Breakers(middle), Breakers(middle)
    for number in range(LEAST_SEEN):
        at = NOW + number // 4 * 1_000
        if number % 5 < 3:
            breakers.well("spot", "trade", at, at)
        else:
            breakers.note("spot", "trade", ok=False, sent_ms=at, now_ms=at)
        noted.note("spot", "trade", ok=number % 5 < 3, sent_ms=at, now_ms=at)
    seen = breakers._of[("spot", "trade")], noted._of[("spot", "trade")]
    assert seen[0] == seen[1]


def test_an_old_answer_that_is_well_is_no_news() -> None:
    """One that left before the breaker closed again tells nothing of now."""
    breakers = opened()
    breaker = breakers._of[("spot", "trade")]
    breaker.turn(Phase.CLOSED, NOW + 60_000)
    assert breakers.report(NOW + 60_000) == {}
    fail(breakers, 4, NOW + 60_000)
    breakers.well("spot", "trade", NOW + 59_999, NOW + 60_001)
    assert breaker.in_a_row == 4
    breakers.well("spot", "trade", NOW + 60_000, NOW + 60_001)
    assert breaker.in_a_row == 0


def test_one_that_closed_again_is_forgotten() -> None:
    """Also when nobody looks at the report: else everything is asked and noted the long way for ever."""
    breakers = opened()
    assert breakers.ask("spot", "trade", NOW + 1_000) == 0
    breakers.note("spot", "trade", ok=True, sent_ms=NOW + 1_000, now_ms=NOW + 1_010)
    breakers.note("spot", "trade", ok=True, sent_ms=NOW + 1_020, now_ms=NOW + 1_030)
    assert list(breakers.opened) == [("spot", "trade")]
    after = NOW + 1_010 + RAMP_SECONDS * 1_000
    assert breakers.ask("spot", "trade", after) == 0
    breakers.note("spot", "trade", ok=True, sent_ms=after, now_ms=after + 1)
    assert breakers.opened == {}


def alternate(seen: int, period_ms: int) -> Breakers:
    """Every other answer a failure, the last of them too."""
    breakers = Breakers(middle)
    for number in range(seen):
        at = NOW + number * period_ms
        breakers.note("spot", "trade", ok=number % 2 == 0, sent_ms=at, now_ms=at)
    return breakers


def test_half_of_twenty_within_ten_seconds_open_it() -> None:
    assert alternate(18, 100).report(NOW) == {}
    assert alternate(20, 100).report(NOW + 2_000) == {("spot", "trade"): ("open", 900)}
    assert alternate(400, 1_000).report(NOW) == {}, "ten answers in ten seconds are too few to judge by"


def test_less_than_half_leaves_it_closed() -> None:
    breakers = Breakers(middle)
    for number in range(300):
        breakers.note("spot", "trade", ok=number % 5 < 3, sent_ms=NOW, now_ms=NOW + number)
    assert breakers.ask("spot", "trade", NOW + 300) == 0


def test_other_hosts_and_other_work_go_on() -> None:
    breakers = opened()
    assert breakers.ask("spot", "account", NOW) == breakers.ask("usdm", "trade", NOW) == 0


def test_exits_pass_at_every_moment_and_leave_the_try_to_others() -> None:
    breakers = opened()
    assert breakers.ask("spot", "trade", NOW, is_exit=True) == 0
    assert breakers.ask("spot", "trade", NOW + FIRST_PAUSE_MS, is_exit=True) == 0
    assert breakers.ask("spot", "trade", NOW + FIRST_PAUSE_MS) == 0


def test_after_the_pause_one_tries() -> None:
    breakers = opened()
    assert breakers.ask("spot", "trade", NOW + FIRST_PAUSE_MS - 1) == 1
    assert [breakers.ask("spot", "trade", NOW + FIRST_PAUSE_MS) for _ in range(3)] == [0, 1_000, 1_000]
    assert breakers.report(NOW + FIRST_PAUSE_MS)[("spot", "trade")][0] == "trying"


def test_a_try_that_says_nothing_is_followed_by_another() -> None:
    """A connection that hangs until its time is over, or a bot that went before the first byte."""
    breakers, now = opened(), NOW + FIRST_PAUSE_MS
    assert breakers.ask("spot", "trade", now) == 0
    assert breakers.ask("spot", "trade", now + 999) == 1
    assert breakers.ask("spot", "trade", now + 1_000) == 0
    breakers.note("spot", "trade", ok=True, sent_ms=now, now_ms=now + 1_200)
    assert breakers.report(now + 1_200) == {("spot", "trade"): ("ramp", 0)}


def test_a_try_that_stayed_here_is_anothers() -> None:
    breakers = opened()
    after = NOW + FIRST_PAUSE_MS
    assert breakers.ask("spot", "trade", after) == 0
    breakers.unused("spot", "account", after, after + 5)
    # What was let through before it opened has no try to give back.
    breakers.unused("spot", "trade", after - 1, after + 5)
    assert breakers.ask("spot", "trade", after + 5) == FIRST_PAUSE_MS - 5
    breakers.unused("spot", "trade", after, after + 5)
    assert breakers.ask("spot", "trade", after + 5) == 0
    assert breakers.ask("spot", "trade", after + 6) == FIRST_PAUSE_MS - 1
    breakers.note("spot", "trade", ok=True, sent_ms=after + 5, now_ms=after + 7)
    breakers.unused("spot", "trade", after + 5, after + 8)
    assert breakers.ask("spot", "trade", after + 8) == 0


def test_pauses_double_up_to_thirty_seconds() -> None:
    breakers, now, pauses = opened(), NOW, list[int]()
    for _ in range(7):
        pauses.append(breakers.ask("spot", "trade", now))
        now += pauses[-1]
        assert breakers.ask("spot", "trade", now) == 0
        breakers.note("spot", "trade", ok=False, sent_ms=now, now_ms=now)
    assert pauses == [1_000, 2_000, 4_000, 8_000, 16_000, LONGEST_PAUSE_MS, LONGEST_PAUSE_MS]


@pytest.mark.parametrize(("drawn", "pause"), [(0, 800), (400, 1_200)])
def test_jitter_is_a_fifth(drawn: int, pause: int) -> None:
    asked = list[int]()

    def draw(count: int) -> int:
        asked.append(count)
        return drawn

    breakers = Breakers(draw)
    fail(breakers, FAILURES_IN_A_ROW)
    assert breakers.ask("spot", "trade", NOW) == pause
    assert asked == [401]


def test_late_failures_of_what_left_before_are_no_news() -> None:
    """Requests that hung when the host went down fail 12 s later, when it may be well again."""
    breakers, now = opened(), NOW + FIRST_PAUSE_MS
    breakers.ask("spot", "trade", now)
    breakers.note("spot", "trade", ok=True, sent_ms=now, now_ms=now + 10)
    for _ in range(100):
        breakers.note("spot", "trade", ok=False, sent_ms=NOW - 1, now_ms=now + 20)
    assert breakers.report(now + 20) == {("spot", "trade"): ("ramp", 0)}
    fail(breakers, FAILURES_IN_A_ROW, now + 30)
    assert breakers.ask("spot", "trade", now + 30) == 2_000


def test_failures_while_it_is_open_do_not_lengthen_it() -> None:
    breakers = opened()
    fail(breakers, 50, NOW + 10)
    assert breakers.ask("spot", "trade", NOW + 10) == FIRST_PAUSE_MS - 10


def test_the_ramp_doubles_each_second_and_ends() -> None:
    breakers, now = opened(), NOW + FIRST_PAUSE_MS
    breakers.ask("spot", "trade", now)
    breakers.note("spot", "trade", ok=True, sent_ms=now, now_ms=now)
    passed = [0] * RAMP_SECONDS
    for ms in range(RAMP_SECONDS * 1000):
        while breakers.ask("spot", "trade", now + ms) == 0:
            passed[ms // 1000] += 1
    assert [abs(count - (RAMP_START << step)) <= 1 for step, count in enumerate(passed)] == [True] * RAMP_SECONDS
    end = now + RAMP_SECONDS * 1000
    assert [breakers.ask("spot", "trade", end) for _ in range(10_000)] == [0] * 10_000
    assert breakers.report(end) == {}


def test_who_waits_in_the_ramp_is_told_when() -> None:
    breakers, now = opened(), NOW + FIRST_PAUSE_MS
    breakers.ask("spot", "trade", now)
    breakers.note("spot", "trade", ok=True, sent_ms=now, now_ms=now)
    assert [breakers.ask("spot", "trade", at) for at in (now, now, now + 99, now + 100)] == [0, 100, 1, 0]


def test_what_nobody_used_in_the_ramp_is_no_burst_later() -> None:
    breakers, now = opened(), NOW + FIRST_PAUSE_MS
    breakers.ask("spot", "trade", now)
    breakers.note("spot", "trade", ok=True, sent_ms=now, now_ms=now)
    late = now + 7_500
    assert sum(breakers.ask("spot", "trade", late) == 0 for _ in range(1_000)) == 64


def test_a_pause_is_short_again_after_all_was_well() -> None:
    breakers, now = opened(), NOW + FIRST_PAUSE_MS
    breakers.ask("spot", "trade", now)
    breakers.note("spot", "trade", ok=True, sent_ms=now, now_ms=now)
    later = now + RAMP_SECONDS * 1000
    fail(breakers, FAILURES_IN_A_ROW, later)
    assert breakers.ask("spot", "trade", later) == FIRST_PAUSE_MS


def test_success_of_an_exit_ends_a_long_pause() -> None:
    """The host can be reached: the next request is the one that tries, no sooner than the first pause."""
    breakers, now = opened(), NOW
    for _ in range(4):
        now += breakers.ask("spot", "trade", now)
        assert breakers.ask("spot", "trade", now) == 0
        breakers.note("spot", "trade", ok=False, sent_ms=now, now_ms=now)
    assert breakers.ask("spot", "trade", now) == 16_000
    breakers.note("spot", "risk", ok=True, sent_ms=now - 1, now_ms=now + 300)
    breakers.note("usdm", "risk", ok=True, sent_ms=now, now_ms=now + 300)
    assert breakers.ask("spot", "trade", now + 300) == 15_700, "it left before, or to another host"
    breakers.note("spot", "risk", ok=True, sent_ms=now + 300, now_ms=now + 310)
    assert breakers.ask("spot", "trade", now + 310) == 690
    assert breakers.ask("spot", "trade", now + 1_000) == 0


def test_what_is_over_is_not_shown() -> None:
    breakers, now = opened(), NOW + FIRST_PAUSE_MS
    assert Breakers(middle).report(NOW) == {}
    breakers.ask("spot", "trade", now)
    breakers.note("spot", "trade", ok=True, sent_ms=now, now_ms=now)
    assert breakers.report(now + RAMP_SECONDS * 1000) == {}


class Outage:
    """A hundred bots, each with one request at a time and a retry after 100 ms, and perhaps exits each half second.

    The host is down from `DOWN` for a minute, and fails each request after `fail_ms`.
    """

    DOWN, UP, END = 10_000, 70_000, 130_000

    def __init__(self, seed: int, fail_ms: int, *, exits: bool = True) -> None:
        chance = random.Random(seed)
        self.breakers = Breakers(chance.randrange)
        self.fail_ms = fail_ms
        self.left: list[int] = []
        self.refused: list[int] = []
        self.exits = 0
        self.answers: dict[int, list[tuple[str, int]]] = {}
        self.ready: dict[int, int] = {}
        for _ in range(100):
            self._ready_at(chance.randrange(100))
        self.exit_each_ms = 500 if exits else self.END

    def run(self) -> "Outage":
        for now in range(self.END):
            for work, sent in self.answers.pop(now, ()):
                self.breakers.note("spot", work, ok=not self.DOWN <= sent < self.UP, sent_ms=sent, now_ms=now)
                if work == "trade":
                    self._ready_at(now + 100)
            if now % self.exit_each_ms == 0:
                self.exits += self.breakers.ask("spot", "risk", now, is_exit=True) == 0
                self._send("risk", now)
            for _ in range(self.ready.pop(now, 0)):
                self._try(now)
        return self

    def _ready_at(self, at: int) -> None:
        self.ready[at] = self.ready.get(at, 0) + 1

    def _try(self, now: int) -> None:
        if self.breakers.ask("spot", "trade", now):
            self.refused.append(now)
            self._ready_at(now + 100)
        else:
            self.left.append(now)
            self._send("trade", now)

    def _send(self, work: str, now: int) -> None:
        back = now + (self.fail_ms if self.DOWN <= now < self.UP else 20)
        self.answers.setdefault(back, []).append((work, now))

    def comes_back_by_the_ramp(self) -> bool:
        """Whether no tenth of a second after the end holds more than the ramp lets pass."""
        back = [at for at in self.left if at >= self.UP]
        for start in range(self.UP, back[0] + 20 + RAMP_SECONDS * 1000, 100):
            rate = RAMP_START << min(RAMP_SECONDS - 1, max(0, (start + 99 - back[0] - 20) // 1000))
            if sum(start <= at < start + 100 for at in back) > rate // 10 + max(1, rate // 20):
                return False
        return True


@pytest.mark.threat(40)
@pytest.mark.parametrize("fail_ms", [1, 50, 12_000])
@pytest.mark.parametrize("seed", range(3))
def test_after_an_outage_a_hundred_bots_come_back_without_a_burst(fail_ms: int, seed: int) -> None:
    """No more than the ramp allows, everything ten seconds after the end, and exits leave at every moment."""
    outage = Outage(seed, fail_ms).run()
    assert outage.exits == outage.END // 500
    known = outage.DOWN + fail_ms + 200
    assert sum(known <= at < outage.UP for at in outage.left) <= 60, "one try each second"
    assert outage.comes_back_by_the_ramp()
    assert max(outage.refused) < outage.UP + 10_000
    # In flight for 20 ms, then 100 ms of patience.
    flowing = sum(at >= outage.UP + 10_000 for at in outage.left)
    assert flowing == pytest.approx(100 * (outage.END - outage.UP - 10_000) / 120, rel=0.01)


def test_without_any_exit_the_longest_pause_bounds_the_return() -> None:
    """With nothing that passes at all, the next try may be 36 s away, and the ramp takes 8 s."""
    outage = Outage(1, 50, exits=False).run()
    assert sum(outage.DOWN + 250 <= at < outage.UP for at in outage.left) <= 6
    assert outage.comes_back_by_the_ramp()
    assert max(outage.refused) < outage.UP + LONGEST_PAUSE_MS * 12 // 10 + RAMP_SECONDS * 1000


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3_000), st.integers(0, 400)), max_size=80))
def test_nobody_waits_longer_than_the_longest_pause(story: list[tuple[bool, int, int]]) -> None:
    drawn = [200]
    breakers, now = Breakers(lambda _count: drawn[0]), 0
    for ok, passed, drawn[0] in story:
        wait = breakers.ask("spot", "trade", now)
        assert 0 <= wait <= LONGEST_PAUSE_MS * 12 // 10
        breakers.note("spot", "trade", ok=ok, sent_ms=now, now_ms=now)
        now += passed
    assert breakers.ask("spot", "trade", now + LONGEST_PAUSE_MS * 12 // 10) == 0
