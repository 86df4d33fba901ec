"""A request whose answer was lost is asked for until its fate is proven; whoever repeats it gets the truth."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from tests.gateway.rig import ORDER, Rig, on_virtual_time, why

from counterseal.core.outcome import Outcome
from counterseal.gateway.reply import Reply
from counterseal.gateway.report import status_report

SPOT, USDM, BATCH = "/api/v3/order", "/fapi/v1/order", "/fapi/v1/batchOrders"
OPEN, TRADES, ALL = "/api/v3/openOrders", "/api/v3/myTrades", "/api/v3/allOrders"
NO_ORDER = (400, {"code": -2013, "msg": "Order does not exist."})
EMPTY = (200, [])
DUPLICATE = (400, {"code": -2010, "msg": "Duplicate order sent."})
MINUTE_S = 60.0


def shown(name: str, **more: Any) -> tuple[int, dict[str, Any]]:
    """The exchange shows the order."""
    order = {"symbol": "BTCUSDT", "orderId": 7, "clientOrderId": name, "side": "BUY", "type": "LIMIT",
             "origQty": "0.00100000", "price": "90000.00000000", "status": "FILLED"}  # fmt: skip
    return 200, order | more


def absent(rig: Rig) -> None:
    """The exchange knows nothing of it, wherever it is asked."""
    rig.venue.script.update({SPOT: [NO_ORDER] * 50, OPEN: [EMPTY] * 9, TRADES: [EMPTY] * 9})


async def lose(rig: Rig, name: str = "a", order: str = ORDER, step: Any = "lost") -> Reply:
    """Place an order of which nobody says what became."""
    rig.venue.script.setdefault(SPOT, []).insert(0, step)
    reply = await rig.ask("POST", SPOT, f"{order}&newClientOrderId={name}")
    assert (reply.status, why(reply)) == (503, "outcome_unknown")
    return reply


async def again(rig: Rig, name: str = "a") -> Reply:
    """The bot repeats its order."""
    return await rig.ask("POST", SPOT, f"{ORDER}&newClientOrderId={name}")


def placed(rig: Rig) -> int:
    """How many orders the exchange was sent."""
    return [sent.method for sent in rig.venue.sent].count("POST")


def resolved(rig: Rig) -> list[str]:
    """What unknown requests came to."""
    return [entry["outcome"] for entry in rig.journal.of("resolved")]


@pytest.mark.threat(53)
@on_virtual_time
async def test_what_was_executed_is_found_at_once() -> None:
    """The first question shows it: a repetition gets the order, after a restart too, and nothing is sent again."""
    rig = await Rig().warm()
    rig.venue.script[SPOT] = [shown("a")]
    await lose(rig)
    assert len(rig.state.unknowns) == 0
    assert rig.venue.sent[-1].params["origClientOrderId"] == "a"
    (record,) = rig.journal.of("resolved")
    assert (record["outcome"], record["order_id"], record["order_status"]) == ("ACCEPTED", 7, "FILLED")
    for gateway in (rig, await Rig(after=rig).warm()):
        reply = await again(gateway)
        assert (reply.status, json.loads(reply.body)["orderId"]) == (200, 7)
    assert placed(rig) == 0, "warming up forgot the first; none was sent since"
    # Once a minute has passed since it was resolved, the id is only a used one.
    await rig.clock.advance(MINUTE_S)
    await rig.refresher.measure_offset()
    assert why(await again(rig)) == "duplicate_client_order_id"
    await rig.end()


@pytest.mark.threat(53)
@on_virtual_time
async def test_what_never_arrived_is_absent_after_all_waits_and_its_id_is_free() -> None:
    """Until then UNKNOWN, and not sent again; then a repetition is a new order."""
    rig = await Rig().warm()
    absent(rig)
    await lose(rig)
    await rig.clock.advance(14.9)
    assert resolved(rig) == []
    rig.refresher.start()
    assert (await again(rig)).headers["X-Counterseal-State"] == "UNKNOWN"
    await rig.clock.advance(4)
    (record,) = rig.journal.of("resolved")
    assert (record["outcome"], record["freed"], record["reply"]) == ("ABSENT", ["a"], None)
    assert 16_000 <= record["after_ms"] <= 30_000
    assert placed(rig) == 1
    asked = [sent.path for sent in rig.venue.sent if sent.method == "GET"]
    assert asked.count(SPOT) >= 6
    assert [path for path in asked if path in (OPEN, TRADES, ALL)] == [OPEN, TRADES]
    # Another gateway on the same journal knows it too.
    assert Rig(after=rig).state.ledger.get("spot", "a") is None
    rig.venue.script.clear()
    reply = await again(rig)
    assert (reply.status, json.loads(reply.body)["status"]) == (200, "NEW")
    assert placed(rig) == 2
    await rig.end()


@on_virtual_time
async def test_trades_of_others_are_attributed() -> None:
    """Something was traded since: all orders of that time tell whose it was."""
    for rows, outcome in (([shown("other")[1]], "ABSENT"), ([shown("other")[1], shown("a")[1]], "ACCEPTED")):
        rig = await Rig().warm()
        absent(rig)
        rig.venue.script.update({TRADES: [(200, [{"orderId": 7}])], ALL: [(200, rows)]})
        await lose(rig)
        await rig.clock.advance(20)
        assert resolved(rig) == [outcome]
        asked = next(sent.params for sent in rig.venue.sent if sent.path == ALL)
        assert int(asked["endTime"]) - int(asked["startTime"]) == 25_000
        await rig.end()


@on_virtual_time
async def test_unresolved_for_a_minute_is_critical_and_closes_the_symbol_for_new_risk() -> None:
    """Cancels go on, other symbols too; it is asked ever more rarely, and all opens when the exchange answers again."""
    rig = await Rig().warm()
    rig.refresher.start()
    rig.venue.script[SPOT] = ["lost"] * 400
    await lose(rig)
    await rig.clock.advance(59.9)
    assert (rig.log.criticals, rig.state.unknowns.overdue()) == ([], 0)
    await rig.clock.advance(0.2)
    ((event, fields),) = rig.log.criticals
    assert "UNKNOWN" in event
    assert (fields["symbols"], fields["bot"]) == (["BTCUSDT"], "alpha")
    assert rig.journal.of("event")[-1]["what"] == "unresolved"
    status = status_report(rig.state, {}, "writing", 0)["unknown_requests"]
    assert status["count"] == status["overdue"] == 1
    assert 60_000 <= status["oldest_ms"] <= 60_200
    assert why(await again(rig, "b")) == "symbol_unresolved"
    assert why(await again(rig)) == "outcome_unknown", "the repetition is told the truth"
    rig.venue.script[SPOT] = ["lost"] * 400
    asked = sum(sent.path == SPOT for sent in rig.venue.sent)
    await rig.clock.advance(600)
    assert 14 <= sum(sent.path == SPOT for sent in rig.venue.sent) - asked <= 22
    rig.venue.script[SPOT] = [shown("a")]
    await rig.clock.advance(61)
    assert resolved(rig) == ["ACCEPTED"]
    assert why(await again(rig, "b")) is None
    await rig.end()


@on_virtual_time
async def test_exits_go_on_while_orders_are_unknown() -> None:
    """Three of a symbol close it, on spot as on futures; cancels and reduce-only orders pass."""
    rig = await Rig().warm()
    rig.venue.script.update({SPOT: ["lost"] * 99, USDM: []})
    for name in ("a", "b", "c"):
        assert why(await again(rig, name)) == "outcome_unknown"
    assert why(await again(rig, "d")) == "symbol_has_unknown_orders"
    future = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=1"
    assert why(await rig.ask("POST", USDM, future)) is None
    rig.venue.script[USDM] = ["lost"] * 99
    for name in ("u", "v", "w"):
        assert why(await rig.ask("POST", USDM, f"{future}&newClientOrderId={name}")) == "outcome_unknown"
    assert why(await rig.ask("POST", USDM, f"{future}&newClientOrderId=x")) == "symbol_has_unknown_orders"
    rig.venue.script[USDM] = []
    assert why(await rig.ask("POST", USDM, f"{future}&reduceOnly=true")) is None
    rig.venue.script[SPOT] = [(200, {"symbol": "BTCUSDT", "orderId": 9, "status": "CANCELED"})]
    assert why(await rig.ask("DELETE", SPOT, "symbol=BTCUSDT&orderId=9")) is None
    await rig.end()


@on_virtual_time
async def test_a_duplicate_is_looked_for_and_returned_when_it_is_ours() -> None:
    """An earlier order of this id is live: with the same values it is this one, with others ours was refused."""
    rig = await Rig().warm()
    rig.venue.script[SPOT] = [DUPLICATE, shown("a", status="NEW", time=1)]
    first = rig.start("POST", SPOT, f"{ORDER}&newClientOrderId=a")
    await rig.clock.advance(0.1)
    assert (first.result().status, json.loads(first.result().body)["orderId"]) == (200, 7)
    rig.venue.script[SPOT] = [DUPLICATE, shown("b", price="80000.00")]
    other = rig.start("POST", SPOT, f"{ORDER}&newClientOrderId=b")
    await rig.clock.advance(0.1)
    assert (other.result().status, json.loads(other.result().body)["code"]) == (400, -2010)
    assert why(other.result()) is None
    assert rig.state.ledger.get("spot", "b") is None, "the exchange refused it"
    rig.venue.script[SPOT] = [DUPLICATE, *["lost"] * 9]
    silent = rig.start("POST", SPOT, f"{ORDER}&newClientOrderId=c")
    await rig.clock.advance(0.5)
    assert silent.done()
    assert why(silent.result()) == "outcome_unknown"
    assert resolved(rig) == ["ACCEPTED", "REJECTED"]
    await rig.end()


@on_virtual_time
async def test_a_bots_own_query_lets_the_resolver_look_at_once() -> None:
    """However long its pause is by then."""
    rig = await Rig().warm()
    rig.venue.script[SPOT] = ["lost"] * 40
    await lose(rig)
    await rig.clock.advance(33.0)
    before = len(rig.venue.sent)
    rig.venue.script[SPOT] = [shown("a"), shown("a")]
    assert (await rig.ask("GET", SPOT, "symbol=BTCUSDT&origClientOrderId=a")).status == 200
    assert resolved(rig) == ["ACCEPTED"]
    assert len(rig.venue.sent) == before + 2
    await rig.end()


@on_virtual_time
async def test_each_leg_of_a_batch_has_its_own_fate() -> None:
    """Refused at once: its id may be used again and is not asked for. Found: shown. Never arrived: free in the end."""
    rig = await Rig().warm()
    orders = [{"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "1", "newClientOrderId": name}
              for name in ("refused", "found", "gone")]  # fmt: skip
    query = "batchOrders=" + json.dumps(orders).replace('"', "%22").replace(" ", "")
    query = query.replace("{", "%7B").replace("}", "%7D").replace("[", "%5B").replace("]", "%5D")
    query = query.replace(":", "%3A").replace(",", "%2C")
    doubtful = {"code": -1007, "msg": "Timeout"}
    rig.venue.script[BATCH] = [(200, [{"code": -2019, "msg": "Margin is insufficient."}, doubtful, doubtful])]
    found = (200, {"symbol": "BTCUSDT", "orderId": 5, "clientOrderId": "found", "side": "BUY", "status": "NEW"})
    rig.venue.script.update({USDM: [found, *[NO_ORDER] * 20]})
    rig.venue.script.update({"/fapi/v1/openOrders": [EMPTY], "/fapi/v1/userTrades": [EMPTY]})
    assert why(await rig.ask("POST", BATCH, query)) == "outcome_unknown"
    rig.refresher.start()
    await rig.clock.advance(25)
    (record,) = rig.journal.of("resolved")
    assert (record["outcome"], record["freed"]) == ("ACCEPTED", ["gone"])
    rows = json.loads(record["reply"])
    assert [row.get("clientOrderId", row.get("code")) for row in rows] == [-2013, "found", -2013]
    asked = {sent.params["origClientOrderId"] for sent in rig.venue.sent if sent.path == USDM}
    assert asked == {"found", "gone"}
    known = Rig(after=rig).state.ledger
    assert [known.get("usdm", name) is not None for name in ("refused", "found", "gone")] == [False, True, False]
    await rig.end()


@on_virtual_time
async def test_a_cancel_is_resolved_by_its_order() -> None:
    """Cancelled: it happened. Still open when all has settled: it did not."""
    rig = await Rig().warm()
    rig.refresher.start()
    for statuses, outcome in ((["NEW", "CANCELED"], "ACCEPTED"), (["FILLED"], "ABSENT"), (["NEW"] * 30, "ABSENT")):
        rig.venue.script[SPOT] = ["lost", *[shown("a", status=status) for status in statuses]]
        reply = await rig.ask("DELETE", SPOT, "symbol=BTCUSDT&origClientOrderId=a")
        assert why(reply) == "outcome_unknown"
        await rig.clock.advance(25)
        assert resolved(rig)[-1] == outcome
        assert len(rig.state.unknowns) == 0
    await rig.end()


@on_virtual_time
async def test_a_cancel_repeated_byte_for_byte_is_told_what_became_of_it() -> None:
    """UNKNOWN as long as it is; then the cancelled order; what is proven never to have been executed is sent again."""
    cancel = "symbol=BTCUSDT&origClientOrderId=a"
    for found, told, sends in (("CANCELED", "CANCELED", 1), ("FILLED", None, 2)):
        rig = await Rig().warm()
        rig.venue.script[SPOT] = ["lost", "lost", "lost"]
        inquiry = rig.inquiry("DELETE", SPOT, cancel)
        first = asyncio.get_running_loop().create_task(rig.finish(inquiry))
        await rig.clock.advance(0)
        assert why(first.result()) == "outcome_unknown"
        again = replace(inquiry)
        assert why(await rig.finish(again)) == "outcome_unknown"
        gone = (400, {"code": -2011, "msg": "Unknown order sent."})
        rig.venue.script[SPOT] = [shown("a", status=found), gone]
        await rig.clock.advance(2)
        assert len(rig.state.unknowns) == 0
        reply = await rig.finish(replace(inquiry))
        assert json.loads(reply.body).get("status") == told
        assert [sent.method for sent in rig.venue.sent].count("DELETE") == sends
        await rig.end()


@on_virtual_time
async def test_a_setting_is_not_asked_for() -> None:
    """It brings no order; the bot reads it and sets it again."""
    rig = await Rig().warm()
    rig.venue.script["/fapi/v1/leverage"] = ["lost"]
    assert why(await rig.ask("POST", "/fapi/v1/leverage", "symbol=BTCUSDT&leverage=2")) == "outcome_unknown"
    assert len(rig.state.unknowns) == 0
    await rig.end()


@pytest.mark.threat(55)
@on_virtual_time
async def test_what_a_kill_left_open_is_asked_for_before_opening() -> None:
    """Cut the journal behind each record of its life: whatever stands there, the next gateway gets to the truth."""
    rig = await Rig().warm()
    rig.venue.script[SPOT] = ["lost"] * 9
    await lose(rig)
    for cut in (1, 2):
        killed = Rig(after=rig)
        killed.journal.records = rig.journal.records[:cut]
        started = await Rig(after=killed).warm()
        assert [intent["client_ids"] for intent in started.left] == [("a",)]
        assert started.state.ledger.get("spot", "a").outcome is Outcome.UNKNOWN  # type: ignore[union-attr]
        started.venue.script[SPOT] = [shown("a")]
        opening = started.clock.advance(0.1)
        task = started.tasks.spawn(started.resolver.before_opening(started.left), "open")
        await opening
        assert task.done()
        assert resolved(started) == ["ACCEPTED"]
        assert (await again(started)).status == 200
        assert Rig(after=started).left == []
        await started.end()
    await rig.end()


@on_virtual_time
async def test_a_silent_exchange_holds_a_start_up_for_five_seconds_at_most() -> None:
    """Then it opens, and goes on asking; absence counts from the start, since nobody knows when it was sent."""
    rig = await Rig().warm()
    rig.venue.script[SPOT] = ["lost"] * 9
    await lose(rig)
    await rig.tasks.cancel_all()
    await rig.clock.advance(3600)
    started = await Rig(after=rig).warm()
    started.refresher.start()
    started.venue.script[SPOT] = ["stall"]
    begun_s = started.clock.monotonic_ns() / 1e9
    task = started.tasks.spawn(started.resolver.before_opening(started.left), "open")
    await started.clock.advance(4.9)
    assert not task.done()
    await started.clock.advance(0.2)
    assert task.done()
    assert why(await again(started)) == "outcome_unknown"
    absent(started)
    await started.clock.advance(begun_s + 17.9 - started.clock.monotonic_ns() / 1e9)
    assert resolved(started) == []
    await started.clock.advance(12)
    assert resolved(started) == ["ABSENT"]
    await started.end()
    await rig.end()


@on_virtual_time
async def test_an_old_intent_gives_its_id_never_back() -> None:
    """Futures forget orders that ended without a trade after three days: no denial proves that there was none."""
    rig = await Rig().warm()
    rig.venue.script[SPOT] = ["lost"] * 9
    await lose(rig)
    await rig.tasks.cancel_all()
    await rig.clock.advance(3 * 86_400)
    started = await Rig(after=rig).warm()
    absent(started)
    started.refresher.start()
    started.tasks.spawn(started.resolver.before_opening(started.left), "open")
    await started.clock.advance(90)
    (record,) = started.journal.of("resolved")
    assert (record["outcome"], record["freed"]) == ("ABSENT", [])
    await started.clock.advance(MINUTE_S)
    await started.refresher.measure_offset()
    assert why(await again(started)) == "duplicate_client_order_id"
    await started.end()
    await rig.end()


@on_virtual_time
async def test_with_the_journal_latched_it_is_resolved_all_the_same() -> None:
    """In memory: exits need it."""
    rig = await Rig().warm()
    rig.venue.script[SPOT] = ["lost", "lost", *[shown("a")] * 9]
    await lose(rig)
    rig.journal.failed = True
    rig.venue.script[SPOT] = [shown("a")] * 9
    await rig.clock.advance(5)
    assert rig.state.ledger.get("spot", "a").outcome is Outcome.ACCEPTED  # type: ignore[union-attr]
    assert resolved(rig) == []
    await rig.end()


@on_virtual_time
async def test_without_the_key_that_signed_it_nothing_is_asked() -> None:
    """Another key may see another account, where there is no such order."""
    rig = await Rig().warm()
    rig.venue.script[SPOT] = ["lost"] * 2
    await lose(rig)
    held, rig.signer.keys = rig.signer.keys, dict  # type: ignore[method-assign]
    before = len(rig.venue.sent)
    await rig.clock.advance(30)
    assert len(rig.venue.sent) == before
    rig.signer.keys = held  # type: ignore[method-assign]
    rig.venue.script[SPOT] = [shown("a")]
    await rig.clock.advance(10)
    assert resolved(rig) == ["ACCEPTED"]
    await rig.end()
