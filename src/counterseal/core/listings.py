"""What the exchange is asked when the journal may lack orders: every list of orders and trades, and how to read it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from counterseal.core.ownership import Named, name_of, number_in
from counterseal.core.queries import Question, status_of, time_of
from counterseal.core.subjects import Store

ROWS = 1_000
# Some endpoints give fewer at most, whatever is asked for: a page with so many may not be all.
FULL = 100
# The exchange lists at most so long a time at once.
SLICE_MS = 24 * 3_600_000 - 1
_BY_ID = {Store.ORDER: "clientOrderId", Store.LIST: "listClientOrderId", Store.ALGO: "clientAlgoId"}
_BY_NUMBER = {Store.ORDER: "orderId", Store.LIST: "orderListId", Store.ALGO: "algoId"}
# What is made here, where an order came without an id (`gateway.ids`).
OUR_PREFIX = "cs-"


class Listing(NamedTuple):
    """One list of a family. `store` is None for trades. `pager` is the parameter by which it is read on, "" for a list
    of what is open, which comes whole.
    """

    path: str
    store: Store | None
    pager: str = ""


class Found(NamedTuple):
    """An order at the exchange. `name.client_id` may be None where the exchange states none."""

    name: Named
    symbol: str
    status: str


_WHOLE: Mapping[str, tuple[Listing, ...]] = {
    "spot": (
        Listing("/api/v3/openOrders", Store.ORDER),
        Listing("/api/v3/openOrderList", Store.LIST),
        Listing("/api/v3/allOrderList", Store.LIST, "fromId"),
    ),
    "usdm": (Listing("/fapi/v1/openOrders", Store.ORDER), Listing("/fapi/v1/openAlgoOrders", Store.ALGO)),
    "coinm": (Listing("/dapi/v1/openOrders", Store.ORDER), Listing("/dapi/v1/openAlgoOrders", Store.ALGO)),
}
_OF_SYMBOL: Mapping[str, tuple[Listing, ...]] = {
    "spot": (Listing("/api/v3/allOrders", Store.ORDER, "orderId"), Listing("/api/v3/myTrades", None, "fromId")),
    "usdm": (
        Listing("/fapi/v1/allOrders", Store.ORDER, "orderId"),
        Listing("/fapi/v1/allAlgoOrders", Store.ALGO, "algoId"),
        Listing("/fapi/v1/userTrades", None, "fromId"),
    ),
    "coinm": (Listing("/dapi/v1/allOrders", Store.ORDER, "orderId"), Listing("/dapi/v1/userTrades", None, "fromId")),
}
FAMILIES = frozenset(_WHOLE)
_HELD = {"spot": "/api/v3/account", "usdm": "/fapi/v3/positionRisk", "coinm": "/dapi/v1/positionRisk"}
_ONE = {"spot": "/api/v3/order", "usdm": "/fapi/v1/order", "coinm": "/dapi/v1/order"}


def of_family(family: str) -> tuple[Listing, ...]:
    """Give the lists that are read once for all symbols."""
    return _WHOLE[family]


def of_symbol(family: str) -> tuple[Listing, ...]:
    """Give the lists that are read for each symbol."""
    return _OF_SYMBOL[family]


def held(family: str) -> Question:
    """Ask what the account holds: what an order brought that nobody knows of is among it."""
    return Question(_HELD[family], ())


def is_list(body: Any) -> bool:
    """Tell whether an answer is a list that can be read: one that is not may hide an order."""
    return isinstance(body, list) and all(isinstance(row, dict) for row in body)


def is_held(family: str, body: Any) -> bool:
    """Tell whether an answer says what the account holds."""
    if family == "spot":
        return isinstance(body, dict) and isinstance(body.get("balances"), list)
    return is_list(body)


def held_symbols(family: str, body: Any, pairs: Mapping[str, tuple[str, str]]) -> set[str]:
    """Give the symbols that may have brought it: of positions their own, of balances those between two that there are.

    `pairs` are base and quote asset of each spot symbol.
    """
    rows = body.get("balances") if isinstance(body, dict) else body
    rows = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    if family != "spot":
        return {str(row.get("symbol")) for row in rows if _is_some(row.get("positionAmt"))}
    assets = {row.get("asset") for row in rows if _is_some(row.get("free")) or _is_some(row.get("locked"))}
    return {symbol for symbol, (base, quote) in pairs.items() if base in assets and quote in assets}


def first_page(listing: Listing, symbol: str, from_ms: int, now_ms: int) -> Question:
    """Ask for the beginning of a list: of what is open all of it, else of the first slice of time."""
    pairs = (("symbol", symbol),) if symbol else ()
    if not listing.pager:
        return Question(listing.path, pairs)
    until = min(from_ms + SLICE_MS, now_ms)
    return Question(listing.path, (*pairs, ("startTime", str(from_ms)), ("endTime", str(until)), ("limit", str(ROWS))))


def next_page(listing: Listing, symbol: str, rows: Sequence[Mapping[str, Any]], until_ms: int) -> Question | None:
    """Ask for what comes behind a page that may have been full; None when it was not, or has passed `until_ms`."""
    last = number_of(listing, rows[-1]) if listing.pager and len(rows) >= FULL else None
    if last is None or (time_of(rows[-1]) or 0) > until_ms:
        return None
    pairs = (("symbol", symbol),) if symbol else ()
    return Question(listing.path, (*pairs, (listing.pager, str(last + 1)), ("limit", str(ROWS))))


def number_of(listing: Listing, row: Mapping[str, Any]) -> int | None:
    """Give the number by which a list is read on."""
    return number_in(row.get("id" if listing.store is None else _BY_NUMBER[listing.store]))


def one_order(family: str, symbol: str, number: int) -> Question:
    """Ask for the order of a trade."""
    return Question(_ONE[family], (("symbol", symbol), ("orderId", str(number))))


def found(store: Store, row: Mapping[str, Any]) -> Found:
    """Read an order."""
    symbol = row.get("symbol")
    symbol = symbol if isinstance(symbol, str) else ""
    return Found(name_of(store, _BY_ID[store], _BY_NUMBER[store], row, symbol), symbol, status_of(row))


def traded(rows: Sequence[Mapping[str, Any]]) -> Iterator[int]:
    """Give the numbers of the orders that a list of trades is about, each once."""
    seen: set[int] = set()
    for row in rows:
        number = number_in(row.get("orderId"))
        if number is not None and number not in seen:
            seen.add(number)
            yield number


def is_ours(client_id: str) -> bool:
    """Tell whether an id is of our own making."""
    return client_id.startswith(OUR_PREFIX)


def _is_some(amount: object) -> bool:
    """Tell whether an amount is not zero; what cannot be read is none."""
    return isinstance(amount, str) and any(digit in "123456789" for digit in amount)
