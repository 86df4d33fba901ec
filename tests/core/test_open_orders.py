"""What rests, what of it protects a position, and the requests that cancel the rest."""

from typing import Any

import pytest

from counterseal.core.open_orders import LISTS, Cancel, Open, cancels, doomed, read_open

ORDER = {"symbol": "BTCUSDT", "orderId": 1, "clientOrderId": "a", "side": "BUY", "type": "LIMIT", "reduceOnly": False,
         "closePosition": False, "positionSide": "BOTH"}  # fmt: skip
ALGO = {"symbol": "BTCUSDT", "algoId": 9, "clientAlgoId": "s", "side": "SELL", "orderType": "STOP_MARKET",
        "closePosition": True, "reduceOnly": False, "positionSide": "BOTH"}  # fmt: skip
SPOT = {"symbol": "BTCUSDT", "orderId": 1, "clientOrderId": "a", "side": "SELL", "type": "LIMIT", "orderListId": -1}


def plain(*rows: dict[str, Any], family: str = "usdm") -> list[Open]:
    found = read_open(family, LISTS[family][0], list(rows))
    assert found is not None
    return found


def algo(*rows: dict[str, Any]) -> list[Open]:
    found = read_open("usdm", LISTS["usdm"][1], list(rows))
    assert found is not None
    return found


def every(_order: Open) -> bool:
    return True


def test_plain_and_conditional_orders_are_read() -> None:
    (one,), (other,) = plain(ORDER), algo(ALGO)

    assert (str(one), one.protects, one.is_algo) == ("BTCUSDT order 1 (a)", False, False)
    assert (str(other), other.protects, other.is_algo) == ("BTCUSDT conditional order 9 (s)", True, True)


@pytest.mark.parametrize(
    ("change", "protects"),
    [({"reduceOnly": True}, True), ({"closePosition": True}, True), ({"positionSide": "LONG", "side": "SELL"}, True),
     ({"positionSide": "SHORT"}, True), ({"positionSide": "LONG"}, False), ({"reduceOnly": "true"}, False)],
)  # fmt: skip
def test_on_futures_what_can_only_close_protects(change: dict[str, Any], protects: bool) -> None:
    assert plain({**ORDER, **change})[0].protects is protects


@pytest.mark.parametrize("change", [{"symbol": 1}, {"orderId": "1"}, {"side": "UP"}, {"orderId": True}])
def test_one_row_that_is_no_order_makes_all_of_them_unknown(change: dict[str, Any]) -> None:
    assert read_open("usdm", LISTS["usdm"][0], [ORDER, {**ORDER, **change}]) is None


@pytest.mark.parametrize("body", [{}, None, ["x"]])
def test_what_is_no_list_is_unknown(body: Any) -> None:
    assert read_open("usdm", LISTS["usdm"][0], body) is None


def test_an_id_that_is_none_is_left_empty() -> None:
    assert plain({**ORDER, "clientOrderId": None})[0].client_id == ""


@pytest.mark.parametrize(
    ("change", "protects"),
    [({"type": "STOP_LOSS_LIMIT"}, True), ({"type": "TAKE_PROFIT"}, True), ({}, False), ({"type": 7}, False),
     ({"type": "STOP_LOSS", "side": "BUY"}, False)],
)  # fmt: skip
def test_on_spot_a_sell_that_waits_for_a_trigger_protects(change: dict[str, Any], protects: bool) -> None:
    assert plain({**SPOT, **change}, family="spot")[0].protects is protects


def test_a_list_of_spot_orders_stands_or_falls_as_one() -> None:
    stop, offer = {**SPOT, "type": "STOP_LOSS_LIMIT", "orderListId": 5}, {**SPOT, "orderId": 2, "orderListId": 5}
    working = {**SPOT, "orderId": 3, "side": "BUY", "orderListId": 5}

    assert [one.protects for one in plain(stop, offer, family="spot")] == [True, True]
    assert [one.protects for one in plain(stop, offer, working, family="spot")] == [False, False, False]


def test_what_protects_an_open_position_stays_unless_everything_has_to_go() -> None:
    orders = [*plain(ORDER, {**ORDER, "orderId": 2, "reduceOnly": True}), *algo(ALGO)]
    here = {("BTCUSDT", "BOTH")}

    def numbers(*args: Any, **more: Any) -> tuple[list[int], list[int]]:
        go, kept = doomed(orders, *args, **{"everything": False, **more})
        return [one.number for one in go], [one.number for one in kept]

    assert numbers(here, every) == ([1], [2, 9])
    assert numbers(frozenset(), every) == ([1, 2, 9], [])
    # Nobody knows: it may be open.
    assert numbers(None, every) == ([1], [2, 9])
    assert numbers(here, every, everything=True) == ([1, 2, 9], [])
    assert numbers(here, lambda one: one.number == 2) == ([], [2])


def test_all_of_a_symbol_goes_by_one_request_of_each_kind() -> None:
    orders = [*plain(ORDER, {**ORDER, "orderId": 2}), *algo({**ALGO, "closePosition": False})]

    assert cancels("usdm", orders, orders, wide=True) == [
        Cancel("/fapi/v1/allOpenOrders", (("symbol", "BTCUSDT"),), tuple(orders[:2])),
        Cancel("/fapi/v1/algoOpenOrders", (("symbol", "BTCUSDT"),), (orders[2],)),
    ]
    spot = plain(SPOT, family="spot")
    assert [each.path for each in cancels("spot", spot, spot, wide=True)] == ["/api/v3/openOrders"]


def test_where_something_stays_the_rest_goes_by_number() -> None:
    orders = [*plain(*({**ORDER, "orderId": at} for at in range(1, 14))), *algo(ALGO, {**ALGO, "algoId": 10})]
    found = cancels("coinm", [*orders[1:12], orders[14]], orders, wide=True)

    assert [(each.path, each.pairs[-1]) for each in found] == [
        ("/dapi/v1/batchOrders", ("orderIdList", "[2,3,4,5,6,7,8,9,10,11]")),
        ("/dapi/v1/order", ("orderId", "12")),
        ("/dapi/v1/algoOrder", ("algoId", "10")),
    ]


def test_a_narrow_cancel_never_takes_a_whole_symbol() -> None:
    orders = plain(ORDER)

    assert [each.path for each in cancels("usdm", orders, orders, wide=False)] == ["/fapi/v1/order"]


def test_on_spot_lists_go_as_lists() -> None:
    orders = plain(
        {**SPOT, "orderId": 1, "orderListId": 5}, {**SPOT, "orderId": 2, "orderListId": 5}, {**SPOT, "orderId": 3},
        {**SPOT, "orderId": 4}, family="spot",
    )  # fmt: skip
    found = cancels("spot", orders[:3], orders, wide=True)

    assert [(each.path, each.pairs[-1], len(each.covers)) for each in found] == [
        ("/api/v3/order", ("orderId", "3"), 1), ("/api/v3/orderList", ("orderListId", "5"), 2),
    ]  # fmt: skip
