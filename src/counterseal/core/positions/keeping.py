"""Sub-accounts as the journal holds them, so that a restart knows whose a position is and what it cost."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from counterseal.core.positions.books import Books, Sub
from counterseal.core.positions.lot import Lot
from counterseal.core.positions.reading import Place, rows, text

Sums = dict[str, Decimal]


def sub_data(owner: str, place: Place, sub: Sub) -> dict[str, Any]:
    """Give one sub-account as data."""
    return {
        "owner": owner, "symbol": place.symbol, "side": place.side, "amount": str(sub.lot.amount),
        "cost": str(sub.lot.cost), "contract": None if sub.lot.contract is None else str(sub.lot.contract),
        "realized": str(sub.realized), "fees": _sums(sub.fees), "funding": _sums(sub.funding),
    }  # fmt: skip


def books_data(books: Books) -> list[dict[str, Any]]:
    """Give all sub-accounts that there is anything to say of."""
    return [sub_data(owner, place, sub) for place, owners in books.places.items() for owner, sub in owners.items()]


def restore(books: Books, listed: object) -> bool:
    """Take up sub-accounts that were written down; what cannot be read is left out. True if there was any."""
    found = list(_read(rows(listed)))
    for owner, place, sub in found:
        books.places.setdefault(place, {})[owner] = sub
    return bool(found)


def _read(listed: Iterable[Mapping[str, Any]]) -> Iterable[tuple[str, Place, Sub]]:
    for row in listed:
        try:
            contract = row["contract"]
            lot = Lot(_number(row["amount"]), _number(row["cost"]), None if contract is None else _number(contract))
            sub = Sub(lot, _number(row["realized"]))
            sub.fees, sub.funding = _amounts(row["fees"]), _amounts(row["funding"])
        except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError):
            continue
        owner, symbol = text(row, "owner"), text(row, "symbol")
        if owner and symbol:
            yield owner, Place(symbol, text(row, "side")), sub


def _number(value: str) -> Decimal:
    found = Decimal(value)
    if not found.is_finite():
        raise ValueError("no number")
    return found


def _sums(sums: Mapping[str, Decimal]) -> dict[str, str]:
    return {asset: str(amount) for asset, amount in sums.items()}


def _amounts(data: Mapping[str, str]) -> Sums:
    return {asset: _number(amount) for asset, amount in data.items()}
