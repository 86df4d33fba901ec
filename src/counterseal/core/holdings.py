"""What an account holds, as the exchange states it: positions of futures, and on spot what bots bought of what is free.

Everything is read or nothing: a row that cannot be read could be a position.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from counterseal.core.numbers import decimal

ZERO = Decimal(0)
# One-way mode has one position a symbol, hedge mode two; SPOT is a balance.
BOTH, LONG, SHORT, SPOT = "BOTH", "LONG", "SHORT", "SPOT"
_SIGNS = {BOTH: (-1, 0, 1), LONG: (0, 1), SHORT: (-1, 0)}


class Holding(NamedTuple):
    """One position. `amount` is negative for a short one. `mark` is the price that the exchange values it at.

    `seen_ms` is when it was seen so (monotonic), None where that was just now.
    """

    symbol: str
    side: str
    amount: Decimal
    mark: Decimal | None = None
    seen_ms: int | None = None


def read_positions(body: Any) -> list[Holding] | None:
    """Read positionRisk; None when a row is not one. What is zero is left out."""
    if not isinstance(body, list):
        return None
    found = [_position(row) for row in body]
    read = [each for each in found if each is not None]
    return [each for each in read if each.amount] if len(read) == len(found) else None


def _position(row: Any) -> Holding | None:
    if not isinstance(row, dict):
        return None
    symbol, side, amount = row.get("symbol"), row.get("positionSide", BOTH), _signed(row.get("positionAmt"))
    if not isinstance(symbol, str) or side not in (BOTH, LONG, SHORT) or amount is None:
        return None
    if (amount > 0) - (amount < 0) not in _SIGNS[side]:
        return None
    mark = _signed(row.get("markPrice"))
    return Holding(symbol, side, amount, mark if mark is not None and mark > 0 else None)


def read_free(body: Any) -> dict[str, Decimal] | None:
    """Read the free balances of a spot account by asset; None when it is no such answer."""
    rows = body.get("balances") if isinstance(body, dict) else None
    if not isinstance(rows, list):
        return None
    found = {}
    for row in rows:
        free = _signed(row.get("free")) if isinstance(row, dict) else None
        if free is None or free < 0 or not isinstance(row.get("asset"), str):
            return None
        found[row["asset"]] = free
    return found


def spot_holdings(
    free: Mapping[str, Decimal], bought: Mapping[str, Decimal], bases: Mapping[str, str]
) -> list[Holding]:
    """Give what may be sold: of what bots bought by symbol as much as is free of its base asset.

    Symbols of one base share what is free of it, the first by name first. A symbol without a base is left out.
    """
    left, found = dict(free), []
    for symbol in sorted(bought):
        base = bases.get(symbol, "")
        amount = min(bought[symbol], left.get(base, ZERO))
        if amount > 0:
            left[base] -= amount
            found.append(Holding(symbol, SPOT, amount))
    return found


def _signed(told: Any) -> Decimal | None:
    """Give a number that may be negative, None for what is none."""
    if not isinstance(told, str):
        return None
    value = decimal(told.removeprefix("-"))
    return None if value is None else -value if told.startswith("-") else value
