"""What hands may act on without another read: what was stated, when that was, and nothing where anything is amiss."""

from decimal import Decimal
from pathlib import Path

from tests.guard.watch.house import House, on_virtual_time, toml

from counterseal.core.holdings import BOTH, LONG, SHORT, SPOT

D = Decimal


@on_virtual_time
async def test_a_position_is_there_as_soon_as_an_event_has_told_it(tmp_path: Path) -> None:
    house = House(tmp_path, toml())
    assert house.watch.picture("main", "usdm") is None
    assert house.watch.picture("other", "usdm") is None
    await house.begin()
    assert house.watch.picture("main", "usdm") is None, "nobody has said that events come"
    house.watch.on_beat({"type": "beat", "feeds": [["main", "usdm"]]})
    await house.run(4)
    assert house.watch.picture("main", "usdm") == []
    house.order("alpha", quantity="0.03")
    found = house.watch.picture("main", "usdm")
    assert found is not None
    [one] = found
    mark = house.rig.public("/fapi/v1/premiumIndex", symbol="BTCUSDT").body["markPrice"]
    assert (one.symbol, one.side, one.amount, one.seen_ms) == ("BTCUSDT", BOTH, D("0.03"), house.now_ms)
    assert one.mark == D(mark)
    told_ms = house.now_ms
    await house.run(1.5)
    found = house.watch.picture("main", "usdm")
    assert found is not None
    assert found[0].seen_ms == told_ms, "a snapshot that may be behind does not make it younger"
    await house.run(8)
    found = house.watch.picture("main", "usdm")
    assert found is not None
    assert found[0].seen_ms is not None
    assert told_ms < found[0].seen_ms <= house.now_ms
    await house.end()


@on_virtual_time
async def test_both_sides_of_hedge_mode(tmp_path: Path) -> None:
    house = House(tmp_path, toml())
    house.rig.signed("POST", "/fapi/v1/positionSide/dual", dualSidePosition="true")
    await house.begin()
    house.order("alpha", quantity="0.03", positionSide="LONG")
    house.order("alpha", quantity="0.02", positionSide="SHORT", side="SELL")
    found = house.watch.picture("main", "usdm")
    assert found is not None
    assert {(one.side, one.amount) for one in found} == {(LONG, D("0.03")), (SHORT, D("-0.02"))}
    await house.end()


@on_virtual_time
async def test_on_spot_it_is_what_bots_bought_as_far_as_it_is_free(tmp_path: Path) -> None:
    house = House(tmp_path, toml(("spot",)), spot_taker_fee=D(0))
    await house.begin()
    house.order("alpha", "spot", quantity="0.03")
    house.order("", "spot", quantity="0.5")
    found = house.watch.picture("main", "spot")
    assert found is not None
    assert [(one.symbol, one.side, one.amount) for one in found] == [("BTCUSDT", SPOT, D("0.03"))]
    assert house.watch.bought("main") == {"BTCUSDT": D("0.03")}
    rows = house.rig.signed("GET", "/api/v3/account").body["balances"]
    left = next(D(row["free"]) for row in rows if row["asset"] == "BTC") - D("0.01")
    while left:
        part = min(left, D(20))
        house.order("", "spot", side="SELL", type="LIMIT", timeInForce="GTC", price="150000", quantity=str(part))
        left -= part
    found = house.watch.picture("main", "spot")
    assert found is not None
    assert [one.amount for one in found] == [D("0.01")]
    house.watch._world.rules["spot"].clear()
    assert house.watch.picture("main", "spot") is None
    assert house.watch.bought("nobody") is None
    await house.end()


@on_virtual_time
async def test_where_anything_is_amiss_there_is_none(tmp_path: Path) -> None:
    house = House(tmp_path, toml())
    await house.begin()
    house.order("alpha", quantity="0.03")
    await house.run(5)
    assert house.watch.picture("main", "usdm")
    house.watch.on_event({"type": "event", "what": "stream_gap", "account": "main", "family": "usdm"})
    assert house.watch.picture("main", "usdm") is None, "events are missing"
    await house.run(6)
    assert house.watch.picture("main", "usdm")
    house.watch.on_beat({"type": "beat", "feeds": []})
    await house.run(6)
    assert house.watch.picture("main", "usdm") is None, "no events come"
    house.watch.on_beat({"type": "beat", "feeds": [["main", "usdm"]]})
    await house.run(6)
    assert house.watch.picture("main", "usdm")
    house.asker.silent.add("/fapi/v3/account")
    await house.run(13)
    assert house.watch.picture("main", "usdm") is None, "too old"
    await house.end()
