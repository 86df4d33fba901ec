"""A flood of prices is judged together, and leaves three quarters of the time for everything else."""

import asyncio
from typing import Any, cast

from counterseal.adapters.virtual_clock import VirtualClock
from counterseal.guard.watch.prices import MarketPrices
from counterseal.guard.watch.rails import Rails
from counterseal.guard.watch.world import REST, World

TOOK_S = 0.01


class SlowRails:
    """Judging takes some time; `looks` are when it began and what was touched."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.looks: list[tuple[float, set[tuple[str, str]]]] = []

    def look(self, _markets: Any, touched: set[tuple[str, str]], _now_ms: int, _exchange_ms: int) -> None:
        self.looks.append((self._clock.monotonic_ns() / 1e9, touched))
        self._clock._move(self._clock.monotonic_ns() + int(TOOK_S * 1e9))


def test_prices_wait_until_there_is_time_and_accounts_do_not() -> None:
    clock = VirtualClock()
    rails = SlowRails(clock)
    world = World(cast(Any, None), clock, MarketPrices(clock), cast(Rails, rails), lambda: 0, None)
    for _ in range(5):
        world.judge_soon()
    assert [at for at, _ in rails.looks] == [0]
    asyncio.run(clock.advance(REST * TOOK_S))
    assert [at for at, _ in rails.looks] == [0, (1 + REST) * TOOK_S], "once for all four"
    world.touch(("main", "usdm"))
    world.judge()
    world.judge()
    assert [touched for _, touched in rails.looks[2:]] == [{("main", "usdm")}, set()]
    asyncio.run(clock.advance(1))
    world.judge_soon()
    assert len(rails.looks) == 5
