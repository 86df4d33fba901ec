"""The dead-man's switch: what is renewed, what is ended, what runs out, whose orders go."""

from collections.abc import Mapping
from typing import Any

import pytest

from counterseal.core.deadman import BEAT_WEIGHT, DEAF_MS, HEARTBEAT_MS, Acts, Care, Running, Sweep, View, decide, pace
from counterseal.core.resting import Place

BTC = Place("main", "usdm", "BTCUSDT")
ETH = Place("main", "coinm", "ETHUSD_PERP")
SPOT = Place("main", "spot", "BTCUSDT")
A, B = "a", "b"
MANY = 1_000


def acts(
    resting: Mapping[Place, set[str]],
    cares: Mapping[str, Care] | None = None,
    running: Mapping[Place, Running] | None = None,
    now_ms: int = 100_000,
    weight_1m: int = MANY,
    **view: Any,
) -> Acts:
    rows = {place: frozenset(bots) for place, bots in resting.items()}
    seen = View(rows, **{"silent_ms": {}, "deaf_ms": 0, "protected": frozenset(), **view})
    return decide(seen, cares or {}, running or {}, now_ms, weight_1m)


def test_a_countdown_begins_where_orders_rest_and_is_renewed_four_times_while_it_lasts() -> None:
    assert acts({BTC: {A}, ETH: {A}, SPOT: {A}}).renew == ((ETH, 120_000), (BTC, 120_000))
    assert acts({BTC: {A}}, running={BTC: Running(100_000 - HEARTBEAT_MS + 1, 120_000)}) == Acts()
    assert acts({BTC: {A}}, running={BTC: Running(100_000 - HEARTBEAT_MS, 120_000)}).renew == ((BTC, 120_000),)


def test_the_shortest_countdown_of_a_symbol_s_bots_counts_and_shortens_one_that_runs() -> None:
    cares = {A: Care(60_000), B: Care(8_000)}

    assert acts({BTC: {A, B}}, cares).renew == ((BTC, 8_000),)
    assert acts({BTC: {A, B}}, cares, {BTC: Running(99_999, 60_000)}).renew == ((BTC, 8_000),)
    assert acts({BTC: {A, B}}, cares, {BTC: Running(99_999, 8_000)}).renew == ()


def test_it_ends_where_nothing_rests_any_more() -> None:
    assert acts({}, running={BTC: Running(99_000, 120_000)}).end == (BTC,)


def test_a_bot_that_has_none_gets_none_and_one_that_runs_is_ended() -> None:
    off = {A: Care(0)}

    assert acts({BTC: {A}}, off, {BTC: Running(99_000, 120_000)}) == Acts(end=(BTC,))
    assert acts({BTC: {A, B}}, off).renew == ((BTC, 120_000),)


def test_no_stop_ever_vanishes_with_a_countdown_unless_a_bot_is_configured_so() -> None:
    protected, running = frozenset({BTC}), {BTC: Running(99_000, 120_000)}

    assert acts({BTC: {A}}, protected=protected) == Acts(bare=(BTC,))
    assert acts({BTC: {A}}, running=running, protected=protected) == Acts(end=(BTC,), bare=(BTC,))
    assert acts({BTC: {A}}, {A: Care(over_stops=True)}, protected=protected).renew == ((BTC, 120_000),)


def test_a_silent_bot_s_countdown_runs_out_and_its_orders_go() -> None:
    cares, running = {A: Care(120_000, 60_000)}, {BTC: Running(0, 120_000)}
    found = acts({BTC: {A}}, cares, running, silent_ms={A: 60_001})

    assert found == Acts(sweep=(Sweep(BTC, frozenset({A}), alone=True),))
    assert acts({BTC: {A}}, cares, running, silent_ms={A: 60_000}).sweep == ()
    # It speaks again.
    assert acts({BTC: {A}}, cares, running, silent_ms={A: 10}).renew == ((BTC, 120_000),)


def test_one_silent_bot_does_not_take_another_one_s_countdown() -> None:
    found = acts({BTC: {A, B}}, {A: Care(120_000, 60_000)}, silent_ms={A: 70_000})

    assert found.renew == ((BTC, 120_000),)
    assert found.sweep == (Sweep(BTC, frozenset({A}), alone=False),)


def test_a_silent_bot_s_countdown_does_not_run_out_over_a_stop() -> None:
    cares, running = {A: Care(120_000, 60_000)}, {BTC: Running(99_000, 120_000)}
    found = acts({BTC: {A}}, cares, running, silent_ms={A: 70_000}, protected=frozenset({BTC}))

    assert (found.end, found.bare, len(found.sweep)) == ((BTC,), (BTC,), 1)
    over = {A: Care(120_000, 60_000, over_stops=True)}
    assert acts({BTC: {A}}, over, running, silent_ms={A: 70_000}, protected=frozenset({BTC})).end == ()


def test_who_does_not_hear_the_gateway_neither_renews_nor_ends() -> None:
    running = {BTC: Running(0, 120_000), ETH: Running(0, 120_000)}

    assert acts({BTC: {A}}, running=running, deaf_ms=DEAF_MS + 1) == Acts()
    assert acts({BTC: {A}}, running=running, deaf_ms=DEAF_MS).end == (ETH,)


def test_on_spot_the_guard_cancels_after_as_long_as_the_exchange_would_on_futures() -> None:
    assert acts({SPOT: {A}, BTC: {A}}, deaf_ms=120_001).sweep == (Sweep(SPOT, frozenset({A}), alone=True),)
    assert acts({SPOT: {A}}, deaf_ms=120_000).sweep == ()
    assert acts({SPOT: {A}}, {A: Care(0)}, deaf_ms=120_001).sweep == ()


def test_what_heartbeats_cost_is_bounded() -> None:
    wanted = {Place("main", "usdm", f"S{at}"): 120_000 for at in range(30)}

    assert set(pace(dict(list(wanted.items())[:10]), 240).values()) == {(30_000, 120_000)}
    period, countdown = next(iter(pace(wanted, 240).values()))
    assert 30 * BEAT_WEIGHT * 60_000 / period <= 240
    assert countdown == 2 * period == 180_000
    assert pace({BTC: 1}, 0)[BTC][1] > 1


def test_a_countdown_that_lasts_longer_than_configured_is_told() -> None:
    assert acts({BTC: {A}}, {A: Care(8_000)}, weight_1m=100).stretched == (BTC,)
    assert acts({BTC: {A}}, {A: Care(8_000)}, weight_1m=240).stretched == ()


@pytest.mark.parametrize("countdown", [1_000, 4_000, 120_000, 3_600_000])
def test_a_countdown_lasts_four_heartbeats_where_weight_allows(countdown: int) -> None:
    period, lasts = pace({BTC: countdown}, 1_000_000)[BTC]

    assert lasts == countdown
    assert period == min(HEARTBEAT_MS, countdown // 4)
