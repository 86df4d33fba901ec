"""What a resolved request comes to, in the exchange's shape, and which ids are free."""

from typing import Any

from counterseal.core.conclusion import Conclusion, Settled, conclude
from counterseal.core.outcome import Outcome
from counterseal.core.resolver import End
from counterseal.core.subjects import Change, Store, Subject

NO_ORDER = {"code": -2013, "msg": "Order does not exist."}


def settled(
    end: End, order: Any = None, *, name: str = "a", change: Change = Change.BORN, leg: int = 0, legs: int = 1
) -> Settled:
    """One subject of spot or futures."""
    return Settled(Subject(change, Store.ORDER, "usdm", "BTCUSDT", name, leg=leg, legs=legs), end, order)


def test_an_order_that_is_there_is_accepted_and_shown() -> None:
    """With the body of the query."""
    order = {"orderId": 7, "status": "FILLED"}
    assert conclude("/fapi/v1/order", ["a"], [settled(End.TAKEN, order)]) == Conclusion(
        Outcome.ACCEPTED, 200, order, (), "FILLED"
    )
    # Archived: it was there, and nothing more is known.
    assert conclude("/fapi/v1/order", ["a"], [settled(End.TAKEN)]) == Conclusion(Outcome.ACCEPTED, 200, None, (), "")


def test_an_order_that_is_absent_frees_all_its_ids() -> None:
    """A list's orders with it; the exchange's refusal of a duplicate is a rejection; old ids stay taken."""
    assert conclude("/api/v3/orderList/oco", ["l", "x", "y"], [settled(End.ABSENT)]) == Conclusion(
        Outcome.ABSENT, 0, None, ("l", "x", "y"), ""
    )
    assert conclude("/fapi/v1/order", ["a"], [settled(End.REFUSED)]).outcome is Outcome.REJECTED
    assert conclude("/fapi/v1/order", ["a"], [settled(End.ABSENT)], keeps_ids=True).freed == ()


def test_a_batch_has_an_element_for_each_leg() -> None:
    """What was refused at once is not among the settled; what is absent is free."""
    order = {"orderId": 7, "status": "NEW"}
    legs = [settled(End.TAKEN, order, name="a", leg=0, legs=4), settled(End.ABSENT, name="c", leg=2, legs=4)]
    assert conclude("/fapi/v1/batchOrders", ["a", "b", "c", "d"], legs) == Conclusion(
        Outcome.ACCEPTED, 200, [order, NO_ORDER, NO_ORDER, NO_ORDER], ("c",), "NEW"
    )
    legs = [settled(End.TAKEN, name="a")]
    assert conclude("/fapi/v1/batchOrders", ["a"], legs).body == [NO_ORDER]


def test_a_replacement_tells_both_halves() -> None:
    """In full, or in part with the exchange's code for that."""
    new, old = {"orderId": 8, "status": "NEW"}, {"orderId": 7, "status": "CANCELED"}
    ended = settled(End.TAKEN, old, name="old", change=Change.ENDED)
    path = "/api/v3/order/cancelReplace"
    both = conclude(path, ["a"], [settled(End.TAKEN, new), ended])
    assert (both.outcome, both.status, both.freed) == (Outcome.ACCEPTED, 200, ())
    assert both.body == {
        "cancelResult": "SUCCESS",
        "newOrderResult": "SUCCESS",
        "cancelResponse": old,
        "newOrderResponse": new,
    }
    half = conclude(path, ["a"], [settled(End.ABSENT), ended])
    assert (half.outcome, half.status, half.freed, half.body["code"]) == (Outcome.ACCEPTED, 409, ("a",), -2021)
    assert {name: half.body[name] for name in half.body if name != "data"} == {
        "code": -2021,
        "msg": "Order cancel-replace partially failed.",
    }
    assert half.body["data"]["newOrderResult"] == "FAILURE"
    assert half.body["data"]["newOrderResponse"] == NO_ORDER
    kept = settled(End.REFUSED, {"status": "FILLED"}, name="old", change=Change.ENDED)
    other = conclude(path, ["a"], [settled(End.TAKEN, new), kept])
    assert (other.status, other.body["data"]["cancelResult"], other.freed) == (409, "FAILURE", ())
    assert conclude(path, ["a"], [settled(End.ABSENT), kept]).outcome is Outcome.ABSENT


def test_an_amendment_keeps_its_shape() -> None:
    """The order stands one level down."""
    order = {"orderId": 7, "status": "NEW"}
    amended = [settled(End.TAKEN, order, change=Change.ALTERED)]
    path = "/api/v3/order/amend/keepPriority"
    assert conclude(path, ["n"], amended).body == {"amendedOrder": order}
    assert conclude(path, ["n"], [settled(End.ABSENT, change=Change.ALTERED)]).freed == ("n",)
    assert conclude(path, ["n"], [settled(End.TAKEN, change=Change.ALTERED)]).body is None


def test_a_cancel_that_can_no_longer_happen_is_absent() -> None:
    """The order ended by itself."""
    filled = [settled(End.REFUSED, {"status": "FILLED"}, change=Change.ENDED)]
    assert conclude("/fapi/v1/order", [], filled).outcome is Outcome.ABSENT


def test_a_request_is_rejected_only_when_each_of_its_orders_was() -> None:
    both = [settled(End.REFUSED, name="a"), settled(End.ABSENT, name="b", leg=1, legs=2)]
    assert conclude("/fapi/v1/batchOrders", ["a", "b"], both).outcome is Outcome.ABSENT
    assert conclude("/fapi/v1/batchOrders", ["a", "b"], [both[0]] * 2).outcome is Outcome.REJECTED


def test_a_leg_that_came_to_nothing_shows_no_order() -> None:
    """A cancel of an order that was filled before: the order is known, and is not what was asked for."""
    order, filled = {"orderId": 7, "status": "CANCELED"}, {"orderId": 8, "status": "FILLED"}
    legs = [
        settled(End.TAKEN, order, change=Change.ENDED, leg=0, legs=2),
        settled(End.REFUSED, filled, change=Change.ENDED, leg=1, legs=2),
    ]
    assert conclude("/fapi/v1/batchOrders", [], legs).body == [order, NO_ORDER]


def test_a_replacement_whose_old_order_is_archived_says_so() -> None:
    ended = settled(End.TAKEN, name="old", change=Change.ENDED)
    both = conclude("/api/v3/order/cancelReplace", ["a"], [settled(End.TAKEN), ended])
    assert (both.body["cancelResponse"], both.body["newOrderResponse"]) == (NO_ORDER, NO_ORDER)
