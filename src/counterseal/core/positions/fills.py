"""One execution of an order, out of the event that tells it."""

from decimal import Decimal
from typing import NamedTuple

from counterseal.core.exact import product
from counterseal.core.exposure.money import ZERO
from counterseal.core.intent import EXCHANGE_IDS
from counterseal.core.positions.reading import Body, Place, figure, number, place_of, text

# CALCULATED are the exchange's own: liquidation and deleveraging.
_EXECUTIONS = frozenset({"TRADE", "CALCULATED"})


class Fill(NamedTuple):
    """A fill. `signed` is positive for a purchase; `quote` is its worth in the quote asset.

    `realized` is what the exchange says it earned, None where it does not say. `trade` names it: one trade may fill two
    orders of the same account. `is_forced` tells that the exchange itself closed a position.
    """

    place: Place
    trade: tuple[str, int, int]
    signed: Decimal
    price: Decimal
    quote: Decimal
    fee: Decimal
    fee_asset: str
    margin_asset: str
    realized: Decimal | None
    is_forced: bool
    at_ms: int


def fill_in(kind: str, body: Body) -> Fill | None:
    """Read the fill that an event tells; None for an event of something else, or one that cannot be read.

    `kind` is the event's `e`. TRADE_LITE says less of a fill that ORDER_TRADE_UPDATE tells too, and is passed over.
    """
    if kind == "executionReport":
        return _fill(body, "")
    inner = body.get("o")
    if kind == "ORDER_TRADE_UPDATE" and isinstance(inner, dict):
        return _fill(inner, text(inner, "ps") or "BOTH")
    return None


def _fill(row: Body, side: str) -> Fill | None:
    if text(row, "x") not in _EXECUTIONS:
        return None
    quantity, price, symbol = figure(row.get("l")), figure(row.get("L")), text(row, "s")
    bought = {"BUY": True, "SELL": False}.get(text(row, "S"))
    if quantity is None or price is None or bought is None or not symbol or min(quantity, price) <= ZERO:
        return None
    quote = figure(row.get("Y"))
    return Fill(
        place=place_of(symbol, side or "BOTH"),
        trade=(symbol, number(row, "t"), number(row, "i")),
        signed=quantity if bought else quantity.copy_negate(),
        price=price,
        quote=product(quantity, price) if quote is None else quote,
        fee=figure(row.get("n")) or ZERO,
        fee_asset=text(row, "N"),
        margin_asset=text(row, "ma"),
        realized=figure(row.get("rp")) if side else None,
        is_forced=text(row, "x") == "CALCULATED" or text(row, "c").startswith(EXCHANGE_IDS),
        at_ms=number(row, "T"),
    )
