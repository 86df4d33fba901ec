"""Prices at one moment, each asked for once, and what needs which: a price that changes is told whom it moves."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

from counterseal.core.guardrails.money import DOLLAR
from counterseal.core.market import DOLLARS
from counterseal.core.positions.marks import Pair

# A market: account and family. A price: family and symbol, or "" and an asset that is priced in dollars.
Key = tuple[str, str]
Name = tuple[str, str]
# Names of what is a dollar, and of what nobody knows.
_ONE: Name = ("", "$")
_NONE: Name = ("", "")


class Prices(Protocol):
    """Prices that are confirmed at this moment, None for one that is not."""

    def symbol(self, family: str, symbol: str) -> Pair | None: ...

    def asset(self, asset: str) -> Pair | None:
        """In US dollars; zero for an asset that nobody prices."""
        ...


class Terms(NamedTuple):
    """The prices that a position is valued by: its symbol's, its quote asset's, and that of what it earns in."""

    price: Name
    quote: Name
    earned: Name


class Pricing:
    """Asks `prices` once for each price, until it is told that one has changed."""

    def __init__(self, prices: Prices) -> None:
        self._prices = prices
        self.pairs: dict[Name, Pair | None] = {_ONE: DOLLAR, _NONE: None}
        # By price what it is needed for: markets, each with the symbols of the positions, "" for what lies there.
        self._needed: dict[Name, dict[Key, dict[str, None]]] = {}

    def need(self, key: Key, symbol: str, name: Name) -> Name:
        """Take note of what a price is needed for."""
        if name[0] == "" and name[1] in DOLLARS:
            return _ONE
        if name != _NONE:
            self._needed.setdefault(name, {}).setdefault(key, {})[symbol] = None
            if name not in self.pairs:
                self.pairs[name] = self._ask(name)
        return name

    def changed(self, names: Iterable[Name]) -> dict[Key, set[str]]:
        """Ask again for some prices; gives what needs those that are not as they were."""
        found: dict[Key, set[str]] = {}
        for name in names:
            needed: Mapping[Key, dict[str, None]] = self._needed.get(name, {})
            if needed and self._has_moved(name):
                for key, symbols in needed.items():
                    found.setdefault(key, set()).update(symbols)
        return found

    def all_changed(self) -> dict[Key, set[str]]:
        """Ask again for all."""
        return self.changed(self._needed)

    def _has_moved(self, name: Name) -> bool:
        before, pair = self.pairs[name], self._ask(name)
        self.pairs[name] = pair
        return pair != before

    def _ask(self, name: Name) -> Pair | None:
        return self._prices.symbol(*name) if name[0] else self._prices.asset(name[1])
