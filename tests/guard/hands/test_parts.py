"""One bot's part of what an account has: never more than is its own, never more than is there."""

from decimal import Decimal
from random import Random  # noqa: TID251 - seeded

import pytest

from counterseal.core.holdings import Holding
from counterseal.guard.hands.parts import Excess, Part

BTC = ("BTCUSDT", "")


def held(amount: str, side: str = "BOTH", symbol: str = "BTCUSDT") -> Holding:
    return Holding(symbol, side, Decimal(amount))


@pytest.mark.parametrize(
    ("part", "amount", "target"),
    [("2", "5", "3"), ("-2", "-5", "3"), ("5", "2", "0"), ("2", "2", "0"), ("0", "5", None), ("2", "-5", None),
     ("2", "0", None)],
)  # fmt: skip
def test_what_others_hold_stays(part: str, amount: str, target: str | None) -> None:
    found = Part({BTC: Decimal(part)})(held(amount))
    assert found == (None if target is None else Decimal(target))


def test_other_positions_are_left_alone_and_sides_are_told_apart() -> None:
    part = Part({("BTCUSDT", "LONG"): Decimal(2), ("BTCUSDT", "SHORT"): Decimal(-1), ("ETHUSDT", ""): Decimal(3)})
    assert part(held("5", "LONG")) == 3 and part(held("-5", "SHORT")) == 4
    assert part(held("9", symbol="ETHUSDT")) == 6 and part(held("9")) is None
    assert part(held("9", "SPOT", "ETHUSDT")) == 6


def test_it_is_never_more_than_its_own_whatever_others_do_meanwhile() -> None:
    """The position may grow, shrink and turn by others; what is closed for the bot ends at its part."""
    for seed in range(200):
        chance = Random(seed)
        its, position, closed = Decimal(chance.randrange(1, 9)), Decimal(chance.randrange(1, 15)), Decimal(0)
        part = Part({BTC: its})
        for _ in range(30):
            position += chance.randrange(-3, 4)
            target = part(held(str(position)))
            if target is not None:
                filled = min(position - target, Decimal(chance.randrange(0, 4)))
                part.filled(held(str(position)), filled)
                position, closed = position - filled, closed + filled
                assert position >= 0
            assert closed <= its


def test_an_order_without_an_answer_counts_as_filled_until_it_is_known_not_to_be() -> None:
    part = Part({BTC: Decimal(-2)})
    part.filled(held("-5"), Decimal(2))
    assert part(held("-5")) is None
    part.filled(held("-5"), Decimal(-2))
    assert part(held("-5")) == 3
    assert part.remains() == ()
    part.doubt(held("-5"))
    assert part.remains() == ("BTCUSDT: an order had no answer, and it may hold some of it yet",)


def test_what_others_hold_the_other_way_is_named() -> None:
    part = Part({BTC: Decimal(2), ("ETHUSDT", "LONG"): Decimal(1)})
    assert part(held("-1")) is None
    (line,) = part.remains()
    assert line.startswith("BTCUSDT: 2 is its own, and others hold as much the other way")
    # They have gone meanwhile.
    assert part(held("2")) == 0 and part.remains() == ()


@pytest.mark.parametrize(
    ("amount", "now", "target"),
    [("5", "2", "4"), ("5", None, "4"), ("4", "1", None), ("5", "1.4", "4.6"), ("5", "9", "4"), ("5", "-2", None),
     ("-1", "2", None), ("0.5", "2", "0"), ("5", "0", None)],
)  # fmt: skip
def test_what_a_bot_has_too_much_goes_unless_it_has_gone(amount: str, now: str | None, target: str | None) -> None:
    """It had 2 and may keep 1; `now` is what it has, as far as anybody knows."""
    its = None if now is None else {BTC: Decimal(now)}
    excess = Excess({BTC: Decimal(1)}, {BTC: Decimal(1)}, lambda: its)
    assert excess(held(amount)) == (None if target is None else Decimal(target))
    assert excess(held(amount, symbol="ETHUSDT")) is None


def test_of_what_a_bot_has_too_much_no_more_goes_than_that_even_if_the_books_are_late() -> None:
    excess = Excess({BTC: Decimal(-2)}, {BTC: Decimal(1)}, lambda: {BTC: Decimal(-3)})
    assert excess(held("-5")) == 3
    excess.filled(held("-5"), Decimal("1.5"))
    assert excess(held("-3.5")) == 3
    excess.filled(held("-3.5"), Decimal("0.5"))
    assert excess(held("-3")) is None
