"""What the guard must know of symbols to size an order: their steps, and a price. Read by itself, kept as long as it
has nothing newer: a guard that cannot read them anew must still be able to let go.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from counterseal.core.budget.share import Lane
from counterseal.core.lots import Lot, parse_lots
from counterseal.core.market import SymbolRule, parse_prices, parse_rules
from counterseal.guard.hands.asker import Asker
from counterseal.ports.clock import Clock

_RULES = {"spot": "/api/v3/exchangeInfo", "usdm": "/fapi/v1/exchangeInfo", "coinm": "/dapi/v1/exchangeInfo"}
_PRICES = {"spot": "/api/v3/ticker/price", "usdm": "/fapi/v2/ticker/price", "coinm": "/dapi/v1/ticker/price"}
FRESH_MS = 3_600_000
# A price that is older prices nothing (`semantics.md` 5.4).
MAX_PRICE_AGE_MS = 5_000


class Market:
    """Steps by symbol, base assets of spot, last prices."""

    def __init__(self, asker: Asker, clock: Clock) -> None:
        self._asker, self._clock = asker, clock
        self._lots: dict[str, Mapping[str, Lot]] = {}
        self._rules: dict[str, Mapping[str, SymbolRule]] = {}
        self._read_ms: dict[str, int] = {}
        self._prices: dict[str, tuple[int, Mapping[str, Decimal]]] = {}

    async def lots(self, family: str, lane: Lane = Lane.RISK) -> Mapping[str, Lot]:
        """Give the steps of all symbols; empty when they could never be read. Whoever has some waits for no others."""
        if family not in self._read_ms:
            await self._read_rules(family, lane)
        return self._lots.get(family, {})

    async def refresh(self, family: str, lane: Lane = Lane.RISK) -> None:
        """Read the steps anew once an hour."""
        read_ms = self._read_ms.get(family)
        if read_ms is None or self._now_ms() - read_ms > FRESH_MS:
            await self._read_rules(family, lane)

    def bases(self) -> dict[str, str]:
        """Give the base asset of each spot symbol, as far as they have been read."""
        return {symbol: rule.base for symbol, rule in self._rules.get("spot", {}).items()}

    async def price(self, family: str, symbol: str) -> Decimal | None:
        """Give a last price that is at most 5 s old, None where there is none."""
        at_ms, prices = self._prices.get(family, (None, {}))
        if at_ms is None or self._now_ms() - at_ms > MAX_PRICE_AGE_MS:
            prices = await self._read_prices(family)
        return prices.get(symbol)

    async def _read_rules(self, family: str, lane: Lane) -> None:
        rows = await self._body(family, _RULES[family], lane)
        try:
            symbols = rows["symbols"]
            self._lots[family], self._rules[family] = parse_lots(symbols), parse_rules(family, symbols)
        except (KeyError, TypeError, AttributeError, ArithmeticError):
            return
        self._read_ms[family] = self._now_ms()
        self._asker.purse.ledger.learn_limits(family, rows.get("rateLimits"))

    async def _read_prices(self, family: str) -> Mapping[str, Decimal]:
        # The content cannot be older than the question.
        asked_ms = self._now_ms()
        try:
            found = parse_prices(await self._body(family, _PRICES[family], Lane.RISK))
        except (KeyError, TypeError, AttributeError, ArithmeticError):
            return {}
        self._prices[family] = asked_ms, found
        return found

    async def _body(self, family: str, path: str, lane: Lane) -> Any:
        answer = self._asker.read(await self._asker.ask("", family, "GET", path, (), lane))
        return answer.body if answer.status == 200 else None

    def _now_ms(self) -> int:
        return self._clock.monotonic_ns() // 1_000_000
