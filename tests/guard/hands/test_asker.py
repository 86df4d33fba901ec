"""The guard's own way to the exchange: what it may spend, when it stops, which key signs, what is sent once."""

import asyncio
import json
from typing import Any

import pytest
from tests.guard.hands.house import Stage, on_stage
from tests.limits.house import OURS

from counterseal.core.budget.share import Lane
from counterseal.guard.hands.asker import Asker, Told, parse
from counterseal.guard.hands.purse import PERCENT
from counterseal.ports.venue import VenueReply

ORDERS, OPEN = "/fapi/v1/order", "/fapi/v1/openOrders"


async def read(stage: Stage, lane: Lane = Lane.RISK, wait_s: float = 0.0) -> Any:
    return await stage.hands.asker.send("main", "usdm", "GET", OPEN, (), lane, wait_s)


def test_a_fifth_of_the_weight_is_the_guard_s_and_cancels_have_the_last_of_it() -> None:
    """Whole lists weigh 40: reads stop at 12 per cent of 2,400, heartbeats at 16, cancels and reduces at 20."""

    async def act(stage: Stage) -> None:
        for lane in (Lane.MARKET, Lane.ACCOUNT, Lane.TRADE, Lane.RISK):
            told = await read(stage, lane)
            while told.reply is not None:
                told = await read(stage, lane)
            assert told.why == "guard_share_spent"
            spent = stage.house.exchange.windows.used("futures_weight", OURS, stage.house.exchange.now_ms())
            assert 2_400 * PERCENT[lane] // 100 - 40 < spent <= 2_400 * PERCENT[lane] // 100
        # A cancel of one symbol weighs 1 and has room still.
        told = await stage.hands.asker.send(
            "main", "usdm", "DELETE", "/fapi/v1/allOpenOrders", (("symbol", "BTCUSDT"),)
        )
        assert told.reply is not None

    on_stage(act)


def test_who_waits_for_room_gets_it_when_the_window_has_turned() -> None:
    async def act(stage: Stage) -> None:
        while (await read(stage)).reply is not None:
            pass
        begun = stage.loop.time()
        assert (await read(stage, wait_s=5)).reply is None
        assert 4.9 <= stage.loop.time() - begun <= 5.5
        assert (await read(stage, wait_s=70)).reply is not None

    on_stage(act)


def test_what_others_spend_counts_against_the_whole_pool_and_not_against_the_fifth() -> None:
    async def act(stage: Stage) -> None:
        now_ms = stage.house.exchange.now_ms()
        stage.house.exchange.windows.add("futures_weight", OURS, 2_000, now_ms)
        calls = 0
        while (await read(stage)).reply is not None:
            calls += 1
        # 2,400 less 2,000, and less what measuring time has weighed.
        assert calls == 9
        assert all(one.status == 200 for one in stage.house.served)

    on_stage(act)


@pytest.mark.parametrize("status", [429, 418])
def test_a_stop_of_the_exchange_is_obeyed_until_its_time_is_over(status: int) -> None:
    async def act(stage: Stage) -> None:
        stage.fault(f"answer:{status}", "before", times=1)
        assert (await read(stage)).reply is not None
        before = len(stage.house.served)
        told = [await read(stage, Lane.ACCOUNT) for _ in range(5)]
        assert {one.why for one in told} == {"venue_backoff" if status == 429 else "venue_ban"}
        assert len(stage.house.served) == before
        exits = [await read(stage) for _ in range(5)]
        assert sum(one.reply is not None for one in exits) == (3 if status == 429 else 0)
        assert any("stop" in what for what, _ in stage.warnings)

    on_stage(act)


def test_too_many_orders_stop_the_account_s_orders_alone() -> None:
    async def act(stage: Stage) -> None:
        stage.order(price="", quantity="0.5")
        stage.fault("answer:-1015", "before", times=1, method="POST")
        pairs = (("symbol", "BTCUSDT"), ("side", "SELL"), ("type", "MARKET"), ("quantity", "0.1"),
                 ("reduceOnly", "true"), ("newClientOrderId", "csg-1"))  # fmt: skip
        ask = stage.hands.asker.send
        assert (await ask("main", "usdm", "POST", ORDERS, pairs)).reply is not None
        assert (await ask("main", "usdm", "POST", ORDERS, pairs)).why == "venue_backoff"
        assert (await read(stage)).reply is not None

    on_stage(act)


def test_an_order_is_sent_once_whatever_becomes_of_it_and_a_read_again() -> None:
    async def act(stage: Stage) -> None:
        stage.fault("reset", "before", times=2)
        ask = stage.hands.asker.ask
        assert await ask("main", "usdm", "GET", OPEN) is not None
        assert len(stage.asked(OPEN)) == 3
        stage.fault("reset", "before", times=1)
        assert await ask("main", "usdm", "DELETE", "/fapi/v1/allOpenOrders", (("symbol", "BTCUSDT"),)) is None
        assert len(stage.asked("/fapi/v1/allOpenOrders")) == 1

    on_stage(act)


def test_a_clock_that_the_exchange_doubts_is_measured_at_once() -> None:
    async def act(stage: Stage) -> None:
        stage.house.exchange.clock.skew(offset_ms=4_000)
        stage.hands.asker.purse.reading = None
        assert await stage.hands.asker.ask("main", "usdm", "GET", OPEN) is not None
        assert [one.code for one in stage.asked(OPEN)] == [None]

        stage.house.exchange.clock.skew(offset_ms=-3_000)
        assert await stage.hands.asker.ask("main", "usdm", "GET", OPEN) is not None
        assert [one.code for one in stage.asked(OPEN)] == [None, -1021, None]
        assert abs(stage.hands.asker.offset_ms() + 3_000) < 50

    on_stage(act)


def test_the_least_key_signs_and_one_that_trades_reads_where_nothing_less_is_held() -> None:
    async def act(stage: Stage) -> None:
        assert [stage.key_used(method) for method in ("GET", "POST")] == ["reads", "trades"]
        stage.held("trades")
        assert [stage.key_used(method) for method in ("GET", "POST")] == ["trades", "trades"]
        stage.held("reads")
        assert [stage.key_used(method) for method in ("GET", "POST")] == ["reads", None]
        told = await stage.hands.asker.send(
            "main", "usdm", "DELETE", "/fapi/v1/allOpenOrders", (("symbol", "BTCUSDT"),)
        )
        assert told.why == "no key of account main that may trade is held by the signer"

    keys = (
        '[keys.reads]\nfunctions = ["account"]\naccount = "main"\n'
        '[keys.trades]\nfunctions = ["account", "trade"]\naccount = "main"\n'
    )
    on_stage(act, {"alpha": "other"}, tail=keys)


def test_what_is_not_known_is_not_sent() -> None:
    async def act(stage: Stage) -> None:
        before = len(stage.house.served)
        for family, path in (("usdm", "/fapi/v1/nothing"), ("papi", OPEN), ("www", "/")):
            told = await stage.hands.asker.send("main", family, "GET", path)
            assert "is not known here" in told.why
        assert len(stage.house.served) == before

    on_stage(act)


def test_many_at_once_are_signed_together_and_answered_each_to_its_own() -> None:
    async def act(stage: Stage) -> None:
        symbols = ["BTCUSDT", "ETHUSDT", "BNBUSDT"]
        for symbol in symbols:
            stage.rest(symbol, stage.mark(symbol))
        told = await asyncio.gather(
            *(stage.hands.asker.send("main", "usdm", "GET", OPEN, (("symbol", symbol),)) for symbol in symbols)
        )
        assert [json.loads(one.reply.body)[0]["symbol"] for one in told if one.reply] == symbols

    on_stage(act)


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 5_000, b"\xff", b'{"serverTime": "x"}', b"[]"])
def test_an_answer_that_cannot_be_read_proves_nothing(body: bytes) -> None:
    reply = VenueReply(200, {}, body, 0, 0)
    assert parse(reply).code is None
    assert Asker._sample(Told(reply, True, "")) is None
