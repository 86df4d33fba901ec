"""What single requests reserve, and what answers of every shape make of it."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from counterseal.core.exposure.claims import changes_of
from counterseal.core.exposure.money import Rate
from counterseal.core.exposure.order import Where
from counterseal.core.exposure.tracker import Limit, Owner, Reservation, Tracker
from counterseal.core.outcome import Outcome

OWNER = Owner("alpha", "main", "key")
LIMIT = {"symbol": "S", "side": "BUY", "type": "LIMIT", "quantity": "2", "price": "90"}


class Desk:
    """A tracker at a price of 100 dollars, until that is taken away."""

    def __init__(self) -> None:
        self.rate: Rate | None = Rate(Decimal(100), None, Decimal(1))
        self.tracker = Tracker(lambda _family, _symbol: self.rate)
        self.count = 0

    def ask(
        self, path: str, values: Mapping[str, Any], *ids: str, method: str = "POST", limit: int = 10**6,
        stale: frozenset[str] = frozenset(),
    ) -> Reservation:  # fmt: skip
        """Reserve, and begin when nothing is against it."""
        self.count += 1
        family = {"api": "spot", "fapi": "usdm", "dapi": "coinm"}[path.split("/")[1]]
        changes = changes_of(method, path, values, ids)
        limits = [Limit(self.tracker.book.bot("alpha"), Decimal(limit), "over")]
        held = self.tracker.reserve(f"r{self.count}", OWNER, family, changes, limits, stale)
        if held.over:
            self.tracker.release(f"r{self.count}", held.parts)
        else:
            self.tracker.begin(f"r{self.count}", path, held.parts)
        return held

    def end(self, outcome: Outcome, body: Any = None, number: int = 0, family: str = "spot") -> None:
        """Settle a request, the last one by default."""
        self.tracker.settle(f"r{number or self.count}", outcome, body, 0)
        if outcome is Outcome.ACCEPTED:
            self.tracker.see("main", family, body)

    @property
    def total(self) -> Decimal:
        """What the bot has at risk."""
        return self.tracker.book.bot("alpha").total


def row(name: str, status: str = "NEW", filled: str = "0", **more: Any) -> dict[str, Any]:
    return {"symbol": "S", "clientOrderId": name, "status": status, "executedQty": filled, **more}


def test_cancels_settings_and_amendments_reserve_nothing() -> None:
    assert changes_of("DELETE", "/api/v3/order", LIMIT, ()) == ()
    assert changes_of("POST", "/fapi/v1/leverage", {"symbol": "S", "leverage": "5"}, ()) == ()
    amend = {"symbol": "S", "newQty": "1", "newClientOrderId": "b", "origClientOrderId": "a"}
    assert changes_of("PUT", "/api/v3/order/amend/keepPriority", amend, ("b",)) == ()


def test_a_test_order_is_judged_and_leaves_nothing() -> None:
    desk = Desk()
    assert desk.ask("/api/v3/order/test", LIMIT, limit=199).over == "over"
    assert desk.ask("/api/v3/order/test", LIMIT, limit=200).over == ""
    desk.end(Outcome.ACCEPTED, {})
    assert desk.total == 0


@pytest.mark.parametrize(
    ("values", "counts"),
    [
        ({"reduceOnly": "true"}, False),
        ({"closePosition": "true"}, True),
        ({"closePosition": "true", "reduceOnly": "true"}, False),
        ({"reduceOnly": "true", "positionSide": "LONG"}, True),
    ],
)
def test_only_what_can_but_reduce_counts_nothing(values: dict[str, str], counts: bool) -> None:
    desk = Desk()
    desk.ask("/fapi/v1/order", LIMIT | values, "a")
    assert desk.total == (200 if counts else 0)


def test_a_reducing_order_passes_without_any_price_and_its_fills_count() -> None:
    desk = Desk()
    desk.tracker.book.move(Where("main", "usdm", "S", ""), "alpha", Decimal(-5))
    desk.rate = None
    desk.tracker.book.reprice("usdm")
    assert desk.ask("/fapi/v1/order", LIMIT | {"reduceOnly": "true"}, "a").over == ""
    desk.end(Outcome.ACCEPTED, row("a", "FILLED", "2"), family="usdm")
    assert desk.total == 300, "counted at the last price that was known"
    assert desk.ask("/fapi/v1/order", LIMIT | {"quantity": "8"}, "b").over == "exposure_unpriced"
    assert desk.ask("/fapi/v1/order", LIMIT | {"quantity": "3"}, "c").over == "", "no more than what is owed now"
    assert desk.ask("/fapi/v1/order", LIMIT | {"side": "SELL"}, "d").over == "exposure_unpriced"
    desk.rate = Rate(Decimal(10), None, Decimal(1))
    desk.tracker.book.reprice("usdm")
    assert desk.total == 270, "three to be bought at 90"


def test_old_prices_of_a_product_close_what_would_grow() -> None:
    desk = Desk()
    stale = frozenset({"spot"})
    assert desk.ask("/fapi/v1/order", LIMIT, "a", stale=stale).over == ""
    assert desk.ask("/api/v3/order", LIMIT, "b", stale=stale).over == "exposure_unpriced"
    quote = {"symbol": "S", "side": "BUY", "type": "MARKET", "quoteOrderQty": "50"}
    assert desk.ask("/api/v3/order", quote, "c", stale=stale).over == "exposure_unpriced"
    assert desk.ask("/api/v3/order", quote, "d").over == ""
    assert desk.ask("/api/v3/order", quote | {"side": "SELL"}, "e").over == ""
    assert desk.total == 250


def test_a_new_place_without_a_price_is_counted_when_it_has_one() -> None:
    desk = Desk()
    desk.rate = None
    assert desk.ask("/api/v3/order", LIMIT, "a").over == "exposure_unpriced"
    assert desk.tracker.book.places == {}
    assert desk.tracker.book.bot("alpha").unpriced == 0
    held = desk.tracker.reserve("r", OWNER, "spot", changes_of("POST", "/api/v3/order", LIMIT, ("b",)), ())
    assert (held.over, desk.total, desk.tracker.book.bot("alpha").unpriced) == ("", 0, 1)
    sale = changes_of("POST", "/api/v3/order", LIMIT | {"side": "SELL"}, ("c",))
    desk.tracker.reserve("s", OWNER, "spot", sale, ())
    desk.tracker.book.reprice("spot")
    desk.rate = Rate(Decimal(100), None, Decimal(1))
    desk.tracker.book.reprice("spot")
    assert (desk.total, desk.tracker.book.bot("alpha").unpriced) == (200, 0)


def test_a_modification_of_an_order_that_nobody_knows_counts_whole() -> None:
    desk = Desk()
    values = LIMIT | {"orderId": "77", "quantity": "3"}
    desk.ask("/fapi/v1/order", values, method="PUT")
    assert desk.total == 300
    desk.tracker.learn("main", "usdm", row("whatever", "PARTIALLY_FILLED", "1", orderId=77))
    desk.end(Outcome.ACCEPTED, row("whatever", orderId=77), family="usdm")
    assert desk.total == 300, "one is held, two are open"
    desk.ask("/fapi/v1/order", values | {"quantity": "9"}, method="PUT")
    assert desk.total == 900
    desk.end(Outcome.REJECTED)
    assert desk.total == 300
    desk.ask("/fapi/v1/order", values | {"quantity": "9"}, method="PUT")
    desk.tracker.learn("main", "usdm", row("whatever", "CANCELED", "1", orderId=77))
    desk.end(Outcome.ACCEPTED, {"code": 200}, family="usdm")
    assert desk.total == 100
    desk.ask("/fapi/v1/order", {**LIMIT, "origClientOrderId": "nobody's"}, method="PUT")
    desk.end(Outcome.NOT_SENT)
    assert desk.total == 100


def test_a_modification_that_is_undone_after_its_order_ended() -> None:
    desk = Desk()
    desk.ask("/fapi/v1/order", LIMIT, "a")
    desk.end(Outcome.ACCEPTED, row("a"), family="usdm")
    desk.ask("/fapi/v1/order", {**LIMIT, "origClientOrderId": "a"}, method="PUT")
    desk.tracker.learn("main", "usdm", row("a", "EXPIRED"))
    desk.end(Outcome.REJECTED)
    assert (desk.total, desk.tracker.book.places) == (0, {})


@pytest.mark.parametrize("result", ["FAILURE", "NOT_ATTEMPTED"])
def test_of_a_replacement_the_cancel_may_come_about_alone(result: str) -> None:
    desk = Desk()
    desk.ask("/api/v3/order", LIMIT, "old")
    desk.end(Outcome.ACCEPTED, row("old", orderId=1))
    replace = {**LIMIT, "cancelOrigClientOrderId": "old", "cancelReplaceMode": "ALLOW_FAILURE"}
    desk.ask("/api/v3/order/cancelReplace", replace, "new")
    assert desk.total == 400, "until it is known both may live"
    gone = row("cancels", "CANCELED", "0.5", origClientOrderId="old", orderId=1)
    halves = {"cancelResult": "SUCCESS", "newOrderResult": result, "cancelResponse": gone, "newOrderResponse": None}
    desk.end(Outcome.ACCEPTED, {"code": -2021, "msg": "...", "data": halves})
    assert desk.total == 50


def test_a_replacement_that_came_about() -> None:
    desk = Desk()
    desk.ask("/api/v3/order", LIMIT, "old")
    desk.ask("/api/v3/order/cancelReplace", LIMIT | {"quantity": "1"}, "new")
    gone, new = row("cancels", "CANCELED", origClientOrderId="old"), row("new", filled="0.25")
    desk.end(Outcome.ACCEPTED, {"newOrderResult": "SUCCESS", "cancelResponse": gone, "newOrderResponse": new})
    assert desk.total == 100
    assert [order.names for order in desk.tracker.book.orders()] == [("new",)]


def test_an_amended_order_is_known_by_its_new_name() -> None:
    desk = Desk()
    desk.ask("/api/v3/order", LIMIT, "old")
    desk.end(Outcome.ACCEPTED, row("old", orderId=5))
    amended = row("new", filled="1", origClientOrderId="old", orderId=5, origQty="1.5")
    assert desk.tracker.learn("main", "spot", {"amendedOrder": amended})
    assert desk.tracker.learn("main", "spot", row("new", "FILLED", "1.5", orderId=5))
    assert (desk.total, list(desk.tracker.book.orders())) == (150, [])


def test_a_conditional_order_counts_until_what_it_became_has_ended() -> None:
    desk = Desk()
    stop = {"symbol": "S", "side": "SELL", "type": "STOP_MARKET", "quantity": "2", "triggerPrice": "80"}
    desk.ask("/fapi/v1/algoOrder", stop, "c")
    algo = {"symbol": "S", "clientAlgoId": "c", "algoId": 4, "algoStatus": "NEW", "actualOrderId": ""}
    desk.end(Outcome.ACCEPTED, algo, family="usdm")
    assert desk.total == 200
    became = algo | {"algoStatus": "FINISHED", "actualOrderId": "9"}
    told = desk.tracker.learn("main", "usdm", [became])
    assert told == [{"symbol": "S", "algoId": "4", "algoStatus": "NEW", "actualOrderId": "9", "clientAlgoId": "c"}]
    assert desk.total == 200
    desk.tracker.learn("main", "usdm", row("by itself", "FILLED", "2", orderId=9))
    assert (desk.total, list(desk.tracker.book.orders())) == (200, [])
    desk.ask("/fapi/v1/algoOrder", stop, "d")
    desk.end(Outcome.ACCEPTED, algo | {"clientAlgoId": "d", "algoId": 5}, family="usdm")
    ended = algo | {"clientAlgoId": "d", "algoId": 5, "algoStatus": "CANCELED"}
    assert desk.tracker.learn("main", "usdm", ended)[0]["algoStatus"] == "CANCELED"
    assert list(desk.tracker.book.orders()) == []


def test_a_batch_is_settled_leg_by_leg() -> None:
    desk = Desk()
    legs = json.dumps([LIMIT | {"newClientOrderId": name} for name in "abc"])
    desk.ask("/fapi/v1/batchOrders", {"batchOrders": legs}, "a", "b", "c")
    assert desk.total == 600
    body = [row("a"), {"code": -2019, "msg": "Margin is insufficient."}, row("c", "FILLED", "2")]
    desk.end(Outcome.ACCEPTED, body, family="usdm")
    assert (desk.total, [order.names for order in desk.tracker.book.orders()]) == (400, [("a",)])
    assert changes_of("POST", "/fapi/v1/batchOrders", {"batchOrders": "nothing"}, ()) == ()


def test_a_list_counts_the_worse_of_two_halves() -> None:
    desk = Desk()
    values = {"symbol": "S", "side": "SELL", "quantity": "1", "abovePrice": "150", "belowStopPrice": "80"}
    desk.ask("/api/v3/orderList/oco", values, "list", "up", "down")
    assert desk.total == 150
    reports = [row("up", orderId=1), row("down", orderId=2)]
    desk.end(Outcome.ACCEPTED, {"symbol": "S", "orders": reports, "orderReports": reports})
    desk.tracker.learn("main", "spot", row("down", "EXPIRED", orderId=2))
    assert desk.total == 150
    desk.tracker.learn("main", "spot", row("up", "FILLED", "1", orderId=1))
    assert desk.total == 100, "sold without having been bought here"


def test_rows_that_name_nothing_of_ours_change_nothing() -> None:
    desk = Desk()
    desk.ask("/api/v3/order", LIMIT, "a")
    strange: list[Any] = [
        7, {"code": 200}, {"symbol": 5}, {"symbol": "S"}, {"symbol": "S", "orderId": True}, row("b"),
        row("a") | {"symbol": "T"}, {"symbol": "S", "orderId": "x"}, {"symbol": "S", "orderId": 3},
    ]  # fmt: skip
    assert desk.tracker.learn("main", "spot", strange) == []
    assert desk.tracker.learn("main", "spot", None) == []
    assert desk.tracker.learn("main", "usdm", {"symbol": "S", "algoId": [], "clientAlgoId": 5}) == []
    assert desk.tracker.learn("main", "spot", row("a") | {"status": ["FILLED"], "orderId": [7]}) == []
    assert desk.tracker.learn("main", "spot", row("a", filled="NaN")) == []
    assert desk.tracker.learn("main", "spot", row("a", filled=1)) == []  # type: ignore[arg-type]  # on purpose
    assert desk.total == 200


def test_what_a_read_has_shown_is_not_undone_by_a_refusal() -> None:
    desk = Desk()
    desk.ask("/api/v3/order", LIMIT, "a")
    desk.tracker.learn("main", "spot", row("a", filled="1", orderId=1))
    desk.end(Outcome.ABSENT)
    assert desk.total == 200
    desk.tracker.learn("main", "spot", row("a", "CANCELED", "1", orderId=1))
    assert desk.total == 100
    desk.end(Outcome.ACCEPTED, row("a"), number=1)
    assert desk.total == 100


def test_an_account_counts_what_the_exchange_states_where_that_is_more() -> None:
    desk = Desk()
    where, account = Where("main", "usdm", "S", ""), desk.tracker.book.account("main")
    desk.ask("/fapi/v1/order", LIMIT, "a")
    for stated, total in ((3, 500), (-1, 200), (-4, 400), (0, 200)):
        desk.tracker.book.state(where, Decimal(stated))
        assert (account.total, desk.total) == (total, 200)
    other = where._replace(symbol="T")
    desk.tracker.book.state(other, Decimal(0))
    assert other not in desk.tracker.book.places
    desk.tracker.book.state(other, Decimal(2))
    assert (account.total, account.families) == (400, {"usdm": 2})
    desk.tracker.book.state(other, Decimal(0))
    assert (account.total, account.families) == (200, {"usdm": 1})
    assert desk.tracker.book.cell(other, "alpha") is None


def test_what_has_ended_cannot_end_twice() -> None:
    desk = Desk()
    desk.ask("/api/v3/order", LIMIT, "a")
    order = next(iter(desk.tracker.book.orders()))
    desk.end(Outcome.REJECTED)
    desk.tracker.forget(order)
    assert desk.total == 0


def test_an_answer_that_cannot_be_read_keeps_all_reserved() -> None:
    desk = Desk()
    desk.ask("/api/v3/order", LIMIT, "a")
    desk.end(Outcome.ACCEPTED, None)
    assert desk.total == 200


def test_a_modification_need_not_say_which_side_of_a_hedge_it_means() -> None:
    desk = Desk()
    desk.ask("/fapi/v1/order", LIMIT | {"positionSide": "LONG"}, "a")
    desk.end(Outcome.ACCEPTED, row("a"), family="usdm")
    desk.ask("/fapi/v1/order", {**LIMIT, "quantity": "3", "origClientOrderId": "a"}, method="PUT")
    assert desk.total == 300
    desk.end(Outcome.ACCEPTED, row("a"), family="usdm")
    assert [(order.where.position_side, order.open) for order in desk.tracker.book.orders()] == [("LONG", 3)]
    desk.ask("/fapi/v1/order", {**LIMIT, "symbol": "T", "origClientOrderId": "a"}, method="PUT")
    assert desk.total == 500, "another symbol's is another order, whatever its name"
    desk.end(Outcome.REJECTED)
    desk.tracker.learn("main", "usdm", row("a", "CANCELED"))
    assert desk.total == 0


def test_a_test_order_whose_answer_is_lost_leaves_nothing() -> None:
    desk = Desk()
    desk.ask("/api/v3/order/test", LIMIT)
    desk.end(Outcome.UNKNOWN)
    assert (desk.total, desk.tracker.pending()) == (0, {})


def test_an_older_order_of_the_same_name_ends_nothing() -> None:
    """The exchange takes an id again when its order has ended: lists of all orders show both."""
    desk = Desk()
    desk.ask("/fapi/v1/order", LIMIT, "1")
    desk.end(Outcome.ACCEPTED, row("1", orderId=900), family="usdm")
    older = row("1", "FILLED", "2", orderId=17)
    assert desk.tracker.learn("main", "usdm", [older, older | {"status": "CANCELED"}]) == []
    assert [order.open for order in desk.tracker.book.orders()] == [2]
    assert desk.tracker.learn("main", "usdm", row("1", "CANCELED", orderId=900))
    assert desk.total == 0


def test_an_older_order_of_the_same_name_ends_none_that_is_on_its_way() -> None:
    desk = Desk()
    desk.ask("/fapi/v1/order", LIMIT, "1")
    for _ in range(2):
        assert desk.tracker.learn("main", "usdm", row("1", "FILLED", "2", orderId=17)) == []
        assert [order.open for order in desk.tracker.book.orders()] == [2]
        desk.end(Outcome.UNKNOWN)
    desk.end(Outcome.ACCEPTED, row("1", "FILLED", "2", orderId=900), family="usdm")
    assert (desk.total, list(desk.tracker.book.orders())) == (200, [])


@pytest.mark.parametrize("first", [1, 2])
def test_of_modifications_that_overlap_the_larger_counts_whichever_is_answered_last(first: int) -> None:
    desk = Desk()
    desk.ask("/fapi/v1/order", LIMIT, "a")
    desk.end(Outcome.ACCEPTED, row("a", orderId=1), family="usdm")
    for quantity, price in (("9", "80"), ("3", "120")):
        change = LIMIT | {"origClientOrderId": "a", "quantity": quantity, "price": price}
        desk.ask("/fapi/v1/order", change, method="PUT")
    for number in (first, 3 - first):
        desk.end(Outcome.ACCEPTED, row("a", orderId=1), number=number + 1, family="usdm")
    assert desk.total == 9 * 120
    desk.ask("/fapi/v1/order", LIMIT | {"origClientOrderId": "a", "quantity": "1"}, method="PUT")
    desk.end(Outcome.ACCEPTED, row("a", orderId=1), family="usdm")
    assert desk.total == 100, "one that is alone says what is"


def test_what_is_filled_after_a_position_was_stated_comes_on_top_of_it() -> None:
    desk = Desk()
    where, book = Where("main", "usdm", "S", ""), desk.tracker.book
    book.state(where, Decimal(10))
    for number in "abc":
        desk.ask("/fapi/v1/order", LIMIT, number)
        desk.end(Outcome.ACCEPTED, row(number, "FILLED", "2"), family="usdm")
    assert book.account("main").total == 1_600, "ten that others hold and six of this bot"
    book.state(where, Decimal(16))
    assert book.account("main").total == 1_600
    sale = LIMIT | {"side": "SELL", "quantity": "6"}
    desk.ask("/fapi/v1/order", sale, "d")
    desk.end(Outcome.ACCEPTED, row("d", "FILLED", "6"), family="usdm")
    assert book.account("main").total == 1_600, "the sale may be in the statement already"
    book.state(where, Decimal(0), Decimal(-6))
    assert book.account("main").total == 600, "six were sold after it was asked for"
    book.state(where, Decimal(0))
    assert (book.account("main").total, book.places) == (0, {})
