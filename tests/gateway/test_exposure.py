"""Limits of exposure on the way of a request: reserved before the send, settled by its outcome, kept over kills."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from tests.gateway.exposed import ListTail, opened, reload, total
from tests.gateway.rig import ORDER, Rig, on_virtual_time, why

from counterseal.gateway import exposure
from counterseal.gateway.rebuilding import AT_ONCE

BUY = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=90000.00"
SPOT, USDM = "/api/v3/order", "/fapi/v1/order"
LIMIT = "max_exposure = 250\nmax_repeats = 0\n"
ACCOUNT = "max_repeats = 0\n[accounts.main]\nmax_exposure = 250\nmax_symbol_exposure = { BTCUSDT = 200 }\n"


def row(name: str, status: str, filled: str = "0", **more: Any) -> dict[str, Any]:
    """An order as the exchange shows it."""
    return {"symbol": "BTCUSDT", "clientOrderId": name, "status": status, "executedQty": filled, **more}


async def place(rig: Rig, name: str, path: str = SPOT, query: str = BUY) -> str | None:
    """Place one order; why it was refused."""
    return why(await rig.ask("POST", path, f"{query}&newClientOrderId={name}"))


@on_virtual_time
async def test_orders_pass_up_to_the_limit_and_no_further() -> None:
    rig = await opened(Rig(LIMIT))
    assert [await place(rig, name) for name in "abc"] == [None, None, "exposure_bot"]
    assert total(rig) == "200.00"
    assert len(rig.journal.of("intent")) == 2, "a refused order is no intent"
    await rig.end()


@on_virtual_time
async def test_without_any_limit_nothing_is_kept() -> None:
    rig = await opened(Rig())
    assert not rig.plane.exposures.active
    assert await place(rig, "a") is None
    assert list(rig.plane.exposures.tracker.book.orders()) == []
    assert rig.journal.of("exposure") == []
    await rig.end()


@on_virtual_time
async def test_what_is_rejected_or_never_sent_is_given_back_and_what_is_unknown_is_not() -> None:
    rig = await opened(Rig(LIMIT))
    rig.venue.script[SPOT] = [(400, {"code": -2010, "msg": "Account has insufficient balance."}), "not_sent", "lost"]
    assert await place(rig, "a") is None
    assert total(rig) == "0.00"
    assert await place(rig, "b") == "venue_unreachable"
    assert total(rig) == "0.00"
    assert await place(rig, "c") == "outcome_unknown"
    assert total(rig) == "100.00"
    rig.venue.script[SPOT] = [(200, row("c", "CANCELED", "0.0005", orderId=9, side="BUY", type="LIMIT"))]
    await rig.clock.advance(1)
    assert total(rig) == "50.00", "it lived, half of it was filled, the rest was cancelled"
    await rig.end()


@on_virtual_time
async def test_a_cancel_gives_back_what_was_not_filled() -> None:
    rig = await opened(Rig(LIMIT))
    assert [await place(rig, name) for name in "ab"] == [None, None]
    answer = row("x", "CANCELED", "0.0004", orderId=7, origClientOrderId="a")
    rig.venue.script[SPOT] = [(200, answer)]
    assert (await rig.ask("DELETE", SPOT, "symbol=BTCUSDT&origClientOrderId=a")).status == 200
    assert total(rig) == "140.00"
    await rig.end()


@on_virtual_time
async def test_selling_what_was_bought_adds_nothing_even_without_a_price() -> None:
    rig = await opened(Rig(LIMIT))
    rig.venue.script[SPOT] = [(200, row("a", "FILLED", "0.001", orderId=1))]
    assert await place(rig, "a") is None
    await rig.clock.advance(6)
    assert await place(rig, "c") == "exposure_unpriced"
    sell = BUY.replace("BUY", "SELL").replace("90000", "110000")
    assert await place(rig, "d", query=sell) is None
    assert await place(rig, "e", query=sell) is None, "with both it would owe what it holds now, which is no more"
    assert await place(rig, "f", query=sell) == "exposure_unpriced"
    await rig.end()


@on_virtual_time
async def test_a_fall_of_the_price_frees_and_a_rise_closes() -> None:
    rig = await opened(Rig(LIMIT))
    assert [await place(rig, name) for name in "ab"] == [None, None]
    for last, verdict in (("80000.00", None), ("120000.00", "exposure_bot")):
        rig.venue.script["/api/v3/ticker/price"] = [(200, [{"symbol": "BTCUSDT", "price": last}])]
        await rig.clock.advance(2)
        await rig.refresher.read_prices()
        refused = await place(rig, f"c{last}", query=BUY.replace("0.001", "0.0007"))
        assert refused == verdict, (last, total(rig))
    await rig.end()


@on_virtual_time
async def test_in_report_mode_it_is_written_down_and_goes_on() -> None:
    rig = await opened(Rig(f'mode = "report"\n{LIMIT}'))
    assert [await place(rig, name) for name in "abc"] == [None, None, None]
    assert [intent["would_deny"] for intent in rig.journal.of("intent")] == [None, None, "exposure_bot"]
    assert total(rig) == "300.00"
    await rig.end()


@on_virtual_time
async def test_no_room_in_the_exchanges_limits_gives_the_exposure_back() -> None:
    rig = await opened(Rig(f"{LIMIT}max_orders_10s = 1\n"))
    assert await place(rig, "a") is None
    assert await place(rig, "b") not in (None, "exposure_bot")
    assert total(rig) == "100.00"
    await rig.end()


@on_virtual_time
async def test_an_account_needs_its_positions_and_the_larger_truth_counts() -> None:
    rig = await opened(Rig(ACCOUNT))
    assert await place(rig, "a", USDM) == "exposure_unread", "the exchange's positions could not be read"
    positions = "/fapi/v3/positionRisk"
    rig.venue.script[positions] = [(200, [{"symbol": "BTCUSDT", "positionSide": "BOTH", "positionAmt": "-0.0015"}])]
    await rig.plane.polling.read_positions()
    assert total(rig, "account") == "150.00"
    assert await place(rig, "b", USDM) is None, "a foreign short of 150 and a buy of 100: 150 is the larger side"
    assert await place(rig, "c", USDM, BUY.replace("BUY", "SELL")) == "exposure_symbol"
    reducing = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.0015&reduceOnly=true"
    await rig.clock.advance(31)
    assert await place(rig, "d", USDM, reducing) is None, "exits wait for nothing"
    await rig.refresher.read_prices()
    assert await place(rig, "e", USDM) == "exposure_unread", "what was stated 31 s ago is old"
    await rig.end()


@on_virtual_time
async def test_fills_are_found_by_polling_and_survive_a_kill() -> None:
    rig = await opened(Rig(LIMIT))
    rig.venue.script[SPOT] = [(200, row("a", "NEW", orderId=1)), (200, row("b", "NEW", orderId=2))]
    assert [await place(rig, name) for name in "ab"] == [None, None]
    # One is half filled and open; the other is open no longer, and was filled to three quarters before it ended.
    half = row("a", "PARTIALLY_FILLED", "0.0005", orderId=1)
    rig.venue.script["/api/v3/openOrders"] = [(200, [half])]
    rig.venue.script[SPOT] = [(200, row("b", "EXPIRED", "0.00075", orderId=2))]
    await rig.clock.advance(1)
    assert [sent.path for sent in rig.venue.sent if sent.method == "GET"][:2] == ["/api/v3/openOrders", SPOT]
    assert total(rig) == "175.00"
    assert [len(record["rows"]) for record in rig.journal.of("learnt")] == [1, 1]
    again = await opened(Rig(LIMIT, after=rig))
    assert total(again) == "175.00"
    assert await place(again, "c") == "exposure_bot"
    assert await place(again, "d", query=BUY.replace("0.001", "0.0007")) is None
    await rig.end()
    await again.end()


@on_virtual_time
async def test_what_a_kill_left_unknown_stays_reserved_until_it_is_resolved() -> None:
    rig = await opened(Rig(LIMIT))
    rig.venue.script[SPOT] = ["stall"]
    rig.start("POST", SPOT, f"{BUY}&newClientOrderId=a")
    await rig.clock.advance(0.1)
    assert total(rig) == "100.00"
    again = await opened(Rig(LIMIT, after=rig))
    assert total(again) == "100.00"
    rig.venue.script[SPOT] = [(200, row("a", "FILLED", "0.001", orderId=3, side="BUY", type="LIMIT"))]
    again.tasks.spawn(again.resolver.before_opening(again.left), "open")
    await again.clock.advance(1)
    assert again.journal.of("resolved")[0]["outcome"] == "ACCEPTED"
    assert total(again) == "100.00"
    assert list(again.plane.exposures.tracker.book.orders()) == []
    await again.end()


@on_virtual_time
async def test_a_new_limit_counts_what_was_there_before_it() -> None:
    rig = await opened(Rig("max_repeats = 0\n"))
    assert [await place(rig, name) for name in "ab"] == [None, None]
    reload(rig, LIMIT)
    refused = rig.start("POST", SPOT, f"{ORDER}&newClientOrderId=c")
    await rig.clock.advance(0)
    assert why(refused.result()) == "exposure_unread"
    await rig.clock.advance(0.1)
    assert total(rig) == "200.00"
    assert await place(rig, "d") == "exposure_bot"
    reload(rig, "max_exposure = 300\nmax_repeats = 0\n")
    assert await place(rig, "e") is None, "a limit that is only raised needs no reading"
    reload(rig, "max_repeats = 0\n")
    assert await place(rig, "f") is None
    await rig.end()


@on_virtual_time
async def test_a_statement_is_written_once_a_minute_and_only_when_something_happened() -> None:
    rig = await opened(Rig(LIMIT))
    assert len(rig.journal.of("exposure")) == 1
    await rig.clock.advance(150)
    assert len(rig.journal.of("exposure")) == 1
    await rig.refresher.read_prices()
    assert await place(rig, "a") is None
    await rig.clock.advance(2)
    statement = rig.journal.of("exposure")[-1]
    assert (statement["covers"], len(statement["orders"])) == ([["alpha", "main"]], 1)
    tail = ListTail(rig.journal.records)
    assert list(tail.finding(b"", lambda _record: True)) == []
    await rig.end()


@on_virtual_time
async def test_a_bots_own_query_is_learnt_from() -> None:
    rig = await opened(Rig(LIMIT))
    assert await place(rig, "a") is None
    rig.venue.script[SPOT] = [(200, row("a", "FILLED", "0.001", orderId=7))]
    assert (await rig.ask("GET", SPOT, "symbol=BTCUSDT&origClientOrderId=a")).status == 200
    assert list(rig.plane.exposures.tracker.book.orders()) == []
    assert total(rig) == "100.00"
    await rig.end()


@on_virtual_time
async def test_what_breaks_inside_stops_no_exit_and_lets_nothing_else_out() -> None:
    rig = await opened(Rig(LIMIT))
    rig.plane.exposures.tracker = None  # type: ignore[assignment]  # whatever may break
    assert await place(rig, "a") == "exposure_unread"
    assert await place(rig, "b", USDM, "symbol=BTCUSDT&side=SELL&type=MARKET&quantity=0.001&reduceOnly=true") is None
    assert {event["what"] for event in rig.journal.of("event")} == {"exposure_fault", "failing"}
    assert (await rig.ask("GET", SPOT, "symbol=BTCUSDT&origClientOrderId=a")).status == 200
    await rig.end()


@on_virtual_time
async def test_a_journal_that_cannot_be_taken_lets_limited_bots_only_reduce() -> None:
    rig = Rig(LIMIT)
    rig.journal.records.append({"type": "intent", "id": "1", "bot": "alpha", "key": "main"})
    await opened(rig)
    assert [name for name, _ in rig.log.criticals] == [
        "exposure cannot be made from the journal: limited bots may only reduce"
    ]
    assert await place(rig, "a") == "exposure_unread"
    assert await place(rig, "b", USDM, "symbol=BTCUSDT&side=SELL&type=MARKET&quantity=0.001&reduceOnly=true") is None
    await rig.end()


@on_virtual_time
async def test_fills_between_two_statements_of_the_position_count_for_the_account() -> None:
    """Others hold 0.0010; market orders that are filled at once must not hide behind that until it is asked again."""
    rig = Rig(ACCOUNT.replace("{ BTCUSDT = 200 }", "{}"))
    stated = {"symbol": "BTCUSDT", "positionSide": "BOTH", "positionAmt": "0.0010"}
    rig.venue.script["/fapi/v3/positionRisk"] = [(200, [stated])] * 9
    await opened(rig)
    market = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.001"
    for name, number, verdict in (("a", 1, None), ("b", 2, "exposure_account"), ("c", 3, "exposure_account")):
        rig.venue.script[USDM] = [(200, row(name, "FILLED", "0.001", orderId=number))]
        assert await place(rig, name, USDM, market) == verdict
    assert total(rig, "account") == "200.00"
    await rig.end()


@on_virtual_time
async def test_fills_while_the_position_is_being_asked_for_are_not_taken_for_part_of_it() -> None:
    rig = Rig(ACCOUNT)
    stated = {"symbol": "BTCUSDT", "positionSide": "BOTH", "positionAmt": "0.0005"}
    rig.venue.script["/fapi/v3/positionRisk"] = [(200, [stated])] * 9
    await opened(rig)
    await rig.clock.advance(4.5)
    await rig.refresher.read_prices()
    rig.venue.delay_s = 0.4
    asked = rig.tasks.spawn(rig.plane.polling._read_positions("main", "usdm"), "positions")
    await rig.clock.advance(0.1)
    rig.venue.delay_s = 0
    rig.venue.script[USDM] = [(200, row("a", "FILLED", "0.001", orderId=1))]
    assert await place(rig, "a", USDM, "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.001") is None
    await rig.clock.advance(0.35)
    assert asked.done()
    assert total(rig, "account") == "150.00"
    await rig.end()


@on_virtual_time
async def test_a_test_order_whose_answer_is_lost_leaves_nothing_over_a_restart_too() -> None:
    rig = await opened(Rig(LIMIT))
    rig.venue.script[f"{SPOT}/test"] = ["lost"]
    assert await place(rig, "a", f"{SPOT}/test") == "outcome_unknown"
    assert total(rig) == "0.00"
    again = await opened(Rig(LIMIT, after=rig))
    assert total(again) == "0.00"
    await rig.end()
    await again.end()


@on_virtual_time
async def test_after_a_restart_an_order_is_not_forgotten_at_the_first_denial() -> None:
    """Reads of the exchange may be behind: an order that was placed a moment before the kill is not gone."""
    rig = await opened(Rig(LIMIT))
    await rig.clock.advance(120)
    await rig.refresher.read_prices()
    assert await place(rig, "a") is None
    again = await opened(Rig(LIMIT, after=rig))
    again.venue.script["/api/v3/openOrders"] = [(200, [])] * 200
    again.venue.script[SPOT] = [(400, {"code": -2013, "msg": "Order does not exist."})] * 200
    await again.clock.advance(30)
    assert total(again) == "100.00"
    await again.clock.advance(40)
    assert total(again) == "0.00"
    await rig.end()
    await again.end()


@on_virtual_time
async def test_an_amendment_waits_for_nothing_that_an_order_needs() -> None:
    rig = await opened(Rig(ACCOUNT))
    amend = "symbol=BTCUSDT&origClientOrderId=a&newClientOrderId=b&newQty=0.0005"
    assert await place(rig, "a", USDM) == "exposure_unread"
    refused = why(await rig.ask("PUT", "/api/v3/order/amend/keepPriority", amend))
    assert refused != "exposure_unread", "it can only make its order smaller"
    await rig.end()


class LongTail(ListTail):
    """A journal that takes a while to read."""

    def new(self) -> Iterable[Mapping[str, Any]]:
        """Give much that says nothing before what there is."""
        return [*[{"type": "event"}] * (20 * AT_ONCE), *super().new()]


@on_virtual_time
async def test_who_loses_the_limit_while_the_journal_is_read_for_it_is_unread_when_it_comes_again() -> None:
    rig = await opened(Rig("max_repeats = 0\n"))
    tail, rebuilding = LongTail(rig.journal.records), rig.plane.rebuilding
    reload(rig, LIMIT, read=rebuilding.read(tail))
    await rig.clock.advance(0.005)
    reload(rig, "max_repeats = 0\n")
    await rig.clock.advance(1)
    assert await place(rig, "a") is None
    reload(rig, LIMIT)
    assert rig.plane.exposures.must_read
    await rig.clock.advance(0.1)
    assert total(rig) == "100.00"
    await rig.end()


@on_virtual_time
async def test_what_an_earlier_reload_reads_does_not_come_after_what_a_later_one_needs() -> None:
    rig = await opened(Rig("max_repeats = 0\n"))
    assert await place(rig, "a") is None
    tail, rebuilding = LongTail(rig.journal.records), rig.plane.rebuilding
    reload(rig, LIMIT, read=rebuilding.read(tail))
    await rig.clock.advance(0.005)
    other = '[bots.beta]\nkeys = ["main"]\nproducts = ["spot"]\npurposes = ["trade"]\nsymbols = ["*"]\n'
    reload(rig, f"{LIMIT}{other}max_exposure = 5\n")
    await rig.clock.advance(1)
    assert not rig.plane.exposures.must_read
    assert total(rig) == "100.00"
    await rig.end()


def test_groups_of_symbols_that_a_bot_makes_up_are_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exposure, "MAX_LIMITS", 10)

    async def ask() -> None:
        rig = await opened(Rig(LIMIT))
        kept = rig.plane.exposures
        for number in range(25):
            assert [limit.dollars for limit in kept._limits_of("alpha", "main", ("BTCUSDT", str(number)))] == [250]
            assert len(kept._limits) <= 10
        await rig.end()

    asyncio.run(ask())
