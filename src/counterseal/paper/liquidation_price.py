"""The price at which the margin that backs positions of one symbol is used up by their maintenance.

Equity and maintenance are straight lines in x between the steps of the brackets, where x is the price of a linear
contract and one over the price of an inverse one.  The answer is the crossing nearest to the mark price.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from counterseal.paper.brackets import bracket_of, brackets
from counterseal.paper.money import ZERO
from counterseal.paper.positions import Position
from counterseal.paper.symbols import Symbol

FAR = Decimal(10) ** 12


@dataclass(frozen=True, slots=True)
class Line:
    """One position: profit = start + slope x, notional = size x."""

    start: Decimal
    slope: Decimal
    size: Decimal


def _line(position: Position) -> Line:
    if not position.contract_size:
        return Line(-position.amount * position.entry, position.amount, abs(position.amount))
    value = position.amount * position.contract_size
    return Line(value / position.entry, -value, abs(value))


def liquidation_price(symbol: Symbol, positions: list[Position], backing: Decimal, mark: Decimal) -> Decimal:
    """The liquidation price of a symbol's position (one), or of its LONG and SHORT together under cross margin.

    `backing` is the wallet with the profit and without the maintenance of all other positions that share it.
    ZERO when no price of the contract can use it up.
    """
    lines = [_line(position) for position in positions if position.amount]
    found = [x for x in _crossings(symbol, lines, backing) if x > 0]
    prices = [1 / x for x in found] if symbol.contract_size else found
    return min(prices, key=lambda price: abs(price - mark), default=ZERO)


def _crossings(symbol: Symbol, lines: list[Line], backing: Decimal) -> list[Decimal]:
    edges = {item.cap / line.size for line in lines for item in brackets(symbol)}
    found, low = [], ZERO
    for high in [*sorted(edges), FAR]:
        x = _root(symbol, lines, backing, (low + high) / 2)
        if x is not None and low <= x <= high:
            found.append(x)
        low = high
    return found


def _root(symbol: Symbol, lines: list[Line], backing: Decimal, inside: Decimal) -> Decimal | None:
    """Where the straight lines that hold around `inside` meet."""
    start, slope = backing, ZERO
    for line in lines:
        bracket = bracket_of(symbol, line.size * inside)
        start += line.start + bracket.cum
        slope += line.slope - line.size * bracket.ratio
    return -start / slope if slope else None
