"""`priceMatch`: an order that takes its price from the book."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from counterseal.paper.errors import invalid

if TYPE_CHECKING:
    from counterseal.paper.futures_market import FuturesMarket

# name: (whether the other side's price is taken, levels away from its best)
MATCHES = {"OPPONENT": (True, 0), "OPPONENT_5": (True, 4), "OPPONENT_10": (True, 9), "OPPONENT_20": (True, 19),
           "QUEUE": (False, 0), "QUEUE_5": (False, 4), "QUEUE_10": (False, 9), "QUEUE_20": (False, 19)}  # fmt: skip


def matched_price(market: FuturesMarket, symbol: str, side: str, match: str, now_ms: int) -> Decimal:
    """The price that `match` names for an order of `side`; -1130 for an unknown name."""
    if match not in MATCHES:
        raise invalid("priceMatch")
    is_opponent, level = MATCHES[match]
    other = "SELL" if side == "BUY" else "BUY"
    taker = side if is_opponent else other
    return market.books[symbol].depth(taker, market.steps.at(now_ms), level + 1)[-1][0]
