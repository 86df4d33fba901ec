"""Random trading by two accounts: money is conserved, nothing goes below zero, every lock has an order."""

import random  # noqa: TID251 - seeded, to draw cases
from decimal import Decimal
from pathlib import Path

import pytest
from tests.paper.harness import Rig

from counterseal.paper.keys import ApiKey
from counterseal.paper.limits import POOLS
from counterseal.paper.money import ZERO

SYMBOLS = ("BTCUSDT", "BTCUSDC", "ETHUSDT", "ETHBTC")


def random_call(rig: Rig, chance: random.Random, keys: list[ApiKey]) -> None:
    key = chance.choice(keys)
    symbol = chance.choice(SYMBOLS)
    last = rig.exchange.spot.walks[symbol].price_at(rig.exchange.spot.steps.at(rig.now_ms))
    tick = rig.exchange.spot.symbols[symbol].tick
    price = (last * Decimal(chance.randrange(970, 1030)) / 1000) // tick * tick
    stop = (last * Decimal(chance.randrange(970, 1030)) / 1000) // tick * tick
    kind = chance.choice(["LIMIT", "LIMIT", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "LIMIT_MAKER"])
    quantity = Decimal(chance.randrange(1, 400)) / 100
    params: dict[str, object] = {"symbol": symbol, "side": chance.choice(["BUY", "SELL"]), "type": kind,
                                 "quantity": quantity}  # fmt: skip
    if kind in ("LIMIT", "STOP_LOSS_LIMIT"):
        params["timeInForce"] = chance.choice(["GTC", "GTC", "IOC", "FOK"])
    if kind in ("LIMIT", "STOP_LOSS_LIMIT", "LIMIT_MAKER"):
        params["price"] = price
    if kind.startswith(("STOP", "TAKE")):
        params["stopPrice"] = stop
    params["selfTradePreventionMode"] = chance.choice(
        ["EXPIRE_MAKER", "EXPIRE_TAKER", "EXPIRE_BOTH", "DECREMENT", "NONE"])  # fmt: skip
    if kind.startswith(("STOP", "TAKE")) and chance.random() < 0.3:
        params["trailingDelta"] = chance.randrange(10, 300)
        if chance.random() < 0.5:
            del params["stopPrice"]
    elif kind == "LIMIT" and params["timeInForce"] == "GTC" and chance.random() < 0.4:
        params["icebergQty"] = quantity / 4 // Decimal("0.01") * Decimal("0.01") or quantity
    choice = chance.random()
    if choice < 0.45:
        rig.signed("POST", "/api/v3/order", key=key, **params)
    elif choice < 0.5:
        params["type"] = "MARKET"
        rig.signed("POST", "/api/v3/sor/order", key=key, **{name: params[name] for name in
                   ("symbol", "side", "type", "quantity", "selfTradePreventionMode")})  # fmt: skip
    elif choice < 0.6:
        random_list(rig, chance, key, symbol, quantity, price, last, tick)
    elif choice < 0.65:
        amend_one(rig, chance, key)
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


def random_list(
    rig: Rig, chance: random.Random, key: ApiKey, symbol: str, quantity: Decimal, price: Decimal, last: Decimal,
    tick: Decimal,
) -> None:  # fmt: skip
    """An OTO, OPO, OTOCO or OPOCO whose working order may fill at once, later or never."""
    kind = chance.choice(["oto", "opo", "otoco", "opoco"])
    side = "BUY" if kind.startswith("opo") else chance.choice(["BUY", "SELL"])
    other = "SELL" if kind.startswith("opo") else chance.choice(["BUY", "SELL"])
    params: dict[str, object] = {"symbol": symbol, "workingType": "LIMIT", "workingSide": side, "workingPrice": price,
                                 "workingQuantity": quantity, "workingTimeInForce": chance.choice(["GTC", "IOC"]),
                                 "pendingSide": other}  # fmt: skip
    if not kind.startswith("opo"):
        params["pendingQuantity"] = quantity
    high, low = (last * Decimal(factor) // tick * tick for factor in ("1.03", "0.97"))
    if kind in ("oto", "opo"):
        params |= {"pendingType": "LIMIT", "pendingPrice": chance.choice([high, low]), "pendingTimeInForce": "GTC"}
    elif other == "SELL":
        params |= {"pendingAboveType": "LIMIT_MAKER", "pendingAbovePrice": high, "pendingBelowType": "STOP_LOSS",
                   "pendingBelowStopPrice": low}  # fmt: skip
    else:
        params |= {"pendingAboveType": "STOP_LOSS", "pendingAboveStopPrice": high, "pendingBelowType": "LIMIT_MAKER",
                   "pendingBelowPrice": low}  # fmt: skip
    rig.signed("POST", f"/api/v3/orderList/{kind}", key=key, **params)


def amend_one(rig: Rig, chance: random.Random, key: ApiKey) -> None:
    """Shrink some open order by a tenth."""
    orders = rig.exchange.spot.store.open_orders(key.account)
    if orders:
        order = chance.choice(orders)
        qty = order.qty * 9 / 10 // Decimal("0.001") * Decimal("0.001")
        rig.signed("PUT", "/api/v3/order/amend/keepPriority", key=key, symbol=order.symbol, orderId=order.order_id,
                   newQty=qty)  # fmt: skip


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
        executed = [*market.store.trades.items(), *market.store.allocations.items()]
        for (owner, name), trades in executed:
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
