"""Position arithmetic against the plain definition, and the liquidation price's defining equation."""

import random  # noqa: TID251 - seeded, to draw cases
from decimal import Decimal

import pytest

from counterseal.paper import margin, symbols
from counterseal.paper.brackets import maintenance
from counterseal.paper.positions import Position
from counterseal.paper.usdm_accounts import UsdmAccount


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


@pytest.mark.parametrize(("amount", "entry"), [("1", "100000"), ("-1", "100000"), ("0.4", "90000"), ("-30", "101000")])
def test_at_the_liquidation_price_the_margin_is_used_up(amount: str, entry: str) -> None:
    symbol = symbols.load().usdm["BTCUSDT"]
    account = UsdmAccount("a", {"USDT": Decimal(20_000)})
    position = Position("BTCUSDT", "BOTH", Decimal(amount), Decimal(entry))
    price = margin.liquidation_price(account, symbol, position, account.balance, (Decimal(0), Decimal(0)))
    if not price:
        assert position.amount > 0  # the wallet outlasts a fall to nothing
        return
    notional = abs(position.amount) * price
    ratio_notional = maintenance(symbol, notional)
    left = account.balance + position.profit(price)
    assert abs(left - ratio_notional) <= notional * Decimal("0.003")
