"""Random trading by two accounts: money is conserved, nothing goes below zero, every lock has an order."""

import random  # noqa: TID251 - seeded, to draw cases
from decimal import Decimal
from pathlib import Path

import pytest
from tests.paper.harness import Rig

from counterseal.paper.keys import ApiKey
from counterseal.paper.limits import POOLS
from counterseal.paper.money import ZERO

SYMBOLS = ("BTCUSDT", "ETHUSDT", "ETHBTC")


def random_call(rig: Rig, chance: random.Random, keys: list[ApiKey]) -> None:
    key = chance.choice(keys)
    symbol = chance.choice(SYMBOLS)
    last = rig.exchange.spot.walks[symbol].price_at(rig.exchange.spot.steps.at(rig.now_ms))
    tick = rig.exchange.spot.symbols[symbol].tick
    price = (last * Decimal(chance.randrange(970, 1030)) / 1000) // tick * tick
    stop = (last * Decimal(chance.randrange(970, 1030)) / 1000) // tick * tick
    kind = chance.choice(["LIMIT", "LIMIT", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "LIMIT_MAKER"])
    params: dict[str, object] = {"symbol": symbol, "side": chance.choice(["BUY", "SELL"]), "type": kind,
                                 "quantity": Decimal(chance.randrange(1, 400)) / 100}  # fmt: skip
    if kind in ("LIMIT", "STOP_LOSS_LIMIT"):
        params["timeInForce"] = chance.choice(["GTC", "GTC", "IOC", "FOK"])
    if kind in ("LIMIT", "STOP_LOSS_LIMIT", "LIMIT_MAKER"):
        params["price"] = price
    if kind.startswith(("STOP", "TAKE")):
        params["stopPrice"] = stop
    choice = chance.random()
    if choice < 0.6:
        rig.signed("POST", "/api/v3/order", key=key, **params)
    elif choice < 0.75:
        above, below = max(price, stop) + last / 50 // tick * tick, min(price, stop) - last / 50 // tick * tick
        is_sell = params["side"] == "SELL"
        legs = {"aboveType": "LIMIT_MAKER", "abovePrice": above, "belowType": "STOP_LOSS", "belowStopPrice": below}
        if not is_sell:
            legs = {"aboveType": "STOP_LOSS", "aboveStopPrice": above, "belowType": "LIMIT_MAKER", "belowPrice": below}
        rig.signed("POST", "/api/v3/orderList/oco", key=key, symbol=symbol, side=params["side"],
                   quantity=params["quantity"], **legs)  # fmt: skip
    elif choice < 0.85:
        rig.signed("DELETE", "/api/v3/openOrders", key=key, symbol=symbol)
    else:
        rig.set_price("spot", symbol, str((last * Decimal(chance.randrange(985, 1016)) / 1000) // tick * tick))
    rig.wait(chance.choice([0, 10, 500, 3000]))


def check_invariants(rig: Rig) -> None:
    market = rig.exchange.spot
    for account in ("main", "other"):
        wallet = market.wallets.of(account)
        held: dict[str, Decimal] = {}
        for order in market.store.open_orders(account):
            symbol = market.symbols[order.symbol]
            asset = symbol.quote if order.side == "BUY" else symbol.base
            held[asset] = held.get(asset, ZERO) + order.lock
            assert order.lock >= 0
            assert 0 <= order.filled <= order.qty
        assert all(amount >= 0 for amount in wallet.free.values())
        for asset, amount in wallet.locked.items():
            assert amount == held.get(asset, ZERO), (account, asset)


def check_money(rig: Rig, started: dict[str, Decimal]) -> None:
    """What an account has is what it had, plus and minus its trades and fees."""
    market = rig.exchange.spot
    for account in ("main", "other"):
        expected = dict(started)
        for (owner, name), trades in market.store.trades.items():
            symbol = market.symbols[name]
            for trade in trades if owner == account else ():
                sign = 1 if trade.order.side == "BUY" else -1
                expected[symbol.base] += sign * trade.qty
                expected[symbol.quote] -= sign * trade.quote
                expected[trade.fee_asset] -= trade.fee
        wallet = market.wallets.of(account)
        for asset, amount in expected.items():
            assert wallet.free.get(asset, ZERO) + wallet.locked.get(asset, ZERO) == amount, (account, asset)


@pytest.mark.parametrize("seed", range(12))
def test_random_trading_keeps_the_books(tmp_path: Path, seed: int) -> None:
    rig = Rig(tmp_path, volatility=100, seed=seed, limits=dict.fromkeys(POOLS, 1 << 40))
    chance = random.Random(seed)
    keys = [rig.key, rig.add_key("other")]
    started = dict(rig.exchange.spot.wallets.of("main").free)
    for _ in range(150):
        random_call(rig, chance, keys)
        check_invariants(rig)
    check_money(rig, started)
    lines = rig.lines()
    assert sum(line["status"] == 200 for line in lines) > 40
    assert not any(line["code"] == -1000 for line in lines)
    rig.journal.close()
