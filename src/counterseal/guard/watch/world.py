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
# After judging prices so many times as long is left for everything else.
REST = 3


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
        self._touched: set[Whose] = set()
        self._free_ns = 0
        self._is_due = False

    def now_ms(self) -> int:
        """Give this moment, monotonic."""
        return self.clock.monotonic_ns() // 1_000_000

    def knows(self, family: str) -> bool:
        """Tell whether a market's symbols are known; before that nothing of it can be booked."""
        return bool(self.rules.get(family))

    def learn(self, family: str, rules: Mapping[str, SymbolRule]) -> None:
        """Take up a market's symbols; the books have the same mapping."""
        self.rules[family].update(rules)
        self.rails.forget()

    def touch(self, whose: Whose) -> None:
        """Something of a market has changed: its limits are to be judged anew."""
        self._touched.add(whose)

    def judge_soon(self) -> None:
        """Judge at once, or when prices have left enough time for everything else: a flood of them is judged in one."""
        now_ns = self.clock.monotonic_ns()
        if now_ns >= self._free_ns:
            self.judge()
        elif not self._is_due:
            self._is_due = True
            self.clock.call_later((self._free_ns - now_ns) / 1e9, self._judge_now)

    def _judge_now(self) -> None:
        self._is_due = False
        self.judge()

    def judge(self) -> None:
        """Hold all limits against what there is now. An account that was never read takes no limit from the others."""
        unknown = {each.account for each in self.followed.values() if not each.truth.is_known}
        markets = [each.market for each in self.followed.values() if each.truth.is_known]
        if unknown and not markets:
            return
        begun_ns = self.clock.monotonic_ns()
        touched, self._touched = self._touched, set()
        self.rails.look(markets, touched, begun_ns // 1_000_000, self.exchange_ms(), unknown)
        ended_ns = self.clock.monotonic_ns()
        self._free_ns = ended_ns + REST * (ended_ns - begun_ns)

    def dollars(self, asset: str, amount: Decimal) -> Decimal:
        """Give about what an amount is worth, zero where nothing tells."""
        return amount if asset in DOLLARS else product(amount, self.prices.about(asset))
