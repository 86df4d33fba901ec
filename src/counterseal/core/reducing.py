"""The next one order that makes a position smaller (ruling 4). Never one that could make it larger or turn it.

One-way futures: reduceOnly, which the exchange bounds by the position that is there when the order arrives. Hedge mode
has no reduceOnly: the opposite side with positionSide, no larger than what was just confirmed; the exchange refuses
what is larger than the position. Spot: a sell of what bots bought, no larger than what is free. After every order the
position is read anew before the next one is made.

Quantities are rounded down to the step where the whole position is the bound. What is smaller than the exchange takes
stays and is named: reduceOnly spares an order the least notional, and in hedge mode and on spot nothing does.
"""

from decimal import Decimal
from typing import NamedTuple

from counterseal.core.holdings import BOTH, SPOT, Holding
from counterseal.core.lots import ZERO, Lot, ceil_to, floor_to

# Client order ids of the guard begin so; no bot's that we make do.
GUARD_PREFIX = "csg-"
_HUNDRED = Decimal(100)
# No position is so large.
_NO_BOUND = Decimal(10) ** 30
Pairs = tuple[tuple[str, str], ...]


class Terms(NamedTuple):
    """How one order may be made: how far from the market it may trade (None: at any price), and its largest worth in
    the quote asset.
    """

    collar_percent: Decimal | None = None
    max_notional: Decimal | None = None


class Reduce(NamedTuple):
    """An order. With a price it is LIMIT IOC, without one MARKET."""

    symbol: str
    side: str
    position_side: str
    quantity: Decimal
    price: Decimal | None
    reduce_only: bool


class Dust(NamedTuple):
    """What no order can take away, and why."""

    symbol: str
    quantity: Decimal
    why: str


def to_target(holding: Holding, target: Decimal, lot: Lot, price: Decimal | None, terms: Terms) -> Reduce | Dust | None:
    """Give the next order towards |position| <= |target|; None when it is inside.

    A target on the other side counts as zero. `price` is the market's, None when it is not known: then the order is
    sized by quantity alone and goes at any price.
    """
    size = abs(holding.amount)
    need = size - _goal(holding.amount, target)
    if need <= 0:
        return None
    exempt, top = holding.side == BOTH, floor_to(size, lot.step)
    side = "SELL" if holding.amount > 0 else "BUY"
    limit = _limit(side, lot, price, terms.collar_percent)
    # The exchange values an order by its own price, where it has one.
    least = _least(lot, price if limit is None or price is None else min(limit, price), exempt=exempt)
    most = _most(lot, is_market=limit is None)
    if top < least or least > most:
        return Dust(holding.symbol, size, _why(lot, top, least, most))
    wanted = min(ceil_to(need, lot.step), top)
    quantity = max(floor_to(min(wanted, most, _slice(lot, price, terms)), lot.step), least)
    quantity = _without_rest(quantity, wanted, top, least, most)
    position_side = "" if holding.side in (BOTH, SPOT) else holding.side
    return Reduce(holding.symbol, side, position_side, quantity, limit, reduce_only=exempt)


def order_pairs(order: Reduce, client_id: str) -> Pairs:
    """Give the parameters of the order as the exchange takes them; the answer shall tell what was traded."""
    pairs = [("symbol", order.symbol), ("side", order.side)]
    if order.position_side:
        pairs.append(("positionSide", order.position_side))
    pairs.append(("type", "MARKET" if order.price is None else "LIMIT"))
    if order.price is not None:
        pairs.append(("timeInForce", "IOC"))
    pairs.append(("quantity", _text(order.quantity)))
    if order.price is not None:
        pairs.append(("price", _text(order.price)))
    if order.reduce_only:
        pairs.append(("reduceOnly", "true"))
    return (*pairs, ("newClientOrderId", client_id), ("newOrderRespType", "RESULT"))


def _goal(amount: Decimal, target: Decimal) -> Decimal:
    """Give how large the position may stay."""
    return abs(target) if amount * target > 0 else ZERO


def _least(lot: Lot, price: Decimal | None, *, exempt: bool) -> Decimal:
    """Give the smallest quantity that the exchange takes."""
    if exempt or price is None or not lot.least_notional:
        return lot.least
    return max(lot.least, ceil_to(lot.least_notional / lot.worth(price), lot.step))


def _most(lot: Lot, *, is_market: bool) -> Decimal:
    """Give the largest quantity of one order that the exchange takes; a bound of zero is none."""
    bounds = [lot.most, lot.most_market if is_market else ZERO]
    return floor_to(min([bound for bound in bounds if bound], default=_NO_BOUND), lot.step)


def _slice(lot: Lot, price: Decimal | None, terms: Terms) -> Decimal:
    """Give the largest quantity that one order shall have."""
    if price is None or terms.max_notional is None:
        return _NO_BOUND
    return terms.max_notional / lot.worth(price)


def _without_rest(quantity: Decimal, wanted: Decimal, top: Decimal, least: Decimal, most: Decimal) -> Decimal:
    """Leave nothing behind that would be too small for an order of its own, where everything is to go."""
    if wanted < top or not 0 < top - quantity < least:
        return quantity
    if top <= most:
        return top
    # What cannot be divided so loses as much as one order can take.
    return top - least if top - least >= least else quantity


def _limit(side: str, lot: Lot, price: Decimal | None, collar_percent: Decimal | None) -> Decimal | None:
    """Give the worst price of the order, rounded towards the market and within what the exchange takes."""
    if price is None or collar_percent is None:
        return None
    if side == "SELL":
        worst = max(price * (_HUNDRED - collar_percent) / _HUNDRED, price * lot.down)
        return max(ceil_to(worst, lot.tick), lot.tick)
    worst = price * (_HUNDRED + collar_percent) / _HUNDRED
    return max(floor_to(min(worst, price * lot.up) if lot.up else worst, lot.tick), lot.tick)


def _why(lot: Lot, top: Decimal, least: Decimal, most: Decimal) -> str:
    if least > most:
        return "no order of this symbol is large enough and small enough"
    return "below the smallest quantity" if top < lot.least else "below the least notional"


def _text(value: Decimal) -> str:
    """Write a number without an exponent and without zeros at its end."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
