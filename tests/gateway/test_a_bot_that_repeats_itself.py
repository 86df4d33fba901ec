"""LIM-4: the same order N times disables its bot, over restarts, until a named operator enables it. Exits always pass.

`LIM4_CASES` is how many cases are played (200 are all; `make test` plays a part).
"""

import asyncio
import json
import os
import random  # noqa: TID251 - seeded
from collections.abc import Coroutine
from typing import Any

import pytest
from tests.gateway.rig import ORDER, Rig, why

from counterseal.core.repeats import LATCH
from counterseal.core.summary import Place, Summarizer
from counterseal.gateway.recovery import Fold

SPOT, USDM, CANCEL = "/api/v3/order", "/fapi/v1/order", "symbol=BTCUSDT&orderId=7"
THREE = "max_repeats = 3\nrepeat_window_s = 10"
REJECTED = (400, {"code": -2010, "msg": "Account has insufficient balance for requested action."})
CASES = int(os.environ.get("LIM4_CASES", "40"))


def play(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(story)


async def place(rig: Rig, query: str = ORDER, path: str = SPOT) -> str | None:
    """Place an order; give the reason of its refusal."""
    await rig.clock.advance(0.001)
    return why(await rig.ask("POST", path, query))


async def exits_pass(rig: Rig) -> None:
    """A cancel, and on futures what can only reduce."""
    rig.venue.script[SPOT] = [(200, {"symbol": "BTCUSDT", "orderId": 7, "status": "CANCELED"})]
    await rig.clock.advance(0.001)
    assert (await rig.ask("DELETE", SPOT, CANCEL)).status == 200
    assert await place(rig, ORDER.replace("BUY", "SELL") + "&reduceOnly=true", USDM) is None


def test_the_last_that_is_allowed_disables_the_bot() -> None:
    """The third goes out, the fourth and whatever else raises risk does not: critical, and on record."""

    async def story() -> None:
        rig = await Rig(THREE).warm()
        assert [await place(rig) for _ in range(4)] == [None, None, None, "bot_disabled"]
        assert await place(rig, ORDER.replace("0.001", "0.002")) == "bot_disabled"
        assert await place(rig, ORDER, USDM) == "bot_disabled"
        await exits_pass(rig)
        record = rig.journal.of(LATCH)[0]
        assert (record["bot"], record["state"], record["why"], record["count"]) == ("alpha", "disabled", "repeats", 3)
        assert [line for line, _ in rig.log.criticals] == [
            "bot is disabled: it repeats one order; an operator must enable it"
        ]
        # The record is there before the third order is.
        kinds = [one["type"] for one in rig.journal.records]
        assert kinds.index(LATCH) < len(kinds) - 1 - kinds[::-1].index("outcome")

    play(story())


def test_it_stays_disabled_over_restarts_until_a_named_operator_enables_it() -> None:
    """Told by records, and by the summary of a closed segment. From the operator's word on it counts anew."""

    async def story() -> None:
        rig = await Rig(THREE).warm()
        for _ in range(3):
            await place(rig)
        for _ in range(2):
            rig = await Rig(THREE, after=rig).warm()
            assert await place(rig) == "bot_disabled"
            await exits_pass(rig)
        with pytest.raises(KeyError):
            rig.plane.throttle.enable("beta", "jane", 1000)
        ended = rig.plane.throttle.enable("alpha", "jane", 1000)
        assert (ended["bot"], ended["why"]) == ("alpha", "repeats")
        assert [await place(rig) for _ in range(4)] == [None, None, None, "bot_disabled"]
        rig.plane.throttle.enable("alpha", "jane", 1000)
        await rig.clock.advance(0)
        told = [(one["state"], one.get("operator"), one.get("uid")) for one in rig.journal.of(LATCH)]
        assert told == [("disabled", None, None), ("enabled", "jane", 1000)] * 2
        rig = await Rig(THREE, after=rig).warm()
        assert await place(rig) is None

    play(story())


@pytest.mark.parametrize("last", ["disabled", "enabled"])
def test_a_summary_keeps_who_is_disabled(last: str) -> None:
    """The latest word of a segment holds."""
    states = ["enabled", "disabled"] if last == "disabled" else ["disabled", "enabled"]
    summarizer, fold = Summarizer(), Fold(0, 0)
    for t, state in enumerate(states):
        summarizer.take({"type": LATCH, "bot": "alpha", "state": state, "why": "repeats", "t": t})
    summary = summarizer.summary(Place(0, 2, bytes(32), ()))
    assert len(summary.latches) == 1
    fold.take_summary(summary)
    assert set(fold.recovered().latches) == ({"alpha"} if last == "disabled" else set())


def test_what_the_exchange_refused_was_not_executed() -> None:
    """Rejections and what never left do not count, lost answers do."""

    async def story() -> None:
        rig = await Rig(THREE).warm()
        rig.venue.script[SPOT] = [REJECTED, "not_sent", REJECTED, REJECTED]
        for _ in range(4):
            await place(rig)
        assert rig.state.latches == {}
        for _ in range(2):
            rig.venue.script[SPOT] = ["lost"]
            assert await place(rig) == "outcome_unknown"
        assert await place(rig) is None
        assert await place(rig) == "bot_disabled"
        await rig.tasks.cancel_all()

    play(story())


def test_market_makers_live() -> None:
    """The default lets one order a second be repeated for ever, and a changing one as fast as one likes; 0 lets all."""

    async def story() -> None:
        rig = await Rig().warm()
        assert rig.state.config.bots["alpha"].max_repeats == 100
        for _ in range(300):
            await rig.clock.advance(1)
            assert why(await rig.ask("POST", SPOT, ORDER)) is None
        for n in range(300):
            await rig.clock.advance(0.2)
            assert await place(rig, ORDER.replace("90000.00", f"{90000 + n}.00")) is None
        unlimited = await Rig("max_repeats = 0").warm()
        for _ in range(150):
            await unlimited.clock.advance(0.2)
            assert await place(unlimited) is None

    play(story())


def test_an_order_test_and_settings_do_not_count_and_go_on() -> None:
    """Nothing is executed by a test; a setting only lowers risk."""

    async def story() -> None:
        rig = await Rig(THREE).warm()
        for _ in range(5):
            assert await place(rig, ORDER, f"{SPOT}/test") is None
        for _ in range(3):
            await place(rig)
        assert await place(rig, "symbol=BTCUSDT&leverage=2", "/fapi/v1/leverage") is None

    play(story())


def test_a_batch_counts_its_legs() -> None:
    """Three equal legs are three equal orders."""

    async def story() -> None:
        rig = await Rig(THREE).warm()
        leg = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.001",
               "price": "90000"}  # fmt: skip
        rig.venue.script["/fapi/v1/batchOrders"] = [(200, [{"code": -2019, "msg": "Margin is insufficient."}] * 3)]
        batch = json.dumps([leg] * 3, separators=(",", ":"))
        await place(rig, f"batchOrders={batch}", "/fapi/v1/batchOrders")
        assert await place(rig, ORDER, USDM) == "bot_disabled"

    play(story())


def test_a_batchs_legs_that_were_refused_were_not_executed() -> None:
    """Leg by leg: what lives counts on."""

    async def story() -> None:
        rig = await Rig(THREE).warm()
        leg = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.001",
               "price": "90000"}  # fmt: skip
        path, poor = "/fapi/v1/batchOrders", {"code": -2019, "msg": "Margin is insufficient."}
        for n in range(3):
            ids = [f"a{n}", f"b{n}"]
            lives = {"symbol": "BTCUSDT", "orderId": 70 + n, "clientOrderId": ids[1], "status": "NEW"}
            rig.venue.script[path] = [(200, [poor, lives if n else poor])]
            batch = json.dumps([{**leg, "newClientOrderId": each} for each in ids], separators=(",", ":"))
            assert await place(rig, f"batchOrders={batch}", path) is None
            assert (len(rig.state.latches), n) in ((0, 0), (0, 1), (1, 2))

    play(story())


# -- 200 cases against a naive count


async def case(seed: int) -> int:
    """One bot, three kinds of orders, refusals, pauses, restarts, operators. Gives how often it was disabled."""
    dice = random.Random(f"LIM-4 {seed}")
    allowed, window_s = dice.randint(2, 6), dice.choice([1, 5, 30])
    limits = f"max_repeats = {allowed}\nrepeat_window_s = {window_s}"
    rig = await Rig(limits).warm()
    sent: list[tuple[float, int]] = []
    stopped, now_s, times = False, 0.0, 0
    for _ in range(dice.randint(10, 40)):
        step_s = dice.choice([0.01, 0.01, 0.2, window_s / 3])
        await rig.clock.advance(step_s)
        now_s = round(now_s + step_s, 6)
        kind, refused = dice.randrange(3), dice.random() < 0.2
        rig.venue.script[SPOT] = [REJECTED] if refused else []
        found = why(await rig.ask("POST", SPOT, ORDER.replace("0.001", f"0.00{kind + 1}")))
        assert (found == "bot_disabled") == stopped, (seed, now_s)
        if not stopped:
            equal = sum(1 for at_s, other in sent if other == kind and now_s - at_s < window_s) + 1
            stopped = equal >= allowed
            times += stopped
            sent += [] if refused else [(now_s, kind)]
        if stopped:
            await exits_pass(rig)
            now_s = round(now_s + 0.002, 6)
        if dice.random() < 0.1:
            rig = await Rig(limits, after=rig).warm()
            sent = []
        if stopped and dice.random() < 0.3:
            rig.plane.throttle.enable("alpha", "jane", 0)
            stopped, sent = False, []
            await rig.clock.advance(0)
    return times


@pytest.mark.threat(54)
def test_lim_4() -> None:
    """Disabled at exactly the N-th, never before, over restarts, until an operator says so."""
    times = [asyncio.run(case(seed)) for seed in range(CASES)]
    print(f"LIM-4: {CASES} cases, {sum(1 for each in times if each)} with a stop, {sum(times)} stops")
    assert sum(times) > CASES // 2
