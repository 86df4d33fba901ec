"""Liquidation prices equal the documented closed form, for 1,000 random accounts; the formula here is its own."""

import random  # noqa: TID251 - seeded, to draw cases
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from tests.paper.harness import Rig

from counterseal.paper.futures_accounts import SymbolSetting
from counterseal.paper.limits import POOLS

ACCOUNTS = 250  # in each of four kinds of account
ZERO = Decimal(0)
Tier = tuple[Decimal, Decimal, Decimal, Decimal]  # floor, cap, rate, cum
TABLES: dict[tuple[str, str], Any] = {}


@dataclass
class Held:
    """A position as the exchange reports it: `side` is 1 for long, -1 for short."""

    symbol: str
    place: str
    side: int
    size: Decimal
    entry: Decimal
    mark: Decimal


def test_the_worked_answer_of_the_documentation() -> None:
    """BTC 109.488 at 32,481.98 with another position beside it: 26,316.89."""
    tier = (Decimal(5_000_000), Decimal(50_000_000), Decimal("0.025"), Decimal(16_300))
    held = Held("BTCUSDT", "BOTH", 1, Decimal("109.488"), Decimal("32481.980"), Decimal("31967.27"))
    backing = Decimal("1535443.01") - Decimal("356512.508") + Decimal("-448192.885")
    price = closed_form(backing, [(held, tier)])
    assert price.quantize(Decimal("0.01")) == Decimal("26316.89")


def closed_form(backing: Decimal, sides: list[tuple[Held, Tier]]) -> Decimal:
    """(WB - TMM + UPNL + cum - sum(side size entry)) / (sum(size rate) - sum(side size))."""
    above = backing + sum((tier[3] for _, tier in sides), ZERO)
    above -= sum((held.side * held.size * held.entry for held, _ in sides), ZERO)
    below = sum((held.size * tier[2] - held.side * held.size for held, tier in sides), ZERO)
    return above / below if below else ZERO


def inverse_form(backing: Decimal, sides: list[tuple[Held, Tier]], unit: Decimal) -> Decimal:
    """(sum(size rate) + sum(side size)) / ((WB - TMM + UPNL + cum) / unit + sum(side size / entry))."""
    above = sum((held.size * tier[2] + held.side * held.size for held, tier in sides), ZERO)
    below = (backing + sum((tier[3] for _, tier in sides), ZERO)) / unit
    below += sum((held.side * held.size / held.entry for held, _ in sides), ZERO)
    return above / below if below else ZERO


def tiers(rig: Rig, root: str, symbol: str) -> list[Tier]:
    if (root, symbol) not in TABLES:
        path = "/fapi/v1/leverageBracket" if root == "/fapi" else "/dapi/v2/leverageBracket"
        rows = rig.signed("GET", path, symbol=symbol).body["brackets"]
        cap, floor = ("notionalCap", "notionalFloor") if root == "/fapi" else ("qtyCap", "qtylFloor")
        TABLES[root, symbol] = [
            tuple(Decimal(str(row[name])) for name in (floor, cap, "maintMarginRatio", "cum")) for row in rows
        ]
    found: list[Tier] = TABLES[root, symbol]
    return found


def tier_at(table: list[Tier], notional: Decimal) -> Tier:
    return next((tier for tier in table if notional < tier[1]), table[-1])


def candidates(backing: Decimal, held: list[Held], table: list[Tier], unit: Decimal) -> Iterator[Decimal]:
    """Prices at which every side is in the bracket that the formula was given."""
    combos: list[list[Tier]] = [[]]
    for _ in held:
        combos = [[*combo, tier] for combo in combos for tier in table]
    for combo in combos:
        sides = list(zip(held, combo, strict=True))
        price = inverse_form(backing, sides, unit) if unit else closed_form(backing, sides)
        if price <= 0:
            continue
        values = [item.size * unit / price if unit else item.size * price for item in held]
        slack = Decimal("1e-9")
        if all(tier[0] - slack <= value and (value < tier[1] + slack or tier is table[-1])
               for tier, value in zip(combo, values, strict=True)):  # fmt: skip
            yield price


def expected(backing: Decimal, held: list[Held], table: list[Tier], unit: Decimal) -> Decimal:
    found = list(candidates(backing, held, table, unit))
    return min(found, key=lambda price: abs(price - held[0].mark), default=ZERO)


def kept(held: Held, table: list[Tier], unit: Decimal) -> Decimal:
    notional = held.size * unit / held.mark if unit else held.size * held.mark
    tier = tier_at(table, notional)
    return notional * tier[2] - tier[3]


def gain(held: Held, unit: Decimal) -> Decimal:
    if unit:
        return held.side * held.size * unit * (1 / held.entry - 1 / held.mark)
    return held.side * held.size * (held.mark - held.entry)


def deal(chance: random.Random, market: Any, account: Any, name: str, place: str, now_ms: int) -> Held:
    """Give an account a random position."""
    symbol, mark = market.symbols[name], market.mark(name, now_ms)
    side = {"LONG": 1, "SHORT": -1}.get(place) or chance.choice([1, -1])
    steps = chance.randrange(1, int(10 ** chance.uniform(1, 5)) + 2)
    size = symbol.step * steps
    entry = (mark * Decimal(chance.randrange(900, 1101)) / 1000) // symbol.tick * symbol.tick
    position = account.position(name, place)
    position.amount, position.entry = side * size, entry
    return Held(name, place, side, size, entry, mark)


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    made = Rig(tmp_path_factory.mktemp("many"), limits=dict.fromkeys(POOLS, 1 << 40))
    yield made
    made.journal.close()


@pytest.mark.parametrize("root", ["/fapi", "/dapi"])
@pytest.mark.parametrize("is_hedged", [False, True])
def test_random_accounts(rig: Rig, root: str, is_hedged: bool) -> None:
    market = rig.exchange.usdm if root == "/fapi" else rig.exchange.coinm
    path = "/fapi/v2/positionRisk" if root == "/fapi" else "/dapi/v1/positionRisk"
    chance = random.Random(f"{root}{is_hedged}")
    names = ["BTCUSDT", "ETHUSDT", "SOLUSDT"] if root == "/fapi" else ["BTCUSD_PERP", "ETHUSD_PERP"]
    meaningful = 0
    for _ in range(ACCOUNTS):
        market.accounts.pop("main", None)
        account = market.account("main")
        account.mode.is_hedged = is_hedged
        held: list[Held] = []
        for name in chance.sample(names, chance.randrange(1, len(names) + 1)):
            for place in chance.choice([["LONG"], ["SHORT"], ["LONG", "SHORT"]]) if is_hedged else ["BOTH"]:
                held.append(deal(chance, market, account, name, place, rig.now_ms))
            account.settings[name] = SymbolSetting(20, chance.random() < 0.3)
        fill_wallets(chance, market, account, held)
        rows = rig.signed("GET", path).body
        meaningful += check(rig, market, account, held, {(row["symbol"], row["positionSide"]): row for row in rows})
    print(f"{root}, {'hedge' if is_hedged else 'one-way'}: {ACCOUNTS} accounts, {meaningful} liquidation prices")
    assert meaningful > ACCOUNTS // 2


def fill_wallets(chance: random.Random, market: Any, account: Any, held: list[Held]) -> None:
    for item in held:
        symbol = market.symbols[item.symbol]
        worth = symbol.worth(item.size, item.mark).quantize(Decimal("1e-8"))
        share = worth * Decimal(chance.randrange(50, 400)) / 1000
        asset = symbol.margin_asset
        if item is held[0]:
            account.wallet = dict.fromkeys(account.wallet, ZERO)
        account.wallet[asset] = account.wallet.get(asset, ZERO) + share
        if account.setting(item.symbol).is_isolated:
            account.position(item.symbol, item.place).isolated_wallet = share


def check(rig: Rig, market: Any, account: Any, held: list[Held], rows: dict[tuple[str, str], Any]) -> int:
    root, meaningful = "/fapi" if market is rig.exchange.usdm else "/dapi", 0
    for item in held:
        symbol, table = market.symbols[item.symbol], tiers(rig, root, item.symbol)
        unit = symbol.contract_size
        if account.setting(item.symbol).is_isolated:
            together, backing = [item], account.position(item.symbol, item.place).isolated_wallet
        else:
            cross = [other for other in held if not account.setting(other.symbol).is_isolated
                     and market.symbols[other.symbol].margin_asset == symbol.margin_asset]  # fmt: skip
            together = [other for other in cross if other.symbol == item.symbol]
            backing = account.wallet[symbol.margin_asset] - account.isolated_in(symbol.margin_asset)
            for other in cross:
                if other.symbol != item.symbol:
                    size = market.symbols[other.symbol].contract_size
                    backing += gain(other, size) - kept(other, tiers(rig, root, other.symbol), size)
        price = expected(backing, together, table, unit)
        shown = Decimal(rows[item.symbol, item.place]["liquidationPrice"])
        assert abs(shown - price) <= max(Decimal("1e-8"), price * Decimal("1e-12")), (item, backing, price, shown)
        meaningful += price > 0
    return meaningful
