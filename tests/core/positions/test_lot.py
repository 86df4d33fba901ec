"""A lot is its fills: what a round trip earned is exact, whatever the way there; linear and inverse."""

from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.positions.lot import Lot, lot_at

AMOUNTS = st.integers(-50, 50).filter(bool).map(lambda n: Decimal(n) / 10)
PRICES = st.integers(1, 5_000).map(lambda n: Decimal(n) / 100)
FILLS = st.lists(st.tuples(AMOUNTS, PRICES), max_size=20)


class Naive:
    """The same in fractions, as a list of what is open at which price."""

    def __init__(self, size: Fraction | None) -> None:
        self.size = size
        self.open: list[tuple[Fraction, Fraction]] = []
        self.realized = Fraction(0)

    def cost(self, amount: Fraction, price: Fraction) -> Fraction:
        return amount * price if self.size is None else amount * self.size / price

    def fill(self, amount: Fraction, price: Fraction) -> None:
        held = sum((one for one, _ in self.open), Fraction(0))
        if held * amount >= 0:
            self.open.append((amount, price))
            return
        closed = min(abs(amount), abs(held))
        paid = sum((self.cost(*one) for one in self.open), Fraction(0)) * closed / abs(held)
        got = self.cost(closed if held > 0 else -closed, price)
        self.realized += got - paid if self.size is None else paid - got
        self.open = [(one * (1 - closed / abs(held)), at) for one, at in self.open]
        over = amount + (closed if held > 0 else -closed)
        if over:
            self.open = [(over, price)]

    def profit(self, price: Fraction) -> Fraction:
        paid = sum((self.cost(*one) for one in self.open), Fraction(0))
        got = self.cost(sum((one for one, _ in self.open), Fraction(0)), price)
        return got - paid if self.size is None else paid - got


@pytest.mark.parametrize("size", [None, 100])
@given(fills=FILLS, mark=PRICES)
def test_it_is_what_a_naive_count_says(size: int | None, fills: list[tuple[Decimal, Decimal]], mark: Decimal) -> None:
    lot, realized = Lot(contract=None if size is None else Decimal(size)), Decimal(0)
    naive = Naive(None if size is None else Fraction(size))
    for amount, price in fills:
        lot, earned = lot.filled(amount, price)
        with localcontext(prec=100):
            realized += earned
        naive.fill(Fraction(amount), Fraction(price))
    assert Fraction(lot.amount) == sum((one for one, _ in naive.open), Fraction(0))
    assert abs(Fraction(realized) - naive.realized) < Fraction(1, 10**30)
    assert abs(Fraction(lot.profit(mark)) - naive.profit(Fraction(mark))) < Fraction(1, 10**30)


def test_a_flat_linear_lot_has_earned_exactly_what_was_paid() -> None:
    lot = Lot()
    earned = []
    for amount, price in (("3", "10"), ("-1", "11"), ("-1", "12"), ("-1", "13")):
        lot, part = lot.filled(Decimal(amount), Decimal(price))
        earned.append(part)
    assert (lot.amount, lot.cost, sum(earned)) == (0, 0, 6)
    assert lot.average is None


def test_the_average_price_of_both_kinds() -> None:
    lot = Lot().filled(Decimal(1), Decimal(100))[0].filled(Decimal(3), Decimal(200))[0]
    assert lot.average == 175
    inverse = Lot(contract=Decimal(100)).filled(Decimal(1), Decimal(100))[0].filled(Decimal(1), Decimal(50))[0]
    assert abs((inverse.average or 0) - Decimal("66.6666666666")) < Decimal("1e-9")
    assert inverse.worth(Decimal(1)) == 200
    assert lot.worth(Decimal(2)) == 8


def test_a_fill_may_turn_a_lot_to_the_other_side() -> None:
    lot, earned = Lot().filled(Decimal(1), Decimal(100))[0].filled(Decimal(-3), Decimal(90))
    assert (lot.amount, lot.average, earned) == (-2, 90, -10)


def test_a_lot_at_a_price_and_one_without() -> None:
    assert lot_at(Decimal(2), Decimal(10)) == Lot(Decimal(2), Decimal(20))
    assert lot_at(Decimal(2), None) == Lot(Decimal(2))
    assert lot_at(Decimal(2), Decimal(0)).average is None
