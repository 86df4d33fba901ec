"""The ladder in the gateway: whose requests are refused, which ones, with which word, up to the first byte."""

import asyncio
import json
from itertools import count
from random import Random  # noqa: TID251 - seeded
from typing import Any

import pytest
from tests.gateway.cells import proves
from tests.gateway.exposed import opened
from tests.gateway.failing_rig import FUTURES, REDUCE
from tests.gateway.guarded import Guarded, trip
from tests.gateway.rig import ORDER, on_virtual_time, why
from tests.gateway.test_limits import ORDERS, SPOT, named, shrink, used
from tests.gateway.wsapi import rig as wsapi

from counterseal.core.failing import TABLE
from counterseal.core.failures import scope_of
from counterseal.core.halts import SILENT_MS
from counterseal.core.ladder import Rung, trip_data
from counterseal.gateway.reply import SINCE, Reply

BATCH = "/fapi/v1/batchOrders"
REDUCING_LEG = '{"symbol":"BTCUSDT","side":"SELL","type":"MARKET","quantity":"1","reduceOnly":"true"}'
RAISING_LEG = '{"symbol":"BTCUSDT","side":"BUY","type":"MARKET","quantity":"1"}'
# Every kind of request that the ladder closes, and that it does not: (method, path, query).
CLOSED = {
    "futures": ("POST", FUTURES, ORDER),
    "spot": ("POST", SPOT, ORDER),
    "spot sale": ("POST", SPOT, "symbol=BTCUSDT&side=SELL&type=MARKET&quantity=1"),
    "conditional": (
        "POST", "/fapi/v1/algoOrder",
        "symbol=BTCUSDT&side=BUY&algoType=CONDITIONAL&type=STOP_MARKET&quantity=1&triggerPrice=90000",
    ),
    "hedge": ("POST", FUTURES, f"{ORDER}&positionSide=LONG"),
    "replacement": (
        "POST", "/api/v3/order/cancelReplace",
        f"{ORDER}&cancelReplaceMode=STOP_ON_FAILURE&cancelOrderId=1",
    ),
    "modification": (
        "PUT", FUTURES, "symbol=BTCUSDT&side=BUY&quantity=1&price=90000&orderId=1",
    ),
    "amendment": ("PUT", "/api/v3/order/amend/keepPriority", "symbol=BTCUSDT&orderId=1&newQty=0.5"),
    "batch": ("POST", BATCH, f"batchOrders=[{REDUCING_LEG},{RAISING_LEG}]"),
    "test order": ("POST", "/api/v3/order/test", ORDER),
    "leverage": ("POST", "/fapi/v1/leverage", "symbol=BTCUSDT&leverage=2"),
    "margin type": ("POST", "/fapi/v1/marginType", "symbol=BTCUSDT&marginType=ISOLATED"),
    "account-wide setting": ("POST", "/fapi/v1/positionSide/dual", "dualSidePosition=false"),
}  # fmt: skip
OPEN = {
    "cancel": ("DELETE", FUTURES, "symbol=BTCUSDT&orderId=1"),
    "spot cancel": ("DELETE", SPOT, "symbol=BTCUSDT&orderId=1"),
    "cancel all": ("DELETE", "/fapi/v1/allOpenOrders", "symbol=BTCUSDT"),
    "reduce": ("POST", FUTURES, REDUCE),
    "close": (
        "POST", "/fapi/v1/algoOrder",
        "symbol=BTCUSDT&side=SELL&algoType=CONDITIONAL&type=STOP_MARKET&closePosition=true&triggerPrice=90000",
    ),
    "reducing batch": ("POST", BATCH, f"batchOrders=[{REDUCING_LEG},{REDUCING_LEG}]"),
    "signed read": ("GET", "/fapi/v3/positionRisk", ""),
    "listen key": ("POST", "/fapi/v1/listenKey", ""),
    "public read": ("GET", "/fapi/v1/depth", "symbol=BTCUSDT"),
}  # fmt: skip
RUNGS = {Rung.REDUCING: "reducing", Rung.HALTED: "halted", Rung.FLATTEN: "flattening"}
MINE = ("fleet", "bot alpha", "strategy grid", "strategy books", "account main", "symbol BTCUSDT", "symbol btcusdt")
OTHERS = ("bot beta", "strategy other", "account other", "symbol ETHUSDT", "account alpha", "strategy main", "bot main")


async def asked(rig: Guarded, method: str, path: str, query: str) -> tuple[str | None, bool]:
    """Ask; gives the reason of a refusal, and whether the exchange got it."""
    await rig.clock.advance(0.001)
    before = len(rig.venue.sent)
    task = rig.start(method, path, query)
    await rig.clock.advance(0)
    if not task.done():
        await rig.clock.advance(4)
    return why(task.result()), path in {sent.path for sent in rig.venue.sent[before:]}


async def ready(limits: str = "") -> Guarded:
    """A gateway that has heard from its guard that nobody is halted."""
    rig = await Guarded(limits).warm()
    await rig.ladder()
    await rig.link.first_ladder()
    return rig


# -- whom it holds for, and what it closes


@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize("scope", MINE)
def test_each_rung_closes_what_raises_risk_of_whoever_is_in_its_scope(scope: str, rung: Rung) -> None:
    """And nothing else: every kind of request, in the order in which a bot may ask."""

    @on_virtual_time
    async def run() -> None:
        rig = await ready()
        at_ms = rig.clock.wall_ns() // 1_000_000 - 1_234
        await rig.ladder(trip(scope, rung, at_ms))
        for name, (method, path, query) in CLOSED.items():
            reply = await rig.ask(method, path, query)
            assert why(reply) == RUNGS[rung], name
            assert reply.status == 400 and b'"code":-2010' in reply.body, name
            assert reply.headers[SINCE] == str(at_ms + rig.state.offset_ms()), name
            assert "Retry-After" not in reply.headers, name
        assert rig.venue.sent == []
        for name, (method, path, query) in OPEN.items():
            reason, was_sent = await asked(rig, method, path, query)
            if name == "listen key":
                assert reason == "stream_not_available"  # no feeds in this rig: as without a ladder
            else:
                # The scripted exchange's answers do not prove each of them: that is not the point here.
                assert (reason in (None, "outcome_unknown"), was_sent) == (True, True), name
        assert {entry["reason"] for entry in rig.journal.of("denied")} == {RUNGS[rung], "stream_not_available"}
        await rig.ladder()
        assert await asked(rig, *CLOSED["futures"]) == (None, True)
        await rig.end()

    run()


@pytest.mark.parametrize("scope", OTHERS)
def test_a_trip_of_somebody_else_closes_nothing(scope: str) -> None:
    """A bot, strategy, account or symbol that this request has nothing to do with, also of the same name."""

    @on_virtual_time
    async def run() -> None:
        rig = await ready()
        await rig.ladder(trip(scope))
        assert rig.state.halts.tripped
        for name, request in CLOSED.items():
            if name == "account-wide setting" and scope.startswith("symbol"):
                assert await asked(rig, *request) == ("halted", False)
            else:
                reason, _ = await asked(rig, *request)
                assert reason in (None, "outcome_unknown"), (name, reason)
        await rig.end()

    run()


@on_virtual_time
async def test_the_highest_rung_is_told() -> None:
    """Of several that hold for a request; of two alike the one that stood first."""
    rig = await ready()
    reducing, halted = trip("fleet", Rung.REDUCING, 1_000), trip("bot alpha", Rung.HALTED, 2_000)
    await rig.ladder(reducing, halted, trip("symbol BTCUSDT", Rung.FLATTEN, 3_000))
    assert why(await rig.ask("POST", FUTURES, ORDER)) == "flattening"
    await rig.ladder(reducing, halted, trip("strategy grid", Rung.HALTED, 4_000))
    reply = await rig.ask("POST", FUTURES, ORDER)
    assert (why(reply), reply.headers[SINCE]) == ("halted", str(2_000 + rig.state.offset_ms()))
    await rig.end()


@on_virtual_time
async def test_a_bot_in_report_mode_is_halted_too() -> None:
    """That mode is for trying out limits."""
    rig = await Guarded('mode = "report"\n').warm()
    await rig.ladder(trip("fleet"))
    assert why(await rig.ask("POST", FUTURES, ORDER)) == "halted"
    await rig.end()


@on_virtual_time
async def test_a_reload_moves_a_bot_into_a_strategy() -> None:
    """What counts is the configuration of the moment."""
    rig = await ready()
    await rig.ladder(trip("strategy new"))
    assert await asked(rig, *CLOSED["futures"]) == (None, True)
    config = rig.state.config
    keys = {name: _with_strategy(key) for name, key in config.keys.items()}
    from dataclasses import replace

    rig.state.config = replace(config, keys=keys)
    assert why(await rig.ask("POST", FUTURES, f"{ORDER}&newClientOrderId=again")) == "halted"
    await rig.end()


def _with_strategy(key: Any) -> Any:
    from dataclasses import replace

    return replace(key, strategy="new")


# -- at the trip


@on_virtual_time
async def test_what_was_admitted_before_the_trip_and_has_not_left_does_not_leave() -> None:
    """Journal, signature and permit were there; the exchange gets no byte, and all that was reserved is given back."""
    rig = await ready()
    rig.venue.before = lambda: rig.ladder(trip("fleet"))  # type: ignore[attr-defined]
    task = rig.start("POST", SPOT, f"{ORDER}&newClientOrderId=mine")
    while not task.done():
        await rig.clock.advance(0.001)
    reply = task.result()
    assert (why(reply), SINCE in reply.headers) == ("halted", True)
    assert rig.venue.sent == []
    assert [(record["client_ids"]) for record in rig.journal.of("intent")] == [("mine",)]
    outcome = rig.journal.of("outcome")
    assert [(record["outcome"], record["status"]) for record in outcome] == [("NOT_SENT", None)]
    assert [record["reason"] for record in rig.journal.of("denied")] == ["halted"]
    assert used(rig, "spot_orders_10s") == used(rig, "spot_weight") - used_before(rig) == 0
    assert rig.state.ledger.get("spot", "mine") is None
    assert rig.state.resting is not None
    assert len(rig.state.resting) == 0
    rig.venue.before = None  # type: ignore[attr-defined]
    await rig.ladder()
    # Its id is free again.
    assert await asked(rig, "POST", SPOT, f"{ORDER}&newClientOrderId=mine") == (None, True)
    await rig.end()


def used_before(rig: Guarded) -> int:
    """What the rig's own reads cost."""
    return sum(row.weight for row in rig.plane.budget.ledger.report_bots() if row.endpoint.startswith("spot"))


@on_virtual_time
async def test_what_it_had_reserved_of_exposure_is_given_back() -> None:
    """The order counts for nothing any more: another of the same size has room when trading goes on."""
    rig = await Guarded("max_exposure = 100\n").warm()
    await opened(rig)
    await rig.ladder()
    rig.venue.before = lambda: rig.ladder(trip("symbol BTCUSDT"))  # type: ignore[attr-defined]
    task = rig.start("POST", SPOT, ORDER)
    while not task.done():
        await rig.clock.advance(0.001)
    assert why(task.result()) == "halted"
    assert rig.plane.exposures.tracker.book.bot("alpha").total == 0
    rig.venue.before = None  # type: ignore[attr-defined]
    await rig.ladder()
    assert await asked(rig, "POST", SPOT, ORDER) == (None, True)
    assert rig.plane.exposures.tracker.book.bot("alpha").total > 50
    assert why(await rig.ask("POST", SPOT, ORDER)) == "exposure_bot"
    await rig.end()


@on_virtual_time
async def test_an_exit_that_was_admitted_before_the_trip_leaves() -> None:
    """As does a read."""
    rig = await ready()
    rig.venue.before = lambda: rig.ladder(trip("fleet", Rung.FLATTEN))  # type: ignore[attr-defined]
    for name in ("reduce", "cancel", "signed read"):
        assert await asked(rig, *OPEN[name]) == (None, True), name
    await rig.end()


@on_virtual_time
async def test_what_cannot_be_sent_for_another_reason_says_that_reason() -> None:
    """As long as nobody is halted."""
    rig = await ready()
    rig.venue.script["/fapi/v1/order"] = ["not_sent"]
    assert await asked(rig, *CLOSED["futures"]) == ("venue_unreachable", True)
    await rig.end()


@on_virtual_time
async def test_who_stands_in_line_at_the_trip_is_refused_at_once() -> None:
    """Not when room comes, and not when the wait is over; the place in line is free."""
    rig = await ready()
    await rig.clock.advance(9.9)
    await rig.ladder()
    shrink(rig, ORDERS, 10)
    rig.venue.script[SPOT] = ["stall"]
    waiting = []
    replies = []
    for number in range(8):
        task = rig.start("POST", SPOT, named(number))
        await rig.clock.advance(0)
        (replies if task.done() else waiting).append(task)
    stood = rig.plane.budget.queue.size
    assert stood > 0
    before = len(rig.venue.sent)
    await rig.ladder(trip("account main"))
    assert rig.plane.budget.queue.size == 0
    done = [task for task in waiting if task.done()]
    assert [why(task.result()) for task in done] == ["halted"] * stood
    assert len(rig.venue.sent) == before
    outcomes = [record["outcome"] for record in rig.journal.of("outcome")]
    assert outcomes.count("NOT_SENT") == stood
    for task in waiting:
        task.cancel()
    await rig.end()


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.threat(61)
def test_nothing_that_raises_risk_leaves_after_the_acknowledgement(seed: int) -> None:
    """Requests of all kinds at every stage of their way: in line, before a signature, before a connection.

    What is refused is refused with the rung's word, every exit leaves, every intent has an outcome, and nothing stays
    reserved.
    """

    @on_virtual_time
    async def run() -> None:
        rng = Random(seed)
        rig = await ready()
        await rig.clock.advance(10.05)
        shrink(rig, ORDERS, rng.choice([30, 1_000]))
        rig.venue.before = lambda: rig.clock.sleep(rng.choice([0, 0.002, 0.02, 0.2]))  # type: ignore[attr-defined]
        rig.venue.delay_s = 0.001
        tasks: list[tuple[bool, asyncio.Task[Reply]]] = []
        numbers = count()

        async def ask(times: int) -> None:
            for _ in range(times):
                number, is_exit = next(numbers), rng.random() < 0.3
                if is_exit:
                    task = rig.start("DELETE", SPOT, f"symbol=BTCUSDT&orderId={number}")
                else:
                    task = rig.start("POST", SPOT, named(number))
                tasks.append((is_exit, task))
                await rig.clock.advance(rng.choice([0, 0, 0.001, 0.01]))

        await ask(40)
        scope = rng.choice(["fleet", "bot alpha", "account main", "strategy grid", "symbol BTCUSDT"])
        rung = rng.choice(list(RUNGS))
        await rig.ladder(trip(scope, rung))
        before = sum(sent.method == "POST" for sent in rig.venue.sent)
        await ask(10)
        await rig.clock.advance(2)
        assert sum(sent.method == "POST" for sent in rig.venue.sent) == before
        reasons = [why(task.result()) for is_exit, task in tasks if not is_exit]
        assert reasons.count(None) == before
        assert set(reasons) <= {None, RUNGS[rung], "order_count_spent"}
        assert reasons[-1] == RUNGS[rung]
        assert all(why(task.result()) is None for is_exit, task in tasks if is_exit)
        intents = {record["id"] for record in rig.journal.of("intent")}
        assert intents == {record["id"] for record in rig.journal.of("outcome")}
        rows = rig.plane.budget.ledger.report(rig.plane.budget.moment())
        assert [row for row in rows if row.in_flight] == []
        assert rig.plane.budget.queue.size == 0
        await rig.end()

    run()


# -- by the WebSocket API


@pytest.mark.parametrize("rung", RUNGS)
def test_the_websocket_api_goes_the_same_way(rung: Rung) -> None:
    """An order is refused in the exchange's shape; a cancel and a read go on, and a new connection opens."""

    @on_virtual_time
    async def run() -> None:
        rig = wsapi.Rig()
        await rig.gateway.warm()
        rig.state.halts.take([trip("bot alpha", rung)])
        bot = rig.bot()
        answer = await bot.ask("order.place", bot.signed(dict(wsapi.ORDER)))
        assert (answer["status"], answer["error"]["code"]) == (400, -2010)
        assert RUNGS[rung] in {entry["reason"] for entry in rig.journal.of("denied")}
        assert rig.venue.sent == []
        cancel = {"symbol": "BTCUSDT", "orderId": 1}
        assert (await bot.ask("order.cancel", bot.signed(cancel)))["status"] == 200
        assert (await bot.ask("account.status", bot.signed({})))["status"] == 200
        assert [sent.method for sent in rig.venue.sent] == ["DELETE", "GET"]
        rig.state.halts.take([])
        await rig.wait(0.001)
        assert (await bot.ask("order.place", bot.signed(dict(wsapi.ORDER))))["status"] == 200
        await rig.end()

    run()


# -- when the guard says nothing


@proves("kill_unreadable")
@on_virtual_time
async def test_until_the_ladder_is_known_what_raises_risk_is_closed() -> None:
    """The gateway waits three seconds for it, and opens then; the first ladder opens the rest at once."""
    rig = await Guarded().warm()
    waiting = asyncio.get_running_loop().create_task(rig.link.first_ladder())
    await rig.clock.advance(2.9)
    assert not waiting.done()
    await rig.clock.advance(0.2)
    assert waiting.done()
    began_ms = 3_000
    await rig.meets("kill_unreadable", began_ms)
    assert rig.told("kill_unreadable") == rig.state.told_ms(began_ms)
    await rig.ladder()
    assert await rig.passes()
    assert rig.told("kill_unreadable", "ended") == rig.state.told_ms(began_ms)
    await rig.end()


@on_virtual_time
async def test_the_first_ladder_ends_the_wait() -> None:
    """And what it says holds before the first request is taken."""
    rig = await Guarded().warm()
    waiting = asyncio.get_running_loop().create_task(rig.link.first_ladder())
    await rig.clock.advance(0.1)
    await rig.ladder(trip("fleet"))
    await rig.clock.advance(0.01)
    assert waiting.done()
    assert why(await rig.ask("POST", FUTURES, ORDER)) == "halted"
    assert list(rig.state.failures) == []
    await rig.end()


@on_virtual_time
async def test_what_an_earlier_gateway_left_unread_is_read_before_it_opens() -> None:
    """Many old ladders, and at their end the one that holds."""
    rig = await Guarded().warm()
    waiting = asyncio.get_running_loop().create_task(rig.link.first_ladder())
    rig.clock._settle = _one_turn  # type: ignore[method-assign]
    for number in range(150):
        trips = [trip_data(trip("fleet"))] if number == 149 else []
        rig.theirs.send(json.dumps({"type": "ladder", "seq": number, "trips": trips}).encode())
    seen = []
    while not waiting.done():
        seen.append(len(rig.state.halts.trips))
        await rig.clock.advance(0.005)
    assert rig.state.halts.tripped
    assert seen.count(0) >= 2
    del rig.clock._settle
    await rig.end()


async def _one_turn() -> None:
    await asyncio.sleep(0)


@pytest.mark.parametrize(
    "trips",
    [None, 1, [1], [{}], [{"kind": "bot", "name": "alpha", "rung": "NO", "actor": "bot", "who": "", "cause": "",
                           "at_ms": 1, "cancels": False}]],
)  # fmt: skip
def test_a_ladder_that_cannot_be_read_closes(trips: Any) -> None:
    """It is acknowledged, because nothing that it may forbid passes; the last one stays in force beside it."""

    @on_virtual_time
    async def run() -> None:
        rig = await ready()
        await rig.ladder(trip("bot beta"))
        await rig.tell({"type": "ladder", "seq": 77, "trips": trips})
        assert rig.said("ladder_ack")[-1] == {"type": "ladder_ack", "seq": 77}
        assert why(await rig.ask("POST", FUTURES, ORDER)) == "ladder_unknown"
        assert (await asked(rig, *OPEN["cancel"]))[1]
        assert [str(each.scope) for each in rig.state.halts.trips] == ["bot beta"]
        await rig.ladder()
        assert await rig.passes()
        await rig.end()

    run()


@on_virtual_time
async def test_the_last_ladder_stays_when_the_guard_is_gone() -> None:
    """Who was halted stays halted, the others go on for ten seconds."""
    rig = await ready()
    await rig.ladder(trip("symbol BTCUSDT", at_ms=5))
    rig.theirs.close()
    await rig.silence(5)
    assert why(await rig.ask("POST", FUTURES, ORDER)) == "halted"
    assert rig.state.failures.gated == {}
    await rig.silence(6)
    # Still what an operator did is told first.
    assert why(await rig.ask("POST", FUTURES, ORDER)) == "halted"
    assert rig.state.failures.get("guard_silent") is not None
    assert not rig.link._link.is_open
    rig.link.close()
    await rig.tasks.cancel_all()


@proves("guard_silent")
@on_virtual_time
async def test_ten_seconds_without_a_word_close_what_raises_risk() -> None:
    """Since the last word; the next one opens at once."""
    rig = await ready()
    await rig.clock.advance(0.5)
    await rig.ladder()
    began_ms = rig.now_ms
    await rig.silence(SILENT_MS / 1000 - 0.1)
    assert await rig.passes()
    await rig.silence(1.1)
    await rig.refresher.measure_offset()
    await rig.meets("guard_silent", began_ms)
    assert rig.told("guard_silent") == rig.state.told_ms(began_ms)
    await rig.ladder()
    assert await rig.passes()
    assert rig.told("guard_silent", "ended") == rig.state.told_ms(began_ms)
    await rig.end()


# -- what fails at the guard


@pytest.mark.parametrize("accounts", [[], ["main"], ["other", "main"]])
@pytest.mark.parametrize("name", ["monitor_stale", "foreign_order"])
def test_what_the_guard_tells_closes_the_accounts_that_it_names(name: str, accounts: list[str]) -> None:
    """All where it names none; it ends when it is not told any more."""
    meets(name, accounts)


@proves("monitor_stale")
def test_a_stale_monitor_of_positions_closes() -> None:
    """Exits and reads go on."""
    meets("monitor_stale", [])


@proves("foreign_order")
def test_a_foreign_order_closes() -> None:
    """Where the guard says so."""
    meets("foreign_order", ["main"])


def meets(name: str, accounts: list[str]) -> None:
    """Hold every kind of request against a row that the guard tells."""

    @on_virtual_time
    async def run() -> None:
        rig = await ready()
        row = {"since_ms_ago": 700, "detail": "the details", "accounts": accounts}
        began_ms = rig.now_ms - 700
        await rig.states(**{name: row})
        await rig.meets(name, began_ms)
        assert rig.told(name) == rig.state.told_ms(began_ms)
        scope = scope_of(accounts[0]) if accounts else ""
        failure = rig.state.failures.get(name, scope)
        assert failure is not None
        assert failure.detail == "the details"
        await rig.ladder()
        assert not await rig.passes()
        await rig.states()
        assert await rig.passes()
        assert rig.told(name, "ended") == rig.state.told_ms(began_ms)
        await rig.end()

    run()


@on_virtual_time
async def test_another_account_goes_on() -> None:
    """And a state that is no row of the guard's is nobody's."""
    rig = await ready()
    await rig.states(monitor_stale={"accounts": ["other"]}, clock_uncertain={}, nonsense=1)
    assert await rig.passes()
    assert [(failure.row.name, failure.scope) for failure in rig.state.failures] == [("monitor_stale", "account other")]
    await rig.end()


@proves("alert_channel_down")
@on_virtual_time
async def test_one_channel_down_closes_nothing() -> None:
    """It is on record."""
    rig = await ready()
    began_ms = rig.now_ms
    await rig.states(alert_channel_down={"since_ms_ago": 0, "detail": "slack"})
    await rig.meets("alert_channel_down", began_ms)
    assert rig.told("alert_channel_down") == rig.state.told_ms(began_ms)
    await rig.states()
    assert rig.told("alert_channel_down", "ended") == rig.state.told_ms(began_ms)
    await rig.end()


@proves("alerts_down")
@on_virtual_time
async def test_all_channels_down_close_after_five_minutes() -> None:
    """Counted from when it began, though the guard says it but once; the guard goes on beating."""
    rig = await ready()
    began_ms = rig.now_ms - 290_000
    await rig.states(alerts_down={"since_ms_ago": 290_000})
    assert await rig.passes()
    for _ in range(11):
        await rig.clock.advance(1)
        await rig.ladder()
    await rig.meets("alerts_down", began_ms)
    assert rig.told("alerts_down") == rig.state.told_ms(began_ms)
    await rig.states()
    assert await rig.passes()
    await rig.end()


def test_every_state_that_the_guard_tells_is_a_row() -> None:
    """And those that close are refused in one place."""
    from counterseal.core.guard_states import TOLD

    for name in TOLD:
        row = TABLE[name]
        assert row.exists
        assert row.gated == bool(row.reasons)
