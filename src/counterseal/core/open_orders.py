"""What rests at the exchange, which of it protects a position, and the fewest requests that cancel the rest."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from counterseal.core.holdings import LONG, SHORT

ROOTS: Mapping[str, str] = {"spot": "/api/v3", "usdm": "/fapi/v1", "coinm": "/dapi/v1"}
# Where what is open is listed: plain orders first. On spot a stop is an order like every other.
LISTS: Mapping[str, tuple[str, ...]] = {
    "spot": ("/api/v3/openOrders",),
    "usdm": ("/fapi/v1/openOrders", "/fapi/v1/openAlgoOrders"),
    "coinm": ("/dapi/v1/openOrders", "/dapi/v1/openAlgoOrders"),
}
# One batch cancels so many.
BATCH = 10
_CLOSING = {(LONG, "SELL"), (SHORT, "BUY")}
# What a row says of a position that it would make smaller: (symbol, side of the position).
Side = tuple[str, str]
Pairs = tuple[tuple[str, str], ...]


class Open(NamedTuple):
    """One open order. `protects` tells that it can only make a position smaller; `group` is its list on spot, 0 for
    none.
    """

    symbol: str
    number: int
    client_id: str
    is_algo: bool
    protects: bool
    position_side: str
    side: str
    group: int = 0

    def __str__(self) -> str:
        return f"{self.symbol} {'conditional order' if self.is_algo else 'order'} {self.number} ({self.client_id})"


class Cancel(NamedTuple):
    """One request and the orders that it is for; it may reach others of the symbol that nobody has seen yet."""

    path: str
    pairs: Pairs
    covers: tuple[Open, ...]


def read_open(family: str, path: str, body: Any) -> list[Open] | None:
    """Read a list of open orders; None when a row is none: it could be an order."""
    if not isinstance(body, list):
        return None
    is_algo = path.endswith("AlgoOrders")
    found = [_open(family, row, is_algo=is_algo) for row in body]
    read = [each for each in found if each is not None]
    if len(read) != len(found):
        return None
    return _grouped(read) if family == "spot" else read


def _open(family: str, row: Any, *, is_algo: bool) -> Open | None:
    if not isinstance(row, dict):
        return None
    symbol, number = row.get("symbol"), row.get("algoId" if is_algo else "orderId")
    client_id, side = row.get("clientAlgoId" if is_algo else "clientOrderId"), row.get("side")
    if not isinstance(symbol, str) or type(number) is not int or side not in ("BUY", "SELL"):
        return None
    group = row.get("orderListId", 0)
    return Open(
        symbol,
        number,
        client_id if isinstance(client_id, str) else "",
        is_algo,
        _sells_at_stop(row) if family == "spot" else _reduces(row),
        str(row.get("positionSide", "BOTH")),
        side,
        group if type(group) is int and group > 0 else 0,
    )


def _reduces(row: Mapping[str, Any]) -> bool:
    flags = (row.get("reduceOnly"), row.get("closePosition"))
    return True in flags or (row.get("positionSide"), row.get("side")) in _CLOSING


def _sells_at_stop(row: Mapping[str, Any]) -> bool:
    """On spot a sell that waits for a trigger protects what is held; a plain offer takes profit, and may go."""
    kind = row.get("type")
    return row.get("side") == "SELL" and isinstance(kind, str) and kind.startswith(("STOP_LOSS", "TAKE_PROFIT"))


def _grouped(orders: Sequence[Open]) -> list[Open]:
    """A list stands or falls as one: it protects where all its orders sell and one of them is a stop."""
    groups: dict[int, list[Open]] = {}
    for each in orders:
        groups.setdefault(each.group, []).append(each)
    guarded = {
        group
        for group, members in groups.items()
        if group and any(one.protects for one in members) and all(one.side == "SELL" for one in members)
    }
    return [each._replace(protects=each.group in guarded) if each.group else each for each in orders]


def doomed(
    orders: Iterable[Open], positions: Collection[Side] | None, only: Callable[[Open], bool], *, everything: bool
) -> tuple[list[Open], list[Open]]:
    """Divide into what has to go and what stays because it protects a position that is open.

    `positions` are the (symbol, side) that are open, None where nobody knows: then each may be. What `only` is not
    true of belongs to neither. `everything` spares nothing.
    """
    go: list[Open] = []
    kept: list[Open] = []
    for each in orders:
        if only(each):
            (kept if not everything and _guards(each, positions) else go).append(each)
    return go, kept


def _guards(order: Open, positions: Collection[Side] | None) -> bool:
    return order.protects and (positions is None or (order.symbol, order.position_side) in positions)


def cancels(family: str, go: Sequence[Open], orders: Sequence[Open], *, wide: bool) -> list[Cancel]:
    """Give the requests that cancel `go` of all `orders` that are open.

    A `wide` one cancels all of a symbol, where nothing of its kind is to stay: it also reaches what arrived since.
    """
    found: list[Cancel] = []
    going = set(go)
    for is_algo in (False, True):
        for symbol in sorted({each.symbol for each in go if each.is_algo is is_algo}):
            there = [each for each in orders if each.symbol == symbol and each.is_algo is is_algo]
            mine = tuple(each for each in there if each in going)
            if wide and len(mine) == len(there):
                found.append(Cancel(_whole(family, is_algo=is_algo), (("symbol", symbol),), mine))
            else:
                found += _singles(family, symbol, mine, is_algo=is_algo)
    return found


def _whole(family: str, *, is_algo: bool) -> str:
    name = "/openOrders" if family == "spot" else "/algoOpenOrders" if is_algo else "/allOpenOrders"
    return ROOTS[family] + name


def _singles(family: str, symbol: str, orders: Sequence[Open], *, is_algo: bool) -> list[Cancel]:
    root = ROOTS[family]
    if is_algo:
        return [Cancel(f"{root}/algoOrder", (("algoId", str(each.number)),), (each,)) for each in orders]
    if family == "spot":
        return _spot_singles(root, symbol, orders)
    parts = [tuple(orders[at : at + BATCH]) for at in range(0, len(orders), BATCH)]
    return [
        Cancel(f"{root}/batchOrders", (("symbol", symbol), ("orderIdList", _numbers(part))), part)
        if len(part) > 1
        else Cancel(f"{root}/order", (("symbol", symbol), ("orderId", str(part[0].number))), part)
        for part in parts
    ]


def _spot_singles(root: str, symbol: str, orders: Sequence[Open]) -> list[Cancel]:
    found = []
    for group in sorted({each.group for each in orders}):
        members = tuple(each for each in orders if each.group == group)
        if group:
            found.append(Cancel(f"{root}/orderList", (("symbol", symbol), ("orderListId", str(group))), members))
        else:
            found += [
                Cancel(f"{root}/order", (("symbol", symbol), ("orderId", str(each.number))), (each,))
                for each in members
            ]
    return found


def _numbers(orders: Sequence[Open]) -> str:
    return "[" + ",".join(str(each.number) for each in orders) + "]"
