"""Orders that nobody here has sent, and what others can do with names and numbers of ours."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
from tests.gateway.userdata.feeding import EXPOSED, LIMIT, ORDERS, hears, no_answer, once, total
from tests.gateway.userdata.rig import FAMILIES, Rig, with_rig
from tests.limits.house import key_of

from counterseal.gateway.userdata.events import UserEvent


@pytest.mark.threat(44)
@pytest.mark.parametrize("family", FAMILIES)
def test_an_order_that_somebody_else_placed_is_told_once(tmp_path: Any, family: str) -> None:
    @with_rig()
    async def test(rig: Rig) -> None:
        order = rig.outside(family, f"{LIMIT}&newClientOrderId=evil")
        await rig.wait(1)
        assert rig.told_of("intruder") == []
        await rig.wait(2)
        symbol = "BTCUSD_PERP" if family == "coinm" else "BTCUSDT"
        rig.exchange.signed("DELETE", ORDERS[family], key=key_of("main"), symbol=symbol, orderId=order["orderId"])
        await rig.wait(3)
        (told,) = rig.told_of("intruder")
        assert dict(told) == {
            "type": "event", "what": "intruder", "account": "main", "family": family, "symbol": symbol, "side": "BUY",
            "order_id": order["orderId"], "client_id": "evil", "conditional": False,
        }  # fmt: skip
        assert rig.log.of("critical") == ["order that this gateway did not send"]

    test(tmp_path)


@with_rig()
async def test_what_bots_do_is_no_intrusion(rig: Rig) -> None:
    """Every way to bring an order about or to change it, on each market."""
    line = "symbol=BTCUSDT&side=BUY&quantity=0.002"
    for query in ("&type=MARKET", "&type=LIMIT&timeInForce=IOC&price=99000", LIMIT):
        for family in FAMILIES:
            await rig.order(family, query)
    spot = await rig.order("spot", LIMIT)
    number = spot["orderId"]
    good = [
        ("PUT", "/api/v3/order/amend/keepPriority", f"symbol=BTCUSDT&orderId={number}&newQty=0.001"),
        ("POST", "/api/v3/order/cancelReplace",
         f"{line}{LIMIT}&cancelReplaceMode=STOP_ON_FAILURE&cancelOrderId={number}"),
        ("POST", "/api/v3/orderList/oco",
         "symbol=BTCUSDT&side=SELL&quantity=0.001&aboveType=LIMIT_MAKER&abovePrice=120000&belowType=STOP_LOSS"
         "&belowStopPrice=80000"),
        ("POST", "/api/v3/orderList/oto",
         "symbol=BTCUSDT&workingType=LIMIT&workingSide=BUY&workingPrice=100500&workingQuantity=0.001"
         "&workingTimeInForce=GTC&pendingType=LIMIT&pendingSide=SELL&pendingPrice=120000&pendingQuantity=0.0005"
         "&pendingTimeInForce=GTC"),
        ("DELETE", "/api/v3/openOrders", "symbol=BTCUSDT"),
        ("POST", "/fapi/v1/batchOrders", "batchOrders=" + _quoted([
            {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.002",
             "price": "90000"}] * 2)),
        ("POST", "/fapi/v1/algoOrder",
         "algoType=CONDITIONAL&symbol=BTCUSDT&side=BUY&type=STOP_MARKET&quantity=0.002&triggerPrice=101000"),
    ]  # fmt: skip
    for method, path, query in good:
        answer = await rig.ask("alpha", method, path, query)
        assert answer.status == 200, (path, answer)
    futures = await rig.order("usdm", LIMIT)
    changed = await rig.ask(
        "alpha", "PUT", "/fapi/v1/order",
        f"symbol=BTCUSDT&side=BUY&quantity=0.003&price=90100&orderId={futures['orderId']}",
    )  # fmt: skip
    assert changed.status == 200, changed
    rig.exchange.set_price("usdm", "BTCUSDT", "101500")
    await rig.wait(5)
    kinds = [event.kind for listening in rig.listening.values() for event in listening.events]
    assert {"executionReport", "listStatus", "ORDER_TRADE_UPDATE", "ALGO_UPDATE"} <= set(kinds)
    statuses = [event.body["o"]["X"] for event in rig.heard("usdm").events if event.kind == "ALGO_UPDATE"]
    assert "TRIGGERED" in statuses or "FINISHED" in statuses, "the conditional order became another one"
    assert rig.told == []


def _quoted(value: Any) -> str:
    return quote(json.dumps(value, separators=(",", ":")))


@pytest.mark.parametrize("name", ["autoclose-1571", "adl_autoclose", "settlement_autoclose-1"])
def test_what_the_exchange_does_itself_is_no_intruder(tmp_path: Any, name: str) -> None:
    @with_rig(products=("usdm",))
    async def test(rig: Rig) -> None:
        order = {"s": "BTCUSDT", "c": name, "S": "SELL", "X": "NEW", "i": 99, "z": "0"}
        hears(rig, "usdm", "ORDER_TRADE_UPDATE", {"o": order})
        hears(rig, "usdm", "ORDER_TRADE_UPDATE", {"o": order | {"X": "FILLED"}})
        await rig.wait(3)
        assert [event["what"] for event in rig.told] == ["exchange_order"]

    test(tmp_path)


@with_rig(products=("usdm",))
async def test_what_is_proven_a_moment_later_is_no_intruder(rig: Rig) -> None:
    """The order that a conditional one became is heard of before that is told."""
    algo = await rig.ask("alpha", "POST", "/fapi/v1/algoOrder", "algoType=CONDITIONAL&symbol=BTCUSDT&side=BUY"
                         "&type=STOP_MARKET&quantity=0.002&triggerPrice=101000&clientAlgoId=cond")  # fmt: skip
    number = json.loads(algo.body)["algoId"]
    hears(rig, "usdm", "ORDER_TRADE_UPDATE", {"o": {"s": "BTCUSDT", "c": "web_1", "S": "BUY", "X": "NEW", "i": 77}})
    hears(
        rig, "usdm", "ALGO_UPDATE", {"o": {"s": "BTCUSDT", "caid": "cond", "aid": number, "X": "TRIGGERED", "ai": "77"}}
    )
    await rig.wait(3)
    assert rig.told == []
    assert rig.state.ledger.owners("usdm", "BTCUSDT", None, 77) == ("alpha",)


@with_rig({"alpha": "main", "beta": "second"}, products=("usdm",))
async def test_an_id_that_is_used_again_outside_hides_nobody(rig: Rig) -> None:
    """Neither an ended order's, nor one of another account's."""
    mine = await rig.order("usdm", f"{LIMIT}&newClientOrderId=mine")
    await rig.ask("alpha", "DELETE", ORDERS["usdm"], f"symbol=BTCUSDT&orderId={mine['orderId']}")
    await rig.order("usdm", f"{LIMIT}&newClientOrderId=theirs", bot="beta")
    await rig.wait(0.5)
    again = [rig.outside("usdm", f"{LIMIT}&newClientOrderId={name}")["orderId"] for name in ("mine", "theirs")]
    await rig.wait(3)
    assert [event["order_id"] for event in rig.told_of("intruder")] == again
    assert rig.state.ledger.owners("usdm", "BTCUSDT", None, again[0]) == (None,)


@with_rig(products=("usdm",))
async def test_a_flood_of_intruders_is_told_and_held_nowhere(rig: Rig) -> None:
    inside = rig.feeds._inside
    for number in range(1, 1_201):
        hears(
            rig,
            "usdm",
            "ORDER_TRADE_UPDATE",
            {"o": {"s": "BTCUSDT", "c": "x" * 40, "S": "BUY", "X": "NEW", "i": number}},
        )
    await rig.wait(3)
    told = rig.told_of("intruder")
    assert sorted(event["order_id"] for event in told) == list(range(1, 1_201))
    assert {event["client_id"] for event in told} == {"[redacted]"}
    assert not inside._waiting  # type: ignore[attr-defined]


@with_rig(products=("usdm",))
async def test_events_of_no_known_form_do_no_harm(rig: Rig) -> None:
    for body in ({}, {"o": 5}, {"o": {}}, {"o": {"i": "x", "c": 7}}, {"o": {"i": -1, "s": None}}, {"o": {"c": ""}}):
        for kind in ("ORDER_TRADE_UPDATE", "ALGO_UPDATE", "executionReport", "listStatus", "", "x"):
            hears(rig, "usdm", kind, body)
    rig.feeds._on_event(("main", "usdm"), b"[" * 100_000)
    rig.feeds._on_event(("main", "usdm"), b'"x"')
    rig.feeds._on_event(("gone", "usdm"), b"{}")
    await rig.wait(3)
    assert rig.told == []
    assert rig.log.of("error") == []
    assert all(isinstance(event, UserEvent) for event in rig.heard("usdm").events)


@with_rig(products=("spot",), more=EXPOSED)
async def test_a_report_of_what_was_never_born_releases_nothing(rig: Rig) -> None:
    """It has the name of an order that lives, and no number."""
    await rig.open_exposure()
    await rig.order("spot", f"{LIMIT}&newClientOrderId=mine")
    await rig.wait(0.5)
    risk = total(rig)
    for number in ({"i": -1}, {}):
        report = {"s": "BTCUSDT", "c": "mine", "C": "", "S": "BUY", "X": "REJECTED", "z": "0"} | number
        hears(rig, "spot", "executionReport", report)
    assert total(rig) == risk > 0


@with_rig({"alpha": "main", "beta": "main"}, products=("spot",))
async def test_the_id_of_a_cancel_says_nothing_of_the_order_that_has_it(rig: Rig) -> None:
    """A bot cancels its own order under the name of another bot's: that one lives, and is not shown by it."""
    await rig.order("spot", f"{LIMIT}&newClientOrderId=theirs", bot="beta")
    mine = await rig.order("spot", f"{LIMIT}&newClientOrderId=mine")
    rig.network.on_answer = once(no_answer)
    rig.mouth.script["GET /api/v3/order"] = [(400, {"code": -2013, "msg": "Order does not exist."})] * 9
    lost = await rig.ask("beta", "POST", ORDERS["spot"], f"symbol=BTCUSDT&side=BUY&quantity=0.002{LIMIT}")
    assert lost.headers["x-counterseal-reason"] == "outcome_unknown"
    (unknown,) = rig.state.unknowns._all.values()
    unknown.client_ids, unknown.shown = unknown.client_ids | {"absent"}, set()
    for name in ("theirs", "absent"):
        report = {"s": "BTCUSDT", "C": "mine", "c": name, "S": "BUY", "X": "CANCELED", "i": mine["orderId"], "z": "0"}
        hears(rig, "spot", "executionReport", report)
    entries = {name: rig.state.ledger.get("spot", name) for name in ("theirs", "mine")}
    assert {name: entry and entry.order_status for name, entry in entries.items()} == {
        "theirs": "NEW", "mine": "CANCELED",
    }  # fmt: skip
    assert not rig.state.unknowns.is_shown(unknown.request, "absent")


@with_rig(products=("usdm",), more=EXPOSED)
async def test_what_a_conditional_order_became_fills_before_it_is_known_to_be_that(rig: Rig) -> None:
    """The newest event is taken as soon as whose it is has been proven; polling would find it much later."""
    await rig.open_exposure()
    algo = await rig.ask("alpha", "POST", "/fapi/v1/algoOrder", "algoType=CONDITIONAL&symbol=BTCUSDT&side=BUY"
                         "&type=STOP_MARKET&quantity=0.002&triggerPrice=101000&clientAlgoId=cond")  # fmt: skip
    number = json.loads(algo.body)["algoId"]
    rig.network.closed |= {b"GET /fapi"}
    order = {"s": "BTCUSDT", "c": "web_1", "S": "BUY", "i": 77}
    for status, filled in (("NEW", "0"), ("PARTIALLY_FILLED", "0.001"), ("FILLED", "0.002")):
        hears(rig, "usdm", "ORDER_TRADE_UPDATE", {"o": order | {"X": status, "z": filled}})
    became = {"s": "BTCUSDT", "caid": "cond", "aid": number, "X": "TRIGGERED", "ai": "77"}
    hears(rig, "usdm", "ALGO_UPDATE", {"o": became})
    await rig.wait(2.5)
    book = rig.side.plane.exposures.tracker.book
    assert [place.held() for place in book.places.values()] == [Decimal("0.002")]
    assert (list(book.orders()), rig.told) == ([], [])


@with_rig(products=("usdm",))
async def test_whoever_places_orders_outside_does_not_fill_the_journal(rig: Rig) -> None:
    """So many a record each, the rest as a number a minute."""
    for number in range(1, 3_001):
        hears(rig, "usdm", "ORDER_TRADE_UPDATE", {"o": {"s": "BTCUSDT", "c": "x", "S": "BUY", "X": "NEW", "i": number}})
    await rig.wait(3)
    assert len(rig.told_of("intruder")) == 2_000
    assert rig.told_of("intruders") == []
    await rig.wait(60, 0.5)
    assert [event["orders"] for event in rig.told_of("intruders")] == [1_000]
    assert "more orders that this gateway did not send" in rig.log.of("critical")
    await rig.idle(3_600)
    hears(rig, "usdm", "ORDER_TRADE_UPDATE", {"o": {"s": "BTCUSDT", "c": "x", "S": "BUY", "X": "NEW", "i": 9_999}})
    await rig.wait(3)
    assert rig.told_of("intruder")[-1]["order_id"] == 9_999
    assert len(rig.told_of("intruders")) == 1


@with_rig(products=("usdm",))
async def test_an_event_that_is_longer_than_a_record_makes_none(rig: Rig) -> None:
    """What the journal cannot take would be missing from its chain for ever."""
    long = "x" * (2 << 20)
    for number, name in enumerate(("s", "S", "c", "X"), 1):
        order = {"s": "BTCUSDT", "c": "web_1", "S": "BUY", "X": "NEW", "i": number} | {name: long}
        hears(rig, "usdm", "ORDER_TRADE_UPDATE", {"o": order})
    await rig.wait(3)
    told = rig.told_of("intruder")
    assert [event["order_id"] for event in told] == [1, 2, 3, 4]
    assert max(len(repr(event)) for event in told) < 500
