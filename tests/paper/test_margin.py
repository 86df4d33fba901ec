"""Cross margin: loans, orders with borrowed money, interest, and a level that moves with the market."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.paper.harness import Answer, Rig

HOUR_MS = 3_600_000
RATE = Decimal("0.000005")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path, margin_balances={"USDT": Decimal(100_000)})
    yield made
    made.journal.close()


def order(rig: Rig, **changes: Any) -> Answer:
    base = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.5"}
    merged = {name: value for name, value in {**base, **changes}.items() if value is not None}
    return rig.signed("POST", "/sapi/v1/margin/order", **merged)


def loan(rig: Rig, kind: str, asset: str, amount: str) -> Answer:
    return rig.signed("POST", "/sapi/v1/margin/borrow-repay", asset=asset, amount=amount, type=kind, isIsolated="FALSE")


def account(rig: Rig) -> dict[str, Any]:
    body: dict[str, Any] = rig.signed("GET", "/sapi/v1/margin/account").body
    return body


def held(rig: Rig, asset: str) -> dict[str, Decimal]:
    row = next(row for row in account(rig)["userAssets"] if row["asset"] == asset)
    return {name: Decimal(value) for name, value in row.items() if name != "asset"}


def test_orders_are_on_the_spot_books_with_the_margin_wallet(rig: Rig) -> None:
    before = rig.balance("USDT")
    placed = order(rig, newOrderRespType="FULL", newClientOrderId="m1").body
    assert (placed["status"], placed["isIsolated"], placed["clientOrderId"]) == ("FILLED", False, "m1")
    assert rig.balance("USDT") == before, "the spot wallet is another one"
    assert held(rig, "BTC")["free"] == Decimal("0.4995")
    rows = rig.signed("GET", "/sapi/v1/margin/myTrades", symbol="BTCUSDT").body
    assert sum(Decimal(row["qty"]) for row in rows) == Decimal("0.5")
    assert rig.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT").body == []
    line = next(line for line in rig.lines() if line["path"] == "/sapi/v1/margin/order")
    assert (line["order"]["clientOrderId"], line["executions"][0]["account"]) == ("m1", "main@margin")


def test_a_resting_order_locks_and_gives_back(rig: Rig) -> None:
    resting = {"type": "LIMIT", "timeInForce": "GTC", "price": "90000", "newClientOrderId": "r1"}
    order(rig, **resting)
    assert held(rig, "USDT")["locked"] == 45_000
    assert [row["clientOrderId"] for row in rig.signed("GET", "/sapi/v1/margin/openOrders").body] == ["r1"]
    assert rig.signed("GET", "/api/v3/openOrders").body == []
    gone = rig.signed("DELETE", "/sapi/v1/margin/order", symbol="BTCUSDT", origClientOrderId="r1").body
    assert (gone["status"], isinstance(gone["orderId"], str)) == ("CANCELED", True)
    assert held(rig, "USDT")["locked"] == 0


def test_money_that_is_not_there_is_refused_without_borrowing(rig: Rig) -> None:
    assert order(rig, quantity="2").code == -2010
    assert order(rig, isIsolated="TRUE").code == -11001
    assert order(rig, sideEffectType="FISH").code == -1130
    assert account(rig)["totalLiabilityOfBtc"] == "0.00000000"


def test_margin_buy_borrows_what_is_missing(rig: Rig) -> None:
    placed = order(rig, quantity="2", sideEffectType="MARGIN_BUY").body
    assert placed["marginBuyBorrowAsset"] == "USDT"
    owed = held(rig, "USDT")
    assert float(owed["borrowed"]) == placed["marginBuyBorrowAmount"] > 99_000
    assert owed["free"] == 0
    level = Decimal(account(rig)["marginLevel"])
    rig.set_price("spot", "BTCUSDT", "80000")
    assert Decimal(account(rig)["marginLevel"]) < level, "the level moves with the price"
    rig.set_price("spot", "BTCUSDT", "55000")
    assert Decimal(account(rig)["marginLevel"]) < Decimal("1.1")


def test_a_short_sale_and_its_way_back(rig: Rig) -> None:
    order(rig, side="SELL", sideEffectType="AUTO_BORROW_REPAY")
    assert held(rig, "BTC")["borrowed"] == Decimal("0.5")
    order(rig, quantity="0.51", sideEffectType="AUTO_REPAY")
    assert held(rig, "BTC")["borrowed"] == held(rig, "BTC")["interest"] == 0
    kinds = [rig.signed("GET", "/sapi/v1/margin/borrow-repay", type=kind).body["rows"] for kind in ("BORROW", "REPAY")]
    assert [[row["type"] for row in rows] for rows in kinds] == [["AUTO"], ["AUTO"]]


def test_what_was_borrowed_for_an_order_goes_back_with_its_cancel(rig: Rig) -> None:
    limit = {"type": "LIMIT", "timeInForce": "GTC", "price": "95000", "quantity": "2", "sideEffectType": "MARGIN_BUY"}
    order(rig, **limit, newClientOrderId="back")
    order(rig, **{**limit, "quantity": "0.2"}, newClientOrderId="stays", autoRepayAtCancel="false")
    assert held(rig, "USDT")["borrowed"] == 109_000
    for name in ("back", "stays"):
        rig.signed("DELETE", "/sapi/v1/margin/order", symbol="BTCUSDT", origClientOrderId=name)
    interest = 109_000 * RATE
    assert held(rig, "USDT")["borrowed"] + held(rig, "USDT")["interest"] == 19_000 + interest


def test_a_refused_order_leaves_no_loan_behind(rig: Rig) -> None:
    assert order(rig, quantity="2", sideEffectType="MARGIN_BUY", newOrderRespType="FISH").status == 400
    assert order(rig, quantity="2", sideEffectType="MARGIN_BUY", symbol="NOPE").code == -1121
    assert (held(rig, "USDT")["borrowed"], held(rig, "USDT")["free"]) == (0, 100_000)
    assert rig.signed("GET", "/sapi/v1/margin/interestHistory").body["total"] == 0


@pytest.mark.parametrize(("kind", "amount", "code"), [
    ("BORROW", "200000.01", -3006), ("BORROW", "-1", -1100), ("REPAY", "1001", -3015), ("REPAY", "0", -1130),
    ("STEAL", "1", -1100),
])  # fmt: skip
def test_loans_that_are_refused(rig: Rig, kind: str, amount: str, code: int) -> None:
    if kind == "REPAY":
        loan(rig, "BORROW", "USDT", "1000")
    answer = loan(rig, kind, "USDT", amount)
    assert answer.code == code, answer.body


def test_a_repayment_needs_the_money(rig: Rig) -> None:
    loan(rig, "BORROW", "USDT", "100000")
    order(rig, quantity=None, quoteOrderQty="199000")
    assert loan(rig, "REPAY", "USDT", "5000").code == -3041
    assert loan(rig, "BORROW", "FISH", "1").code == -1130


def test_as_much_as_is_shown_can_be_borrowed(rig: Rig) -> None:
    most = rig.signed("GET", "/sapi/v1/margin/maxBorrowable", asset="BTC").body["amount"]
    assert Decimal(most) == 2
    assert loan(rig, "BORROW", "BTC", most).status == 200
    assert Decimal(account(rig)["marginLevel"]).quantize(Decimal("0.001")) == Decimal("1.500")
    assert loan(rig, "BORROW", "BTC", "0.001").code == -3006


def test_interest_by_the_hour_is_repaid_first(rig: Rig) -> None:
    rig.wait(HOUR_MS - rig.now_ms % HOUR_MS)
    loan(rig, "BORROW", "USDT", "10000")
    hour = 10_000 * RATE
    assert held(rig, "USDT")["interest"] == hour
    rig.wait(3 * HOUR_MS - 1)
    assert held(rig, "USDT")["interest"] == 3 * hour
    rig.wait(1)
    assert held(rig, "USDT")["interest"] == 4 * hour
    rows = rig.signed("GET", "/sapi/v1/margin/interestHistory").body["rows"]
    assert [row["type"] for row in rows] == ["PERIODIC"] * 3 + ["ON_BORROW"]
    assert rows[0]["interestAccuredTime"] == rig.now_ms
    loan(rig, "REPAY", "USDT", str(4 * hour))
    assert (held(rig, "USDT")["interest"], held(rig, "USDT")["borrowed"]) == (0, 10_000)


def test_the_books_stay_balanced(rig: Rig) -> None:
    for step in range(60):
        kind = ("NO_SIDE_EFFECT", "MARGIN_BUY", "AUTO_REPAY", "AUTO_BORROW_REPAY")[step % 4]
        order(rig, side="BUY" if step % 3 else "SELL", quantity="0.3", sideEffectType=kind)
        for asset in ("BTC", "USDT"):
            row = held(rig, asset)
            assert row["netAsset"] == row["free"] + row["locked"] - row["borrowed"] - row["interest"]
            assert min(row.values()) >= 0 or row["netAsset"] < 0
            assert min(row["free"], row["locked"], row["borrowed"], row["interest"]) >= 0


def test_only_a_margin_key_may(rig: Rig) -> None:
    key = rig.add_key("main", ("read", "trade", "futures"))
    params = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.1"}
    assert rig.signed("POST", "/sapi/v1/margin/order", key=key, **params).code == -2015
    borrow = {"asset": "BTC", "amount": "1", "type": "BORROW", "isIsolated": "FALSE"}
    assert rig.signed("POST", "/sapi/v1/margin/borrow-repay", key=key, **borrow).code == -2015
    assert rig.signed("GET", "/sapi/v1/margin/account", key=key).status == 200


def test_portfolio_margin_sees_the_debts(rig: Rig) -> None:
    loan(rig, "BORROW", "USDT", "50000")
    row = rig.signed("GET", "/papi/v1/balance", asset="USDT").body
    assert (row["crossMarginBorrowed"], row["crossMarginFree"]) == ("50000.00000000", "150000.00000000")
    assert Decimal(row["crossMarginInterest"]) == 50_000 * RATE
