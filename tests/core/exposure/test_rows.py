"""Every shape in which an answer of the exchange shows orders."""

from decimal import Decimal
from typing import Any

import pytest

from counterseal.core.exposure.rows import Shown, orders_in, shown


def row(name: str, **more: Any) -> dict[str, Any]:
    return {"symbol": "S", "clientOrderId": name, **more}


ALGO = {"symbol": "S", "algoId": 4, "clientAlgoId": "c", "algoStatus": "NEW", "actualOrderId": ""}


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (row("a"), [row("a")]),
        ([row("a"), row("b")], [row("a"), row("b")]),
        # An order is one order, whatever else is in it.
        (row("a", orders=[row("b")]), [row("a", orders=[row("b")])]),
        (ALGO, [ALGO]),
        ({"orderListId": 1, "symbol": "S", "orders": [row("a")]}, [row("a")]),
        ({"orderListId": 1, "symbol": "S", "orders": []}, []),
        ({"symbol": "S", "orders": [row("a")], "orderReports": [row("a"), row("b")]}, [row("a"), row("b"), row("a")]),
        ({"cancelResponse": row("a"), "newOrderResponse": row("b")}, [row("a"), row("b")]),
        ({"cancelResponse": row("a"), "newOrderResponse": None}, [row("a")]),
        ({"code": -2022, "msg": "", "data": {"cancelResponse": row("a"), "newOrderResponse": row("b")}},
         [row("a"), row("b")]),
        ({"transactTime": 1, "amendedOrder": row("a")}, [row("a")]),
        ({"code": 200, "msg": "success"}, []),
        ({"symbol": "S", "leverage": 5}, [{"symbol": "S", "leverage": 5}]),
        (None, []), ("text", []), (7, []), ([], []), ({}, []), ([[row("a")]], [row("a")]),
    ],
)  # fmt: skip
def test_orders_are_found_wherever_they_stand(body: Any, found: list[dict[str, Any]]) -> None:
    assert list(orders_in(body)) == found


@pytest.mark.parametrize(
    ("told", "number"),
    [
        (1, "1"), (8886774, "8886774"), ("1", "1"), ("8886774", "8886774"), (0, ""), ("0", ""), (-1, ""), ("-1", ""),
        (True, ""), (None, ""), ("", ""), ("x", ""), (1.5, ""), ([1], ""), ("1.0", ""), ("²", ""),
    ],
)  # fmt: skip
def test_a_number_is_digits_or_nothing(told: Any, number: str) -> None:
    assert shown(row("a", orderId=told)) == Shown("S", ("a",), number, "", Decimal(0), ended=False)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Shown("S", ("c",), "a4", "", Decimal(0), ended=False)),
        ({"algoId": 0}, Shown("S", ("c",), "", "", Decimal(0), ended=False)),
        ({"clientAlgoId": ""}, Shown("S", (), "a4", "", Decimal(0), ended=False)),
        ({"clientAlgoId": "", "algoId": 0}, None),
        ({"algoStatus": "CANCELED"}, Shown("S", ("c",), "a4", "", Decimal(0), ended=True)),
        # What it became ends by itself.
        ({"algoStatus": "CANCELED", "actualOrderId": "9"}, Shown("S", ("c",), "a4", "9", Decimal(0), ended=False)),
        ({"algoStatus": "FINISHED", "actualOrderId": "9"}, Shown("S", ("c",), "a4", "9", Decimal(0), ended=False)),
        ({"symbol": None}, None),
    ],
)
def test_a_conditional_order_is_known_by_its_id_or_its_number(changes: dict[str, Any], expected: Shown | None) -> None:
    assert shown(ALGO | changes) == expected


@pytest.mark.parametrize("status", ["FILLED", "CANCELED", "REJECTED", "EXPIRED", "EXPIRED_IN_MATCH"])
def test_what_can_trade_no_more_has_ended(status: str) -> None:
    told = shown(row("a", status=status, executedQty="0.5"))
    assert told == Shown("S", ("a",), "", "", Decimal("0.5"), ended=True)
    conditional = shown(ALGO | {"algoStatus": status})
    assert conditional is not None
    assert conditional.ended is (status in ("CANCELED", "REJECTED", "EXPIRED"))
