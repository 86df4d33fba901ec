"""COIN-M: contracts of a fixed dollar size, margin and profit in coins, limits and mode shared with USD-M."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.paper.harness import Answer, Rig

from counterseal.paper.limits import POOLS

SYMBOL = {"symbol": "BTCUSD_PERP"}
SIZE = Decimal(100)


def order(rig: Rig, key: Any = None, **changes: Any) -> Answer:
    base = {**SYMBOL, "side": "BUY", "type": "MARKET", "quantity": "100"}
    merged = {name: value for name, value in {**base, **changes}.items() if value is not None}
    return rig.signed("POST", "/dapi/v1/order", key=key, **merged)


def position(rig: Rig, symbol: str = "BTCUSD_PERP") -> dict[str, Any]:
    rows = rig.signed("GET", "/dapi/v1/positionRisk").body
    row: dict[str, Any] = next(row for row in rows if row["symbol"] == symbol)
    return row


def balance(rig: Rig, asset: str = "BTC") -> Decimal:
    rows = rig.signed("GET", "/dapi/v1/balance").body
    return Decimal(next(row for row in rows if row["asset"] == asset)["balance"])


@pytest.fixture
def poor(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path, coinm_balances={"BTC": Decimal("0.1")}, limits=dict.fromkeys(POOLS, 1 << 40))
    yield rig
    rig.journal.close()


@pytest.mark.parametrize(("side", "price", "sign"), [("BUY", "110000", 1), ("BUY", "90000", -1),
                                                     ("SELL", "90000", 1), ("SELL", "110000", -1)])  # fmt: skip
def test_profit_is_in_coins_by_the_inverse_formula(rig: Rig, side: str, price: str, sign: int) -> None:
    order(rig, side=side)
    entry = Decimal(position(rig)["entryPrice"])
    rig.set_price("coinm", "BTCUSD_PERP", price)
    mark = Decimal(position(rig)["markPrice"])
    direction = 1 if side == "BUY" else -1
    expected = direction * 100 * SIZE * (1 / entry - 1 / mark)
    shown = Decimal(position(rig)["unRealizedProfit"])
    assert abs(shown - expected) < Decimal("1e-7")
    assert shown * sign > 0


def test_closing_realises_it_and_fees_are_in_coins(rig: Rig) -> None:
    before = balance(rig)
    order(rig)
    rig.set_price("coinm", "BTCUSD_PERP", "105000")
    order(rig, side="SELL", reduceOnly="true")
    rows = rig.signed("GET", "/dapi/v1/userTrades", **SYMBOL).body
    assert {row["commissionAsset"] for row in rows} == {row["marginAsset"] for row in rows} == {"BTC"}
    for row in rows:
        base = Decimal(row["qty"]) * SIZE / Decimal(row["price"])
        assert abs(Decimal(row["baseQty"]) - base) < Decimal("1e-8")
        assert abs(Decimal(row["commission"]) - base * Decimal("0.0005")) < Decimal("1e-8")
    change = sum(Decimal(row["realizedPnl"]) - Decimal(row["commission"]) for row in rows)
    assert balance(rig) == before + change
    assert Decimal(position(rig)["positionAmt"]) == 0


def test_the_average_price_is_by_coins(rig: Rig) -> None:
    order(rig, quantity="100")
    first = Decimal(position(rig)["entryPrice"])
    rig.set_price("coinm", "BTCUSD_PERP", "120000")
    order(rig, quantity="100")
    last = Decimal(rig.signed("GET", "/dapi/v1/userTrades", **SYMBOL).body[-1]["price"])
    harmonic = 2 / (1 / first + 1 / last)
    assert abs(Decimal(position(rig)["entryPrice"]) - harmonic) < Decimal("0.001")
    found = rig.signed("GET", "/dapi/v1/allOrders", **SYMBOL).body[0]
    assert abs(Decimal(found["cumBase"]) - 100 * SIZE / Decimal(found["avgPrice"])) < Decimal("1e-6")


def test_quantities_are_whole_contracts(rig: Rig) -> None:
    assert order(rig, quantity="0.5").code == -1111
    assert order(rig, quantity="1").status == 200
    assert order(rig, type="STOP_MARKET", stopPrice="90000").code == -4120


def test_leverage_bounds_the_position_in_coins(rig: Rig) -> None:
    body = rig.signed("POST", "/dapi/v1/leverage", **SYMBOL, leverage=125).body
    assert body == {"symbol": "BTCUSD_PERP", "leverage": 125, "maxQty": "5"}
    assert order(rig, quantity="6000").code == -2027
    assert order(rig, quantity="4000").status == 200


def test_margin_is_per_coin(rig: Rig) -> None:
    order(rig)
    rows = {row["asset"]: row for row in rig.signed("GET", "/dapi/v1/account").body["assets"]}
    expected = 100 * SIZE / 100_000 / 20
    assert abs(Decimal(rows["BTC"]["initialMargin"]) - expected) < Decimal("1e-6")
    assert Decimal(rows["ETH"]["initialMargin"]) == 0


def test_liquidation_comes_at_the_shown_price(poor: Rig) -> None:
    order(poor, quantity="1500")
    line = Decimal(position(poor)["liquidationPrice"])
    assert line > 0
    tick = Decimal("0.1")
    poor.set_price("coinm", "BTCUSD_PERP", str(line.quantize(tick) + 1))
    assert Decimal(position(poor)["positionAmt"]) == 1500
    poor.set_price("coinm", "BTCUSD_PERP", str(line.quantize(tick) - 1))
    assert Decimal(position(poor)["positionAmt"]) == 0
    row = poor.signed("GET", "/dapi/v1/forceOrders").body[0]
    assert row["clientOrderId"].startswith("autoclose-")
    assert (row["pair"], row["cumQuote"]) == ("BTCUSD", str(int(Decimal(row["executedQty"]) * 100)))
    assert balance(poor) >= 0


def test_a_short_of_less_than_its_collateral_s_worth_is_never_liquidated(poor: Rig) -> None:
    order(poor, side="SELL", quantity="90")  # 0.09 coins short against 0.1 in the wallet: a hedge
    assert Decimal(position(poor)["liquidationPrice"]) == 0
    poor.set_price("coinm", "BTCUSD_PERP", "900000")
    assert Decimal(position(poor)["positionAmt"]) == -90


def test_funding_is_paid_in_coins(tmp_path: Path) -> None:
    rig = Rig(tmp_path, funding_rate=Decimal("0.001"))
    order(rig)
    before = balance(rig)
    rig.wait(8 * 3_600_000)
    paid = before - balance(rig)
    assert abs(paid - 100 * SIZE / 100_000 * Decimal("0.001")) < Decimal("1e-7")
    row = rig.signed("GET", "/dapi/v1/income", incomeType="FUNDING_FEE").body[0]
    assert (row["asset"], row["symbol"]) == ("BTC", "BTCUSD_PERP")
    rig.journal.close()


def test_limits_are_shared_with_usd_m(rig: Rig) -> None:
    first = rig.public("/fapi/v1/ping").headers["X-MBX-USED-WEIGHT-1M"]
    second = rig.public("/dapi/v1/ping").headers["X-MBX-USED-WEIGHT-1M"]
    assert int(second) == int(first) + 1
    rig.futures_order()
    assert order(rig, type="LIMIT", timeInForce="GTC", price="96000").headers["X-MBX-ORDER-COUNT-10S"] == "2"


def test_the_position_mode_is_shared_with_usd_m(rig: Rig) -> None:
    rig.signed("POST", "/dapi/v1/positionSide/dual", dualSidePosition="true")
    assert rig.signed("GET", "/fapi/v1/positionSide/dual").body == {"dualSidePosition": True}
    assert order(rig).code == -4061
    assert order(rig, positionSide="LONG").status == 200
    assert rig.signed("POST", "/fapi/v1/positionSide/dual", dualSidePosition="false").code == -4068


def test_orders_and_algos_of_a_contract(rig: Rig) -> None:
    placed = order(rig, type="LIMIT", timeInForce="GTC", price="96000", newClientOrderId="a").body
    assert (placed["pair"], placed["status"]) == ("BTCUSD", "NEW")
    changed = rig.signed("PUT", "/dapi/v1/order", **SYMBOL, side="BUY", origClientOrderId="a", price="95000",
                         quantity="50").body  # fmt: skip
    assert (changed["price"], changed["origQty"]) == ("95000.0", "50")
    assert rig.signed("PUT", "/dapi/v1/order", **SYMBOL, side="BUY", origClientOrderId="a", price="1").code == -1102
    assert len(rig.signed("GET", "/dapi/v1/openOrders", pair="BTCUSD").body) == 1
    assert rig.signed("GET", "/dapi/v1/openOrders", pair="ETHUSD").body == []
    rows = rig.signed("GET", "/dapi/v1/orderAmendment", **SYMBOL).body
    assert rows[0]["amendment"]["price"] == {"before": "96000.0", "after": "95000.0"}
    order(rig)
    rig.signed("POST", "/dapi/v1/algoOrder", **SYMBOL, algoType="CONDITIONAL", side="SELL", type="STOP_MARKET",
               triggerPrice="94000", closePosition="true", clientAlgoId="stop")  # fmt: skip
    rig.set_price("coinm", "BTCUSD_PERP", "93000")
    assert Decimal(position(rig)["positionAmt"]) == 0  # the resting order filled, the stop closed all
    assert rig.signed("GET", "/dapi/v1/openAlgoOrders").body == []


# portfolio margin


def test_portfolio_margin_sees_both_markets(rig: Rig) -> None:
    order(rig)
    rig.futures_order(type="MARKET", quantity="0.5")
    account = rig.signed("GET", "/papi/v1/account").body
    usdm = Decimal(rig.signed("GET", "/fapi/v3/account").body["totalMaintMargin"])
    coinm = Decimal(rig.signed("GET", "/dapi/v1/account").body["assets"][0]["maintMargin"]) * 100_000
    assert abs(Decimal(account["accountMaintMargin"]) - usdm - coinm) < 1
    ratio = Decimal(account["accountEquity"]) / Decimal(account["accountMaintMargin"])
    assert abs(Decimal(account["uniMMR"]) / ratio - 1) < Decimal("1e-6")
    assert account["accountStatus"] == "NORMAL"
    assert Decimal(account["accountEquity"]) < Decimal(account["actualEquity"])
    row = rig.signed("GET", "/papi/v1/balance", asset="BTC").body
    assert Decimal(row["cmWalletBalance"]) == balance(rig)
    held = {row["symbol"]: row for row in rig.signed("GET", "/papi/v1/um/positionRisk").body}
    assert held["BTCUSDT"]["positionAmt"] == "0.500"
    assert len(rig.signed("GET", "/papi/v1/cm/positionRisk").body) == 5


def test_the_status_falls_with_the_ratio(tmp_path: Path) -> None:
    rig = Rig(tmp_path, usdm_balances={"USDT": Decimal(0), "USDC": Decimal(0), "BNB": Decimal(0)},
              coinm_balances=dict.fromkeys(("BTC", "ETH", "BNB", "SOL", "XRP"), Decimal(0)))  # fmt: skip
    rig.exchange.usdm.account("main").wallet["USDT"] = Decimal(5500)
    rig.futures_order(type="MARKET", quantity="1")
    seen = []
    for price in ("100000", "95150", "95060"):
        rig.set_price("usdm", "BTCUSDT", price)
        seen.append(rig.signed("GET", "/papi/v1/account").body["accountStatus"])
    assert seen == ["NORMAL", "MARGIN_CALL", "REDUCE_ONLY"]
    rig.journal.close()


def test_the_margin_account_has_balances_and_no_debts(tmp_path: Path) -> None:
    rig = Rig(tmp_path, margin_balances={"BTC": Decimal(2)})
    body = rig.signed("GET", "/sapi/v1/margin/account").body
    assert (body["marginLevel"], body["totalAssetOfBtc"]) == ("999.00000000", "2.00000000")
    assert {row["asset"]: row["free"] for row in body["userAssets"]}["BTC"] == "2.00000000"
    rig.journal.close()
