"""Open orders: events open and end them, lists correct them, and what is behind brings none back."""

from typing import Any

from counterseal.core.ownership import ALGO_SCOPE
from counterseal.core.positions.agreement import LAG_MS
from counterseal.core.positions.orders import REMEMBERED, Key, OpenOrders


def event(number: int, status: str = "NEW", symbol: str = "BTCUSDT") -> dict[str, Any]:
    """Give an order's event."""
    return {"e": "ORDER_TRADE_UPDATE", "o": {"s": symbol, "c": f"id{number}", "i": number, "X": status, "S": "BUY"}}


def algo(number: int, status: str = "NEW") -> dict[str, Any]:
    """Give a conditional order's event."""
    return {"e": "ALGO_UPDATE", "o": {"s": "BTCUSDT", "caid": f"a{number}", "aid": number, "X": status, "S": "SELL"}}


def tell(orders: OpenOrders, body: dict[str, Any], owner: str | None = "alpha", at_ms: int = 0) -> None:
    """Let it hear an event."""
    orders.event(body["e"], body, owner, at_ms)


def row(number: int) -> dict[str, Any]:
    """Give an order as a list shows it."""
    return {"symbol": "BTCUSDT", "orderId": number, "clientOrderId": f"id{number}", "side": "BUY"}


def test_events_open_and_end_orders_of_both_kinds() -> None:
    orders = OpenOrders()
    tell(orders, event(1))
    tell(orders, event(2), "beta", 5)
    tell(orders, algo(1))
    tell(orders, event(1, "PARTIALLY_FILLED"), "alpha", 9)
    assert (orders.count(), orders.count(["alpha"]), orders.count(["beta", "x"])) == (3, 2, 1)
    assert orders.open[Key("BTCUSDT", 1)].since_ms == 0
    tell(orders, event(1, "FILLED"))
    tell(orders, algo(1, "TRIGGERED"))
    tell(orders, event(1, "NEW"), at_ms=10)
    assert list(orders.open) == [Key("BTCUSDT", 2)]


def test_events_of_something_else_change_nothing() -> None:
    orders = OpenOrders()
    tell(orders, {"e": "ACCOUNT_UPDATE"})
    tell(orders, {"e": "ORDER_TRADE_UPDATE", "o": {"s": "BTCUSDT", "c": "x", "X": "NEW"}})
    tell(orders, {"e": "listStatus", "s": "BTCUSDT", "g": 5, "C": "x", "L": "EXECUTING", "O": []})
    assert orders.count() == 0


def test_a_list_ends_what_it_does_not_show_unless_it_may_be_behind() -> None:
    orders = OpenOrders()
    tell(orders, event(1))
    tell(orders, event(2), at_ms=10_000)
    tell(orders, algo(3))
    assert orders.listed([row(4)], 10_000)
    assert set(orders.open) == {Key("BTCUSDT", 2), Key("BTCUSDT", 4), Key(ALGO_SCOPE, 3)}
    assert orders.listed([], 10_000, conditional=True)
    assert orders.listed([row(1), row(2)], 10_001 + LAG_MS)
    assert set(orders.open) == {Key("BTCUSDT", 2)}, "what has ended stays ended"


def test_what_only_lists_show_is_unclaimed() -> None:
    orders = OpenOrders()
    listed = {"symbol": "BTCUSDT", "algoId": 5, "clientAlgoId": "a5", "side": "BUY"}
    assert orders.listed([listed], 100, conditional=True)
    assert orders.unclaimed(99) == []
    assert [(key, one.client_id) for key, one in orders.unclaimed(100)] == [(Key(ALGO_SCOPE, 5), "a5")]
    orders.settle_all()
    assert orders.unclaimed(100) == []
    assert orders.listed([row(1)], 200)
    tell(orders, event(1), at_ms=300)
    assert orders.unclaimed(1_000) == []
    assert orders.open[Key("BTCUSDT", 1)].since_ms == 200


def test_what_is_no_list() -> None:
    orders = OpenOrders()
    assert not orders.listed({}, 0)
    assert not orders.listed([{"symbol": "BTCUSDT"}], 0)


def test_only_so_many_ends_are_remembered() -> None:
    orders = OpenOrders()
    for number in range(REMEMBERED + 1):
        tell(orders, event(number, "CANCELED"))
    tell(orders, event(0))
    tell(orders, event(1))
    assert list(orders.open) == [Key("BTCUSDT", 0)]
