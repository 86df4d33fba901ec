"""In which quantities and prices the exchange takes orders of a symbol: the filters of exchangeInfo."""

from collections.abc import Iterable, Mapping
from decimal import Context, Decimal
from typing import Any, NamedTuple

from counterseal.core.numbers import decimal

ZERO = Decimal(0)
# The grammar of numbers allows 36 digits: no remainder is ever rounded.
_EXACT = Context(prec=160)
_NOTIONAL = {"MIN_NOTIONAL": ("notional", "minNotional"), "NOTIONAL": ("minNotional",)}
_PERCENT = {
    "PERCENT_PRICE": ("multiplierDown", "multiplierUp"),
    "PERCENT_PRICE_BY_SIDE": ("askMultiplierDown", "bidMultiplierUp"),
}


class Lot(NamedTuple):
    """Steps and bounds of one symbol. Zero is no bound, except for `step`, which is above zero.

    `most_market` bounds MARKET orders. `down` and `up` are how far below and above the market a sell and a buy may be
    priced, as factors. `contract_size` is what one contract is worth in the quote asset, None where a quantity counts
    the base asset.
    """

    step: Decimal
    least: Decimal = ZERO
    most: Decimal = ZERO
    most_market: Decimal = ZERO
    tick: Decimal = ZERO
    least_notional: Decimal = ZERO
    down: Decimal = ZERO
    up: Decimal = ZERO
    contract_size: Decimal | None = None

    def worth(self, price: Decimal) -> Decimal:
        """Give what one unit of quantity is worth in the quote asset."""
        return price if self.contract_size is None else self.contract_size


def floor_to(value: Decimal, step: Decimal) -> Decimal:
    """Give the greatest multiple of a step that is not above a value >= 0; the value itself for a step of zero."""
    return _EXACT.subtract(value, _EXACT.remainder(value, step)) if step else value


def ceil_to(value: Decimal, step: Decimal) -> Decimal:
    """Give the least multiple of a step that is not below a value >= 0; the value itself for a step of zero."""
    below = floor_to(value, step)
    return below if below == value else _EXACT.add(below, step)


def bare_lot(amount: Decimal) -> Lot:
    """Give what a position itself tells of its steps, where nothing else is known: it can be closed as it stands."""
    exponent = amount.as_tuple().exponent
    return Lot(step=Decimal(1).scaleb(exponent if isinstance(exponent, int) else 0))


def parse_lots(rows: Iterable[Mapping[str, Any]]) -> dict[str, Lot]:
    """Read exchangeInfo's `symbols`. A symbol whose steps cannot be read is left out: nothing can be sized for it.

    Raises KeyError or TypeError when it is no such list.
    """
    found = {}
    for row in rows:
        lot = _lot(row)
        if lot is not None and isinstance(row["symbol"], str):
            found[row["symbol"]] = lot
    return found


def _lot(row: Mapping[str, Any]) -> Lot | None:
    told = row.get("filters")
    listed = [each for each in told if isinstance(each, Mapping)] if isinstance(told, list) else []
    filters = {each["filterType"]: each for each in listed if isinstance(each.get("filterType"), str)}
    sizes, market = filters.get("LOT_SIZE", {}), filters.get("MARKET_LOT_SIZE", {})
    # A step for MARKET orders alone may be coarser; zero there says that there is none.
    step = max(_number(sizes, "stepSize"), _number(market, "stepSize"))
    if step <= 0:
        return None
    down, up = _percent(filters)
    return Lot(
        step=step,
        least=max(step, _number(sizes, "minQty"), _number(market, "minQty")),
        most=_number(sizes, "maxQty"),
        most_market=_number(market, "maxQty"),
        tick=_number(filters.get("PRICE_FILTER", {}), "tickSize"),
        least_notional=_notional(filters),
        down=down,
        up=up,
        contract_size=_contract(row),
    )


def _percent(filters: Mapping[str, Mapping[str, Any]]) -> tuple[Decimal, Decimal]:
    for name, (down, up) in _PERCENT.items():
        if name in filters:
            return _number(filters[name], down), _number(filters[name], up)
    return ZERO, ZERO


def _notional(filters: Mapping[str, Mapping[str, Any]]) -> Decimal:
    names = [(kind, name) for kind, names in _NOTIONAL.items() if kind in filters for name in names]
    return max((_number(filters[kind], name) for kind, name in names), default=ZERO)


def _contract(row: Mapping[str, Any]) -> Decimal | None:
    told = row.get("contractSize")
    return None if told is None else decimal(str(told) if type(told) is int else told if isinstance(told, str) else "")


def _number(row: Mapping[str, Any], name: str) -> Decimal:
    """Give a number of a filter, zero for what is none."""
    told = row.get(name)
    found = decimal(told) if isinstance(told, str) else None
    return ZERO if found is None else found
