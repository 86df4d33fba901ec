"""Polling: which orders are asked for, what is made of the answers, and what is left alone."""

from decimal import Decimal
from typing import Any

from tests.gateway.exposed import opened, total
from tests.gateway.rig import ORDER, Rig, on_virtual_time

from counterseal.gateway.polling import positions_in

LIMIT = "max_exposure = 100000\nmax_repeats = 0\n"
SPOT, USDM = "/api/v3/order", "/fapi/v1/order"
OPEN, USDM_OPEN, ALGO_OPEN = "/api/v3/openOrders", "/fapi/v1/openOrders", "/fapi/v1/openAlgoOrders"


def row(name: str, number: int, status: str = "NEW", filled: str = "0") -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT", "clientOrderId": name, "orderId": number, "status": status, "executedQty": filled,
    }  # fmt: skip


async def place(rig: Rig, path: str, name: str, number: int, query: str = ORDER) -> None:
    """Place an order to which the exchange gives this number."""
    rig.venue.script[path] = [(200, row(name, number))]
    assert (await rig.ask("POST", path, f"{query}&newClientOrderId={name}")).status == 200


def asked(rig: Rig) -> list[tuple[str, str]]:
    """Paths and numbers of what was asked, in order."""
    reads = [sent for sent in rig.venue.sent if sent.method == "GET"]
    return [(sent.path, sent.params.get("orderId", sent.params.get("algoId", ""))) for sent in reads]


@on_virtual_time
async def test_orders_that_have_vanished_are_asked_for_by_turns() -> None:
    rig = await opened(Rig(LIMIT))
    for number in range(1, 8):
        await place(rig, SPOT, f"a{number}", number)
    rig.venue.sent.clear()
    rig.venue.script[SPOT] = [(200, {})] * 99
    rig.venue.script[OPEN] = [(200, [row("a7", 7)])] * 99
    await rig.clock.advance(2)
    first, second = asked(rig)[1:5], asked(rig)[6:10]
    assert {number for _, number in first} == {"1", "2", "3", "4"}
    assert {"5", "6"} <= {number for _, number in second}
    await rig.end()


@on_virtual_time
async def test_an_order_placed_after_the_question_is_not_missed_in_its_answer() -> None:
    rig = await opened(Rig(LIMIT))
    await place(rig, SPOT, "a", 1)
    rig.venue.sent.clear()
    rig.venue.script[OPEN] = [(200, [])]
    await rig.plane.polling.once()
    assert asked(rig) == [(OPEN, "")], "placed in this very millisecond"
    await rig.end()


@on_virtual_time
async def test_what_the_exchange_has_forgotten_has_ended_but_not_at_once() -> None:
    rig = await opened(Rig(LIMIT))
    await place(rig, SPOT, "a", 1)
    gone = (400, {"code": -2013, "msg": "Order does not exist."})
    rig.venue.script[OPEN], rig.venue.script[SPOT] = [(200, [])] * 200, [gone] * 200
    await rig.clock.advance(30)
    assert total(rig) == "100.00"
    await rig.clock.advance(32)
    assert total(rig) == "0.00"
    assert rig.journal.of("learnt")[-1]["rows"][0]["clientOrderId"] == "a"
    await rig.end()


@on_virtual_time
async def test_an_order_that_is_still_on_its_way_is_not_forgotten_at_the_first_denial() -> None:
    """One read has shown it and the next is behind: its own answer will tell."""
    rig = await opened(Rig(LIMIT))
    await rig.clock.advance(120)
    await rig.refresher.read_prices()
    rig.venue.script[SPOT] = ["stall", (200, row("a", 1))]
    rig.start("POST", SPOT, f"{ORDER}&newClientOrderId=a")
    await rig.clock.advance(0.1)
    assert (await rig.ask("GET", SPOT, "symbol=BTCUSDT&origClientOrderId=a")).status == 200
    rig.venue.sent.clear()
    rig.venue.script[OPEN] = [(200, [])] * 9
    rig.venue.script[SPOT] = [(400, {"code": -2013, "msg": "Order does not exist."})] * 9
    await rig.clock.advance(3)
    assert (SPOT, "1") in asked(rig)
    assert total(rig) == "100.00"
    await rig.end()


@on_virtual_time
async def test_a_conditional_order_is_followed_to_what_it_became() -> None:
    rig = await opened(Rig(LIMIT))
    algo = {"symbol": "BTCUSDT", "clientAlgoId": "c", "algoId": 5, "algoStatus": "NEW", "actualOrderId": ""}
    rig.venue.script["/fapi/v1/algoOrder"] = [(200, algo)]
    stop = "algoType=CONDITIONAL&symbol=BTCUSDT&side=SELL&type=STOP_MARKET&quantity=0.001&triggerPrice=90000"
    assert (await rig.ask("POST", "/fapi/v1/algoOrder", f"{stop}&clientAlgoId=c")).status == 200
    rig.venue.sent.clear()
    rig.venue.script[ALGO_OPEN] = [(200, [algo]), (200, [])]
    await rig.clock.advance(1)
    assert asked(rig)[0] == (ALGO_OPEN, "")
    rig.venue.script["/fapi/v1/algoOrder"] = [(200, algo | {"algoStatus": "FINISHED", "actualOrderId": "77"})]
    rig.venue.script[USDM_OPEN] = [(200, [])]
    rig.venue.script[USDM] = [(200, row("its own", 77, "FILLED", "0.001"))]
    await rig.clock.advance(2)
    assert asked(rig)[-2:] == [(USDM_OPEN, ""), (USDM, "77")]
    assert list(rig.plane.exposures.tracker.book.orders()) == []
    assert total(rig) == "100.00"
    await rig.end()


@on_virtual_time
async def test_answers_that_say_nothing_change_nothing() -> None:
    rig = await opened(Rig(LIMIT + "[accounts.main]\nmax_exposure = 100000\n"))
    positions = "/fapi/v3/positionRisk"
    rig.venue.script[positions] = [(200, [{"symbol": "BTCUSDT"}]), (503, {}), "lost"]
    for _ in range(3):
        await rig.plane.polling.read_positions()
        assert list(rig.plane.exposures.stated().values()) == [None]
    rig.venue.script[positions] = [(200, [])] * 99
    await rig.plane.polling.read_positions()
    await place(rig, USDM, "a", 1)
    rig.venue.script[USDM_OPEN] = [(500, {}), "lost", (200, {"not": "a list"}), (200, ["rows", {"strange": 1}])]
    rig.venue.script[USDM] = [(200, ["no order"]), "lost"]
    await rig.clock.advance(5)
    assert total(rig) == "100.00"
    await rig.end()


def test_positions_are_read_by_symbol_and_side() -> None:
    rows = [
        {"symbol": "A", "positionAmt": "-1.5"},
        {"symbol": "B", "positionSide": "LONG", "positionAmt": "2"},
        {"symbol": "B", "positionSide": "SHORT", "positionAmt": "0"},
    ]
    assert positions_in(rows) == {("A", ""): Decimal("-1.5"), ("B", "LONG"): Decimal(2), ("B", "SHORT"): Decimal(0)}
    for bad in ("NaN", "Infinity", "one", None, 5.0j):
        assert positions_in([{"symbol": "A", "positionAmt": bad}]) is None
    assert positions_in(["text"]) is None
