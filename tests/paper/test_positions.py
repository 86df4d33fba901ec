"""Position arithmetic against the plain definition."""

import random  # noqa: TID251 - seeded, to draw cases
from decimal import Decimal

import pytest

from counterseal.paper.money import ZERO
from counterseal.paper.positions import Position

SIZE = Decimal(100)


@pytest.mark.parametrize("seed", range(20))
def test_realised_plus_unrealised_is_what_the_cash_says(seed: int) -> None:
    """Whatever the trades: profit = value of the position - what was paid for it."""
    chance = random.Random(seed)
    position, paid, realized, price = Position("BTCUSDT", "BOTH"), Decimal(0), Decimal(0), Decimal(100)
    for _ in range(200):
        price = Decimal(chance.randrange(50, 150))
        signed = Decimal(chance.choice([-3, -2, -1, 1, 2, 3]))
        realized += position.apply(signed, price)
        paid += signed * price
    assert abs(realized + position.profit(price) - (position.amount * price - paid)) < Decimal("1e-15")
    if not position.amount:
        assert position.entry == 0


@pytest.mark.parametrize("seed", range(20))
def test_an_inverse_contract_settles_in_coins(seed: int) -> None:
    """Profit in coins = contracts' value in coins at each trade against their value in coins at the end."""
    chance = random.Random(seed)
    position, paid, realized, price = Position("BTCUSD_PERP", "BOTH", contract_size=SIZE), ZERO, ZERO, Decimal(100)
    for _ in range(100):
        price = Decimal(chance.randrange(50_000, 150_000))
        signed = Decimal(chance.choice([-3, -2, -1, 1, 2, 3]))
        realized += position.apply(signed, price)
        paid += signed * SIZE / price
    expected = paid - position.amount * SIZE / price
    assert abs(realized + position.profit(price) - expected) < Decimal("1e-15")
