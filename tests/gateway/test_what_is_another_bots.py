"""Ownership where the exchange fails, and over restarts: two bots, one account, a scripted exchange."""

import asyncio
import json
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from tests.gateway.rig import ORDER, Rig, why

pytestmark = pytest.mark.threat(21)
BETA = """
[bots.beta]
keys = ["main"]
products = ["spot", "usdm"]
purposes = ["account", "trade"]
symbols = ["*"]
"""
SPOT, OPEN = "/api/v3/order", "/api/v3/openOrders"
ALL = "symbol=BTCUSDT"
NO_ORDER = (400, {"code": -2011, "msg": "Unknown order sent."})


def play(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(story)


def row(number: int, client_id: str = "", **more: Any) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT",
        "orderId": number,
        "orderListId": -1,
        "clientOrderId": client_id or f"c{number}",
        **more,
    }


def gone(number: int) -> tuple[int, dict[str, Any]]:
    return 200, {"symbol": "BTCUSDT", "orderId": number, "status": "CANCELED"}


async def shared() -> Rig:
    """Alpha asks; number 8 is beta's."""
    rig = await Rig(BETA).warm()
    rig.state.ledger.own("spot", "BTCUSDT", 8, "beta")
    return rig


async def sweep(rig: Rig, listed: Any, *cancels: Any) -> Any:
    """Have alpha cancel everything."""
    rig.venue.script[OPEN], rig.venue.script[SPOT] = [listed], list(cancels)
    await rig.clock.advance(0.001)
    return await rig.ask("DELETE", OPEN, ALL)


# -- cancels of everything


def test_what_ended_meanwhile_is_no_fault() -> None:
    """The others are answered; with nothing left the exchange's own error is."""

    async def story() -> None:
        rig = await shared()
        reply = await sweep(rig, (200, [row(1), row(8), row(2)]), gone(1), NO_ORDER)
        assert (reply.status, [one["orderId"] for one in json.loads(reply.body)]) == (200, [1])
        for listed, cancels in (((200, [row(3)]), (NO_ORDER,)), ((200, [row(8)]), ()), ((200, []), ())):
            reply = await sweep(rig, listed, *cancels)
            assert (reply.status, json.loads(reply.body)) == NO_ORDER
        assert [one.params["orderId"] for one in rig.venue.sent if one.method == "DELETE"] == ["1", "2", "3"]
        await rig.end()

    play(story())


def test_a_cancel_in_doubt_or_refused_is_the_answer() -> None:
    """UNKNOWN before everything, then what refused; the others were cancelled all the same, each on record."""

    async def story() -> None:
        rig = await shared()
        refused = (400, {"code": -1013, "msg": "Filter failure"})
        reply = await sweep(rig, (200, [row(1), row(2), row(3)]), gone(1), refused, "lost")
        assert (reply.status, why(reply), reply.headers["X-Counterseal-State"]) == (503, "outcome_unknown", "UNKNOWN")
        assert [one["outcome"] for one in rig.journal.of("outcome")] == ["ACCEPTED", "REJECTED", "UNKNOWN"]
        assert [dict(one["pairs"])["orderId"] for one in rig.journal.of("intent")] == ["1", "2", "3"]
        reply = await sweep(rig, (200, [row(1), row(2)]), gone(1), refused)
        assert (reply.status, json.loads(reply.body)["code"]) == (400, -1013)
        await rig.tasks.cancel_all()

    play(story())


def test_what_cannot_be_listed_is_not_cancelled() -> None:
    """Certain: nothing left. The exchange's own error is passed on."""

    async def story() -> None:
        rig = await shared()
        assert why(await sweep(rig, "not_sent")) == "venue_unreachable"
        assert why(await sweep(rig, "lost")) == "venue_unreachable"
        reply = await sweep(rig, (400, {"code": -1121, "msg": "Invalid symbol."}))
        assert (reply.status, json.loads(reply.body)["code"]) == (400, -1121)
        rig.venue.script[OPEN] = [(429, {"code": -1003, "msg": "Too many"}, {"retry-after": "5"})]
        assert (await rig.ask("DELETE", OPEN, "symbol=ETHUSDT")).status == 429
        assert why(await sweep(rig, (200, []))) == "venue_backoff"
        assert [one for one in rig.venue.sent if one.method == "DELETE"] == []

    play(story())


@pytest.mark.parametrize("answer", [(200, "text"), (200, {}), (200, {"code": 200, "msg": "success"})])
def test_a_list_that_is_none_is_no_answer_to_a_cancel(answer: Any) -> None:
    """What the exchange says of the list is no word about the cancel: nothing was cancelled, and nobody is told 200."""

    async def story() -> None:
        rig = await shared()
        assert why(await sweep(rig, answer)) == "venue_unreachable"
        assert [one for one in rig.venue.sent if one.method == "DELETE"] == []

    play(story())


def test_a_row_that_names_no_order_is_not_passed_over() -> None:
    """What can be cancelled is; whether that is all nobody knows."""

    async def story() -> None:
        rig = await shared()
        for odd in ("x", {"symbol": "BTCUSDT", "clientOrderId": "z"}):
            reply = await sweep(rig, (200, [row(2), odd, row(8)]), gone(2))
            assert (why(reply), reply.headers["X-Counterseal-State"]) == ("outcome_unknown", "UNKNOWN"), odd
        assert (await sweep(rig, (200, [row(3, orderListId=None)]), gone(3))).status == 200
        assert [one.params["orderId"] for one in rig.venue.sent if one.method == "DELETE"] == ["2", "2", "3"]
        await rig.end()

    play(story())


def test_an_order_that_may_not_be_cancelled_has_not_ended() -> None:
    """-2011 says more than one thing: only an order that the exchange does not know is gone."""

    async def story() -> None:
        rig = await shared()
        held = (400, {"code": -2011, "msg": "Order was not canceled due to cancel restrictions."})
        for cancels in ((held,), (gone(1), held)):
            reply = await sweep(rig, (200, [row(n) for n, _ in enumerate(cancels, 1)]), *cancels)
            assert (reply.status, json.loads(reply.body)) == held

    play(story())


def test_a_cancel_of_everything_does_not_wait_for_a_disk_that_has_just_failed() -> None:
    """The list is no change: it is asked for once more, and the exit goes on without the journal."""

    async def story() -> None:
        rig = await shared()
        rig.journal.failing = True
        rig.journal.append({"type": "event", "what": "another bot's"})
        reply = await sweep(rig, (200, [row(1)]), gone(1))
        assert rig.journal.failed
        assert (reply.status, [one["orderId"] for one in json.loads(reply.body)]) == (200, [1])

    play(story())


@pytest.mark.parametrize("beta_is_held_to", ['"*"', '"BTCUSDT"'])
def test_a_symbol_in_small_letters_is_the_same_symbol(beta_is_held_to: str) -> None:
    """The exchange may take it for the symbol; who writes it so reaches no more."""

    async def story() -> None:
        rig = await Rig(BETA.replace('"*"', beta_is_held_to)).warm()
        for family in ("spot", "usdm"):
            rig.state.ledger.own(family, "BTCUSDT", 8, "beta")
        for method, path in (("DELETE", SPOT), ("DELETE", "/fapi/v1/order"), ("GET", SPOT)):
            await rig.clock.advance(0.001)
            assert "foreign_order" in str(why(await rig.ask(method, path, "symbol=btcusdt&orderId=8")))
        batch = "symbol=btcusdt&orderIdList=[8]"
        assert why(await rig.ask("DELETE", "/fapi/v1/batchOrders", batch)) == "foreign_order_change"
        assert rig.venue.sent == []
        rig.venue.script["/fapi/v1/openOrders"] = [(200, [row(8)])]
        assert (await rig.ask("DELETE", "/fapi/v1/allOpenOrders", "symbol=btcusdt")).status == 200
        assert [one.method for one in rig.venue.sent] == ["GET"]

    play(story())


def test_a_repeated_cancel_of_everything_gets_the_first_ones_answer() -> None:
    """Also while that one is under way: the same bytes are one cancel."""

    async def story() -> None:
        rig = await shared()
        rig.venue.script[OPEN], rig.venue.script[SPOT] = [(200, [row(1)])], [gone(1)]
        rig.venue.delay_s = 0.1
        first, second = rig.inquiry("DELETE", OPEN, ALL), rig.inquiry("DELETE", OPEN, ALL)
        asked = [asyncio.get_running_loop().create_task(rig.finish(one)) for one in (first, second)]
        await rig.clock.advance(1)
        assert [one.result().status for one in asked] == [200, 200]
        assert asked[0].result().body == asked[1].result().body
        assert sum(1 for one in rig.venue.sent if one.method == "DELETE") == 1
        assert first.weight >= 1

    play(story())


def test_report_mode_stops_no_cancel_for_its_symbols() -> None:
    """What nobody is known to own is cancelled and written down; what is another bot's is not."""

    async def story() -> None:
        rig = await shared()
        rig.state.ledger.own("usdm", "*algo", 5, "beta")
        alpha = replace(rig.state.config.bots["alpha"], symbols=("BTCUSDT",), mode="report")
        rig.state.config = replace(rig.state.config, bots={**rig.state.config.bots, "alpha": alpha})
        assert (await rig.ask("DELETE", "/fapi/v1/algoOrder", "algoId=77")).status == 200
        assert [one["would_deny"] for one in rig.journal.of("intent")] == ["all_symbols_not_allowed"]
        assert why(await rig.ask("DELETE", "/fapi/v1/algoOrder", "algoId=5")) == "foreign_order_change"

    play(story())


# -- what answers show


def test_an_answer_shows_whose_a_number_is() -> None:
    """A row with a known id teaches its number, a conditional order that of the order which it became."""

    async def story() -> None:
        rig = await shared()
        rig.venue.script[SPOT] = [(200, row(7, "mine", status="NEW"))]
        await rig.ask("POST", SPOT, f"{ORDER}&newClientOrderId=mine")
        rig.state.ledger.open("usdm", ["stop"], rig.state.ledger.get("spot", "mine"))  # type: ignore[arg-type]  # known
        rig.venue.script["/fapi/v1/openAlgoOrders"] = [
            (200, [{"symbol": "BTCUSDT", "algoId": 5, "clientAlgoId": "stop", "actualOrderId": "66"}])
        ]
        await rig.ask("GET", "/fapi/v1/openAlgoOrders")
        assert rig.state.ledger.owners("usdm", "*algo", None, 5) == ("alpha",)
        assert rig.state.ledger.owners("usdm", "BTCUSDT", None, 66) == ("alpha",)

    play(story())


def test_an_answer_that_shows_anothers_order_is_none() -> None:
    """Asked by a number that nobody was known to own, the answer names another bot's id."""

    async def story() -> None:
        rig = await shared()
        rig.venue.script[SPOT] = [(200, row(7, "mine"))]
        await rig.ask("POST", SPOT, f"{ORDER}&newClientOrderId=mine")
        entry = rig.state.ledger.get("spot", "mine")
        assert entry is not None
        entry.bot = "beta"
        rig.venue.script[SPOT] = [(200, row(9, "mine"))]
        reply = await rig.ask("GET", SPOT, "symbol=BTCUSDT&orderId=9")
        assert (reply.status, why(reply), json.loads(reply.body)["code"]) == (400, "foreign_order", -2013)
        assert rig.state.ledger.owners("spot", "BTCUSDT", None, 9) == ("beta",)

    play(story())


def test_rows_pass_byte_for_byte_and_what_is_no_list_of_orders_as_it_is() -> None:
    """Numbers keep their spelling; an error, a text, a list of something else are the exchange's affair."""

    async def story() -> None:
        rig = await shared()
        for answer in ((400, {"code": -1121, "msg": "Invalid symbol."}), (200, "text"), (200, [1, "x"])):
            rig.venue.script[OPEN] = [answer]
            reply = await rig.ask("GET", OPEN)
            assert (reply.status, json.loads(reply.body)) == answer
            await rig.clock.advance(0.001)
        rig.venue.script[OPEN] = [(200, [row(8), row(1, price="1.50", deep={"a": [1.0, 2]})])]
        reply = await rig.ask("GET", OPEN)
        assert (
            reply.body
            == b"[" + json.dumps(row(1, price="1.50", deep={"a": [1.0, 2]}), separators=(",", ":")).encode() + b"]"
        )

    play(story())


def test_a_row_whose_symbol_is_no_text_is_of_the_symbol_asked_for() -> None:
    """The exchange contradicts itself: what it says of another bot's number is hidden all the same."""

    async def story() -> None:
        rig = await shared()
        for odd in ({"a": 1}, 5, ["BTCUSDT"]):
            rig.venue.script[OPEN] = [(200, [{**row(8), "symbol": odd}, row(9)])]
            reply = await rig.ask("GET", OPEN, ALL)
            assert [one["orderId"] for one in json.loads(reply.body)] == [9], odd
            await rig.clock.advance(0.001)

    play(story())


def test_an_answer_that_cannot_be_read_is_not_shown() -> None:
    """What cannot be read cannot be filtered: cut short, it may hold another bot's rows."""

    async def story() -> None:
        rig = await shared()
        for body in (b'[{"symbol":"BTCUSDT","orderId":8,"clientOrderId":"b-1"},', b'{"orderId":8', b""):
            rig.venue.script[OPEN] = [(200, msgspec.Raw(body))]
            reply = await rig.ask("GET", OPEN)
            assert (reply.status, json.loads(reply.body)["code"]) == (502, -1000), body
            await rig.clock.advance(0.001)

    play(story())


# -- restarts


LIST = {
    "orderListId": 3, "listClientOrderId": "l", "symbol": "BTCUSDT", "listOrderStatus": "EXECUTING",
    "orders": [{"symbol": "BTCUSDT", "orderId": 21, "clientOrderId": "x"},
               {"symbol": "BTCUSDT", "orderId": 22, "clientOrderId": "y"}],
}  # fmt: skip
OCO = (
    "symbol=BTCUSDT&side=SELL&quantity=0.001&aboveType=LIMIT_MAKER&abovePrice=110000&belowType=STOP_LOSS"
    "&belowStopPrice=90000&listClientOrderId=l&aboveClientOrderId=x&belowClientOrderId=y"
)


@pytest.mark.parametrize("lost", [False, True])
def test_numbers_survive_a_restart(*, lost: bool) -> None:
    """Of a plain order, of a list and its legs; also when only the resolver learnt them."""

    async def story() -> None:
        rig = await shared()
        path = "/api/v3/orderList/oco"
        rig.venue.script[path] = ["lost" if lost else (200, LIST)]
        rig.venue.script["/api/v3/orderList"] = [(200, LIST)]
        rig.venue.script[SPOT] = [(200, row(20, "plain", status="NEW"))]
        await rig.ask("POST", path, OCO)
        await rig.ask("POST", SPOT, f"{ORDER}&newClientOrderId=plain")
        await rig.clock.advance(2)
        again = Rig(BETA, after=rig)
        for one in (rig, again):
            for scope, number in (("*list", 3), ("BTCUSDT", 20), ("BTCUSDT", 21), ("BTCUSDT", 22)):
                assert one.state.ledger.owners("spot", scope, None, number) == ("alpha",), (scope, number)
        ends = rig.journal.of("resolved" if lost else "outcome")
        assert [list(each) for each in ends[0]["numbers"]] == [["*list", 3], ["BTCUSDT", 21], ["BTCUSDT", 22]]
        assert "numbers" not in rig.journal.of("outcome")[-1]
        await rig.tasks.cancel_all()

    play(story())
