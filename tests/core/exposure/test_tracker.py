"""What single requests reserve, and what answers of every shape make of it."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from counterseal.core.exposure.claims import changes_of
from counterseal.core.exposure.money import Rate
from counterseal.core.exposure.order import Where
from counterseal.core.exposure.rows import Shown, shown
from counterseal.core.exposure.tracker import Limit, Owner, Reservation, Tracker, kept
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


# -- without a price


@pytest.mark.parametrize(
    ("family", "held", "side", "quantity", "over"),
    [
        # Futures: what is sold of a long position adds nothing until it is more than all that is held.
        ("usdm", 5, "SELL", 5, ""),
        ("usdm", 5, "SELL", 8, "exposure_unpriced"),
        ("usdm", 5, "BUY", 1, "exposure_unpriced"),
        ("usdm", -5, "BUY", 5, ""),
        ("usdm", -5, "BUY", 6, "exposure_unpriced"),
        # Spot: a sale of what is held owes nothing, so twice as much is no more than what is held.
        ("spot", 5, "SELL", 10, ""),
        ("spot", 5, "SELL", 11, "exposure_unpriced"),
        ("spot", -5, "BUY", 5, ""),
        ("spot", -5, "BUY", 8, "exposure_unpriced"),
        ("spot", -5, "SELL", 1, "exposure_unpriced"),
    ],
)
def test_without_a_price_the_larger_side_may_not_grow(
    family: str, held: int, side: str, quantity: int, over: str
) -> None:
    desk = Desk()
    desk.tracker.book.move(Where("main", family, "S", ""), "alpha", Decimal(held))
    desk.rate = None
    desk.tracker.book.reprice(family)
    path = {"usdm": "/fapi/v1/order", "spot": "/api/v3/order"}[family]
    assert desk.ask(path, LIMIT | {"side": side, "quantity": str(quantity)}, "a").over == over


def test_old_prices_of_a_product_close_nothing_when_nothing_is_there_any_more() -> None:
    desk = Desk()
    for number in "ab":
        desk.ask("/fapi/v1/order", LIMIT, number)
        desk.end(Outcome.REJECTED)
        book = desk.tracker.book
        assert (book.bot("alpha").families, book.account("main").families, book.symbol("main", "S").families) == (
            {}, {}, {},
        )  # fmt: skip
    assert desk.ask("/api/v3/order", LIMIT, "c", stale=frozenset({"usdm"})).over == ""


def test_every_place_without_a_price_is_counted_once_and_out_again() -> None:
    desk = Desk()
    book = desk.tracker.book
    places = [Where("main", "usdm", symbol, "") for symbol in "STUV"]
    scopes = [book.bot("alpha"), book.account("main")]
    for where in places[:2]:
        book.move(where, "alpha", Decimal(1))
    desk.rate = None
    for where in places[2:]:
        book.move(where, "alpha", Decimal(1))
    assert [scope.unpriced for scope in scopes] == [2, 2]
    book.reprice("usdm")
    assert [scope.unpriced for scope in scopes] == [4, 4]
    book.move(places[0], "alpha", Decimal(-1))
    assert [scope.unpriced for scope in scopes] == [3, 3]
    assert (book.symbol("main", "S").unpriced, book.symbol("main", "T").unpriced) == (0, 1)
    assert set(book.places) == set(places[1:]), "a place where nothing is needs no price"
    desk.rate = Rate(Decimal(100), None, Decimal(1))
    book.reprice("usdm")
    assert [scope.unpriced for scope in scopes] == [0, 0]
    assert [scope.total for scope in scopes] == [300, 300]


def test_without_a_price_another_order_of_the_same_side_does_not_count_as_new() -> None:
    desk = Desk()
    desk.ask("/fapi/v1/order", LIMIT | {"quantity": "5"}, "a")
    desk.rate = None
    desk.tracker.book.reprice("usdm")
    assert desk.ask("/fapi/v1/order", LIMIT | {"side": "SELL", "quantity": "3"}, "b").over == ""
    assert desk.ask("/fapi/v1/order", LIMIT | {"side": "SELL", "quantity": "3"}, "c").over == "exposure_unpriced"


# -- what a request may come to


@pytest.mark.parametrize(
    ("method", "path", "more", "counts", "algo"),
    [
        ("POST", "/fapi/v1/order", {}, True, False),
        ("POST", "/fapi/v1/order", {"reduceOnly": "true"}, False, False),
        ("POST", "/fapi/v1/algoOrder", {}, True, True),
        ("POST", "/fapi/v1/algoOrder", {"closePosition": "true", "quantity": None}, False, True),
        ("POST", "/fapi/v1/algoOrder", {"closePosition": "true"}, True, True),
        ("POST", "/fapi/v1/algoOrder", {"closePosition": "true", "reduceOnly": "true"}, False, True),
        # A modification states a size for an order whose own flags are not seen.
        ("PUT", "/fapi/v1/order", {"orderId": "7", "reduceOnly": "true"}, True, False),
    ],
)
def test_a_claim_counts_unless_it_can_only_reduce(
    method: str, path: str, more: dict[str, str | None], counts: bool, algo: bool
) -> None:
    values = {name: text for name, text in (LIMIT | more).items() if text is not None}
    (change,) = changes_of(method, path, values, ("a",))
    assert (change.claim.counts, change.claim.algo) == (counts, algo)


def test_both_pending_orders_of_a_list_are_known_by_their_names() -> None:
    values = {
        "symbol": "S", "workingSide": "BUY", "workingPrice": "100", "workingQuantity": "1", "pendingSide": "SELL",
        "pendingQuantity": "1", "pendingAbovePrice": "120", "pendingBelowStopPrice": "90",
    }  # fmt: skip
    changes = changes_of("POST", "/api/v3/orderList/otoco", values, ("list", "working", "above", "below"))
    assert [change.claim.names for change in changes] == [("working",), ("above", "below")]
    one = {name: text for name, text in values.items() if "Above" not in name and "Below" not in name}
    changes = changes_of("POST", "/api/v3/orderList/oto", one | {"pendingPrice": "120"}, ("list", "working", "pending"))
    assert [(change.claim.names, change.claim.price) for change in changes] == [
        (("working",), 100),
        (("pending",), 120),
    ]


def test_an_order_without_an_id_has_none_and_a_modification_names_its_order() -> None:
    (test,) = changes_of("POST", "/api/v3/order/test", LIMIT, ())
    assert (test.claim.names, test.target) == (("",), None)
    (numbered,) = changes_of("PUT", "/fapi/v1/order", LIMIT | {"orderId": "7"}, ())
    assert (numbered.claim.names, numbered.target) == (("",), ("", "7"))
    (named,) = changes_of("PUT", "/fapi/v1/order", LIMIT | {"origClientOrderId": "a"}, ())
    assert (named.claim.names, named.target) == (("a",), ("a", ""))


# -- by which names and numbers an order is known


def test_a_new_order_was_neither_answered_nor_asked_for() -> None:
    desk = Desk()
    desk.ask("/api/v3/order", LIMIT, "a")
    (order,) = desk.tracker.book.orders()
    assert (order.shown, order.since_ms, order.asked_ms, order.numbers) == (False, 0, 0, {})


def test_an_answer_confirms_an_order_whatever_is_in_it() -> None:
    """The latest answer is the moment from which on open orders have to show it."""
    desk = Desk()
    for body in ({"code": 200}, [], None):
        desk.ask("/fapi/v1/order", LIMIT, f"a{desk.count}")
        order = list(desk.tracker.book.orders())[-1]
        desk.tracker.settle(f"r{desk.count}", Outcome.ACCEPTED, body, 5_000)
        assert (order.shown, order.since_ms) == (True, 5_000)
    desk.ask("/fapi/v1/order", {**LIMIT, "origClientOrderId": "a2"}, method="PUT")
    desk.tracker.settle(f"r{desk.count}", Outcome.ACCEPTED, {}, 4_000)
    assert order.since_ms == 5_000


def test_a_modification_that_names_no_order_is_taken_for_none_that_is_known() -> None:
    desk = Desk()
    desk.ask("/fapi/v1/order", LIMIT | {"orderId": "77", "quantity": "3"}, method="PUT")
    desk.ask("/fapi/v1/order", LIMIT | {"quantity": "5"}, method="PUT")
    assert desk.total == 800
    desk.ask("/fapi/v1/order", {**LIMIT, "origClientOrderId": "unheard of"}, method="PUT")
    assert [order.numbers for order in desk.tracker.book.orders()] == [{"77": ""}, {}, {}]


def test_a_modification_without_a_price_keeps_the_orders_own() -> None:
    desk = Desk()
    desk.ask("/fapi/v1/order", LIMIT | {"price": "120"}, "a")
    match = {"symbol": "S", "side": "BUY", "quantity": "3", "priceMatch": "OPPONENT", "origClientOrderId": "a"}
    desk.ask("/fapi/v1/order", match, method="PUT")
    assert desk.total == 360


def test_a_batch_of_modifications_is_settled_leg_by_leg() -> None:
    desk = Desk()
    for name in "ab":
        desk.ask("/fapi/v1/order", LIMIT, name)
        desk.end(Outcome.ACCEPTED, row(name), family="usdm")
    legs = json.dumps([LIMIT | {"origClientOrderId": name, "quantity": "1"} for name in "ab"])
    desk.ask("/fapi/v1/batchOrders", {"batchOrders": legs}, method="PUT")
    assert desk.total == 400, "a smaller size frees nothing before it is known"
    desk.end(Outcome.ACCEPTED, [{"code": -2013, "msg": "Order does not exist."}, row("b")], family="usdm")
    assert [(order.names, order.open) for order in desk.tracker.book.orders()] == [(("a",), 2), (("b",), 1)]


@pytest.mark.parametrize("body", [None, {}, [], [row("a")], [row("a"), row("b"), row("c"), row("d")]])
def test_what_a_batchs_answer_does_not_tell_stays_reserved(body: Any) -> None:
    desk = Desk()
    legs = json.dumps([LIMIT | {"newClientOrderId": name} for name in "abc"])
    desk.ask("/fapi/v1/batchOrders", {"batchOrders": legs}, "a", "b", "c")
    desk.end(Outcome.ACCEPTED, body, family="usdm")
    assert (desk.total, desk.tracker.pending()) == (600, {})


def test_a_batchs_answer_confirms_its_orders() -> None:
    desk = Desk()
    legs = json.dumps([LIMIT | {"newClientOrderId": name} for name in "ab"])
    desk.ask("/fapi/v1/batchOrders", {"batchOrders": legs}, "a", "b")
    desk.tracker.settle("r1", Outcome.ACCEPTED, [{}, {"code": -2019}], 7)
    assert [(order.names, order.shown, order.since_ms) for order in desk.tracker.book.orders()] == [(("a",), True, 7)]


def test_news_is_told_once() -> None:
    """What is told is written into the journal."""
    desk = Desk()
    desk.ask("/api/v3/order", LIMIT, "a")
    desk.end(Outcome.ACCEPTED, {})
    for told in (row("a", orderId=1), row("a", filled="0.5", orderId=1), row("a", filled="1", orderId=1)):
        assert len(desk.tracker.learn("main", "spot", told)) == 1
        assert desk.tracker.learn("main", "spot", told) == []
    amended = row("b", filled="1", origClientOrderId="a", orderId=1)
    assert len(desk.tracker.learn("main", "spot", amended)) == 1
    assert desk.tracker.learn("main", "spot", amended) == []
    (order,) = desk.tracker.book.orders()
    assert (order.names, order.numbers) == (("a", "b"), {"1": "a"})
    assert len(desk.tracker.learn("main", "spot", row("b", "CANCELED", "1"))) == 1, "by its new name alone"
    assert desk.total == 100


def test_a_name_of_another_symbol_ends_nothing() -> None:
    desk = Desk()
    desk.ask("/api/v3/order", LIMIT, "a")
    desk.end(Outcome.ACCEPTED, row("a"))
    assert desk.tracker.learn("main", "spot", row("a", "CANCELED") | {"symbol": "T"}) == []
    assert desk.total == 200


def test_names_and_numbers_are_free_again_when_their_order_has_ended() -> None:
    desk = Desk()
    for number in (1, 2):
        for name in ("a", "b"):
            desk.ask("/api/v3/order", LIMIT, name)
            desk.end(Outcome.ACCEPTED, row(name, orderId=10 * number + ord(name)))
        amended = row("c", origClientOrderId="a", orderId=10 * number + ord("a"))
        assert desk.tracker.learn("main", "spot", amended)
        for name in ("c", "b"):
            assert desk.tracker.learn("main", "spot", row(name, "CANCELED"))
        assert (desk.total, list(desk.tracker.book.orders())) == (0, [])
    assert desk.tracker.learn("main", "spot", row("anything", "CANCELED", "1", orderId=10 + ord("a"))) == []
    assert desk.total == 0, "what has ended moves nothing any more"


def test_the_id_of_a_cancel_names_no_order() -> None:
    """Of a list one half is cancelled, under an id that a new order has later."""
    desk = Desk()
    values = {"symbol": "S", "side": "SELL", "quantity": "1", "abovePrice": "150", "belowStopPrice": "80"}
    desk.ask("/api/v3/orderList/oco", values, "list", "up", "down")
    desk.end(Outcome.ACCEPTED, {"symbol": "S", "orders": [], "orderReports": [row("up"), row("down")]})
    desk.tracker.learn("main", "spot", row("gone", "CANCELED", origClientOrderId="down"))
    desk.ask("/api/v3/order", LIMIT, "gone")
    desk.end(Outcome.ACCEPTED, row("gone"))
    desk.tracker.learn("main", "spot", row("gone", "CANCELED"))
    assert [order.names for order in desk.tracker.book.orders()] == [("up", "down")]


def test_what_a_conditional_order_became_may_have_its_name() -> None:
    desk = Desk()
    stop = {"symbol": "S", "side": "SELL", "type": "STOP_MARKET", "quantity": "2", "triggerPrice": "80"}
    desk.ask("/fapi/v1/algoOrder", stop, "c")
    algo = {"symbol": "S", "clientAlgoId": "c", "algoId": 4, "algoStatus": "NEW", "actualOrderId": ""}
    desk.end(Outcome.ACCEPTED, algo, family="usdm")
    assert len(desk.tracker.learn("main", "usdm", row("c", orderId=9))) == 1
    (order,) = desk.tracker.book.orders()
    assert order.numbers == {"a4": "c", "9": "c"}


@pytest.mark.parametrize(
    ("seen", "written"),
    [
        (Shown("S", ("a",), "1", "", Decimal("0.5"), ended=False),
         {"symbol": "S", "orderId": "1", "status": "NEW", "executedQty": "0.5", "clientOrderId": "a"}),
        (Shown("S", ("old", "new"), "1", "", Decimal("1E-8"), ended=True),
         {"symbol": "S", "orderId": "1", "status": "CANCELED", "executedQty": "0.00000001", "origClientOrderId": "old",
          "clientOrderId": "new"}),
        (Shown("S", (), "1", "", Decimal(0), ended=False),
         {"symbol": "S", "orderId": "1", "status": "NEW", "executedQty": "0"}),
        (Shown("S", ("c",), "a4", "", Decimal(0), ended=True),
         {"symbol": "S", "algoId": "4", "algoStatus": "CANCELED", "actualOrderId": "", "clientAlgoId": "c"}),
        (Shown("S", ("c",), "a4", "9", Decimal(0), ended=False),
         {"symbol": "S", "algoId": "4", "algoStatus": "NEW", "actualOrderId": "9", "clientAlgoId": "c"}),
    ],
)  # fmt: skip
def test_what_is_written_down_of_an_order_reads_the_same_again(seen: Shown, written: dict[str, str]) -> None:
    assert kept(seen) == written
    assert shown(written) == seen


# -- what is held on spot covers what is sold


def test_sales_on_spot_owe_what_is_not_held() -> None:
    """In the order in which they came: those that come first sell what is held."""
    desk = Desk()
    book, where = desk.tracker.book, Where("main", "spot", "S", "")
    book.move(where, "alpha", Decimal(1))
    assert desk.total == 100
    desk.ask("/api/v3/order", LIMIT | {"quantity": "0.5", "price": "80"}, "buy")
    assert desk.total == 150
    desk.ask("/api/v3/order", LIMIT | {"side": "SELL", "price": "120"}, "first")
    assert desk.total == 150, "one of two is owed"
    desk.ask("/api/v3/order", LIMIT | {"side": "SELL", "price": "150"}, "second")
    assert desk.total == 120 + 300
    desk.end(Outcome.ACCEPTED, row("buy"), number=1)
    desk.end(Outcome.ACCEPTED, row("second"), number=3)
    desk.tracker.learn("main", "spot", row("first", "PARTIALLY_FILLED", "1"))
    assert desk.total == 120 + 300, "what was held is sold, one is left of the first"
    desk.rate = Rate(Decimal(200), None, Decimal(1))
    book.reprice("spot")
    assert desk.total == 200 + 400
    desk.tracker.learn("main", "spot", row("buy", "FILLED", "0.5"))
    assert desk.total == 100 + 400, "what was bought covers half of what is left"
    desk.tracker.learn("main", "spot", row("first", "CANCELED", "1"))
    assert desk.total == 300, "the second one's, now that it comes first"
    desk.end(Outcome.REJECTED, number=2)
    desk.tracker.learn("main", "spot", row("second", "CANCELED"))
    assert desk.total == 100


def test_more_sales_than_one_may_be_covered() -> None:
    desk = Desk()
    desk.tracker.book.move(Where("main", "spot", "S", ""), "alpha", Decimal(3))
    for number in range(3):
        desk.ask("/api/v3/order", LIMIT | {"side": "SELL", "price": "150"}, f"a{number}")
    assert desk.total == 450, "two are covered by three, and one of the next two"
    desk.ask("/api/v3/order", LIMIT | {"side": "SELL", "price": "400"}, "b")
    assert desk.total == 450 + 800


def test_what_is_owed_on_spot_is_counted_once() -> None:
    desk = Desk()
    desk.tracker.book.move(Where("main", "spot", "S", ""), "alpha", Decimal(-1))
    desk.ask("/api/v3/order", LIMIT | {"side": "SELL"}, "a")
    assert desk.total == 300
    desk.tracker.book.reprice("spot")
    assert desk.total == 300


def test_futures_cover_nothing() -> None:
    """What is sold of a position opens one of the other side, should it be more."""
    desk = Desk()
    desk.tracker.book.move(Where("main", "usdm", "S", ""), "alpha", Decimal(1))
    desk.ask("/fapi/v1/order", LIMIT | {"side": "SELL"}, "a")
    assert desk.total == 200
    desk.tracker.book.reprice("usdm")
    assert desk.total == 200


@pytest.mark.parametrize("side", ["BUY", "SELL"])
def test_what_only_reduces_counts_nothing_at_any_price(side: str) -> None:
    desk = Desk()
    desk.ask("/fapi/v1/order", LIMIT | {"side": side, "reduceOnly": "true"}, "a")
    desk.ask("/fapi/v1/order", LIMIT | {"side": side, "quantity": "1"}, "b")
    assert desk.total == 100
    desk.rate = Rate(Decimal(200), None, Decimal(1))
    desk.tracker.book.reprice("usdm")
    assert desk.total == 200


def test_a_stated_position_is_counted_at_every_price() -> None:
    desk = Desk()
    book = desk.tracker.book
    book.state(Where("main", "usdm", "S", ""), Decimal(-2))
    assert book.account("main").total == 200
    desk.rate = Rate(Decimal(50), None, Decimal(1))
    book.reprice("usdm")
    assert (book.account("main").total, book.symbol("main", "S").total) == (100, 100)


# -- what is over a limit already


def test_over_a_limit_passes_what_makes_nothing_larger() -> None:
    desk = Desk()
    desk.ask("/fapi/v1/order", LIMIT, "a")
    assert desk.ask("/fapi/v1/order", LIMIT, "b", limit=100).over == "over"
    assert desk.ask("/fapi/v1/order", LIMIT | {"reduceOnly": "true"}, "c", limit=100).over == ""
    assert desk.ask("/fapi/v1/order", LIMIT | {"side": "SELL"}, "d", limit=100).over == "", "the other side is as large"
    assert desk.ask("/fapi/v1/order", LIMIT | {"side": "SELL", "quantity": "0.1"}, "e", limit=100).over == "over"


# -- modifications


@pytest.mark.parametrize(
    ("own", "new", "dollars"),
    [("120", "150", 300), ("150", "120", 300), ("150", None, 300), (None, "150", 300), (None, None, 200)],
)
def test_the_worse_price_counts_until_a_modification_is_known(own: str | None, new: str | None, dollars: int) -> None:
    desk = Desk()

    def priced(price: str | None, **more: str) -> dict[str, str]:
        values = {"symbol": "S", "side": "BUY", "type": "LIMIT", "quantity": "2", **more}
        return values | ({"priceMatch": "QUEUE"} if price is None else {"price": price})

    desk.ask("/fapi/v1/order", priced(own), "a")
    desk.ask("/fapi/v1/order", priced(new, origClientOrderId="a"), method="PUT")
    assert desk.total == dollars


def test_a_modification_that_came_about_after_its_order_had_ended_changes_nothing() -> None:
    desk = Desk()
    desk.ask("/fapi/v1/order", LIMIT, "a")
    desk.end(Outcome.ACCEPTED, row("a"), family="usdm")
    desk.ask("/fapi/v1/order", {**LIMIT, "origClientOrderId": "a"}, method="PUT")
    desk.tracker.learn("main", "usdm", row("a", "EXPIRED"))
    desk.end(Outcome.ACCEPTED, {"code": 200}, family="usdm")
    assert (desk.total, desk.tracker.book.places) == (0, {})


def test_each_half_of_a_list_has_a_number_of_its_own() -> None:
    desk = Desk()
    values = {"symbol": "S", "side": "SELL", "quantity": "1", "abovePrice": "150", "belowStopPrice": "80"}
    desk.ask("/api/v3/orderList/oco", values, "list", "up", "down")
    for number, name in enumerate(("up", "down"), 1):
        assert len(desk.tracker.learn("main", "spot", row(name, orderId=number))) == 1
    (order,) = desk.tracker.book.orders()
    assert order.numbers == {"1": "up", "2": "down"}
