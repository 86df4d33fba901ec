"""The questions as the exchange takes them, and what each of its answers proves."""

from typing import Any

import pytest

from counterseal.core.outcome import read_answer
from counterseal.core.queries import Question, Window, question, read, status_of
from counterseal.core.resolver import Ask, Finding
from counterseal.core.subjects import Change, Store, Subject

THERE, NEVER, NOT_THERE, SILENT = Finding.THERE, Finding.NEVER, Finding.NOT_THERE, Finding.SILENT
WINDOW = Window(1_000_000, 1_020_000)
SHOWS = (("side", "BUY"), ("origQty", "1.0"), ("price", "9"))
ORDER = {"symbol": "BTCUSDT", "orderId": 7, "clientOrderId": "a", "side": "BUY", "origQty": "1", "price": "9.00",
         "status": "NEW", "time": 1_000_500}  # fmt: skip


def subject(change: Change = Change.BORN, store: Store = Store.ORDER, family: str = "spot", **more: Any) -> Subject:
    """One subject of BTCUSDT, named `a` unless told."""
    named = {"client_id": "a"} if "order_id" not in more else {}
    return Subject(change, store, family, **{"symbol": "BTCUSDT", **named, **more})


def found(one: Subject, body: Any, ask: Ask = Ask.NAMED, status: int = 200, *, duplicate: bool = False) -> Finding:
    """What an answer proves."""
    return read(one, ask, read_answer(status, body), WINDOW, duplicate=duplicate)[0]


@pytest.mark.parametrize(
    ("one", "ask", "path", "pairs"),
    [
        (subject(), Ask.NAMED, "/api/v3/order", {"symbol": "BTCUSDT", "origClientOrderId": "a"}),
        (subject(order_id="7"), Ask.NAMED, "/api/v3/order", {"symbol": "BTCUSDT", "orderId": "7"}),
        (subject(family="usdm"), Ask.NAMED, "/fapi/v1/order", {"symbol": "BTCUSDT", "origClientOrderId": "a"}),
        (subject(family="coinm"), Ask.NAMED, "/dapi/v1/order", {"symbol": "BTCUSDT", "origClientOrderId": "a"}),
        (subject(store=Store.LIST), Ask.NAMED, "/api/v3/orderList", {"origClientOrderId": "a"}),
        (subject(store=Store.LIST, order_id="5"), Ask.NAMED, "/api/v3/orderList", {"orderListId": "5"}),
        (subject(store=Store.ALGO, family="usdm"), Ask.NAMED, "/fapi/v1/algoOrder", {"clientAlgoId": "a"}),
        (subject(store=Store.ALGO, family="coinm"), Ask.NAMED, "/dapi/v1/openAlgoOrders", {"symbol": "BTCUSDT"}),
        (subject(Change.SWEPT), Ask.NAMED, "/api/v3/openOrders", {"symbol": "BTCUSDT"}),
        (subject(), Ask.OPEN, "/api/v3/openOrders", {"symbol": "BTCUSDT"}),
        (subject(store=Store.LIST), Ask.OPEN, "/api/v3/openOrderList", {}),
        (subject(store=Store.ALGO, family="usdm"), Ask.OPEN, "/fapi/v1/openAlgoOrders", {"symbol": "BTCUSDT"}),
        (subject(), Ask.TRADES, "/api/v3/myTrades", {"symbol": "BTCUSDT", "startTime": "995000"}),
        (subject(family="usdm"), Ask.TRADES, "/fapi/v1/userTrades", {"symbol": "BTCUSDT", "startTime": "995000"}),
        (
            subject(family="coinm"),
            Ask.WINDOW,
            "/dapi/v1/allOrders",
            {"symbol": "BTCUSDT", "startTime": "995000", "endTime": "1025000", "limit": "1000"},
        ),
        (
            subject(store=Store.LIST),
            Ask.WINDOW,
            "/api/v3/allOrderList",
            {"startTime": "995000", "endTime": "1025000", "limit": "1000"},
        ),
    ],
)
def test_the_right_endpoint(one: Subject, ask: Ask, path: str, pairs: dict[str, str]) -> None:
    """Each store has its own, and each family its root."""
    assert question(one, ask, WINDOW) == Question(path, tuple(pairs.items()))


def test_coinm_cannot_tell_what_became_of_a_conditional_order_that_triggered() -> None:
    """There is no endpoint, so nothing is asked and nothing proven."""
    assert question(subject(store=Store.ALGO, family="coinm"), Ask.WINDOW, WINDOW) is None


def test_every_question_is_in_the_catalogue() -> None:
    """With each of its names."""
    from counterseal.adapters.catalogue_data import load_catalogue

    catalogue = load_catalogue()
    for family in ("spot", "usdm", "coinm"):
        for store in Store:
            if (store is Store.LIST) != (family == "spot") and store is not Store.ORDER:
                continue
            for ask in Ask:
                asked = question(subject(store=store, family=family), ask, WINDOW)
                if asked is not None:
                    endpoint = catalogue.get(family, "GET", asked.path)
                    assert endpoint is not None, asked
                    assert endpoint.signed
                    assert {name for name, _ in asked.pairs} <= set(endpoint.params), asked


@pytest.mark.parametrize(
    ("status", "body", "finding"),
    [
        (200, ORDER, THERE),
        (200, ORDER | {"status": "CANCELED"}, THERE),
        # Modified since: still this order.
        (200, ORDER | {"price": "8", "origQty": "3"}, THERE),
        (400, {"code": -2013, "msg": "Order does not exist."}, NOT_THERE),
        (400, {"code": -2026, "msg": "archived"}, THERE),
        # Another order, another symbol, another side, or one that is older than the request: no proof of anything.
        (200, ORDER | {"clientOrderId": "b"}, SILENT),
        (200, ORDER | {"symbol": "ETHUSDT"}, SILENT),
        (200, ORDER | {"side": "SELL"}, SILENT),
        (200, ORDER | {"time": 994_999}, SILENT),
        (200, [], NOT_THERE),
        (200, {}, SILENT),
        (200, None, SILENT),
        (200, [1], SILENT),
        (400, {"code": -1021, "msg": "Timestamp"}, SILENT),
        (404, {"code": -2018, "msg": "Order list does not exist."}, SILENT),
        (503, {"code": -2013, "msg": "Order does not exist."}, SILENT),
        (429, {"code": -1003, "msg": "Too many requests."}, SILENT),
    ],
)
def test_what_an_answer_about_an_order_proves(status: int, body: Any, finding: Finding) -> None:
    """Only the order itself, or the exchange's own word that there is none."""
    assert found(subject(shows=SHOWS), body, status=status) is finding


def test_a_duplicate_is_ours_when_it_is_what_was_sent() -> None:
    """Then it may be older; with other values our request was refused."""
    one = subject(shows=SHOWS)
    assert found(one, ORDER | {"time": 1}, duplicate=True) is THERE
    assert found(one, ORDER | {"price": "8"}, duplicate=True) is NEVER
    assert found(one, ORDER | {"side": "SELL"}, duplicate=True) is NEVER


@pytest.mark.parametrize("ask", [Ask.OPEN, Ask.WINDOW])
def test_lists_show_it_by_its_id(ask: Ask) -> None:
    """Among others, or not."""
    one, other = subject(shows=SHOWS), ORDER | {"clientOrderId": "b"}
    assert found(one, [other, ORDER], ask) is THERE
    assert found(one, [other], ask) is NOT_THERE
    assert found(one, [], ask) is NOT_THERE
    assert found(one, ORDER, ask) is SILENT
    assert found(one, {"code": -2013, "msg": ""}, ask, 400) is SILENT
    # A page that is full may have left it out.
    assert (found(one, [other] * 1_000, ask) is SILENT) == (ask is Ask.WINDOW)


def test_trades_have_no_client_id() -> None:
    """None at all, or some that have to be attributed."""
    assert found(subject(), [], Ask.TRADES) is NOT_THERE
    assert found(subject(), [{"orderId": 7}], Ask.TRADES) is Finding.TRADED
    assert found(subject(), {}, Ask.TRADES) is SILENT


def test_a_cancelled_order() -> None:
    """Cancelled: it happened. Filled: it never will. Open: not yet."""
    one = subject(Change.ENDED)
    for status, finding in (("CANCELED", THERE), ("FILLED", NEVER), ("EXPIRED", NEVER), ("NEW", NOT_THERE)):
        assert found(one, ORDER | {"status": status}) is finding
    assert found(one, {"code": -2013, "msg": ""}, status=400) is NOT_THERE
    assert found(one, {"code": -2026, "msg": ""}, status=400) is NEVER
    assert found(subject(Change.ENDED, order_id="7"), ORDER | {"status": "CANCELED"}) is THERE
    assert found(subject(Change.ENDED, order_id="8"), ORDER) is SILENT
    listed = {"listClientOrderId": "a", "symbol": "BTCUSDT", "listOrderStatus": "EXECUTING", "transactionTime": 1}
    assert found(subject(Change.ENDED, Store.LIST), listed) is NOT_THERE
    assert found(subject(Change.ENDED, Store.LIST), listed | {"listOrderStatus": "ALL_DONE"}) is THERE
    assert found(subject(store=Store.LIST), listed | {"transactionTime": 1_000_001}) is THERE
    assert found(subject(store=Store.LIST), {"code": -2018, "msg": ""}, status=400) is NOT_THERE


def test_a_changed_order() -> None:
    """Its values say so; an order that has ended without them never will have them."""
    one = subject(Change.ALTERED, family="usdm", shows=(("origQty", "2"), ("price", "8")))
    assert found(one, ORDER | {"origQty": "2.000", "price": "8"}) is THERE
    assert found(one, ORDER) is NOT_THERE
    assert found(one, ORDER | {"status": "FILLED"}) is NEVER


def test_a_cancel_of_everything() -> None:
    """What is older than the request and still open was not cancelled."""
    one = subject(Change.SWEPT)
    assert found(one, []) is THERE
    assert found(one, [ORDER]) is THERE
    assert found(one, [ORDER | {"time": 1_000_000}]) is NOT_THERE
    assert found(one, [{"clientOrderId": "a"}]) is NOT_THERE
    assert found(subject(Change.SWEPT, Store.ALGO, "usdm"), [{"createTime": 999_000}]) is NOT_THERE


def test_a_conditional_order() -> None:
    """Named by an id of its own; COIN-M shows it among the open ones only."""
    algo = {"clientAlgoId": "a", "symbol": "BTCUSDT", "side": "BUY", "algoStatus": "NEW", "createTime": 1_000_001}
    assert found(subject(store=Store.ALGO, family="usdm"), algo) is THERE
    nameless = subject(store=Store.ALGO, family="coinm")
    assert found(nameless, [algo]) is THERE
    assert found(nameless, []) is NOT_THERE
    assert found(nameless, {"code": -2013, "msg": ""}, status=400) is SILENT


def test_status_of() -> None:
    """Whichever kind it is."""
    assert [status_of(one) for one in ({"status": "NEW"}, {"algoStatus": "A"}, {"listOrderStatus": "L"}, {})] == [
        "NEW", "A", "L", "",
    ]  # fmt: skip
