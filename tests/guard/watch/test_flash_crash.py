"""The paper exchange's flash crash and a careless bot at 20x: with the watch it is out before it is liquidated.

The hands here are the simplest there are: what a breach says is to be cut is sold at once, reduce only.
"""

import os
from decimal import Decimal
from pathlib import Path

import pytest
from tests.guard.watch.house import House, on_virtual_time, toml

from counterseal.core.guardrails.breach import Breach
from counterseal.core.positions.reading import Place

WHOLE = 50
SEEDS = range(int(os.environ.get("CRASH_SEEDS", str(WHOLE // 10))))
# 20x: ten thousand dollars carry 190,000, and the fee.
SIZE, MONEY = "1.9", "-9990000"


async def crash(house: House, *, has_hands: bool) -> None:
    """Let a bot buy twenty times what it has, and the market fall."""
    await house.begin()
    house.rig.signed("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=20)
    house.rig.exchange.admin.run({"do": "deposit", "market": "usdm", "asset": "USDT", "amount": MONEY})
    house.order("alpha", quantity=SIZE)

    def cut(breach: Breach) -> None:
        for each in breach.cuts:
            size = each.amount.quantize(Decimal("0.001"))
            shown = house.rig.signed("GET", "/fapi/v3/positionRisk", symbol="BTCUSDT").body
            # The next level may be told while the order for the first is on its way.
            if size and any(Decimal(row["positionAmt"]) for row in shown):
                house.order("guard", side="SELL", quantity=f"{size:f}", reduceOnly="true")

    if has_hands:
        house.on_breach = cut
    house.rig.exchange.admin.run({"do": "scenario", "name": "flash-crash"})
    await house.run(60)


@pytest.mark.parametrize("seed", SEEDS)
@on_virtual_time
async def test_with_the_watch_the_bot_is_out_before_the_exchange_closes_it(seed: int, tmp_path: Path) -> None:
    limits = "max_daily_loss = 2000\n"
    (tmp_path / "with").mkdir(), (tmp_path / "without").mkdir()
    house = House(tmp_path / "with", toml(more=limits), seed=seed, volatility=1)
    await crash(house, has_hands=True)
    assert not house.rig.signed("GET", "/fapi/v1/forceOrders").body
    found = house.watch.positions("main", "usdm")
    assert found is not None
    held = found.positions.get(Place("BTCUSDT"))
    assert held is None or held.amount == 0, "out, and never on the other side"
    assert found.balances["USDT"] > 5_000, "half of it is there: the book is thin in a crash"
    assert not [alert for _, alert in house.alerts if alert.code == "recon_differs"]
    await house.end()
    careless = House(tmp_path / "without", toml(more=limits), seed=seed, volatility=1)
    await crash(careless, has_hands=False)
    assert careless.rig.signed("GET", "/fapi/v1/forceOrders").body, "without it the exchange closes the position"
    await careless.end()
