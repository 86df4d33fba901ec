"""RECON-1: what is done outside the gateway, and what the books lack, is seen in 5 s and named; trading is neither.

Two hundred seeds over the four kinds of market. In each, bots trade; then somebody outside does one thing, or an event
is lost. Every fourth seed nothing happens, and nothing may be said.
"""

import os
import random  # noqa: TID251 - seeded
from decimal import Decimal
from pathlib import Path

import pytest
from tests.guard.watch.house import House, on_virtual_time, toml

from counterseal.core.positions.books import sum_of
from counterseal.core.positions.reading import Place

SEEN_MS = 5_000
KINDS = ("usdm", "hedge", "coinm", "spot")
ACTS = ("order", "silent order", "deposit", "silent deposit")
WHOLE = 200
SEEDS = range(int(os.environ.get("RECON1_CASES", str(WHOLE // 5))))


def side_of(house: House, kind: str, rng: random.Random) -> dict[str, str]:
    """Give what an order of this kind of market needs besides its size."""
    side = rng.choice(("BUY", "SELL"))
    if kind != "hedge":
        return {"side": side}
    return {"side": "BUY", "positionSide": "LONG"} if side == "BUY" else {"side": "SELL", "positionSide": "SHORT"}


async def trade(house: House, kind: str, rng: random.Random, seconds: int) -> None:
    """Let the bots trade."""
    family = "usdm" if kind == "hedge" else kind
    for turn in range(seconds):
        if turn == 0 or rng.random() < 0.5:
            size = str(rng.randint(1, 5)) if kind == "coinm" else f"0.00{rng.randint(2, 9)}"
            house.order(rng.choice(("alpha", "beta")), family, quantity=size, **side_of(house, kind, rng))
        await house.run(rng.choice((0.3, 0.7, 1.0)))


def act(house: House, kind: str, what: str, rng: random.Random) -> None:
    """Let somebody outside do something; a silent act is one whose events are lost."""
    family = "usdm" if kind == "hedge" else kind
    house.deaf = what.startswith("silent")
    if what.endswith("deposit"):
        asset = "BTC" if family == "coinm" else "USDT"
        house.rig.exchange.admin.run(
            {
                "do": "deposit",
                "market": family,
                "asset": asset,
                "amount": str(rng.choice((-5, 7))) if asset != "BTC" else "0.5",
            }
        )
        house.pump()
    else:
        size = str(rng.randint(1, 5)) if kind == "coinm" else f"0.00{rng.randint(2, 9)}"
        house.order("", family, quantity=size, **side_of(house, kind, rng))
    house.deaf = False


def assert_sums(house: House, family: str) -> None:
    """The sum over bots and nobody is the account."""
    followed = house.watch._world.followed["main", family]
    truth = followed.truth
    for place in {*truth.positions, *truth.books.places} if family != "spot" else ():
        stated = truth.positions[place].amount if place in truth.positions else Decimal(0)
        assert truth.books.amount(place) == stated, place
    for asset, balance in truth.balances.items():
        assert abs(truth.books.balance(asset) - balance) < Decimal("0.000001"), asset
    shown = house.rig.signed(
        "GET", {"spot": "/api/v3/account", "usdm": "/fapi/v3/account", "coinm": "/dapi/v1/account"}[family]
    ).body
    for row in shown.get("positions", ()):
        place = Place(row["symbol"], "" if row["positionSide"] == "BOTH" else row["positionSide"])
        assert sum_of(sub.lot.amount for sub in truth.books.places.get(place, {}).values()) == Decimal(
            row["positionAmt"]
        )


@pytest.mark.threat(44)
@pytest.mark.parametrize("seed", SEEDS)
@on_virtual_time
async def test_recon_1(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    kind, is_quiet = KINDS[seed % 4], seed % 5 == 4
    family = "usdm" if kind == "hedge" else kind
    house = House(tmp_path, toml((family,)), seed=seed)
    if kind == "hedge":
        house.rig.signed("POST", "/fapi/v1/positionSide/dual", dualSidePosition="true")
    await house.begin(12)
    await trade(house, kind, rng, 8)
    assert not house.intruders, house.intruders
    assert not house.said("recon_differs"), house.alerts
    what = ACTS[seed // 4 % 4]
    if not is_quiet:
        act(house, kind, what, rng)
    since_ms = house.now_ms
    await (trade(house, kind, rng, 8) if rng.random() < 0.5 and not what.startswith("silent") else house.run(8))
    if is_quiet:
        assert not house.intruders, house.intruders
        assert not house.alerts, house.alerts
    else:
        told = [at_ms for at_ms, _ in house.intruders] + [at_ms for at_ms, _ in house.said("recon_differs")]
        assert told, (kind, what)
        assert min(told) - since_ms <= SEEN_MS, (kind, what, min(told) - since_ms)
        codes = {intruder.code for _, intruder in house.intruders}
        assert ("intruder_transfer" if what.endswith("deposit") else "intruder_fill") in codes, (kind, what, codes)
    assert_sums(house, family)
    await house.end()
