"""Index and mark prices of one futures market: apart from the last price, and slower than it.

The index is the mean of what other venues show over the last seconds: the walk without the wicks that only this
venue's thin book has.  The mark price is the median of three: the index with the funding still to come, the index
with the mean of the recent basis, and the last price.
"""

from __future__ import annotations

from decimal import Decimal

from counterseal.paper.funding import Funding
from counterseal.paper.market import Walk
from counterseal.paper.money import ZERO, cut8
from counterseal.paper.steps import Steps

INDEX_SAMPLES, BASIS_SAMPLES = 5, 15


class Marks:
    """Prices that margin is reckoned with, computed once a step for each symbol that is asked for."""

    def __init__(self, walks: dict[str, Walk], steps: Steps, funding: Funding, index_ms: int, basis_ms: int) -> None:
        self._walks = walks
        self._steps = steps
        self._funding = funding
        self._index_ms = index_ms
        self._basis_ms = basis_ms
        self._known: dict[str, tuple[tuple[int, int], Decimal, Decimal]] = {}

    def mark(self, name: str, now_ms: int) -> Decimal:
        return self._both(name, now_ms)[0]

    def index(self, name: str, now_ms: int) -> Decimal:
        return self._both(name, now_ms)[1]

    def _both(self, name: str, now_ms: int) -> tuple[Decimal, Decimal]:
        walk, step = self._walks[name], self._steps.at(now_ms)
        last = walk.ticks_at(step)
        known = self._known.get(name)
        if known is not None and known[0] == (step, last):
            return known[1], known[2]
        mark, index = self._reckoned(walk, step, now_ms)
        self._known[name] = ((step, last), mark, index)
        return mark, index

    def _reckoned(self, walk: Walk, step: int, now_ms: int) -> tuple[Decimal, Decimal]:
        index = self._index(walk, step)
        last = walk.price_at(step)
        stride = max(1, self._basis_ms // BASIS_SAMPLES // self._steps.step_ms)
        past = [step - number * stride for number in range(BASIS_SAMPLES)]
        basis = sum((walk.price_at(at) - walk.index_at(at) for at in past), ZERO) / len(past)
        to_come = self._funding.rate(walk.symbol.name, now_ms) * self._funding.left(now_ms)
        mark = sorted((index * (1 + to_come), index + basis, last))[1]
        return cut8(mark), cut8(index)

    def _index(self, walk: Walk, step: int) -> Decimal:
        stride = max(1, self._index_ms // INDEX_SAMPLES // self._steps.step_ms)
        ticks = sum(walk.index_ticks_at(step - number * stride) for number in range(INDEX_SAMPLES))
        return ticks * walk.symbol.tick / INDEX_SAMPLES
