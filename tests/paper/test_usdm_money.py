"""Funding, margin calls, liquidation, the insurance fund and auto-deleveraging."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.paper.harness import Rig

from counterseal.paper.feed import Event, MarginCallEvent, OrderEvent
from counterseal.paper.keys import ApiKey
from counterseal.paper.limits import POOLS
from counterseal.paper.money import ZERO

EIGHT_HOURS = 8 * 3_600_000
Maker = Callable[..., Rig]


class Ears:
    """Keeps what a feed tells."""

    def __init__(self) -> None:
        self.heard: list[Event] = []

    def take(self, event: Event) -> None:
        self.heard.append(event)

    def flush(self, now_ms: int) -> None:
        """Nothing is passed on."""


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Maker]:
    rigs: list[Rig] = []

    def make(balance: str = "10000", **options: Any) -> Rig:
        home = tmp_path / str(len(rigs))
        home.mkdir()
        balances = {"USDT": Decimal(balance), "USDC": ZERO, "BNB": ZERO}
        rigs.append(Rig(home, usdm_balances=balances, limits=dict.fromkeys(POOLS, 1 << 40), **options))
        return rigs[-1]

    yield make
    for rig in rigs:
        rig.journal.close()


def tick(rig: Rig, ms: int = 500) -> None:
    rig.wait(ms)
    rig.public("/fapi/v1/ping")


def position(rig: Rig, key: ApiKey | None = None, symbol: str = "BTCUSDT") -> dict[str, Any]:
    row: dict[str, Any] = rig.signed("GET", "/fapi/v2/positionRisk", key=key, symbol=symbol).body[0]
    return row


def wallet(rig: Rig, key: ApiKey | None = None) -> Decimal:
    return Decimal(rig.signed("GET", "/fapi/v3/account", key=key).body["totalWalletBalance"])


def income(rig: Rig, kind: str, key: ApiKey | None = None) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = rig.signed("GET", "/fapi/v1/income", key=key, incomeType=kind).body
    return rows


# funding


@pytest.mark.parametrize(("rate", "side", "paid"), [("0.0003", "BUY", "-3"), ("0.0003", "SELL", "3"),
                                                     ("-0.001", "BUY", "10")])  # fmt: skip
def test_funding_is_paid_at_its_time_and_only_then(made: Maker, rate: str, side: str, paid: str) -> None:
    rig = made(funding_rate=Decimal(rate))
    rig.futures_order(type="MARKET", side=side, quantity="0.1")
    due = rig.signed("GET", "/fapi/v1/premiumIndex", symbol="BTCUSDT").body["nextFundingTime"]
    assert due % EIGHT_HOURS == 0
    tick(rig, due - rig.now_ms - 1)
    assert income(rig, "FUNDING_FEE") == []
    tick(rig, 1)
    rows = income(rig, "FUNDING_FEE")
    assert [(Decimal(row["income"]), row["time"], row["asset"]) for row in rows] == [(Decimal(paid), due, "USDT")]
    tick(rig, EIGHT_HOURS)
    assert len(income(rig, "FUNDING_FEE")) == 2


def test_funding_of_an_isolated_position_is_paid_by_its_margin(made: Maker) -> None:
    rig = made(funding_rate=Decimal("0.001"))
    rig.signed("POST", "/fapi/v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
    rig.futures_order(type="MARKET", quantity="0.1")
    before = Decimal(position(rig)["isolatedWallet"])
    tick(rig, EIGHT_HOURS)
    assert Decimal(position(rig)["isolatedWallet"]) == before - 10


def test_all_funding_of_a_market_is_what_longs_pay_to_shorts(made: Maker) -> None:
    rig = made(funding_rate=Decimal("0.0007"))
    other = rig.add_key("other")
    rig.futures_order(type="MARKET", quantity="0.05")
    rig.futures_order(type="MARKET", quantity="0.05", side="SELL", key=other)
    tick(rig, EIGHT_HOURS)
    found = [Decimal(income(rig, "FUNDING_FEE", key)[0]["income"]) for key in (rig.key, other)]
    assert sum(found) == 0
    assert found[0] < 0


def test_past_rates_are_listed_at_their_times(made: Maker) -> None:
    rows = made().public("/fapi/v1/fundingRate", symbol="BTCUSDT", limit=5).body
    assert [row["fundingTime"] % EIGHT_HOURS for row in rows] == [0] * 5
    assert all(row["fundingRate"] == "0.00010000" for row in rows)  # frozen prices: interest alone


# mark price


def test_the_mark_price_is_near_the_last_price_and_another_one(made: Maker) -> None:
    rig = made(volatility=100)
    gaps = set()
    for _ in range(40):
        tick(rig)
        row = rig.public("/fapi/v1/premiumIndex", symbol="BTCUSDT").body
        last = Decimal(rig.public("/fapi/v1/ticker/price", symbol="BTCUSDT").body["price"])
        mark, index = Decimal(row["markPrice"]), Decimal(row["indexPrice"])
        assert abs(mark / index - 1) < Decimal("0.01")
        gaps.add(mark - last)
    assert len(gaps) > 5


def test_a_wick_in_this_book_alone_moves_the_mark_price_little(made: Maker) -> None:
    rig = made()
    rig.exchange.director.play("illiquid-wick", rig.now_ms + 1000)
    lasts, marks, indices = [], [], []
    for _ in range(40):
        tick(rig)
        row = rig.public("/fapi/v1/premiumIndex", symbol="SOLUSDT").body
        lasts.append(Decimal(rig.public("/fapi/v1/ticker/price", symbol="SOLUSDT").body["price"]))
        marks.append(Decimal(row["markPrice"]))
        indices.append(Decimal(row["indexPrice"]))
    assert min(lasts) < lasts[0] * Decimal("0.8")
    assert min(marks) > marks[0] * Decimal("0.93")
    assert min(indices) == max(indices)


# liquidation


def listen(rig: Rig) -> Ears:
    ears = Ears()
    rig.exchange.usdm.feed.listen(ears)
    return ears


def test_the_margin_call_comes_once_before_the_liquidation(made: Maker) -> None:
    rig = made("6000")
    ears = listen(rig)
    rig.futures_order(type="MARKET", quantity="1")
    line = Decimal(position(rig)["liquidationPrice"])
    rig.set_price("usdm", "BTCUSDT", str(line.quantize(Decimal("0.1")) + 60))
    for _ in range(5):
        tick(rig)
    calls = [event for event in ears.heard if isinstance(event, MarginCallEvent)]
    assert [call.positions for call in calls] == [(("BTCUSDT", "BOTH"),)]
    assert Decimal(position(rig)["positionAmt"]) == 1


@pytest.mark.parametrize(("side", "step"), [("BUY", -1), ("SELL", 1)])
def test_a_position_lives_just_above_its_liquidation_price_and_not_below(made: Maker, side: str, step: int) -> None:
    rig = made("3000")
    rig.futures_order(type="MARKET", quantity="0.4", side=side)
    line = Decimal(position(rig)["liquidationPrice"]).quantize(Decimal("0.1"))
    rig.set_price("usdm", "BTCUSDT", str(line - step))
    assert Decimal(position(rig)["positionAmt"]) != 0
    rig.set_price("usdm", "BTCUSDT", str(line + step))
    assert Decimal(position(rig)["positionAmt"]) == 0
    row = rig.signed("GET", "/fapi/v1/forceOrders").body[0]
    assert row["clientOrderId"].startswith("autoclose-")
    assert (row["status"], row["type"], row["timeInForce"]) == ("FILLED", "LIMIT", "IOC")
    assert row["side"] == ("SELL" if side == "BUY" else "BUY")
    assert wallet(rig) >= 0


def test_liquidation_takes_open_orders_first_and_is_told_as_calculated(made: Maker) -> None:
    rig = made("3000")
    ears = listen(rig)
    rig.futures_order(type="MARKET", quantity="0.4")
    rig.futures_order(symbol="ETHUSDT", price="3900", quantity="0.05", newClientOrderId="bystander")
    rig.set_price("usdm", "BTCUSDT", "91000")
    told = [event.kind for event in ears.heard if isinstance(event, OrderEvent)]
    assert told.index("CANCELED") < told.index("CALCULATED")
    assert rig.signed("GET", "/fapi/v1/openOrders").body == []


def test_a_large_position_goes_down_bracket_by_bracket(made: Maker) -> None:
    rig = made("60000")
    rig.futures_order(type="MARKET", quantity="10", symbol="BTCUSDT")
    assert Decimal(position(rig)["positionAmt"]) == 10  # a million: the third bracket
    line = Decimal(position(rig)["liquidationPrice"]).quantize(Decimal("0.1"))
    rig.set_price("usdm", "BTCUSDT", str(line - 1))
    left = Decimal(position(rig)["positionAmt"])
    rows = rig.signed("GET", "/fapi/v1/forceOrders").body
    assert 0 < left < 10
    assert sum(Decimal(row["executedQty"]) for row in rows) == 10 - left
    group = rig.exchange.usdm.margins.groups(rig.exchange.usdm.accounts["main"], rig.now_ms)[0]
    assert group.balance > group.maintenance


def test_only_the_isolated_margin_is_lost(made: Maker) -> None:
    rig = made("100000")
    rig.signed("POST", "/fapi/v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
    rig.futures_order(type="MARKET", quantity="0.4")
    rig.futures_order(type="MARKET", symbol="ETHUSDT", quantity="1")
    before, held = wallet(rig), Decimal(position(rig)["isolatedWallet"])
    rig.set_price("usdm", "BTCUSDT", "80000")
    assert Decimal(position(rig)["positionAmt"]) == 0
    assert Decimal(position(rig, symbol="ETHUSDT")["positionAmt"]) == 1
    assert abs(wallet(rig) - (before - held)) < 1


def test_a_gap_through_the_bankruptcy_price_is_paid_by_the_fund(made: Maker) -> None:
    rig = made("3000", insurance_fund=Decimal(1_000_000))
    rig.futures_order(type="MARKET", quantity="0.4")
    rig.set_price("usdm", "BTCUSDT", "80000")
    assert Decimal(position(rig)["positionAmt"]) == 0
    assert 0 <= wallet(rig) < 1
    lost = Decimal(1_000_000) - rig.exchange.usdm.risk.fund("USDT")
    assert Decimal(4900) < lost < Decimal(5200)  # 0.4 * 20,000 less the 3,000 that were there


def test_without_a_fund_the_best_of_the_other_side_is_deleveraged(made: Maker) -> None:
    rig = made("3000", insurance_fund=ZERO)
    winner, bystander = rig.add_key("winner"), rig.add_key("bystander")
    market = rig.exchange.usdm
    for name, amount in (("winner", "100000"), ("bystander", "10000000")):
        market.account(name).wallet["USDT"] = Decimal(amount)
    rig.futures_order(type="MARKET", quantity="0.4")
    rig.futures_order(type="MARKET", quantity="1", side="SELL", key=winner)
    rig.futures_order(type="MARKET", quantity="1", side="SELL", key=bystander)
    rig.set_price("usdm", "BTCUSDT", "80000")
    assert Decimal(position(rig)["positionAmt"]) == 0
    assert Decimal(position(rig, winner)["positionAmt"]) == Decimal("-0.6")
    assert Decimal(position(rig, bystander)["positionAmt"]) == -1
    row = rig.signed("GET", "/fapi/v1/forceOrders", key=winner, autoCloseType="ADL").body[0]
    assert row["clientOrderId"] == "adl_autoclose"
    assert row["executedQty"] == "0.400"
    ranks = [rig.signed("GET", "/fapi/v1/adlQuantile", key=key, symbol="BTCUSDT").body["adlQuantile"]["BOTH"]
             for key in (winner, bystander)]  # fmt: skip
    assert ranks[0] > ranks[1]


def test_nobody_ends_below_zero_whatever_the_price_does(made: Maker) -> None:
    rig = made("5000")
    keys = [rig.key, *(rig.add_key(f"a{number}") for number in range(6))]
    for number, key in enumerate(keys):
        side = "BUY" if number % 2 else "SELL"
        rig.futures_order(type="MARKET", quantity=f"0.{number + 1}", side=side, key=key)
        rig.futures_order(type="MARKET", symbol="ETHUSDT", quantity="5", side="BUY", key=key)
    for price in ("97000", "104000", "91000", "112000", "70000", "130000"):
        rig.set_price("usdm", "BTCUSDT", price)
        tick(rig)
        for key in keys:
            assert wallet(rig, key) >= 0
            for group in rig.exchange.usdm.margins.groups(rig.exchange.usdm.accounts[key.account], rig.now_ms):
                assert not group.is_broken


# several assets


def test_a_symbol_is_settled_in_its_own_asset(made: Maker) -> None:
    rig = made()
    rig.exchange.usdm.account("main").wallet["USDC"] = Decimal(500)
    assert rig.futures_order(symbol="BTCUSDC", type="MARKET", quantity="1").code == -2019
    rig.futures_order(symbol="BTCUSDC", type="MARKET", quantity="0.05")
    rows = {row["asset"]: row for row in rig.signed("GET", "/fapi/v3/account").body["assets"]}
    assert Decimal(rows["USDC"]["initialMargin"]) > 0
    assert Decimal(rows["USDT"]["initialMargin"]) == 0
    assert income(rig, "COMMISSION")[0]["asset"] == "USDC"


def test_in_multi_assets_mode_one_asset_backs_another(made: Maker) -> None:
    rig = made("100")
    rig.exchange.usdm.account("main").wallet["BTC"] = Decimal(1)
    assert rig.futures_order(type="MARKET", quantity="0.5").code == -2019
    rig.signed("POST", "/fapi/v1/multiAssetsMargin", multiAssetsMargin="true")
    assert rig.futures_order(type="MARKET", quantity="0.5").status == 200
    total = Decimal(rig.signed("GET", "/fapi/v3/account").body["totalWalletBalance"])
    assert Decimal(94_000) < total < Decimal(96_000)  # the coin counts for 95 %
    rig.set_price("usdm", "BTCUSDT", "50000")
    assert Decimal(position(rig)["positionAmt"]) == Decimal("0.5")


# the countdown


def test_the_countdown_runs_on_the_exchange_s_clock(made: Maker) -> None:
    rig = made()
    rig.futures_order(newClientOrderId="kept", symbol="ETHUSDT", price="3900")
    rig.futures_order(newClientOrderId="dropped")
    rig.signed("POST", "/fapi/v1/countdownCancelAll", symbol="BTCUSDT", countdownTime=1000)
    tick(rig, 999)
    assert len(rig.signed("GET", "/fapi/v1/openOrders").body) == 2
    tick(rig, 1)
    assert [row["clientOrderId"] for row in rig.signed("GET", "/fapi/v1/openOrders").body] == ["kept"]
