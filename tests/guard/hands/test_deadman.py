"""The dead-man's switch against the paper exchange; KILL-4 on virtual time.

`KILL4_RUNS` says how many: 20 is the whole, and `make test` takes some by seed.
"""

# ruff: noqa: TID251 - randomness is seeded
import itertools
import os
import random
from typing import Any

import pytest
from tests.guard.hands.house import Stage, on_stage

from counterseal.core.resting import Place
from counterseal.guard.hands.deadman import read_beat

KILL4_WHOLE = 20
KILL4 = int(os.environ.get("KILL4_RUNS", "8"))
COUNTDOWN = "/fapi/v1/countdownCancelAll"
BTC = ("main", "usdm", "BTCUSDT")
ETH = ("main", "usdm", "ETHUSDT")


def countdowns(stage: Stage, symbol: str = "BTCUSDT") -> list[tuple[float, int]]:
    """When each countdown of a symbol was set, in seconds, and to how many ms."""
    found = [one for one in stage.asked(COUNTDOWN) if f"symbol={symbol}&" in one.query]
    assert all(one.status == 200 for one in found)
    begun = stage.clock.wall_ns() // 1_000_000 - int(stage.loop.time() * 1000)
    return [
        ((one.at_ms - begun) / 1000, int(one.query.partition("countdownTime=")[2].partition("&")[0])) for one in found
    ]


async def live(stage: Stage, seconds: float, **bots: Any) -> None:
    """Let the gateway beat for a while."""
    for _ in range(int(seconds)):
        stage.beat(int(stage.loop.time() * 1000) + 60_000, **bots)
        await stage.pass_s(1.0)


def keep(stage: Stage) -> None:
    stage.tasks.spawn(stage.hands.dead_man.keep(), "keep")


def test_it_is_renewed_every_thirty_seconds_and_ended_when_nothing_rests() -> None:
    async def act(stage: Stage) -> None:
        stage.order()
        keep(stage)
        await live(stage, 100, alpha=(0, [BTC]))
        found = countdowns(stage)
        assert [ms for _, ms in found] == [120_000] * len(found)
        assert len(found) in (4, 5)
        gaps = [after[0] - before[0] for before, after in itertools.pairwise(found)]
        assert all(29.5 <= gap <= 31 for gap in gaps), gaps

        stage.bot("DELETE", "/fapi/v1/allOpenOrders", symbol="BTCUSDT")
        await live(stage, 3, alpha=(0, []))
        assert countdowns(stage)[-1][1] == 0
        assert stage.house.exchange.usdm.timers == {}

    on_stage(act)


def test_no_countdown_over_a_stop_of_an_open_position_unless_configured() -> None:
    async def act(stage: Stage) -> None:
        stage.order(price="", quantity="0.5")
        stage.stop()
        stage.order()
        keep(stage)
        await live(stage, 40, alpha=(0, [BTC]))
        assert countdowns(stage) == []
        assert ["main usdm BTCUSDT"] in stage.hands.dead_man.report()["told"].values()
        assert any("stops" in what for what, _ in stage.warnings)

    async def armed(stage: Stage) -> None:
        stage.order(price="", quantity="0.5")
        stage.stop()
        stage.order()
        keep(stage)
        await live(stage, 10, alpha=(0, [BTC]))
        assert [ms for _, ms in countdowns(stage)] == [120_000]

    on_stage(act)
    on_stage(armed, more="deadman_over_stops = true")


def test_a_stop_that_comes_later_ends_the_countdown_with_the_next_heartbeat() -> None:
    async def act(stage: Stage) -> None:
        stage.order()
        keep(stage)
        await live(stage, 5, alpha=(0, [BTC]))
        stage.order(price="", quantity="0.5")
        stage.stop()
        await live(stage, 35, alpha=(0, [BTC]))
        assert countdowns(stage)[-1][1] == 0
        await live(stage, 120, alpha=(0, [BTC]))
        assert len(stage.open_orders()) == 2

    on_stage(act)


def test_a_bot_without_a_countdown_gets_none() -> None:
    async def act(stage: Stage) -> None:
        stage.order()
        keep(stage)
        await live(stage, 5, alpha=(0, [BTC]))
        assert countdowns(stage) == []

    on_stage(act, more="deadman_s = 0")


def test_a_silent_bot_s_orders_go_and_its_stop_and_others_orders_stay() -> None:
    async def act(stage: Stage) -> None:
        stage.order(newClientOrderId="a-1")
        stage.order(newClientOrderId="b-1", price="79000")
        stage.order(symbol="ETHUSDT", quantity="0.1", price="1500", newClientOrderId="a-2")
        stage.owners.update({"a-1": "alpha", "a-2": "alpha", "b-1": "beta"})
        keep(stage)
        await live(stage, 5, alpha=(59_000, [BTC, ETH]), beta=(0, [BTC]))
        assert len(stage.open_orders()) == 3
        await live(stage, 5, alpha=(61_000, [BTC, ETH]), beta=(0, [BTC]))
        assert [each["clientOrderId"] for each in stage.open_orders()] == ["b-1"]
        assert {(what, text) for what, _, text in stage.told} == {
            ("swept", "main usdm BTCUSDT: alpha"), ("swept", "main usdm ETHUSDT: alpha"),
        }  # fmt: skip
        # The other bot's countdown goes on.
        assert stage.house.exchange.usdm.timers.keys() == {("main", "BTCUSDT"), ("main", "ETHUSDT")}

    on_stage(act, {"alpha": "main", "beta": "main"}, more="max_silence_s = 60")


def test_a_silent_bot_alone_on_a_symbol_loses_all_that_raises_risk_though_nobody_knows_whose_it_is() -> None:
    async def act(stage: Stage) -> None:
        stage.order(price="", quantity="0.5")
        stage.stop()
        stage.order()
        keep(stage)
        await live(stage, 10, alpha=(61_000, [BTC]))
        assert [each["orderType"] for each in stage.open_orders()] == ["STOP_MARKET"]

    on_stage(act, more="max_silence_s = 60")


def test_on_spot_the_guard_cancels_when_it_has_not_heard_the_gateway_for_as_long() -> None:
    async def act(stage: Stage) -> None:
        spot = {"symbol": "BTCUSDT", "timeInForce": "GTC", "type": "LIMIT", "quantity": "0.01"}
        stage.bot("POST", "/api/v3/order", side="BUY", price="90000", **spot)
        keep(stage)
        await live(stage, 3, alpha=(0, [("main", "spot", "BTCUSDT")]))
        await stage.pass_s(118)
        assert len(stage.open_orders(root="/api/v3")) == 1
        await stage.pass_s(8)
        assert stage.open_orders(root="/api/v3") == []

    on_stage(act)


def test_a_gateway_that_is_silent_lets_the_countdown_run_out() -> None:
    async def act(stage: Stage) -> None:
        stage.order()
        keep(stage)
        await live(stage, 5, alpha=(0, [BTC]))
        await stage.pass_s(30)
        assert len(stage.open_orders()) == 1
        assert stage.told == []
        await stage.pass_s(125)
        assert stage.open_orders() == []
        ((what, where, text),) = stage.told
        assert (what, where) == ("fired", "main usdm BTCUSDT") and "the gateway was not heard" in text

    on_stage(act)


def test_bots_that_are_all_silent_let_it_run_out_and_people_hear_of_it() -> None:
    async def act(stage: Stage) -> None:
        # A plain order that closes: a sweep leaves it alone, and the countdown takes it.
        stage.order(price="", quantity="0.5")
        stage.order(side="SELL", price="150000", quantity="0.1", reduceOnly="true")
        stage.order()
        keep(stage)
        await live(stage, 20, alpha=(0, [BTC]))
        await live(stage, 130, alpha=(61_000, [BTC]))
        assert {what for what, _, _ in stage.told} == {"swept", "fired"}
        assert [text for what, _, text in stage.told if what == "fired"] == [
            "main usdm BTCUSDT: every bot with orders there was silent; the exchange has cancelled its plain orders"
        ]

    on_stage(act, more="max_silence_s = 60\ndeadman_over_stops = true")


def test_a_countdown_that_cannot_be_set_is_told_when_it_lasts() -> None:
    """Not one lost answer; and again as long as it lasts."""

    async def act(stage: Stage) -> None:
        stage.order()
        stage.fault("answer:502", "before", times=10_000, method="POST", path=COUNTDOWN)
        keep(stage)
        await live(stage, 8, alpha=(0, [BTC]))
        assert stage.told == []
        await live(stage, 130, alpha=(0, [BTC]))
        unset = [text for what, _, text in stage.told if what == "unset"]
        assert len(unset) == 3 and unset[0].startswith("main usdm BTCUSDT: a countdown could not be set for 1")
        stage.house.exchange.faults.take({"clear": True})

    on_stage(act)


def test_orders_from_before_a_restart_of_the_gateway_keep_their_countdown() -> None:
    async def act(stage: Stage) -> None:
        stage.order()
        keep(stage)
        await live(stage, 5, alpha=(0, [BTC]))
        for at in range(70):
            stage.beat(1_000 + at * 1_000, alpha=(0, []))
            await stage.pass_s(1.0)
        assert [ms for _, ms in countdowns(stage)] == [120_000] * 3
        stage.bot("DELETE", "/fapi/v1/allOpenOrders", symbol="BTCUSDT")
        for at in range(70, 110):
            stage.beat(1_000 + at * 1_000, alpha=(0, []))
            await stage.pass_s(1.0)
        assert countdowns(stage)[-1][1] == 0

    on_stage(act)


def test_orders_from_before_the_guard_s_own_start_get_one_and_old_ones_over_stops_are_ended() -> None:
    async def act(stage: Stage) -> None:
        stage.order()
        stage.order(symbol="ETHUSDT", side="SELL", price="", quantity="1")
        stage.stop("BUY", trigger="9000", symbol="ETHUSDT")
        stage.bot("POST", COUNTDOWN, symbol="ETHUSDT", countdownTime="60000")
        keep(stage)
        await live(stage, 3, alpha=(0, []))
        assert [ms for _, ms in countdowns(stage)] == [120_000]
        assert [ms for _, ms in countdowns(stage, "ETHUSDT")] == [0]
        assert stage.house.exchange.usdm.timers.keys() == {("main", "BTCUSDT")}

    on_stage(act)


def test_a_guard_that_has_just_begun_asks_whose_the_orders_are_and_cancels_a_silent_bot_s_alone() -> None:
    """At once: no event has told it anything."""

    async def act(stage: Stage) -> None:
        for name, symbol, price in (("a-1", "BTCUSDT", "80000"), ("b-1", "BTCUSDT", "79000"), ("x", "ETHUSDT", "1500")):
            stage.order(symbol=symbol, quantity="0.1", price=price, newClientOrderId=name)
        stage.known.update({"a-1": "alpha", "b-1": "beta"})
        keep(stage)
        await live(stage, 12, alpha=(61_000, []), beta=(0, []))
        assert sorted(stage.learnt) == ["a-1", "b-1", "x"]
        # Of whom nobody knows it is everybody's who trades there; so it stays as long as one of them lives.
        assert [each["clientOrderId"] for each in stage.open_orders()] == ["b-1", "x"]

    on_stage(act, {"alpha": "main", "beta": "main"}, more="max_silence_s = 60")


def test_a_list_that_cannot_be_read_changes_nothing_and_begins_nothing() -> None:
    async def act(stage: Stage) -> None:
        stage.order()
        keep(stage)
        await live(stage, 5, alpha=(0, [BTC]))
        stage.fault("answer:502", times=10_000, method="GET")
        stage.order(symbol="ETHUSDT", quantity="0.1", price="1500")
        await live(stage, 100, alpha=(0, [BTC, ETH]))
        assert [ms for _, ms in countdowns(stage)] == [120_000] * 4
        assert countdowns(stage, "ETHUSDT") == []

    on_stage(act)


@pytest.mark.parametrize("fault", ["reset", "answer:503-unknown", "answer:502"])
def test_a_heartbeat_that_is_not_answered_is_repeated_at_once(fault: str) -> None:
    async def act(stage: Stage) -> None:
        stage.order()
        stage.fault(fault, "before", times=2, method="POST", path=COUNTDOWN)
        keep(stage)
        await live(stage, 4, alpha=(0, [BTC]))
        assert stage.house.exchange.usdm.timers.keys() == {("main", "BTCUSDT")}
        assert len(stage.asked(COUNTDOWN)) == 3

    on_stage(act)


def test_more_symbols_than_heartbeats_may_cost_for_are_told() -> None:
    async def act(stage: Stage) -> None:
        stage.order()
        keep(stage)
        await live(stage, 3, alpha=(0, [BTC]))
        assert any("longer than configured" in what for what, _ in stage.warnings)
        assert countdowns(stage)[0][1] > 2_000

    on_stage(act, more="deadman_s = 2")


def test_who_ends_in_good_order_leaves_the_next_guard_a_whole_countdown() -> None:
    async def act(stage: Stage) -> None:
        stage.order()
        keep(stage)
        await live(stage, 20, alpha=(0, [BTC]))
        await stage.hands.dead_man.stop()
        await stage.tasks.cancel_all()
        await stage.pass_s(119)
        assert len(stage.open_orders()) == 1
        await stage.pass_s(2)
        assert stage.open_orders() == []

    on_stage(act)


@pytest.mark.parametrize(
    "message",
    [{}, {"since_ms": 1}, {"since_ms": "1", "bots": {}}, {"since_ms": 1, "bots": {"a": []}},
     {"since_ms": 1, "bots": {"a": {"silent_ms": 1}}}, {"since_ms": 1, "bots": {"a": {"silent_ms": 1, "resting": [1]}}},
     {"since_ms": 1, "bots": {"a": {"silent_ms": 1, "resting": [["x", "y"]]}}}],
)  # fmt: skip
def test_a_beat_that_is_none_is_refused_whole(message: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        read_beat(message)


def test_a_beat_is_read() -> None:
    rows = {"a": {"silent_ms": 5, "resting": [list(BTC)]}, "b": {"silent_ms": 7, "resting": [list(BTC), list(ETH)]}}
    beat = read_beat({"since_ms": 1, "bots": rows})

    assert beat.resting == {Place(*BTC): {"a", "b"}, Place(*ETH): {"b"}}
    assert beat.silent_ms == {"a": 5, "b": 7}


def test_kill_4_everything_dies_and_the_exchange_cancels() -> None:
    """KILL-4: orders are gone within the countdown and a second; those of spot stay, which is the documented limit."""
    longest = 0.0
    for seed in range(KILL4):
        chance = random.Random(seed)
        seconds = chance.choice([30, 60, 120])
        found: list[float] = []

        async def act(
            stage: Stage, chance: random.Random = chance, seconds: int = seconds, found: list[float] = found
        ) -> None:
            stage.order()
            stage.order(symbol="ETHUSDT", quantity="0.1", price="1500")
            spot = {"symbol": "BTCUSDT", "timeInForce": "GTC", "type": "LIMIT", "quantity": "0.01"}
            stage.bot("POST", "/api/v3/order", side="BUY", price="90000", **spot)
            keep(stage)
            places = [BTC, ETH, ("main", "spot", "BTCUSDT")]
            await live(stage, chance.randrange(3, 3 * seconds), alpha=(0, places))
            await stage.pass_s(chance.random())
            assert len(stage.open_orders()) == 2, "they rest as long as we live"
            # Everything is killed at once: nothing of ours is sent from now on.
            await stage.tasks.cancel_all()
            killed = stage.loop.time()
            while stage.open_orders():
                await stage.pass_s(0.05)
            found.append(stage.loop.time() - killed)
            assert found[0] <= seconds + 1
            await stage.pass_s(seconds)
            assert len(stage.open_orders(root="/api/v3")) == 1

        on_stage(act, more=f"deadman_s = {seconds}", seed=seed, trip_s=None)
        longest = max(longest, found[0] / seconds)
    print(f"\nKILL-4: {KILL4} of {KILL4_WHOLE} runs, the latest orders were gone after {longest:.0%} of the countdown")
