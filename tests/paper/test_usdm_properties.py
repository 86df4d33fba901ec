"""Random USD-M trading by two accounts: the wallet is its trades, positions are their sum, reduce-only reduces."""

import random  # noqa: TID251 - seeded, to draw cases
from decimal import Decimal
from pathlib import Path

import pytest
from tests.paper.harness import Rig

from counterseal.paper.futures_accounts import FuturesAccount
from counterseal.paper.futures_market import FuturesMarket
from counterseal.paper.keys import ApiKey
from counterseal.paper.limits import POOLS
from counterseal.paper.money import ZERO

SYMBOLS = ("BTCUSDT", "ETHUSDT")


def random_call(rig: Rig, chance: random.Random, key: ApiKey) -> None:
    market, symbol = rig.exchange.usdm, chance.choice(SYMBOLS)
    last, tick = market.mark(symbol, rig.now_ms), market.symbols[symbol].tick
    price = (last * Decimal(chance.randrange(970, 1030)) / 1000) // tick * tick
    params: dict[str, object] = {"symbol": symbol, "side": chance.choice(["BUY", "SELL"])}
    quantity = Decimal(chance.randrange(10, 4000)) / 1000
    choice = chance.random()
    if choice < 0.5:
        tif = chance.choice(["GTC", "GTC", "IOC", "FOK", "GTX"])
        rig.signed("POST", "/fapi/v1/order", key=key, type="LIMIT", timeInForce=tif, price=price, quantity=quantity,
                   reduceOnly=chance.choice(["true", "false", "false"]), **params)  # fmt: skip
    elif choice < 0.7:
        rig.signed("POST", "/fapi/v1/order", key=key, type="MARKET", quantity=quantity,
                   reduceOnly=chance.choice(["true", "false"]), **params)  # fmt: skip
    elif choice < 0.8:
        rig.signed("POST", "/fapi/v1/algoOrder", key=key, algoType="CONDITIONAL", type="STOP_MARKET",
                   triggerPrice=price, closePosition="true", **params)  # fmt: skip
    elif choice < 0.9:
        moved = (last * Decimal(chance.randrange(985, 1016)) / 1000) // tick * tick
        rig.set_price("usdm", symbol, str(moved))
    else:
        rig.signed("DELETE", "/fapi/v1/allOpenOrders", key=key, symbol=symbol)
    rig.wait(chance.choice([0, 10, 500, 3000]))


def check_invariants(rig: Rig) -> None:
    market = rig.exchange.usdm
    for account in market.accounts.values():
        wallet, amounts = Decimal(10_000_000), dict.fromkeys(SYMBOLS, ZERO)
        for (owner, name), trades in market.store.trades.items():
            if owner == account.name:
                wallet += sum((trade.pnl - trade.fee for trade in trades), ZERO)
                signs = {"BUY": 1, "SELL": -1}
                amounts[name] += sum((signs[trade.order.side] * trade.qty for trade in trades), ZERO)
        other = (item.amount for item in account.income if item.kind in ("FUNDING_FEE", "INSURANCE_CLEAR"))
        assert account.wallet["USDT"] == wallet + sum(other, ZERO)
        for name, amount in amounts.items():
            assert account.position(name, "BOTH").amount == amount
        for order in market.store.open_orders(account.name):
            assert 0 <= order.filled < order.qty
            assert not (order.reduce_only and not account.position(order.symbol, "BOTH").closable(order.side))
        assert market.margins.available(account, "USDT", rig.now_ms) >= 0
        assert (account.name in market.exposed) == bool(account.held())
        check_resting(market, account)


def check_resting(market: FuturesMarket, account: FuturesAccount) -> None:
    """What is kept of open orders is what summing them up would give."""
    for (name, side), resting in account.resting.items():
        mine = [order for order in market.store.open_orders(account.name, name)
                if order.position_side == side and not order.reduce_only]  # fmt: skip
        for kind, kept in (("BUY", resting.bids), ("SELL", resting.asks)):
            assert kept == sum((order.left * order.price for order in mine if order.side == kind), ZERO)
        assert resting.count == len(mine)


@pytest.mark.parametrize("seed", range(10))
def test_random_trading_keeps_the_books(tmp_path: Path, seed: int) -> None:
    rig = Rig(tmp_path, volatility=100, seed=seed, limits=dict.fromkeys(POOLS, 1 << 40))
    chance = random.Random(seed)
    keys = [rig.key, rig.add_key("other")]
    for _ in range(150):
        random_call(rig, chance, chance.choice(keys))
        check_invariants(rig)
    assert not any(line["code"] == -1000 for line in rig.lines())
    assert len(rig.exchange.usdm.store.trades) >= 3
    rig.journal.close()
