"""Scripted market events on top of whatever the market does: shapes over time, by asset."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

from counterseal.paper.prices_factors import DOLLARS, PPB, UNIT, noise
from counterseal.paper.symbols import Symbol

BOTH = ("spot", "usdm", "coinm")
# How strongly an asset follows an event that hits the whole market, in per mille of Bitcoin's move.
BETAS = {"BTC": 1000, "ETH": 1100, "BNB": 1050}
DEFAULT_BETA = 1250


@dataclass(frozen=True, slots=True)
class Point:
    """Where an event stands at an instant: push in ppm, house liquidity and roughness; straight lines between."""

    at_ms: int
    ppm: int
    depth: int = 1000  # per mille
    rough: int = 0  # ppm that single steps scatter around the line


@dataclass(frozen=True, slots=True)
class Leg:
    """The shape that some assets follow.  No assets: all but dollars, each by its beta."""

    points: tuple[Point, ...]
    assets: tuple[str, ...] = ()
    but: tuple[str, ...] = ()
    by_beta: bool = False

    def hits(self, asset: str) -> bool:
        if asset in DOLLARS or asset in self.but:
            return False
        return not self.assets or asset in self.assets


@dataclass(frozen=True, slots=True)
class Scenario:
    """A named event.  A wick is seen by the traded price and not by the index."""

    name: str
    text: str
    legs: tuple[Leg, ...]
    markets: tuple[str, ...] = BOTH
    is_wick: bool = False

    @property
    def lasts_ms(self) -> int:
        return max(leg.points[-1].at_ms for leg in self.legs)


_CRASH = (Point(0, 0), Point(4_000, -6_000, 500, 300), Point(12_000, -35_000, 200, 900), Point(40_000, -120_000, 80, 0),
          Point(46_000, -110_000, 100, 1_500), Point(100_000, -40_000, 400, 0), Point(180_000, -40_000))  # fmt: skip
_BLEED = (Point(0, 0), Point(600_000, -20_000, 800, 200), Point(900_000, -16_000, 800, 200),
          Point(1_800_000, -60_000, 700, 300), Point(2_100_000, -52_000, 700, 300),
          Point(3_600_000, -150_000, 600, 0))  # fmt: skip
_GAP = (Point(0, 0), Point(0, -70_000, 150, 400), Point(60_000, -70_000, 500, 200), Point(120_000, -70_000))
_WICK = (Point(0, 0, 1000), Point(500, -60_000, 20, 0), Point(1_500, -250_000, 10, 0), Point(3_000, -250_000, 10, 0),
         Point(6_000, -10_000, 100, 0), Point(10_000, 0, 600), Point(30_000, 0))  # fmt: skip
_BREAK_UP = (Point(0, 0), Point(600_000, 60_000, 700, 200), Point(900_000, 60_000))
_BREAK_DOWN = (Point(0, 0), Point(600_000, -90_000, 500, 400), Point(900_000, -90_000))

SCENARIOS: dict[str, Scenario] = {
    item.name: item
    for item in (
        Scenario("flash-crash", "12 % down in 40 s on thin books, 8 % back in the minute after",
                 (Leg(_CRASH, by_beta=True),)),
        Scenario("slow-bleed", "15 % down over an hour, with bounces that hold for nothing",
                 (Leg(_BLEED, by_beta=True),)),
        Scenario("gap", "7 % down between two steps, nothing traded in between", (Leg(_GAP, by_beta=True),)),
        Scenario("illiquid-wick", "one USD-M book empties: 25 % down and back in seconds, the index does not move",
                 (Leg(_WICK, ("SOL",)),), ("usdm",), is_wick=True),
        Scenario("correlation-break", "Bitcoin 6 % up while everything else falls 9 % in ten minutes",
                 (Leg(_BREAK_UP, ("BTC",)), Leg(_BREAK_DOWN, but=("BTC",)))),
    )
}  # fmt: skip


class Playing:
    """One scenario that runs from an instant on.  Its last point stays for good."""

    def __init__(self, scenario: Scenario, start_ms: int, step_ms: int, seed: int) -> None:
        self.scenario = scenario
        self.start_ms = start_ms
        self._step_ms = step_ms
        self._seed = blake2b(f"{seed}:{scenario.name}:{start_ms}".encode(), digest_size=16).digest()

    def ppb(self, market: str, symbol: Symbol, step: int, *, is_index: bool) -> int:
        """How far the pair is pushed at a step: its base asset's push over its quote asset's."""
        after = step * self._step_ms - self.start_ms
        if after < 0 or market not in self.scenario.markets or (is_index and self.scenario.is_wick):
            return 0
        base, quote = self._push(symbol.base, after, step), self._push(symbol.quote, after, step)
        return (PPB + base) * PPB // (PPB + quote) - PPB

    def depth(self, market: str, symbol: Symbol, step: int) -> int:
        after = step * self._step_ms - self.start_ms
        leg = self._leg(symbol.base)
        if leg is None or after < 0 or market not in self.scenario.markets:
            return 1000
        return _between(leg.points, after)[1]

    def is_over(self, now_ms: int) -> bool:
        return now_ms >= self.start_ms + self.scenario.lasts_ms

    def _leg(self, asset: str) -> Leg | None:
        return next((leg for leg in self.scenario.legs if leg.hits(asset)), None)

    def _push(self, asset: str, after_ms: int, step: int) -> int:
        leg = self._leg(asset)
        if leg is None:
            return 0
        ppb, _, rough = _between(leg.points, after_ms)
        if leg.by_beta:
            ppb = max(-900_000_000, ppb * BETAS.get(asset, DEFAULT_BETA) // 1000)
        if rough:
            ppb += noise(self._seed, sum(asset.encode()), step) * rough // UNIT
        return ppb


@lru_cache(maxsize=4096)
def _between(points: tuple[Point, ...], after_ms: int) -> tuple[int, int, int]:
    """(push in ppb, depth in per mille, roughness in ppb) at an instant."""
    at = bisect_right(points, after_ms, key=lambda point: point.at_ms)
    if at == len(points):
        last = points[-1]
        return last.ppm * 1000, last.depth, last.rough * 1000
    left, right = points[at - 1], points[at]
    span, gone = right.at_ms - left.at_ms, after_ms - left.at_ms

    def line(first: int, last: int) -> int:
        return first + (last - first) * gone // span

    return line(left.ppm * 1000, right.ppm * 1000), line(left.depth, right.depth), line(left.rough, right.rough) * 1000


def named(spec: str) -> Scenario:
    """The scenario of `NAME` or `NAME:ASSET,ASSET`, which lets one event hit those assets only.

    ValueError for a name that does not exist, or when the event has no single group of assets.
    """
    name, _, assets = spec.partition(":")
    scenario = SCENARIOS.get(name)
    if scenario is None:
        raise ValueError(f"no scenario {name}; there are {', '.join(SCENARIOS)}")
    if not assets:
        return scenario
    if len(scenario.legs) > 1:
        raise ValueError(f"{name} names its assets itself")
    leg = Leg(scenario.legs[0].points, tuple(assets.split(",")), (), scenario.legs[0].by_beta)
    return Scenario(name, scenario.text, (leg,), scenario.markets, scenario.is_wick)
