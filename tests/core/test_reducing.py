"""The next order that makes a position smaller; RED-1 and RED-2 against a model of the exchange that is not ours.

`RED1_CASES` and `RED2_CASES` say how many: 1,000 and 500 are the whole, and `make test` takes all of them.
"""

# ruff: noqa: TID251 - randomness is seeded
import os
import random
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from counterseal.core.holdings import BOTH, LONG, SHORT, SPOT, Holding
from counterseal.core.lots import Lot
from counterseal.core.reducing import Dust, Reduce, Terms, order_pairs, to_target

RED1_WHOLE, RED2_WHOLE = 1_000, 500
RED1 = int(os.environ.get("RED1_CASES", str(RED1_WHOLE)))
RED2 = int(os.environ.get("RED2_CASES", str(RED2_WHOLE)))
ZERO = Decimal(0)
LOT = Lot(
    step=Decimal("0.001"), least=Decimal("0.001"), most=Decimal(100), most_market=Decimal(50), tick=Decimal("0.1"),
    least_notional=Decimal(5), down=Decimal("0.95"), up=Decimal("1.05"),
)  # fmt: skip
PRICE = Decimal(1_000)
WIDE = Terms(Decimal(2))


def held(amount: str, side: str = BOTH) -> Holding:
    return Holding("BTCUSDT", side, Decimal(amount))


def reduce(
    holding: Holding, target: str = "0", lot: Lot = LOT, price: Decimal | None = PRICE, terms: Terms = WIDE
) -> Reduce:
    found = to_target(holding, Decimal(target), lot, price, terms)
    assert isinstance(found, Reduce), found
    return found


def test_a_long_position_is_sold_and_a_short_one_bought_back() -> None:
    assert reduce(held("2")) == Reduce("BTCUSDT", "SELL", "", Decimal(2), Decimal("980.0"), reduce_only=True)
    assert reduce(held("-2")) == Reduce("BTCUSDT", "BUY", "", Decimal(2), Decimal("1020.0"), reduce_only=True)


def test_hedge_mode_names_the_side_and_has_no_reduce_only() -> None:
    assert reduce(held("2", LONG))[1:4] == ("SELL", LONG, 2)
    assert reduce(held("-2", SHORT))[1:4] == ("BUY", SHORT, 2)
    assert not reduce(held("2", LONG)).reduce_only
    assert reduce(held("2", SPOT))[1:4] == ("SELL", "", 2)


def test_inside_the_target_there_is_nothing_to_do() -> None:
    for amount, target in (("2", "2"), ("2", "3"), ("-2", "-2"), ("0", "0")):
        assert to_target(held(amount), Decimal(target), LOT, PRICE, WIDE) is None


def test_a_target_on_the_other_side_is_zero_and_never_turns_the_position() -> None:
    assert reduce(held("2"), "-5").quantity == 2
    assert reduce(held("-2"), "5").quantity == 2


def test_the_quantity_ends_inside_the_target_and_never_exceeds_the_position() -> None:
    assert reduce(held("2"), "0.5005").quantity == Decimal("1.500")
    assert reduce(held("0.0025"), "0").quantity == Decimal("0.002")
    assert reduce(held("0.0025"), "0.0001").quantity == Decimal("0.002")


def test_slices_by_worth_and_by_what_the_exchange_takes() -> None:
    assert reduce(held("2"), terms=Terms(Decimal(2), Decimal(500))).quantity == Decimal("0.5")
    assert reduce(held("500")).quantity == 100
    assert reduce(held("500"), terms=Terms()).quantity == 50
    # A slice smaller than the smallest order is that.
    assert reduce(held("2"), terms=Terms(Decimal(2), Decimal("0.01"))).quantity == Decimal("0.001")


def test_without_a_price_it_is_sized_by_quantity_alone_and_goes_at_any_price() -> None:
    order = reduce(held("2"), price=None, terms=Terms(Decimal(2), Decimal(1)))

    assert (order.quantity, order.price) == (2, None)


def test_contracts_are_sized_by_their_own_worth() -> None:
    coin = LOT._replace(step=Decimal(1), least=Decimal(1), contract_size=Decimal(100))

    assert reduce(held("30"), lot=coin, terms=Terms(Decimal(2), Decimal(1_000))).quantity == 10


def test_the_price_stays_in_the_collar_and_in_what_the_exchange_takes() -> None:
    lot = LOT._replace(tick=Decimal("0.9"))

    assert reduce(held("1"), lot=lot).price == Decimal("980.1")
    assert reduce(held("-1"), lot=lot).price == Decimal("1019.7")
    assert reduce(held("1"), terms=Terms(Decimal(50))).price == 950
    assert reduce(held("-1"), terms=Terms(Decimal(50))).price == 1050
    assert reduce(held("-1"), lot=LOT._replace(up=ZERO), terms=Terms(Decimal(50))).price == 1500
    assert reduce(held("1"), lot=LOT._replace(down=ZERO), terms=Terms(Decimal(100))).price == Decimal("0.1")


def test_one_way_positions_below_the_least_notional_go_because_reduce_only_is_exempt() -> None:
    assert reduce(held("0.001")).quantity == Decimal("0.001")


@pytest.mark.parametrize("side", [LONG, SPOT])
def test_elsewhere_what_is_below_the_least_notional_is_dust_and_named(side: str) -> None:
    found = to_target(held("0.004", side), ZERO, LOT, PRICE, WIDE)

    assert found == Dust("BTCUSDT", Decimal("0.004"), "below the least notional")
    assert to_target(held("0.0004"), ZERO, LOT, PRICE, WIDE) == Dust(
        "BTCUSDT", Decimal("0.0004"), "below the smallest quantity"
    )


def test_where_no_order_is_large_and_small_enough_all_of_it_is_dust() -> None:
    found = to_target(held("1", LONG), ZERO, LOT._replace(most=Decimal("0.004")), PRICE, WIDE)

    assert found == Dust("BTCUSDT", Decimal(1), "no order of this symbol is large enough and small enough")


@pytest.mark.parametrize("side", [LONG, SPOT])
def test_no_slice_leaves_dust_behind(side: str) -> None:
    terms = Terms(Decimal(2), Decimal(8))

    # 0.008 would leave 0.002, which is worth too little.
    assert reduce(held("0.010", side), terms=terms).quantity == Decimal("0.010")
    # Where all at once is more than one order may be, so much stays that it is worth an order.
    small = LOT._replace(most=Decimal("0.010"), most_market=ZERO)
    assert reduce(held("0.014", side), lot=small).quantity == Decimal("0.008")
    # What cannot be divided so loses as much as one order can take.
    assert reduce(held("0.011", side), lot=small).quantity == Decimal("0.010")
    # With a target what stays is meant to stay.
    assert reduce(held("0.010", side), "0.004", terms=terms).quantity == Decimal("0.006")


def test_the_parameters_are_those_of_the_exchange() -> None:
    assert order_pairs(reduce(held("2", LONG)), "csg-1") == (
        ("symbol", "BTCUSDT"), ("side", "SELL"), ("positionSide", "LONG"), ("type", "LIMIT"), ("timeInForce", "IOC"),
        ("quantity", "2"), ("price", "980"), ("newClientOrderId", "csg-1"), ("newOrderRespType", "RESULT"),
    )  # fmt: skip
    assert order_pairs(reduce(held("0.5"), terms=Terms()), "x") == (
        ("symbol", "BTCUSDT"), ("side", "SELL"), ("type", "MARKET"), ("quantity", "0.5"), ("reduceOnly", "true"),
        ("newClientOrderId", "x"), ("newOrderRespType", "RESULT"),
    )  # fmt: skip


# -- RED-1 and RED-2: an exchange of our own, which knows nothing of how the order was made


@dataclass
class Exchange:
    """One position and both sides of a book. Refuses as the exchange's documents say; asserts what may never come."""

    lot: Lot
    mode: str
    amount: Decimal
    price: Decimal
    bids: list[list[Decimal]] = field(default_factory=list)
    asks: list[list[Decimal]] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    filled: Decimal = ZERO
    # Whether the guard knew the price: without it nobody can tell what an order is worth.
    is_priced: bool = True

    def take(self, order: Reduce) -> str:
        """Judge an order and execute it; gives what the caller hears."""
        self._judge(order)
        why = self._refusal(order)
        if why:
            self.refusals[why] += 1
            return why
        room = order.quantity if self.mode == SPOT or not order.reduce_only else min(order.quantity, abs(self.amount))
        before, done = self.amount, ZERO
        for level in self.bids if order.side == "SELL" else self.asks:
            beyond = order.price is not None and (
                level[0] < order.price if order.side == "SELL" else level[0] > order.price
            )
            if beyond or done == room:
                break
            part = min(level[1], room - done)
            level[1] -= part
            done += part
        self.amount += -done if order.side == "SELL" else done
        self.filled += done
        assert abs(self.amount) <= abs(before), "the position grew"
        assert self.amount * before >= 0, "the position was turned"
        return "filled" if done else "nothing there"

    def is_dry(self, side: str, worst: Decimal | None) -> bool:
        """Whether nobody is there up to a price."""
        levels = self.bids if side == "SELL" else self.asks
        reached = [
            level for level in levels if worst is None or (level[0] >= worst if side == "SELL" else level[0] <= worst)
        ]
        return not any(quantity for _, quantity in reached)

    def _judge(self, order: Reduce) -> None:
        """Whatever the position is by now, the order must be one that can only reduce."""
        if self.mode == BOTH:
            assert order.reduce_only
            assert not order.position_side
        else:
            assert not order.reduce_only
            assert order.position_side == ("" if self.mode == SPOT else self.mode)
            assert order.side == ("BUY" if self.mode == SHORT else "SELL")
        assert order.quantity > 0
        assert order.quantity % self.lot.step == 0
        assert order.quantity >= self.lot.least

    def _refusal(self, order: Reduce) -> str:
        side_closes = self.amount > 0 if order.side == "SELL" else self.amount < 0
        if order.reduce_only and not side_closes:
            return "-2022"
        if not order.reduce_only and order.quantity > abs(self.amount):
            return "-2010" if self.mode == SPOT else "-2022"
        bound = self.lot.most_market if order.price is None else self.lot.most
        assert not bound or order.quantity <= bound, "more than one order may be"
        worth = order.quantity * self.lot.worth(self.price if order.price is None else order.price)
        if self.is_priced and not order.reduce_only and worth < self.lot.least_notional:
            return "-4164"
        return ""


def drawn(chance: random.Random) -> tuple[Exchange, Decimal]:
    """An exchange and a target, of all sizes and shapes."""
    step = Decimal(1).scaleb(-chance.randrange(0, 5))
    price = Decimal(chance.randrange(1, 10_000_000)).scaleb(-chance.randrange(0, 5))
    mode = chance.choice([BOTH, LONG, SHORT, SPOT])
    size = step * chance.randrange(1, 100_000)
    if chance.random() < 0.2:
        size += step / 7 if mode == SPOT else ZERO
        size = size.quantize(step / 1000)
    lot = Lot(
        step=step, least=step * chance.choice([1, 1, 2, 10]), most=step * chance.choice([0, 50, 5_000, 10**6]),
        most_market=step * chance.choice([0, 40, 10**6]), tick=price / chance.choice([100, 1_000, 7]),
        least_notional=Decimal(chance.choice([0, 5, 100])), down=Decimal("0.95"), up=Decimal("1.05"),
        contract_size=Decimal(chance.choice([10, 100])) if mode != SPOT and chance.random() < 0.2 else None,
    )  # fmt: skip
    amount = -size if mode == SHORT or (mode == BOTH and chance.random() < 0.5) else size
    exchange = Exchange(lot, mode, amount, price)
    depth = size * Decimal(chance.choice([0, 1, 3, 10, 10])) / 10
    for at in range(chance.randrange(0, 20)):
        away = price * Decimal(at + 1) / 400
        exchange.bids.append([price - away, depth])
        exchange.asks.append([price + away, depth])
    target = chance.choice([ZERO, amount * chance.randrange(0, 12) / 10, -amount])
    return exchange, target


def quiet(_exchange: Exchange) -> None:
    """Nobody else does anything."""


def played(exchange: Exchange, target: Decimal, chance: random.Random, others: object = quiet) -> str:
    """Reduce as the guard does: read, one order, read again; further from the market where nothing is there.

    Gives how it ended: inside, dust, or "escalated", with the position that is left.
    """
    collars, at, begun = [Decimal(each) for each in ("0.5", "1", "2", "4")], 0, exchange.amount
    worth = abs(begun) * exchange.lot.worth(exchange.price) * chance.choice([3, 30, 1_000]) / 100
    for _ in range(3_000):
        holding = Holding("X", exchange.mode, exchange.amount)
        price = None if chance.random() < 0.05 else exchange.price
        found = to_target(holding, target, exchange.lot, price, Terms(collars[at], worth))
        if found is None:
            assert exchange.amount == 0 or (abs(exchange.amount) <= abs(target) and exchange.amount * target > 0)
            return "inside"
        if isinstance(found, Dust):
            assert found.quantity == abs(exchange.amount)
            return "dust"
        exchange.is_priced = price is not None
        assert found.quantity <= abs(holding.amount)
        if callable(others):
            others(exchange)
        if exchange.take(found) == "nothing there":
            if at == len(collars) - 1:
                assert exchange.is_dry(found.side, found.price), "there was somebody to trade with"
                return "escalated"
            at += 1
        assert abs(exchange.amount) <= abs(begun)
    raise AssertionError("it never ends")


@pytest.mark.threat(46)
def test_red_1_no_order_ever_makes_a_position_larger_or_turns_it() -> None:
    """RED-1: 1,000 random books and positions in one-way and hedge mode and on spot."""
    ends: Counter[str] = Counter()
    for seed in range(RED1):
        chance = random.Random(seed)
        exchange, target = drawn(chance)
        end = played(exchange, target, chance)
        ends[f"{exchange.mode} {end}"] += 1
        # Of its own making no order is refused.
        assert not exchange.refusals, (seed, exchange.refusals)
    print(f"\nRED-1: {RED1} of {RED1_WHOLE} books and positions: {dict(sorted(ends.items()))}")
    if RED1 >= RED1_WHOLE:
        assert {f"{mode} {end}" for mode in (BOTH, LONG, SHORT, SPOT) for end in ("inside", "escalated")} <= set(ends)
        assert {"LONG dust", "SPOT dust"} <= set(ends)


class Others:
    """What else happens to the position between our reading it and our order's arrival."""

    def __init__(self, kind: str, chance: random.Random) -> None:
        self.kind, self._chance, self.acts = kind, chance, 0

    def __call__(self, exchange: Exchange) -> None:
        """Once or twice: the bot closes all or a part of it, or it is liquidated or deleveraged."""
        if self.acts >= 2 or self._chance.random() < 0.3:
            return
        self.acts += 1
        if self.kind in ("closed", "liquidation"):
            exchange.amount = ZERO
        elif self.kind in ("partly", "adl"):
            step = exchange.lot.step
            exchange.amount -= exchange.amount * self._chance.randrange(1, 9) / 10 // step * step


@pytest.mark.threat(46)
def test_red_2_whoever_else_closes_the_position_meanwhile_it_is_never_turned() -> None:
    """RED-2, the deciding part: 500 races. What an unknown answer does is proven with the exchange's own."""
    ends: Counter[str] = Counter()
    kinds = ("closed", "partly", "liquidation", "adl")
    for seed in range(RED2):
        chance = random.Random(10_000 + seed)
        exchange, target = drawn(chance)
        others = Others(kinds[seed % len(kinds)], chance)
        end = played(exchange, target, chance, others)
        ends[f"{others.kind} {end}"] += 1
    print(f"\nRED-2: {RED2} of {RED2_WHOLE} races: {dict(sorted(ends.items()))}")
    assert {f"{kind} inside" for kind in kinds} <= set(ends)
