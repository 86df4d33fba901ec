"""A flood of prices is judged together, and leaves three quarters of the time for everything else."""

import asyncio
from decimal import Decimal
from typing import Any, cast

from tests.core.config.texts import PAPER, config_of

from counterseal.adapters.virtual_clock import VirtualClock
from counterseal.core.guardrails.base import DAY_MS
from counterseal.core.guardrails.breach import Breach
from counterseal.core.positions.books import FOREIGN
from counterseal.core.positions.statements import Statement
from counterseal.guard.watch.followed import Followed
from counterseal.guard.watch.prices import MarketPrices
from counterseal.guard.watch.rails import Rails
from counterseal.guard.watch.world import REST, World

TOOK_S = 0.01
TWO_ACCOUNTS = (
    PAPER
    + """
[keys.one]
functions = ["trade"]
account = "main"
[keys.two]
functions = ["trade"]
account = "second"
strategy = "grid"
[bots.alpha]
keys = ["one"]
products = ["usdm"]
purposes = ["trade"]
max_daily_loss = 20
[bots.beta]
keys = ["two"]
products = ["usdm"]
purposes = ["trade"]
max_daily_loss = 20
max_open_orders = 5
[strategies.grid]
max_drawdown = 20
[accounts.main]
max_daily_loss = 20
[accounts.second]
max_effective_leverage = 5
[fleet]
max_daily_loss = 20
"""
)


class SlowRails:
    """Judging takes some time; `looks` are when it began and what was touched."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.looks: list[tuple[float, set[tuple[str, str]]]] = []

    def look(
        self, _markets: Any, touched: set[tuple[str, str]], _now_ms: int, _exchange_ms: int, _unknown: set[str]
    ) -> None:
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


def test_an_account_that_cannot_be_read_takes_no_limit_from_the_others() -> None:
    """What reaches it is named as blind and begins with it; a part of a worth is no loss."""
    clock, config = VirtualClock(), config_of(TWO_ACCOUNTS)
    prices, breaches = MarketPrices(clock), list[Breach]()
    rails = Rails(prices, breaches.append, lambda _record: None)
    rails.configure(config)
    world = World(lambda: config, clock, prices, rails, lambda: 20_000 * DAY_MS, None)
    for account in ("main", "second"):
        world.followed[account, "usdm"] = Followed(account, "usdm", {}, 0)
    main, second = (each.truth for each in world.followed.values())

    def blind() -> set[str]:
        world.judge()
        return {f"{limit.scope} {limit.measure.value}" for limit in rails.blind}

    assert blind() == set(), "nothing is known, nothing is looked at"
    main.snapshot(Statement({}, {"USDT": Decimal(100)}, whole=True), 0, 0)
    theirs = {"bot beta max_daily_loss", "strategy grid max_drawdown", "account second max_effective_leverage",
              "fleet max_daily_loss"}  # fmt: skip
    assert blind() == theirs and not breaches
    main.books.move(FOREIGN, "USDT", Decimal(-30))
    world.touch(("main", "usdm"))
    assert blind() == theirs
    assert [str(one.scope) for one in breaches] == ["account main"]
    second.snapshot(Statement({}, {"USDT": Decimal(50)}, whole=True), 0, 0)
    assert blind() == set() and len(breaches) == 1
