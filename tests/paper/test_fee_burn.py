"""Commissions in BNB, where the account wants that and can pay them."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.paper.harness import Rig
from tests.paper.test_ws_users import listen_key, told
from tests.paper.ws_harness import Client

BNB_PRICE = Decimal(900)


def burn(rig: Rig, wanted: str = "true") -> Any:
    return rig.signed("POST", "/sapi/v1/bnbBurn", spotBNBBurn=wanted).body


def trades(rig: Rig, path: str, symbol: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = rig.signed("GET", path, symbol=symbol).body
    return rows


def test_it_is_off_until_asked_for_and_can_be_ended(rig: Rig) -> None:
    assert rig.signed("GET", "/sapi/v1/bnbBurn").body == {"spotBNBBurn": False, "interestBNBBurn": False}
    assert burn(rig) == {"spotBNBBurn": True, "interestBNBBurn": False}
    assert rig.signed("GET", "/api/v3/account/commission", symbol="BTCUSDT").body["discount"]["enabledForAccount"]
    assert burn(rig, "false")["spotBNBBurn"] is False
    rig.order(type="MARKET", symbol="ETHUSDT", quantity="1")
    assert {row["commissionAsset"] for row in trades(rig, "/api/v3/myTrades", "ETHUSDT")} == {"ETH"}


@pytest.mark.parametrize("side", ["BUY", "SELL"])
def test_a_spot_fee_is_a_quarter_less_and_what_was_got_arrives_whole(rig: Rig, side: str) -> None:
    burn(rig)
    before = {asset: Decimal(rig.balance(asset)[0]) for asset in ("ETH", "USDT", "BNB")}
    rig.order(type="MARKET", symbol="ETHUSDT", side=side, quantity="1")
    after = {asset: Decimal(rig.balance(asset)[0]) for asset in before}
    rows = trades(rig, "/api/v3/myTrades", "ETHUSDT")
    worth = sum(Decimal(row["quoteQty"]) for row in rows)
    paid = sum(Decimal(row["commission"]) for row in rows)
    assert {row["commissionAsset"] for row in rows} == {"BNB"}
    # the price of ether in dollars is the last one, on a quiet market that of the fill within a tick
    assert abs(paid - worth * Decimal("0.001") * Decimal("0.75") / BNB_PRICE) < Decimal("0.000001")
    assert before["BNB"] - after["BNB"] == paid
    sign = 1 if side == "BUY" else -1
    assert (after["ETH"] - before["ETH"], after["USDT"] - before["USDT"]) == (sign, -sign * worth)


def test_buying_bnb_pays_with_what_was_bought(tmp_path: Path) -> None:
    rig = Rig(tmp_path, balances={"BNB": Decimal(0)})
    burn(rig)
    rig.order(type="MARKET", symbol="BNBUSDT", quantity="10")
    assert rig.balance("BNB")[0] == "9.99250000"
    rig.journal.close()


def test_who_has_too_little_pays_in_what_was_got(tmp_path: Path) -> None:
    rig = Rig(tmp_path, balances={"BNB": Decimal("0.00000001")}, usdm_balances={"BNB": Decimal(0)})
    burn(rig)
    rig.signed("POST", "/fapi/v1/feeBurn", feeBurn="true")
    rig.order(type="MARKET", symbol="ETHUSDT", quantity="1")
    rig.futures_order(type="MARKET")
    assert {row["commissionAsset"] for row in trades(rig, "/api/v3/myTrades", "ETHUSDT")} == {"ETH"}
    assert {row["commissionAsset"] for row in trades(rig, "/fapi/v1/userTrades", "BTCUSDT")} == {"USDT"}
    rig.journal.close()


def test_a_futures_fee_is_a_tenth_less_and_the_stream_tells_both_assets(rig: Rig) -> None:
    user = Client(rig, f"/private/ws/{listen_key(rig)}", "fstream.binance.com")
    rig.signed("POST", "/fapi/v1/feeBurn", feeBurn="true")
    rig.futures_order(type="MARKET", quantity="1")
    rows = trades(rig, "/fapi/v1/userTrades", "BTCUSDT")
    worth, paid = (sum(Decimal(row[name]) for row in rows) for name in ("quoteQty", "commission"))
    assert {row["commissionAsset"] for row in rows} == {"BNB"}
    assert abs(paid - worth * Decimal("0.0005") * Decimal("0.9") / BNB_PRICE) < Decimal("0.000001")
    balances = {row["asset"]: row["balance"] for row in rig.signed("GET", "/fapi/v3/balance").body}
    assert Decimal(balances["BNB"]) == 100 - paid
    last = [row for row in told(user) if row["e"] == "ACCOUNT_UPDATE"][-1]["a"]["B"]
    assert {row["a"]: row["wb"] for row in last} == {asset: balances[asset] for asset in ("USDT", "BNB")}
    income = rig.signed("GET", "/fapi/v1/income", incomeType="COMMISSION").body
    assert {row["asset"] for row in income} == {"BNB"}
