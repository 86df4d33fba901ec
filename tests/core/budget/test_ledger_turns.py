"""The ledger looks at its windows only when one may have to be turned: that changes nothing that it counts."""

from random import Random  # noqa: TID251 - seeded, so that two runs do the same

import pytest
from tests.core.budget.exchange import DAY_MS, MIDNIGHT, MONOTONIC, Simulation, World, ask_for, moment

from counterseal.core.budget.ledger import Ledger, Reservation
from counterseal.core.budget.window import Moment

ORDER, TIME, ACCOUNT = "spot POST /api/v3/order", "spot GET /api/v3/time", "spot GET /api/v3/account"
FUNDING = "usdm GET /fapi/v1/fundingRate"


class Restless(Simulation):
    """Its ledger looks at all windows at every call."""

    def moment(self) -> Moment:
        """Every call asks for one."""
        self.ledger._until_ms = 0
        return super().moment()


WORLDS = {
    "usual": World(latency_ms=300, uncertainty_ms=300),
    "blurred": World(uncertainty_ms=8_000),
    "lying clock": World(lies=6, foreign=10, changes=2),
}


@pytest.mark.parametrize("world", WORLDS.values(), ids=list(WORLDS))
@pytest.mark.parametrize("seed", range(6))
def test_who_looks_all_the_time_counts_the_same(world: World, seed: int) -> None:
    """Through window boundaries, contradictions of the clock and changed limits, at random."""
    calm, restless = (make(Random(seed), world, MIDNIGHT - 9_000) for make in (Simulation, Restless))
    for _ in range(60):
        for simulation in (calm, restless):
            simulation.step()
        assert (calm.sent, calm.refused, calm.found) == (restless.sent, restless.refused, restless.found)
    assert calm.sent > 100
    assert calm.ledger.report(calm.moment()) == restless.ledger.report(restless.moment())


def test_a_window_that_is_new_is_turned_in_time() -> None:
    """What was found first are a minute and five; the one of ten seconds that comes later ends before them."""
    ledger = Ledger()
    for name, at_ms in ((TIME, MIDNIGHT), (ORDER, MIDNIGHT + 5_000), (ORDER, MIDNIGHT + 10_000)):
        assert isinstance(ledger.reserve(ask_for(name), moment(at_ms)), Reservation)
    begins = {each.pool.id: each.begin_ms - MIDNIGHT for each in ledger._windows.values()}
    assert begins == {"spot_weight": 0, "spot_raw": 0, "spot_orders_10s": 10_000, "spot_orders_1d": 0}


def test_a_clock_that_went_back_comes_forward_again() -> None:
    """Each window is in the place that the clock told last, also the ones that nobody asked for in between."""
    ledger = Ledger()
    for number, at_ms in enumerate((MIDNIGHT, MIDNIGHT - DAY_MS, MIDNIGHT + 60_000)):
        now = Moment(at_ms, 0, MONOTONIC + number * 1_000)
        assert isinstance(ledger.reserve(ask_for(ORDER if number != 1 else TIME), now), Reservation)
        assert {each.begin_ms for each in ledger._windows.values()} == {
            at_ms // each.width_ms * each.width_ms for each in ledger._windows.values()
        }


def test_a_claim_serves_many_calls() -> None:
    """What it found is found again, also in the next window; a change of the limit reaches it."""
    ledger, now = Ledger(), moment(MIDNIGHT)
    claim = ledger.claim(ask_for(ORDER), now)
    held = [ledger.take(claim, moment(MIDNIGHT + second * 1_000)) for second in range(20)]
    assert all(isinstance(each, Reservation) for each in held)
    rows = [{"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 20}]
    ledger.learn_limits("spot", rows)
    assert not isinstance(ledger.take(claim, moment(MIDNIGHT + 20_000)), Reservation)


def test_a_share_that_comes_back_holds_at_every_endpoint() -> None:
    """Two endpoints share a window: what the one was asked for with meanwhile does not stay with the other."""
    ledger, now = Ledger(), moment(MIDNIGHT)
    asks = [ask_for(TIME), ask_for(ACCOUNT, share=3), ask_for(TIME)]
    held = [ledger.take(ledger.claim(ask, now), now) for ask in asks]
    weight = sum(each.weight for each in held if isinstance(each, Reservation))
    assert ledger.load(asks[0], now) == weight * 1_000_000 // 6_000


@pytest.mark.parametrize("meanwhile", [ACCOUNT, FUNDING], ids=["asked for meanwhile", "idle"])
@pytest.mark.parametrize("lie_ms", [-3_600_000, -61_000, 60_000, DAY_MS])
def test_what_others_spent_outlives_a_lie_of_the_clock(lie_ms: int, meanwhile: str) -> None:
    """Windows turn there and back. The number stands until the exchange tells another, for a window at the most."""
    ledger = Ledger()
    heard(ledger, 4_100, moment(MIDNIGHT))
    held = ledger.reserve(ask_for(meanwhile), moment(MIDNIGHT + 40_000, error_ms=lie_ms))
    assert isinstance(held, Reservation)
    ledger.release(held, moment(MIDNIGHT + 40_000, error_ms=lie_ms))
    assert ledger.room(ask_for(ACCOUNT), moment(MIDNIGHT + 40_010)) == (4_200 - 4_100) // 20
    heard(ledger, 2_000, moment(MIDNIGHT + 40_020))
    assert ledger.room(ask_for(ACCOUNT), moment(MIDNIGHT + 40_030)) == (4_200 - 2_000) // 20
    assert ledger.room(ask_for(ACCOUNT), moment(MIDNIGHT + 180_000)) == 4_200 // 20


def heard(ledger: Ledger, number: int, now: Moment) -> None:
    """Let an answer tell how much weight is used."""
    held = ledger.reserve(ask_for(ACCOUNT), now)
    assert isinstance(held, Reservation)
    ledger.settle(held, 200, None, {"x-mbx-used-weight-1m": str(number)}, now, now)
