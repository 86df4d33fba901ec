"""core.listings: what is asked when the journal may lack orders, and what is read of the answers."""

from typing import Any

import pytest

from counterseal.core import listings
from counterseal.core.listings import FAMILIES, FULL, ROWS, SLICE_MS, Listing
from counterseal.core.ownership import ALGO_SCOPE, LIST_SCOPE, Named
from counterseal.core.subjects import Store

ORDERS = Listing("/api/v3/allOrders", Store.ORDER, "orderId")
TRADES = Listing("/api/v3/myTrades", None, "fromId")
OPEN = Listing("/api/v3/openOrders", Store.ORDER)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_each_family_is_asked_for_what_is_open_and_for_each_symbol_s_orders_and_trades(family: str) -> None:
    assert any(listing.store is Store.ORDER and not listing.pager for listing in listings.of_family(family))
    assert {listing.store for listing in listings.of_symbol(family)} >= {Store.ORDER, None}
    assert listings.one_order(family, "X", 7).pairs == (("symbol", "X"), ("orderId", "7"))
    assert listings.held(family).pairs == ()


def test_what_is_open_comes_whole_and_what_was_in_slices_of_a_day() -> None:
    assert listings.first_page(OPEN, "", 5, 9).pairs == ()
    assert listings.next_page(OPEN, "", [{"orderId": n} for n in range(ROWS)], 9) is None
    day = (("symbol", "X"), ("startTime", "5"), ("endTime", str(5 + SLICE_MS)), ("limit", "1000"))
    assert listings.first_page(ORDERS, "X", 5, 10**12).pairs == day
    assert ("endTime", "9") in listings.first_page(ORDERS, "X", 5, 9).pairs


@pytest.mark.parametrize(("listing", "field"), [(ORDERS, "orderId"), (TRADES, "id")])
def test_a_page_that_may_be_full_is_read_on_behind_its_last_row(listing: Listing, field: str) -> None:
    """Whatever is asked for, some endpoints give a hundred rows at most."""
    rows: list[dict[str, Any]] = [{field: number, "time": number} for number in range(ROWS)]
    for count in (FULL, ROWS - 1, ROWS):
        asked = listings.next_page(listing, "X", rows[:count], ROWS)
        assert asked is not None
        assert asked.pairs == (("symbol", "X"), (listing.pager, str(count)), ("limit", "1000"))
    assert listings.next_page(listing, "X", rows[: FULL - 1], ROWS) is None
    assert listings.next_page(listing, "X", [], ROWS) is None
    assert listings.next_page(listing, "X", [*rows[1:], {}], ROWS) is None
    whole = Listing("/api/v3/allOrderList", Store.LIST, "fromId")
    asked = listings.next_page(whole, "", [{"orderListId": 9}] * ROWS, 0)
    assert asked is not None
    assert asked.pairs == (("fromId", "10"), ("limit", "1000"))


def test_a_page_is_not_read_on_behind_its_slice_of_time() -> None:
    """The next slice begins there."""
    rows = [{"orderId": number, "time": number} for number in range(FULL)]
    assert listings.next_page(ORDERS, "X", rows, FULL - 1) is not None
    assert listings.next_page(ORDERS, "X", rows, FULL - 2) is None


@pytest.mark.parametrize(
    ("family", "body", "is_list", "is_held"),
    [
        ("usdm", [], True, True),
        ("usdm", [{}], True, True),
        ("usdm", [{}, 7], False, False),
        ("usdm", {}, False, False),
        ("spot", {"balances": []}, False, True),
        ("spot", {"balances": 7}, False, False),
        ("spot", [], True, False),
        ("spot", None, False, False),
    ],
)
def test_an_answer_of_another_shape_says_nothing(family: str, body: object, is_list: bool, is_held: bool) -> None:
    assert listings.is_list(body) is is_list
    assert listings.is_held(family, body) is is_held


@pytest.mark.parametrize(
    ("store", "row", "name", "status"),
    [
        (Store.ORDER, {"symbol": "X", "orderId": 7, "clientOrderId": "a", "status": "NEW"}, Named("X", "a", 7), "NEW"),
        (Store.LIST, {"symbol": "X", "orderListId": 7, "listClientOrderId": "a", "listOrderStatus": "ALL_DONE"},
         Named(LIST_SCOPE, "a", 7), "ALL_DONE"),
        (Store.ALGO, {"symbol": "X", "algoId": 7, "clientAlgoId": "a", "algoStatus": "NEW"},
         Named(ALGO_SCOPE, "a", 7), "NEW"),
        (Store.ORDER, {"symbol": 7, "orderId": "x", "clientOrderId": 7}, Named("", None, None), ""),
    ],
)  # fmt: skip
def test_a_row_is_an_order(store: Store, row: dict[str, Any], name: Named, status: str) -> None:
    found = listings.found(store, row)
    assert (found.name, found.status) == (name, status)
    assert found.symbol == ("X" if status else "")


def test_trades_name_each_order_once() -> None:
    assert list(listings.traded([{"orderId": 7}, {"orderId": 8}, {"orderId": 7}, {}])) == [7, 8]


@pytest.mark.parametrize(
    ("family", "body", "symbols"),
    [
        ("spot", {"balances": [{"asset": "BTC", "free": "0.1", "locked": "0"}, {"asset": "USDT", "free": "0.0",
                  "locked": "1"}, {"asset": "ETH", "free": "0.000", "locked": "0"}, 7]}, {"BTCUSDT"}),
        ("spot", {"balances": 7}, set()),
        ("spot", None, set()),
        ("usdm", [{"symbol": "BTCUSDT", "positionAmt": "-0.01"}, {"symbol": "ETHUSDT", "positionAmt": "0.000"},
                  {"symbol": "BNBUSDT", "positionAmt": 7}], {"BTCUSDT"}),
    ],
)  # fmt: skip
def test_what_is_held_tells_which_symbols_may_have_brought_it(family: str, body: object, symbols: set[str]) -> None:
    pairs = {"BTCUSDT": ("BTC", "USDT"), "ETHUSDT": ("ETH", "USDT"), "ETHBTC": ("ETH", "BTC")}
    assert listings.held_symbols(family, body, pairs) == symbols


def test_ids_of_our_own_making_are_known_by_their_beginning() -> None:
    assert listings.is_ours("cs-0badcafe-1z")
    assert not listings.is_ours("alpha-1")
