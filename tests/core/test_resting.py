"""core.resting: what may rest and raises risk, by bot and place; doubt counts as resting."""

from typing import Any

import pytest
from tests.core.budget.exchange import catalogue

from counterseal.core import resting as module
from counterseal.core.intent import Intent
from counterseal.core.judge import Denial, judge
from counterseal.core.outcome import Outcome
from counterseal.core.resting import Place, Resting

LIMIT = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "9"}
BTC, ETH = Place("main", "usdm", "BTCUSDT"), Place("main", "usdm", "ETHUSDT")
ORDER = "/fapi/v1/order"


def intent(path: str = ORDER, method: str = "POST", family: str = "usdm", **values: str) -> Intent:
    """A request as it is judged; its id is "a" unless it says another."""
    endpoint = catalogue().get(family, method, path)
    assert endpoint is not None
    ids = iter("abcdefgh")
    found = judge(endpoint, list(values.items()), lambda: next(ids))
    assert not isinstance(found, Denial), found
    return found


def limit(client_id: str = "a", **more: str) -> Intent:
    return intent(**{**LIMIT, **more}, newClientOrderId=client_id)


def accepted(resting: Resting, asked: Intent, body: Any, begun_ms: int = 0, now_ms: int = 10) -> None:
    resting.settle("main", asked, Outcome.ACCEPTED, body, (), begun_ms, now_ms)


def row(client_id: str = "a", number: int = 7, status: str = "NEW", **more: Any) -> dict[str, Any]:
    return {"symbol": "BTCUSDT", "orderId": number, "clientOrderId": client_id, "status": status, **more}


def placed(*asked: Intent) -> Resting:
    resting = Resting()
    for one in asked:
        resting.place("alpha", "main", one)
    return resting


def test_an_order_rests_from_before_it_leaves_until_it_has_ended() -> None:
    """By its answer, by an event under its id, by one under its number alone."""
    for end in (row(status="FILLED"), {"symbol": "BTCUSDT", "orderId": 7, "status": "CANCELED"}):
        resting = placed(limit())
        assert resting.of_bots() == {"alpha": [BTC]}
        accepted(resting, limit(), row())
        assert resting.of_bots() == {"alpha": [BTC]}
        resting.see("main", "usdm", row(status="PARTIALLY_FILLED"), 20)
        resting.see("main", "usdm", end, 30)
        assert (resting.of_bots(), len(resting), resting._numbered) == ({}, 0, {})


@pytest.mark.parametrize("outcome", [Outcome.REJECTED, Outcome.NOT_SENT, Outcome.ABSENT])
def test_what_was_never_born_does_not_rest(outcome: Outcome) -> None:
    resting = placed(limit())
    resting.settle("main", limit(), outcome, None, (), 0, 10)
    assert resting.of_bots() == {}


def test_what_nobody_knows_the_fate_of_rests() -> None:
    """Until it is resolved."""
    resting = placed(limit())
    resting.settle("main", limit(), Outcome.UNKNOWN, None, (), 0, 10)
    assert resting.of_bots() == {"alpha": [BTC]}
    resting.resolve("usdm", ("a",))
    assert resting.of_bots() == {}


@pytest.mark.parametrize(
    "asked",
    [
        limit(reduceOnly="true"), limit(timeInForce="IOC"), limit(timeInForce="FOK"),
        intent(symbol="BTCUSDT", side="BUY", type="MARKET", quantity="1"),
        intent(method="DELETE", symbol="BTCUSDT", orderId="1"),
        intent("/fapi/v1/leverage", symbol="BTCUSDT", leverage="2"),
    ],
)  # fmt: skip
def test_what_can_only_reduce_or_cannot_rest_does_not_count(asked: Intent) -> None:
    assert placed(asked).of_bots() == {}


def test_orders_of_a_batch_one_by_one() -> None:
    """Each at its own symbol; one that reduces does not count, and a refused one is forgotten."""
    items = (
        '[{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT","timeInForce":"GTC","quantity":"1","price":"9",'
        '"newClientOrderId":"a"},'
        '{"symbol":"ETHUSDT","side":"BUY","type":"LIMIT","timeInForce":"GTC","quantity":"1","price":"9",'
        '"newClientOrderId":"b"},'
        '{"symbol":"XRPUSDT","side":"SELL","type":"LIMIT","timeInForce":"GTC","quantity":"1","price":"9",'
        '"newClientOrderId":"c","reduceOnly":"true"}]'
    )
    asked = intent("/fapi/v1/batchOrders", batchOrders=items)
    resting = placed(asked)
    assert resting.of_bots() == {"alpha": [BTC, ETH]}
    body = [{"code": -2019, "msg": "no"}, row("b", 8, symbol="ETHUSDT"), row("c", 9, symbol="XRPUSDT")]
    resting.settle("main", asked, Outcome.ACCEPTED, body, ("a",), 0, 10)
    assert resting.of_bots() == {"alpha": [ETH]}


def test_a_list_s_orders_count_and_not_the_list() -> None:
    """Both halves of a pair, on spot too."""
    asked = intent(
        "/api/v3/order/oco", family="spot", symbol="BTCUSDT", side="SELL", quantity="1", price="9", stopPrice="8",
        listClientOrderId="l", limitClientOrderId="x", stopClientOrderId="y",
    )  # fmt: skip
    resting = placed(asked)
    assert (resting.of_bots(), len(resting)) == ({"alpha": [Place("main", "spot", "BTCUSDT")]}, 2)
    accepted(resting, asked, {"orderReports": [row("x", 1), row("y", 2)], "symbol": "BTCUSDT"})
    resting.see("main", "spot", row("x", 1, "FILLED"), 20)
    assert len(resting) == 1
    resting.see("main", "spot", row("y", 2, "EXPIRED"), 20)
    assert len(resting) == 0


def test_another_order_under_the_same_id_ends_nothing() -> None:
    """Of another number, of another account, of another bot's symbol."""
    resting = placed(limit())
    accepted(resting, limit(), row())
    resting.see("main", "usdm", row(number=6, status="FILLED"), 20)
    resting.see("other", "usdm", row(status="FILLED"), 20)
    resting.see("main", "coinm", row(status="FILLED"), 20)
    resting.see("main", "usdm", row("other", 99, "FILLED"), 20)
    resting.see("main", "usdm", {"symbol": 7}, 20)
    assert resting.of_bots() == {"alpha": [BTC]}


def test_a_cancel_of_everything_ends_what_was_known_before_it() -> None:
    """What was on its way, and what was confirmed only after it was begun, may have come later."""
    asked = intent("/fapi/v1/allOpenOrders", "DELETE", symbol="BTCUSDT")
    resting = placed(limit("a"), limit("b"), limit("c"), limit("e", symbol="ETHUSDT"))
    stop = intent(
        "/fapi/v1/algoOrder", symbol="BTCUSDT", side="BUY", algoType="CONDITIONAL", type="STOP", quantity="1",
        price="9", triggerPrice="8", clientAlgoId="s",
    )  # fmt: skip
    resting.place("alpha", "main", stop)
    accepted(resting, limit("a"), row("a", 1), now_ms=10)
    accepted(resting, limit("b"), row("b", 2), now_ms=30)
    accepted(resting, limit("e"), row("e", 4, symbol="ETHUSDT"), now_ms=10)
    accepted(resting, stop, {"symbol": "BTCUSDT", "algoId": 5, "clientAlgoId": "s", "algoStatus": "NEW"}, now_ms=10)
    accepted(resting, asked, {"code": 200, "msg": "done"}, begun_ms=20, now_ms=40)
    assert sorted(name for _, name in resting._orders) == ["b", "c", "e", "s"]
    resting.settle("main", asked, Outcome.REJECTED, None, (), 50, 60)
    assert len(resting) == 4
    algos = intent("/fapi/v1/algoOpenOrders", "DELETE", symbol="BTCUSDT")
    accepted(resting, algos, {"code": 200, "msg": "done"}, begun_ms=50, now_ms=60)
    assert sorted(name for _, name in resting._orders) == ["b", "c", "e"]


def test_a_cancel_s_answer_ends_the_order_that_it_names() -> None:
    """By its original id, whatever id the cancel has."""
    resting = placed(limit())
    accepted(resting, limit(), row())
    cancel = intent(method="DELETE", symbol="BTCUSDT", origClientOrderId="a")
    accepted(resting, cancel, {**row("cancel-1", 7, "CANCELED"), "origClientOrderId": "a"})
    assert resting.of_bots() == {}


def test_a_cancel_under_another_order_s_id_ends_only_what_it_names() -> None:
    """Whoever cancels chooses the cancel's id."""
    resting = placed(limit("a"), limit("b", symbol="ETHUSDT"))
    cancel = intent(method="DELETE", symbol="BTCUSDT", origClientOrderId="a")
    accepted(resting, cancel, {**row("b", 7, "CANCELED"), "origClientOrderId": "a"})
    assert resting.of_bots() == {"alpha": [ETH]}
    accepted(resting, cancel, {**row("b", 7, "CANCELED"), "origClientOrderId": "unknown"})
    assert resting.of_bots() == {"alpha": [ETH]}


def test_bots_are_told_apart() -> None:
    """Each place once."""
    resting = placed(limit("a"), limit("b"))
    resting.place("beta", "main", limit("c", symbol="ETHUSDT"))
    assert resting.of_bots() == {"alpha": [BTC], "beta": [ETH]}


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest are forgotten first."""
    monkeypatch.setattr(module, "MOST", 2)
    resting = placed(limit("a"), limit("b"), limit("c"))
    assert [name for _, name in resting._orders] == ["b", "c"]


def test_an_id_that_is_used_again_is_one_order() -> None:
    """The one before was never born, or had ended."""
    resting = placed(limit("a"), limit("a", symbol="ETHUSDT"))
    assert (resting.of_bots(), len(resting)) == ({"alpha": [ETH]}, 1)


def test_an_answer_that_it_is_open_confirms_it() -> None:
    """Once, and nothing that is not known; a cancel of everything ends it from then on."""
    resting = placed(limit())
    resting.confirm("usdm", "b", 5)
    for now_ms in (10, 20):
        resting.confirm("usdm", "a", now_ms)
    accepted(resting, intent("/fapi/v1/allOpenOrders", "DELETE", symbol="BTCUSDT"), {"code": 200}, begun_ms=9)
    assert resting.of_bots() == {"alpha": [BTC]}
    accepted(resting, intent("/fapi/v1/allOpenOrders", "DELETE", symbol="BTCUSDT"), {"code": 200}, begun_ms=10)
    assert resting.of_bots() == {}


def test_an_amended_order_goes_on_under_its_new_id() -> None:
    """One order, whatever it is called."""
    order = intent("/api/v3/order", family="spot", **LIMIT, newClientOrderId="old")
    amend = intent("/api/v3/order/amend/keepPriority", "PUT", "spot", symbol="BTCUSDT", origClientOrderId="old",
                   newQty="0.5", newClientOrderId="new")  # fmt: skip
    resting = placed(order, amend)
    body = {"amendedOrder": row("new", 7, origClientOrderId="old")}
    accepted(resting, amend, body)
    assert [name for _, name in resting._orders] == ["new"]
    resting.see("main", "spot", row("new", 7, "FILLED"), 20)
    assert resting.of_bots() == {}


def test_a_conditional_order_rests_until_what_it_became_has_ended() -> None:
    """Also while it is triggered."""
    stop = intent("/fapi/v1/algoOrder", symbol="BTCUSDT", side="BUY", algoType="CONDITIONAL", type="STOP", quantity="1",
                  price="9", triggerPrice="8", clientAlgoId="s")  # fmt: skip
    resting = placed(stop)
    shown = {"symbol": "BTCUSDT", "algoId": 5, "clientAlgoId": "s"}
    for status, became, rests in (("NEW", "", 1), ("TRIGGERED", "99", 1), ("FINISHED", "99", 0)):
        resting.see("main", "usdm", {**shown, "algoStatus": status, "actualOrderId": became}, 10)
        assert len(resting) == rests, status


def test_whose_each_order_is_can_be_told() -> None:
    resting = placed(limit("a"), limit("b", symbol="ETHUSDT"))
    resting.place("beta", "main", limit("c"))
    resting.resolve("usdm", ["a"])
    assert list(resting.owners()) == [(ETH, "b", "alpha"), (BTC, "c", "beta")]
