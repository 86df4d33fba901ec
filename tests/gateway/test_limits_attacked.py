"""What bots, the exchange and bad luck tried against the ledger of limits: each story once went wrong."""

import asyncio
import json

import pytest
from tests.gateway.rig import on_virtual_time, why
from tests.gateway.test_limits import ACCOUNT, ORDERS, SPOT, WEIGHT, named, ready, shrink, used

from counterseal.core.budget.rejects import Told
from counterseal.gateway.report import limits_report


def cancel(number: int) -> str:
    """A cancel that no other test order resembles."""
    return f"symbol=BTCUSDT&orderId={number}"


@on_virtual_time
async def test_who_comes_later_does_not_put_off_the_turn_that_another_waits_for() -> None:
    """One waits for ten seconds to turn; another, who waits for something else, must not reset that alarm."""
    rig = await ready()
    await rig.clock.advance(8.8)
    shrink(rig, ORDERS, 10)
    shrink(rig, WEIGHT, 100)
    for number in range(7):
        assert why(await rig.ask("POST", SPOT, named(number))) is None
    # A cancel in flight is weight that may come back: who is short of weight waits for it.
    rig.venue.script[SPOT] = ["stall"]
    flying = rig.start("DELETE", SPOT, cancel(1))
    await rig.clock.advance(0)
    assert why(await rig.ask("GET", ACCOUNT)) is None
    first = rig.start("POST", SPOT, named(7))
    await rig.clock.advance(0)
    second = rig.start("GET", ACCOUNT, "recvWindow=4000")
    await rig.clock.advance(0)
    assert [each.done() for each in (flying, first, second)] == [False] * 3
    await rig.clock.advance(10.02 - rig.clock.monotonic_ns() / 1e9)
    assert why(first.result()) is None
    await rig.clock.advance(13)
    await rig.end()


@pytest.mark.threat(40)
@on_virtual_time
async def test_an_exit_that_we_refuse_ourselves_is_none_of_the_three_after_a_429() -> None:
    """The reserve of exits is spent, then comes a 429: what cannot leave for want of room uses up no exit."""
    rig = await ready()
    await rig.clock.advance(61)
    rig.venue.script[ACCOUNT] = [(200, {}, {"x-mbx-used-weight-1m": "5999"})]
    await rig.ask("GET", ACCOUNT)
    rig.venue.script[SPOT] = [(200, {})] * 2 + [(429, {}, {"retry-after": "90"})]
    assert [why(await rig.ask("DELETE", SPOT, cancel(n))) for n in range(3)] == [None] * 3
    assert [why(await rig.ask("DELETE", SPOT, cancel(n))) for n in range(3, 8)] == ["weight_budget_spent"] * 5
    await rig.clock.advance(60)
    assert why(await rig.ask("GET", ACCOUNT)) == "venue_backoff"
    exits = [why(await rig.ask("DELETE", SPOT, cancel(n))) for n in range(10, 14)]
    assert exits == [None, None, None, "venue_backoff"]
    await rig.end()


@pytest.mark.parametrize(
    ("lane", "method", "path", "query"), [("ACCOUNT", "GET", ACCOUNT, ""), ("TRADE", "POST", SPOT, named(1))]
)
def test_a_bot_that_leaves_with_the_one_try_gives_it_back(lane: str, method: str, path: str, query: str) -> None:
    """After an outage one request tries the host: who takes the try and hangs up must not keep the others away."""

    async def story() -> None:
        rig = await ready()
        now_ms = rig.state.monotonic_ms()
        for _ in range(5):
            rig.plane.budget.breakers.note("spot", lane, ok=False, sent_ms=now_ms, now_ms=now_ms)
        await rig.clock.advance(1.3)
        inquiry = rig.inquiry(method, path, query)
        task = asyncio.get_running_loop().create_task(rig.finish(inquiry))
        inquiry.gone = True
        sent = len(rig.venue.sent)
        await rig.clock.advance(0.01)
        assert why(task.result()) in ("bot_gone", "venue_unreachable")
        assert len(rig.venue.sent) == sent
        assert why(await rig.ask(method, path, query.replace("o-1", "o-2"))) is None
        await rig.end()

    asyncio.run(story())


@pytest.mark.threat(40)
@on_virtual_time
async def test_a_bot_whose_requests_are_always_late_does_not_spend_our_measurements() -> None:
    """With a recvWindow of 1 ms the exchange says -1021 for ever: the clock is measured again once a second at most."""
    rig = await ready()
    late = (400, {"code": -1021, "msg": "Timestamp for this request is outside of the recvWindow."})
    rig.venue.script[ACCOUNT] = [late] * 200
    for _ in range(10):
        tasks = [rig.start("GET", ACCOUNT, f"recvWindow={number}") for number in range(1, 6)]
        await rig.clock.advance(0.01)
        assert all(task.done() for task in tasks)
    measured = sum(sent.path.endswith("/time") for sent in rig.venue.sent)
    assert 0 < measured <= 3
    await rig.end()


@on_virtual_time
async def test_a_429_that_cannot_be_read_stops_us_all_the_same() -> None:
    """An answer nested deeper than any parser goes is an answer without a code."""
    rig = await ready()
    answer = rig.venue.send

    async def nested(*args: object, **more: object) -> object:
        reply = await answer(*args, **more)  # type: ignore[arg-type]  # passed on as it came
        return reply._replace(body=b"[" * 200_000)

    rig.venue.script[ACCOUNT] = [(429, {}, {"retry-after": "60"})]
    rig.venue.send = nested  # type: ignore[method-assign,assignment]  # the same exchange, deeper
    assert (await rig.ask("GET", ACCOUNT)).status == 429
    rig.venue.send = answer  # type: ignore[method-assign]
    assert why(await rig.ask("GET", ACCOUNT)) == "venue_backoff"
    await rig.end()


@on_virtual_time
async def test_a_permit_is_not_held_for_ever_by_what_breaks_before_it_is_used() -> None:
    """The journal refuses to take the intent: nothing left, so nothing stays reserved and nobody waits for ever."""
    rig = await ready()
    before = used(rig, "spot_weight")
    append = rig.journal.append

    def broken(_entry: object) -> None:
        raise RuntimeError("no intent")

    rig.journal.append = broken  # type: ignore[method-assign,assignment]  # whatever may break
    task = rig.start("POST", SPOT, named(1))
    await asyncio.wait([task])
    rig.journal.append = append  # type: ignore[method-assign]
    assert isinstance(task.exception(), RuntimeError) or why(task.result()) is not None
    assert (used(rig, "spot_weight"), used(rig, "spot_orders_10s")) == (before, 0)
    await rig.end()


@on_virtual_time
async def test_a_bot_over_its_own_bound_waits_for_its_own_alone() -> None:
    """Somebody else's cancel in flight frees nothing of this bot's own bound, nor do its own reads."""
    rig = await ready("max_weight_1m = 60")
    assert [why(await rig.ask("GET", ACCOUNT)) for _ in range(2)] == [None, None]
    endpoint = rig.state.catalogue.get("spot", "DELETE", SPOT)
    assert endpoint is not None
    others = rig.plane.budget.take_own(endpoint, {})
    rig.venue.script[ACCOUNT] = ["stall"]
    flying = rig.start("GET", ACCOUNT)
    await rig.clock.advance(0.001)
    assert why(await rig.ask("GET", ACCOUNT)) == "bot_quota_spent"
    rig.plane.budget.close(others)
    rig.venue.script[SPOT] = ["stall"]
    own = rig.start("DELETE", SPOT, cancel(1))
    await rig.clock.advance(0.001)
    waiting = rig.start("GET", ACCOUNT)
    await rig.clock.advance(0.2)
    assert not waiting.done()
    await rig.clock.advance(0.1)
    assert why(waiting.result()) == "bot_quota_spent"
    await rig.clock.advance(60)
    assert flying.done() and own.done()
    await rig.end()


@on_virtual_time
async def test_those_who_share_a_read_wait_together_and_not_one_after_the_other() -> None:
    """Each of twenty might have waited its quarter of a second only after the one before had given up."""
    rig = await ready()
    rig.venue.script[SPOT] = ["stall"]
    flying = rig.start("DELETE", SPOT, cancel(1))
    await rig.clock.advance(0)
    shrink(rig, WEIGHT, 40)
    reads = [rig.start("GET", "/api/v3/ticker/price", "symbol=BTCUSDT") for _ in range(20)]
    await rig.clock.advance(0.2)
    assert not any(read.done() for read in reads)
    for _ in range(20):
        await rig.clock.advance(0.005)
    assert {read.done() and why(read.result()) for read in reads} == {"weight_budget_spent"}
    await rig.clock.advance(60)
    assert flying.done()
    await rig.end()


@on_virtual_time
async def test_the_report_is_bounded_when_every_bot_is_slowed() -> None:
    rig = await ready()
    for number in range(2_000):
        for _ in range(12):
            rig.plane.budget.rejects.note(f"{'b' * 26}-{number}", "TRADE", Told.REFUSED, rig.state.monotonic_ms())
    assert len(json.dumps(limits_report(rig.state, rig.plane.budget))) < 60_000
    await rig.end()


@on_virtual_time
async def test_an_order_waits_even_when_its_window_turns_at_its_very_deadline() -> None:
    """Who has waited long enough is tried once more before it is refused."""
    rig = await ready()
    shrink(rig, ORDERS, 10)
    await rig.clock.advance(8.0)
    for number in range(7):
        await rig.ask("POST", SPOT, named(number))
    now = rig.plane.budget.moment()
    turns_ms = 10_000 - (now.exchange_ms - now.uncertainty_ms) % 10_000
    await rig.clock.advance((turns_ms - 249) / 1000)
    now = rig.plane.budget.moment()
    # The reading ages by a millisecond until then: the window turns with the deadline.
    assert 10_000 - (now.exchange_ms - now.uncertainty_ms) % 10_000 == 249
    waiting = rig.start("POST", SPOT, named(7))
    await rig.clock.advance(0.26)
    assert why(waiting.result()) is None
    await rig.end()


@pytest.mark.parametrize("told", [-5, 0, True, 1_700_000_000, 2**63 - 1, 10**40, 1e300, "soon", None])
def test_a_time_that_cannot_be_is_no_measurement(told: object) -> None:
    """One absurd answer would make every signed request look stale, exits too."""

    async def story() -> None:
        rig = await ready()
        rig.venue.script["/api/v3/time"] = [(200, {"serverTime": told})] * 3
        assert not await rig.refresher.measure_offset()
        assert why(await rig.ask("DELETE", SPOT, cancel(1))) is None
        await rig.end()

    asyncio.run(story())
