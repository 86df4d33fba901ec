"""The hands as a whole: their start, what they show, and what they do while parts of them fail."""

from decimal import Decimal

import pytest
from tests.guard.hands.house import Stage, on_stage
from tests.limits.virtual_loop import LoopClock

from counterseal.core.budget.share import Lane
from counterseal.ports.signing import SignerUnavailable


def test_after_the_start_time_and_symbols_are_known_and_the_switch_is_kept() -> None:
    async def act(stage: Stage) -> None:
        stage.hands.asker.purse.reading = None
        stage.order()
        assert stage.hands.report()["exchange_time_known"] is False
        await stage.hands.start()
        await stage.pass_s(2)

        assert stage.hands.report()["exchange_time_known"] is True
        assert stage.hands.families() == ["spot", "usdm", "coinm"]
        rules = {one.path for one in stage.house.served if one.path.endswith("exchangeInfo")}
        assert len(rules) == 3
        assert [row["place"] for row in stage.hands.report()["dead_man"]["running"]] == ["main usdm BTCUSDT"]
        stage.beat(60_000, alpha=(0, [("main", "usdm", "BTCUSDT")]))
        assert stage.hands.report()["dead_man"]["gateway_heard_ms_ago"] == 0
        with pytest.raises(ValueError):
            stage.hands.on_beat({"type": "beat"})
        # Time is measured again and again, symbols once an hour.
        before = len(stage.asked("/fapi/v1/time"))
        await stage.pass_s(61)
        assert len(stage.asked("/fapi/v1/time")) >= before + 6
        assert {one.path for one in stage.house.served if one.path.endswith("exchangeInfo")} == rules

    on_stage(act)


def test_a_signer_that_does_not_answer_sends_nothing_and_costs_nothing() -> None:
    async def act(stage: Stage) -> None:
        stage.order()
        before = len(stage.house.served)

        def silent() -> None:
            stage.signer.drop(SignerUnavailable("no answer in time"))

        stage.signer.flush = silent  # type: ignore[method-assign]
        proof = await stage.hands.cancel_all("main", "usdm", deadline_s=2.0)

        assert not proof.done
        assert len(stage.house.served) == before
        ask = stage.hands.asker.send
        told = await ask("main", "usdm", "DELETE", "/fapi/v1/allOpenOrders", (("symbol", "BTCUSDT"),))
        assert told.why == "the signer does not answer (no answer in time)"
        assert not told.left

    on_stage(act)


def test_a_look_of_the_switch_that_fails_does_not_end_it() -> None:
    async def act(stage: Stage) -> None:
        stage.order()
        dead_man = stage.hands.dead_man
        look, failed = dead_man.look, []

        async def fails_first() -> object:
            if not failed:
                failed.append(1)
                raise RuntimeError("scripted")
            return await look()

        dead_man.look = fails_first  # type: ignore[method-assign,assignment]
        stage.tasks.spawn(dead_man.keep(), "keep")
        await stage.pass_s(3)
        assert any("look" in what for what, _ in stage.warnings)
        assert len(stage.house.exchange.usdm.timers) == 1

    on_stage(act)


def test_on_spot_nothing_is_sold_whose_steps_were_never_read() -> None:
    async def act(stage: Stage) -> None:
        stage.bought["main"] = {"BTCUSDT": Decimal("0.02")}
        stage.fault("answer:502", times=1_000, path="/api/v3/exchangeInfo")
        proof = await stage.hands.reduce("main", "spot", lambda _one: Decimal(0), deadline_s=3)

        # Without the exchange's symbols nobody knows what it is that bots bought.
        assert [one for one in stage.house.served if one.method == "POST"] == []
        assert not proof.done
        assert proof.left == ("main spot: positions could not be read",)

    on_stage(act)


def test_a_price_is_kept_for_five_seconds_and_no_longer() -> None:
    async def act(stage: Stage) -> None:
        market = stage.hands.market
        assert await market.price("usdm", "BTCUSDT") == stage.mark("BTCUSDT")
        assert await market.price("usdm", "NOSUCH") is None
        assert len(stage.asked("/fapi/v2/ticker/price")) == 1
        await stage.pass_s(5.1)
        stage.fault("answer:502", times=10, path="/fapi/v2/ticker/price")
        assert await market.price("usdm", "BTCUSDT") is None

    on_stage(act)


def test_the_room_of_a_lane_is_its_own_whatever_the_one_below_spends() -> None:
    async def act(stage: Stage) -> None:
        purse = stage.hands.asker.purse
        assert purse.own("futures_weight", Lane.TRADE, Lane.ACCOUNT) == 96
        assert isinstance(stage.clock, LoopClock)

    on_stage(act)
