"""The ledger against an exchange that counts by itself: whatever happens on the way, our share is never exceeded.

The numbers of runs in the tests marked slow are those of the gate; the others take part of them.
"""

from random import Random  # noqa: TID251 - the simulation's entropy, seeded by hypothesis

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.budget.exchange import MIDNIGHT, Headers, Simulation, World, ask_for, check_sums, most_of, overspent

from counterseal.core.budget.ledger import Reservation
from counterseal.core.budget.share import Lane
from counterseal.core.budget.window import Moment, Window


def bad_headers(chance: Random, headers: Headers) -> Headers:
    """Missing, malformed, absurd, falling and standing still; never too high to be believed, that only closes lanes."""
    bad: Headers = {}
    for name, text in headers.items():
        kind = chance.randrange(8)
        if kind == 0:
            continue
        lies = ("", "-5", " 12", "1e3", "٣", "9" * 10, str(int(text) // 2), "7", "0", "99999999")
        bad[name] = text if kind < 4 else chance.choice(lies)
    return bad


WORLDS = {
    "calm": World(latency_ms=5, slow=0, lost=0, never_sent=0, uncertainty_ms=5),
    "usual": World(),
    "slow": World(latency_ms=800, slow=10, uncertainty_ms=500),
    "blurred": World(uncertainty_ms=8_000),
    "others spend": World(foreign=20),
    "bad headers": World(foreign=10, garble=bad_headers),
    "lying clock": World(lies=4),
    "other limits": World(changes=3),
    "all at once": World(latency_ms=300, slow=5, lost=8, foreign=10, lies=2, changes=2, garble=bad_headers),
}
ENTROPY = st.randoms(use_true_random=True)
# Where a run begins: at any moment of the minute around midnight, when all windows turn.
STARTS = st.integers(MIDNIGHT - 60_000, MIDNIGHT + 60_000)
worlds = pytest.mark.parametrize("world", WORLDS.values(), ids=list(WORLDS))


def run(chance: Random, world: World, start_ms: int, lane: Lane | None, steps: int) -> Simulation:
    """Let bots ask for more than there is, and everything come back."""
    simulation = Simulation(chance, world, start_ms)
    for _ in range(steps):
        simulation.step(lane)
    simulation.settle_all()
    return simulation


def check(simulation: Simulation, lane: Lane | None) -> None:
    """Nothing too much arrived; when all windows have turned everything is there again."""
    assert overspent(simulation, Lane.RISK if lane is None else lane) == []
    simulation.rest()
    for report in simulation.ledger.report(simulation.moment()):
        assert (report.spent, report.in_flight, report.foreign, report.bots) == (0, 0, 0, {}), report


@worlds
@settings(max_examples=8, deadline=None)
@given(ENTROPY, STARTS, st.sampled_from([None, *Lane]))
def test_no_true_window_gets_more_than_our_share(
    world: World, chance: Random, start_ms: int, lane: Lane | None
) -> None:
    """In any lane, at any boundary; and no lane stays closed."""
    check(run(chance, world, start_ms, lane, steps=120), lane)


@pytest.mark.slow
@worlds
@settings(max_examples=60, deadline=None)
@given(ENTROPY, STARTS, st.sampled_from([None, *Lane]))
def test_no_true_window_gets_more_than_our_share_at_length(
    world: World, chance: Random, start_ms: int, lane: Lane | None
) -> None:
    """The same, more often and for longer."""
    check(run(chance, world, start_ms, lane, steps=300), lane)


@worlds
@settings(max_examples=6, deadline=None)
@given(ENTROPY, STARTS)
def test_the_whole_lane_is_back_after_a_turn(world: World, chance: Random, start_ms: int) -> None:
    """With nothing in flight one bot gets, call by call, exactly what its lane holds, and not one more."""
    simulation = run(chance, world, start_ms, None, steps=40)
    simulation.rest()
    for lane in (Lane.MARKET, Lane.ACCOUNT, Lane.TRADE, Lane.RISK):
        ask = ask_for("spot GET /api/v3/time", lane=lane)
        while simulation.ledger.room(ask, simulation.moment()):
            assert not isinstance(simulation.ledger.reserve(ask, simulation.moment()), tuple)
        assert isinstance(simulation.ledger.reserve(ask, simulation.moment()), tuple)
        window = window_of(simulation, "spot_weight")
        assert window.used == most_of(simulation.ledger.limit("spot_weight"), lane)
        check_sums(window)


@settings(max_examples=25, deadline=None)
@given(ENTROPY, STARTS)
def test_with_true_headers_what_is_counted_bounds_what_was_used(chance: Random, start_ms: int) -> None:
    """Others' spending included, as far as an answer can have told of it; and nobody is seen who is not there."""
    simulation = BoundChecked(chance, World(foreign=25, latency_ms=300), start_ms)
    for _ in range(120):
        simulation.step(None)
    simulation.settle_all()
    assert simulation.checked > 100
    alone = run(chance, World(), start_ms, None, steps=80)
    assert alone.found == []


class BoundChecked(Simulation):
    """Compares the ledger after each answer with what the exchange had counted when it wrote that answer."""

    checked = 0

    def _arrive(self, held: Reservation, status: int) -> Headers:
        headers = super()._arrive(held, status)
        headers["written"] = str(self.now_ms)
        for pool in held.plan.pools:
            headers[pool.id] = str(self.exchange.total(pool, self.now_ms))
        return headers

    def _answer(self, held: Reservation, status: int, headers: Headers, sent: Moment) -> None:
        super()._answer(held, status, headers, sent)
        now, written = self.moment(), int(headers["written"])
        for window in held.route.windows:
            is_sure = sent.exchange_ms - sent.uncertainty_ms >= window.begin_ms
            is_sure &= max(held.latest_ms, now.exchange_ms + now.uncertainty_ms) < window.end_ms
            if window.header and is_sure:
                self.checked += 1
                assert window.begin_ms <= written < window.end_ms
                assert window.used >= int(headers[window.pool.id])


def window_of(simulation: Simulation, pool: str) -> Window:
    """The one window of a pool."""
    (found,) = [window for window in simulation.ledger._windows.values() if window.pool.id == pool]
    return found
