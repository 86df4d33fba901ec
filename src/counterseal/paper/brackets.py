"""Leverage brackets: how much notional a leverage allows and what maintenance it asks."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from counterseal.paper.symbols import Symbol

LEVERAGES = (125, 100, 75, 50, 25, 20, 10, 5, 4, 3, 2, 1)
CAPS = (1, 12, 60, 240, 800, 1600, 4000, 6000, 8000, 12000, 16000, 36000)
RATIOS = {125: "0.004", 100: "0.005", 75: "0.0065", 50: "0.01", 40: "0.0125", 25: "0.02", 20: "0.025", 10: "0.05",
          5: "0.1", 4: "0.125", 3: "0.15", 2: "0.25", 1: "0.5"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bracket:
    """One step of the ladder: notional in [floor, cap)."""

    number: int
    leverage: int
    cap: Decimal
    floor: Decimal
    ratio: Decimal
    cum: Decimal


@lru_cache(maxsize=64)
def brackets(symbol: Symbol) -> tuple[Bracket, ...]:
    """The symbol's ladder; `cum` makes maintenance continuous across its steps."""
    leverages = [symbol.max_leverage, *(value for value in LEVERAGES if value < symbol.max_leverage)]
    made: list[Bracket] = []
    floor, cum, before = Decimal(0), Decimal(0), Decimal(0)
    for number, (leverage, factor) in enumerate(zip(leverages, CAPS, strict=False), 1):
        ratio = Decimal(RATIOS[leverage])
        cum += floor * (ratio - before)
        cap = symbol.tier * factor
        made.append(Bracket(number, leverage, cap, floor, ratio, cum))
        floor, before = cap, ratio
    return tuple(made)


def bracket_of(symbol: Symbol, notional: Decimal) -> Bracket:
    """The bracket that a notional falls into (the last one beyond all caps)."""
    ladder = brackets(symbol)
    return next((item for item in ladder if notional < item.cap), ladder[-1])


def most_notional(symbol: Symbol, leverage: int) -> Decimal:
    """The largest notional that a leverage allows."""
    return max(item.cap for item in brackets(symbol) if item.leverage >= leverage or item.number == 1)


def maintenance(symbol: Symbol, notional: Decimal) -> Decimal:
    found = bracket_of(symbol, notional)
    return notional * found.ratio - found.cum
