"""Prices of many symbols: correlated as the factor model says, consistent across pairs, with jumps now and then."""

import itertools
import statistics
from decimal import Decimal

import pytest

from counterseal.paper import symbols
from counterseal.paper.market import Walk
from counterseal.paper.prices_factors import JUMP_BLOCK, asset, correlation

LISTED = symbols.load()
STEP = 3_590_000_000
SPAN, STRIDE = 40_000, 40


def returns(base: str, seed: int = 7) -> list[int]:
    one = asset(seed, base, jump_size=0)
    levels = [one.moved(STEP + index * STRIDE) for index in range(SPAN // STRIDE)]
    return [now - before for before, now in itertools.pairwise(levels)]


@pytest.mark.parametrize(("one", "other"), [("BTC", "ETH"), ("BTC", "SOL"), ("ETH", "DOGE"), ("SOL", "ADA")])
def test_assets_move_together_as_the_loadings_say(one: str, other: str) -> None:
    measured = statistics.mean(statistics.correlation(returns(one, seed), returns(other, seed)) for seed in range(8))
    assert abs(measured - correlation(one, other)) < 0.12
    assert correlation(one, other) > 0.6


def test_dollars_hardly_move() -> None:
    assert max(map(abs, returns("USDT"))) * 20 < max(map(abs, returns("BTC")))
    assert abs(correlation("BTC", "USDC")) < 0.01


def test_a_pair_is_the_ratio_of_its_assets() -> None:
    made = {name: Walk(3, "spot", LISTED.spot[name]) for name in ("BTCUSDT", "ETHUSDT", "ETHBTC")}
    for step in range(STEP, STEP + 20_000, 997):
        price = {name: walk.price_at(step) for name, walk in made.items()}
        crossed = price["ETHUSDT"] / price["BTCUSDT"]
        assert abs(price["ETHBTC"] - crossed) <= crossed / 1000 + LISTED.spot["ETHBTC"].tick


def test_spot_and_futures_of_one_asset_follow_each_other() -> None:
    spot, usdm = Walk(3, "spot", LISTED.spot["BTCUSDT"]), Walk(3, "usdm", LISTED.usdm["BTCUSDT"])
    assert all(abs(spot.price_at(step) - usdm.price_at(step)) < 1 for step in range(STEP, STEP + 5000, 101))


def test_jumps_come_now_and_then_and_fade() -> None:
    calm, jumpy = asset(1, "BTC", jump_size=0), asset(1, "BTC")
    felt = [jumpy.moved(STEP + index * 120) - calm.moved(STEP + index * 120) for index in range(24 * 60 * 10)]
    steps = [abs(now - before) for before, now in itertools.pairwise(felt)]
    sudden = [size for size in steps if size > 1_500_000]
    assert 5 < len(sudden) < 60, "in ten days"
    assert max(sudden) < 30_000_000
    assert max(map(abs, felt)) < 60_000_000
    assert felt.count(0) > len(felt) // 10
    assert JUMP_BLOCK * 500 == 3_600_000


def test_another_seed_is_another_world_and_no_volatility_is_none() -> None:
    assert returns("BTC", 1) != returns("BTC", 2)
    assert returns("BTC", 1) == returns("BTC", 1)
    frozen = Walk(1, "spot", LISTED.spot["BTCUSDT"], volatility=0)
    assert {frozen.price_at(STEP + index) for index in range(1000)} == {Decimal(100_000)}


def test_a_price_can_be_set_exactly_and_the_walk_goes_on_from_there() -> None:
    walk = Walk(1, "usdm", LISTED.usdm["BTCUSDT"])
    walk.shift_to(Decimal("87654.3"), STEP)
    assert walk.price_at(STEP) == Decimal("87654.3")
    assert 0 < abs(walk.price_at(STEP + 50) - Decimal("87654.3")) < 100
