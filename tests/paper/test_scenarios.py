"""Scripted events: each has the shape that its name promises, on the paper clock, the same for the same seed."""

from decimal import Decimal
from pathlib import Path

import pytest
from tests.paper.harness import Rig

from counterseal.paper.market import Walk
from counterseal.paper.scenarios import SCENARIOS, named


def play(rig: Rig, spec: str, symbol: str = "BTCUSDT", market: str = "usdm") -> tuple[Walk, int]:
    """The walk of a symbol and the step on which the scenario begins."""
    playing = rig.exchange.director.play(spec, rig.now_ms)
    return rig.exchange.markets()[market].walks[symbol], playing.start_ms // 500


def change(walk: Walk, first: int, seconds: float) -> float:
    """Per cent since the begin."""
    before = walk.price_at(first - 1)
    return float((walk.price_at(first + int(seconds * 2)) - before) * 100 / before)


def test_the_flash_crash_is_12_down_in_40_s_and_8_back(rig: Rig) -> None:
    walk, first = play(rig, "flash-crash")
    path = [change(walk, first, second / 2) for second in range(400)]
    assert min(path) == pytest.approx(-12, abs=0.1)
    assert path.index(min(path)) == 80
    assert path[200] == pytest.approx(-4, abs=0.1)
    assert path[-1] == pytest.approx(-4, abs=0.1)
    assert path[0] > -0.2


def test_it_hits_smaller_coins_harder_and_dollars_not_at_all(rig: Rig) -> None:
    bitcoin, first = play(rig, "flash-crash")
    solana = rig.exchange.usdm.walks["SOLUSDT"]
    assert change(solana, first, 40) < change(bitcoin, first, 40) - 2
    assert change(rig.exchange.spot.walks["BTCFDUSD"], first, 40) == pytest.approx(-12, abs=0.1)
    assert change(rig.exchange.spot.walks["ETHBTC"], first, 40) < -1


def test_books_are_thin_in_the_crash(rig: Rig) -> None:
    _, first = play(rig, "flash-crash")
    book = rig.exchange.usdm.books["BTCUSDT"]

    def depth(step: int) -> Decimal:
        return sum((qty for _, qty in book.depth("BUY", step, 50)), Decimal(0))

    assert depth(first + 80) * 6 < depth(first - 1)


def test_the_bleed_is_slow(rig: Rig) -> None:
    walk, first = play(rig, "slow-bleed")
    assert change(walk, first, 3600) == pytest.approx(-15, abs=0.1)
    steps = [change(walk, first, minute * 60) - change(walk, first, minute * 60 - 60) for minute in range(1, 60)]
    assert min(steps) > -0.9
    assert max(steps) > 0


def test_the_gap_has_nothing_in_between(rig: Rig) -> None:
    walk, first = play(rig, "gap")
    before, after = walk.price_at(first - 1), walk.price_at(first)
    assert float((after - before) * 100 / before) == pytest.approx(-7, abs=0.1)
    assert change(walk, first, 300) == pytest.approx(-7, abs=0.1)


def test_a_stop_in_a_gap_fills_far_below_its_price(rig: Rig) -> None:
    rig.futures_order(type="MARKET", quantity="0.1")
    stop = {"algoType": "CONDITIONAL", "symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET", "quantity": "0.1",
            "triggerPrice": "99000"}  # fmt: skip
    assert rig.signed("POST", "/fapi/v1/algoOrder", **stop).status == 200
    play(rig, "gap")
    rig.wait(2000)
    trades = rig.signed("GET", "/fapi/v1/userTrades", symbol="BTCUSDT").body
    assert Decimal(trades[-1]["price"]) < Decimal("93500")


def test_the_wick_is_seen_by_one_book_and_not_by_the_index(rig: Rig) -> None:
    walk, first = play(rig, "illiquid-wick", "SOLUSDT")
    assert change(walk, first, 2) == pytest.approx(-25, abs=0.1)
    assert change(walk, first, 12) == pytest.approx(0, abs=0.1)
    assert walk.index_at(first + 4) == walk.price_at(first - 1)
    assert change(rig.exchange.spot.walks["SOLUSDT"], first, 2) == 0
    assert change(rig.exchange.usdm.walks["BTCUSDT"], first, 2) == 0


def test_a_wick_can_hit_another_symbol(rig: Rig) -> None:
    walk, first = play(rig, "illiquid-wick:ETH", "ETHUSDT")
    assert change(walk, first, 2) == pytest.approx(-25, abs=0.1)
    assert change(rig.exchange.usdm.walks["SOLUSDT"], first, 2) == 0


def test_the_correlation_breaks(rig: Rig) -> None:
    walk, first = play(rig, "correlation-break")
    assert change(walk, first, 700) == pytest.approx(6, abs=0.1)
    for name in ("ETHUSDT", "SOLUSDT", "DOGEUSDT"):
        assert change(rig.exchange.usdm.walks[name], first, 700) == pytest.approx(-9, abs=0.2)


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_same_seed_plays_the_same_event(tmp_path: Path, name: str) -> None:
    def path(seed: int, folder: str) -> list[Decimal]:
        (tmp_path / folder).mkdir()
        rig = Rig(tmp_path / folder, seed=seed, volatility=100)
        walk, first = play(rig, name, "SOLUSDT")
        rig.journal.close()
        return [walk.price_at(first + step) for step in range(0, 7200, 7)]

    assert path(1, "a") == path(1, "b") != path(2, "c")


def test_history_before_the_event_stays_as_it_was(rig: Rig) -> None:
    before = rig.public("/api/v3/klines", symbol="BTCUSDT", interval="1m", limit=5).body
    rig.exchange.director.play("gap", rig.now_ms + 60_000)
    assert rig.public("/api/v3/klines", symbol="BTCUSDT", interval="1m", limit=5).body == before


def test_unknown_events_are_refused() -> None:
    for spec in ("tsunami", "correlation-break:ETH"):
        with pytest.raises(ValueError, match=r"no scenario|names its assets"):
            named(spec)
