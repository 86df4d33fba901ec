"""Recorded markets: both layouts, header or not, milliseconds or microseconds, played on the paper clock."""

import zipfile
from decimal import Decimal
from pathlib import Path

import pytest
from tests.paper.harness import Rig

from counterseal.paper import symbols
from counterseal.paper.replay import read

SPOT, USDM = symbols.load().spot["BTCUSDT"], symbols.load().usdm["BTCUSDT"]
T0 = 1_735_689_600_000
AGG_HEADER = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"
KLINE_HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)
PRICES = ("93500.10", "93512.00", "93490.55", "93600.00")


def spot_trades(unit: int = 1000) -> str:
    """Newer spot files: no header, eight columns, microseconds."""
    return "".join(
        f"{index},{price},0.00100000,{index},{index},{(T0 + index * 1000) * unit},True,True\n"
        for index, price in enumerate(PRICES)
    )


def futures_klines(header: bool = True) -> str:
    rows = [KLINE_HEADER] if header else []
    for index, (first, high, low, last) in enumerate([("100", "130", "90", "120"), ("120", "125", "80", "85")]):
        opened = T0 + index * 60_000
        rows.append(f"{opened},{first}000,{high}000,{low}000,{last}000,10.5,{opened + 59_999},1000,42,5,500,0")
    return "\n".join(rows) + "\n"


def write(folder: Path, text: str, name: str = "file.csv") -> Path:
    (folder / name).write_text(text)
    return folder / name


@pytest.mark.parametrize("unit", [1, 1000])
def test_spot_trades_without_header_in_both_time_units(tmp_path: Path, unit: int) -> None:
    recording = read(write(tmp_path, spot_trades(unit)), SPOT)
    assert recording.times_ms == [T0, T0 + 1000, T0 + 2000, T0 + 3000]
    assert recording.ticks == [int(Decimal(price) * 100) for price in PRICES]


def test_futures_trades_with_header_and_seven_columns(tmp_path: Path) -> None:
    text = f"{AGG_HEADER}\n1,93500.1,0.5,1,1,{T0},true\n2,93400.1,0.5,2,2,{T0 + 5},false\n"
    assert read(write(tmp_path, text), USDM).ticks == [935_001, 934_001]


@pytest.mark.parametrize("header", [True, False])
def test_candles_touch_their_extremes_in_the_likely_order(tmp_path: Path, header: bool) -> None:
    recording = read(write(tmp_path, futures_klines(header)), USDM)
    thousands = [tick // 10_000 for tick in recording.ticks]
    assert thousands == [100, 90, 130, 120, 120, 125, 80, 85], "a rising candle dips first, a falling one peaks first"
    assert recording.times_ms[4] == T0 + 60_000
    assert recording.times_ms == sorted(recording.times_ms)


def test_the_published_zip_is_read_too(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "BTCUSDT-aggTrades.zip", "w") as archive:
        archive.writestr("BTCUSDT-aggTrades.csv", spot_trades())
    assert len(read(tmp_path / "BTCUSDT-aggTrades.zip", SPOT).ticks) == 4


@pytest.mark.parametrize(
    "text",
    ["", AGG_HEADER, "1,2,3\n", f"1,fish,1,1,1,{T0},true\n", f"1,NaN,1,1,1,{T0},true\n", f"1,-5,1,1,1,{T0},true\n",
     f"1,93500,1,1,1,{T0},true\n2,93500,1,2,2,{T0 - 1},true\n", f"1,93500000,1,1,1,{T0},true\n",
     f"{T0},100000,90000,95000,100000,1,{T0 + 9},1,1,1,1,0\n"],
)  # fmt: skip
def test_what_is_no_such_file_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match=r"line|row"):
        read(write(tmp_path, text), SPOT)


def test_it_is_played_on_the_paper_clock(rig: Rig) -> None:
    path = write(rig.home, spot_trades())
    rig.exchange.director.replay(f"spot:BTCUSDT={path}", rig.now_ms + 1000)

    def price() -> str:
        return str(rig.public("/api/v3/ticker/price", symbol="BTCUSDT").body["price"])

    shown = []
    for _ in range(7):
        shown.append(price())
        rig.wait(1000)
    wanted = ["93500.10", "93500.10", "93512.00", "93490.55", "93600.00", "93600.00", "93600.00"]
    assert shown == [f"{text}000000" for text in wanted], "the first price before it begins, the last after its end"
    assert rig.public("/api/v3/ticker/price", symbol="ETHUSDT").body["price"] == "4000.00000000"


def test_it_can_be_skipped_into_and_played_faster(rig: Rig) -> None:
    path = write(rig.home, futures_klines())
    rig.exchange.director.replay(f"usdm:BTCUSDT={path}", rig.now_ms, skip_ms=60_000, speed=10)
    walk, step = rig.exchange.usdm.walks["BTCUSDT"], rig.now_ms // 500
    assert walk.price_at(step) == 120_000
    assert walk.price_at(step + 6) == 80_000


def test_a_resting_order_meets_the_recording(rig: Rig) -> None:
    rig.exchange.director.replay(f"spot:BTCUSDT={write(rig.home, spot_trades())}", rig.now_ms)
    rig.order(price="93495", newClientOrderId="waits")
    rig.wait(2500)
    found = rig.signed("GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="waits").body
    assert found["status"] == "FILLED"


@pytest.mark.parametrize("spec", ["BTCUSDT=x", "spot:NOPE=x", "moon:BTCUSDT=x"])
def test_only_listed_symbols_can_be_replayed(rig: Rig, spec: str) -> None:
    with pytest.raises(ValueError, match="MARKET:SYMBOL"):
        rig.exchange.director.replay(spec, 0)


# volume


def test_trades_and_candles_have_the_recorded_volume(rig: Rig) -> None:
    rows = [(1, "0.5", 1, 3, "true"), (1, "0.25", 4, 4, "false"), (4, "2", 5, 5, "false")]
    text = "".join(f"{number},93500,{qty},{first},{last},{T0 + at * 500},{maker}\n"
                   for number, (at, qty, first, last, maker) in enumerate(rows))  # fmt: skip
    rig.exchange.director.replay(f"usdm:BTCUSDT={write(rig.home, text)}", rig.now_ms, skip_ms=-500)
    rig.wait(4000)
    trades = rig.public("/fapi/v1/trades", symbol="BTCUSDT", limit=8).body
    assert [row["qty"] for row in trades] == ["0.750", "0.001", "0.001", "2.000", "0.001", "0.001", "0.001", "0.001"]
    assert [row["isBuyerMaker"] for row in (trades[0], trades[3])] == [True, False], "whoever made more of it"
    day = rig.public("/fapi/v1/ticker/24hr", symbol="BTCUSDT").body
    assert (day["volume"], day["quoteVolume"], day["count"]) == ("2.750", "257125.00", 5)
    assert rig.public("/fapi/v1/ticker/24hr", symbol="ETHUSDT").body["volume"] != "0.000", "the others go on"


def test_a_candle_s_volume_is_spread_over_its_time(rig: Rig) -> None:
    rig.wait(60_000 - rig.now_ms % 60_000)
    rig.exchange.director.replay(f"usdm:BTCUSDT={write(rig.home, futures_klines())}", rig.now_ms)
    rig.wait(30_000)
    half = rig.public("/fapi/v1/klines", symbol="BTCUSDT", interval="1m", limit=1).body[0]
    assert (half[5], half[7], half[8], half[9], half[10]) == ("5.250", "500.00000000", 21, "2.500", "238.09523810")
    rig.wait(90_000)
    whole = rig.public("/fapi/v1/ticker/24hr", symbol="BTCUSDT").body
    assert (whole["volume"], whole["count"]) == ("21.000", 84)
    rig.wait(600_000)
    quiet = rig.public("/fapi/v1/klines", symbol="BTCUSDT", interval="1m", limit=1).body[0]
    assert (quiet[5], quiet[8]) == ("0.000", 0), "nothing is traded after the end of the file"
    assert rig.public("/fapi/v1/ticker/24hr", symbol="BTCUSDT").status == 200


def test_contracts_and_coins_of_an_inverse_contract_give_its_average_price(rig: Rig) -> None:
    coins = Decimal(500) * 100 / 93_750
    row = f"{T0},93500,94000,93400,93900,500,{T0 + 59_999},{coins},42,100,{coins / 5},0\n"
    rig.exchange.director.replay(f"coinm:BTCUSD_PERP={write(rig.home, row)}", rig.now_ms)
    rig.wait(60_000)
    day = rig.public("/dapi/v1/ticker/24hr", symbol="BTCUSD_PERP").body[0]
    assert (day["volume"], day["weightedAvgPrice"]) == ("500", "93750.0")
    assert abs(Decimal(day["baseVolume"]) - coins) < Decimal("1e-7")
    rig.wait(2 * 86_400_000)
    assert rig.public("/dapi/v1/ticker/24hr", symbol="BTCUSD_PERP").body[0]["baseVolume"] == "0.00000000"
