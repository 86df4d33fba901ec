"""What the parts of the watch share: the markets that are followed, prices, limits."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from counterseal.core.config.model import Config
from counterseal.core.exact import product
from counterseal.core.market import DOLLARS, SymbolRule
from counterseal.core.positions.statements import Margin
from counterseal.guard.watch.followed import Followed
from counterseal.guard.watch.prices import MarketPrices
from counterseal.guard.watch.rails import Rails
from counterseal.ports.clock import Clock

Whose = tuple[str, str]


class World:
    """All that is known. `levels` are the margins of accounts by account and product ("papi", "sapi")."""

    def __init__(
        self,
        config: Callable[[], Config],
        clock: Clock,
        prices: MarketPrices,
        rails: Rails,
        exchange_ms: Callable[[], int],
        log: Any,
    ) -> None:
        self.config, self.clock, self.exchange_ms, self.log = config, clock, exchange_ms, log
        self.prices, self.rails = prices, rails
        self.followed: dict[Whose, Followed] = {}
        self.rules: dict[str, dict[str, SymbolRule]] = {}
        self.levels: dict[Whose, Margin] = {}

    def now_ms(self) -> int:
        """Give this moment, monotonic."""
        return self.clock.monotonic_ns() // 1_000_000

    def knows(self, family: str) -> bool:
        """Tell whether a market's symbols are known; before that nothing of it can be booked."""
        return bool(self.rules.get(family))

    def learn(self, family: str, rules: Mapping[str, SymbolRule]) -> None:
        """Take up a market's symbols; the books have the same mapping."""
        self.rules[family].update(rules)

    def judge(self) -> None:
        """Hold all limits against what there is now. Before everything was read once there is nothing to judge."""
        known = [each for each in self.followed.values() if each.truth.is_known]
        if len(known) == len(self.followed):
            self.rails.look([each.market for each in known], self.now_ms(), self.exchange_ms())

    def dollars(self, asset: str, amount: Decimal) -> Decimal:
        """Give about what an amount is worth, zero where nothing tells."""
        return amount if asset in DOLLARS else product(amount, self.prices.about(asset))
