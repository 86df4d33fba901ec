"""Prices by the exchange's streams: heard where they flow, read where they do not, and a bad one decides nothing."""

import os
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from tests.core.config.texts import config_of
from tests.guard.watch.house import House, on_virtual_time, toml

from counterseal.guard.watch import rails
from counterseal.guard.watch.plan import ALL_MS, READS
from counterseal.guard.watch.streams import rows_of

# What makes a price one that something rests on.
LIMIT = "max_position = 10000000"
MARKS = READS["usdm"].marks_path


def reads(house: House, path: str = MARKS) -> int:
    """Count the reads of prices since the last call."""
    found = sum(asked == path for _, asked in house.asker.asked)
    house.asker.asked.clear()
    return found


def price(house: House, family: str, symbol: str) -> Decimal | None:
    """Give a price that may decide."""
    pair = house.watch._world.prices.symbol(family, symbol)
    return None if pair is None else pair.one


@on_virtual_time
async def test_what_the_stream_tells_is_not_read(tmp_path: Path) -> None:
    house = House(tmp_path, toml(more=LIMIT), has_streams=True, volatility=1)
    await house.begin(5)
    house.order("alpha", quantity="0.01")
    await house.run(5)
    assert house.watch.view()["streams"] == {"usdm": True}
    reads(house)
    for _ in range(20):
        await house.run(1)
        assert house.watch.ages()["prices usdm"] <= 1_100
        mark = house.rig.public(MARKS, symbol="BTCUSDT").body["markPrice"]
        assert price(house, "usdm", "BTCUSDT") == pytest.approx(Decimal(mark), rel=Decimal("0.01"))
    assert reads(house) <= 1 + 20_000 // ALL_MS
    assert not house.alerts
    await house.end()


@on_virtual_time
async def test_where_the_stream_ends_prices_are_read_before_they_are_old(tmp_path: Path) -> None:
    house = House(tmp_path, toml(more=LIMIT), has_streams=True)
    await house.begin()
    house.order("alpha", quantity="0.01")
    await house.run(3)
    house.cut()
    reads(house)
    for _ in range(200):
        await house.run(0.1)
        assert price(house, "usdm", "BTCUSDT") is not None
        assert not house.is_closed()
    assert reads(house) >= 10
    assert house.watch.view()["streams"] == {"usdm": False}
    house.is_cut = False
    await house.run(40)
    assert house.watch.view()["streams"] == {"usdm": True}
    reads(house)
    await house.run(20)
    assert reads(house) <= 1
    assert not house.alerts
    assert [text for level, text, _ in house.log.lines if level == "warning"]
    await house.end()


@on_virtual_time
async def test_one_bad_message_does_nothing_and_two_do(tmp_path: Path) -> None:
    house = House(tmp_path, toml(more="max_daily_loss = 100"), has_streams=True)
    await house.begin()
    house.order("alpha", quantity="0.1")
    await house.run(10)
    # Twice the same reading is one reading.
    for _ in range(2):
        house.hear("usdm", [{"s": "BTCUSDT", "p": "50000", "E": house.rig.now_ms}])
    await house.run(5)
    assert not house.breaches
    for _ in range(2):
        await house.run(0.3)
        house.hear("usdm", [{"s": "BTCUSDT", "p": "50000", "E": house.rig.now_ms}])
    assert house.breaches, "at once, and not with the next read"
    await house.end()


@on_virtual_time
async def test_on_coin_m_what_something_rests_on_is_listened_to(tmp_path: Path) -> None:
    house = House(tmp_path, toml(("coinm",), LIMIT), has_streams=True, volatility=1)
    await house.begin()
    house.order("alpha", "coinm")
    await house.run(10)
    streams = house.watch._streams
    assert streams is not None
    assert "btcusd_perp@markPrice@1s" in streams._names["coinm"]
    path = READS["coinm"].marks_path
    reads(house, path)
    await house.run(20)
    assert reads(house, path) <= 1
    assert price(house, "coinm", "BTCUSD_PERP") is not None
    house.order("alpha", "coinm", side="SELL")
    await house.run(20)
    await house.end()


@on_virtual_time
async def test_on_spot_all_prices_are_read_too(tmp_path: Path) -> None:
    house = House(tmp_path, toml(("spot",)), has_streams=True, volatility=1)
    await house.begin()
    assert house.watch.view()["streams"] == {"spot": True}
    house.rig.set_price("spot", "BTCUSDT", "90000")
    await house.run(2.2)
    assert price(house, "spot", "BTCUSDT") is not None
    assert reads(house, READS["spot"].marks_path) >= 4
    await house.end()


@on_virtual_time
async def test_a_reload_gives_up_the_streams_of_markets_that_are_followed_no_more(tmp_path: Path) -> None:
    house = House(tmp_path, toml(("usdm", "spot")), has_streams=True)
    await house.begin(5)
    assert house.watch.view()["streams"] == {"usdm": True, "spot": True}
    house.config = config_of(toml(("spot",)))
    house.watch.reload()
    await house.run(2)
    assert house.watch.view()["streams"] == {"spot": True}
    await house.end()


@on_virtual_time
async def test_what_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    house = House(tmp_path, toml(more=LIMIT), has_streams=True)
    await house.begin(5)
    known = price(house, "usdm", "BTCUSDT")
    for data in ([{"s": 1}], "x", [{"s": "BTCUSDT", "p": "NaN", "E": house.rig.now_ms + 900}], [{"p": "5"}], None):
        house.hear("usdm", data)
    assert price(house, "usdm", "BTCUSDT") == known
    assert rows_of("spot", msgspec.Raw(b'{"s":"X","c":"1","E":2}')) == [("X", "1", 2)]
    assert rows_of("usdm", msgspec.Raw(b'{"s":"X","p":1}')) is None
    await house.end()


@pytest.mark.parametrize("seed", range(int(os.environ.get("JUDGE_SEEDS", "1"))))
@on_virtual_time
async def test_judging_what_has_changed_comes_to_the_same_as_judging_everything(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for name, whole_ms in (("whole", 0), ("part", 10**9)):
        monkeypatch.setattr(rails, "WHOLE_MS", whole_ms)
        (tmp_path / name).mkdir()
        limits = "max_position = 12000\nmax_daily_loss = 150\nmax_drawdown = 150\n"
        text = (
            toml(("usdm", "spot"), limits) + f"[accounts.main]\n{limits}max_effective_leverage = 2\n[fleet]\n{limits}"
        )
        house = House(tmp_path / name, text, seed=seed, volatility=1, has_streams=True)
        await house.begin()
        for turn in range(8):
            house.order("alpha", quantity="0.02", side="SELL" if turn == 5 else "BUY")
            house.order("beta", "spot", quantity="0.02")
            await house.run(1.7)
        house.rig.set_price("usdm", "BTCUSDT", "97000")
        await house.run(12)
        told = [(str(one.scope), one.limit_name, one.symbol, one.level, one.value) for one in house.breaches]
        found.append((told, house.watch.view()["levels"], house.watch.view()["blind"]))
        await house.end()
    assert found[0] == found[1]
    assert len(found[0][0]) >= 6
