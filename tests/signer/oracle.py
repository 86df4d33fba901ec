"""May this be signed? A second answer, slow and naive, from the shipped rows and the text of the rules alone.

It shares no code with the signer: JSON by the standard library, numbers as fractions, one rule after the other.
"""

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from importlib.resources import files
from typing import Any

from counterseal.core.binance.schema import typed
from counterseal.core.messages import Sign

OWN = {"timestamp", "recvWindow", "signature"}
ROWS: list[dict[str, Any]] = json.loads(files("counterseal").joinpath("data/rest_endpoints.json").read_bytes())
ALONE = {"symbol", "type", "orderId", "algoId", "underlying", "asset", "assets", "email", "productId", "positionId"}
NUMBER = re.compile(r"\A(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?\Z", re.ASCII)
QUANTITIES = ("quantity", "newQty", "workingQuantity", "pendingQuantity")
WHOLE = re.compile(r"\A(0|[1-9][0-9]{0,18})\Z", re.ASCII)


@dataclass(frozen=True)
class Row:
    """One endpoint as the exchange documents it."""

    names: frozenset[str]
    needs: frozenset[str]
    signed: bool
    purpose: str
    typed: bool


BY_PLACE = {
    (row["family"], row["method"], row["path"]): Row(
        frozenset(name.rstrip("?") for name in row["params"]) - OWN,
        frozenset(name for name in row["params"] if not name.endswith("?")) - OWN,
        row["signed"],
        row["purpose"],
        typed(row["family"], row["method"], row["path"]),
    )
    for row in ROWS
}


@dataclass
class Limits:
    """Caps in the test's own form; None is none of the kind."""

    symbols: set[str] | None = None
    quantity: dict[str, str] | None = None
    quote: dict[str, str] | None = None
    leverage: int | None = None
    rates: dict[int, int] = field(default_factory=dict)  # period in ns -> number


@dataclass
class Tank:
    """A bucket in fractions."""

    size: int
    period_ns: int
    level: Fraction
    at_ns: int

    def fill(self, now_ns: int) -> None:
        self.level = min(Fraction(self.size), self.level + Fraction(self.size * (now_ns - self.at_ns), self.period_ns))
        self.at_ns = now_ns


class Oracle:
    """Remembers what a signer would have to remember: the last number, and what is left of the rates."""

    def __init__(self, limits: Mapping[str, Limits], epoch: int, now_ns: int) -> None:
        self._limits, self._epoch, self.last = limits, epoch, -1
        self._tanks = {
            ref: [Tank(size, period, Fraction(size), now_ns) for period, size in one.rates.items()]
            for ref, one in limits.items()
        }

    def may(self, request: Sign, now_ns: int) -> bool:
        """Whether the request is to be signed; counts it if so."""
        if request.id <= self.last:
            return False
        self.last = request.id
        if not self._may_at_all(request):
            return False
        row = BY_PLACE[request.family, request.method, request.path]
        if row.purpose == "account" or (row.purpose == "trade" and request.method in ("DELETE", "GET")):
            return True
        orders = _orders(request, row)
        limits = self._limits[request.key_ref]
        if orders is None or not all(_fits(limits, order, row, request) for order in orders):
            return False
        brought = sum(not _exit(order) for order in orders) * _brought(request.path)
        return self._counted(request.key_ref, brought, now_ns)

    def _may_at_all(self, request: Sign) -> bool:
        row = BY_PLACE.get((request.family, request.method, request.path))
        if row is None or not row.signed or row.purpose not in ("account", "trade", "settings"):
            return False
        if row.purpose != "account" and request.method != "GET" and not row.typed:
            return False
        names = [name for name, _ in request.pairs]
        return (
            request.key_ref in self._limits
            and len(set(names)) == len(names)
            and set(names) <= row.names
            and abs(request.offset_ms) <= 5000
            and 0 <= request.recv_window_ms <= 5000
            and request.epoch == self._epoch
            and not _would_do_elsewhere(set(names), request, row)
            and _length(request) <= 32_768 - 60
        )

    def _counted(self, ref: str, number: int, now_ns: int) -> bool:
        tanks = self._tanks[ref]
        if number:
            for tank in tanks:
                tank.fill(now_ns)
            if any(tank.level < number for tank in tanks):
                return False
            for tank in tanks:
                tank.level -= number
        return True


def _would_do_elsewhere(names: set[str], request: Sign, row: Row) -> bool:
    for place, other in BY_PLACE.items():
        if place[1] == "GET" or not other.signed or other.purpose in ("account", "read"):
            continue
        if place == (request.family, request.method, request.path) or not other.needs or not other.needs <= names:
            continue
        if len(other.needs) == 1 and other.needs <= ALONE:
            continue
        quiet = row.purpose == "account" or request.method in ("DELETE", "GET")
        if quiet or (other.purpose == "refused" and not other.needs <= row.needs):
            return True
    return False


def _length(request: Sign) -> int:
    """The encoded pairs, near enough: cases of the campaign are far below or far above the bound."""
    return sum(len(name) + 2 + 3 * len(value.encode()) for name, value in request.pairs)


def _orders(request: Sign, row: Row) -> list[dict[str, str]] | None:
    """The orders or the one setting that a request brings, None when they are not in the one form."""
    given = dict(request.pairs)
    if "batchOrders" not in row.names:
        return [given] if _readable(given, request.path) else None
    try:
        legs = json.loads(given["batchOrders"], object_pairs_hook=_once, parse_constant=_never)
    except (KeyError, ValueError, RecursionError):
        return None
    single = BY_PLACE[request.family, request.method, request.path.replace("batchOrders", "order")]
    if not isinstance(legs, list) or not 1 <= len(legs) <= 10 or len(given["batchOrders"].encode()) > 65_536:
        return None
    for leg in legs:
        if not isinstance(leg, dict) or not set(leg) <= single.names:
            return None
        if not all(isinstance(value, str) and _encodes(value) for value in leg.values()):
            return None
        if not _readable(leg, ""):
            return None
    return legs


def _brought(path: str) -> int:
    """How many orders an order list has; everything else stands for itself."""
    kind = path.rpartition("/")[2]
    return {"oco": 2, "oto": 2, "opo": 2, "otoco": 3, "opoco": 3}.get(kind, 1)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("twice")
    return dict(pairs)


def _never(_name: str) -> Any:
    raise ValueError("no number")


def _encodes(text: str) -> bool:
    return not any(0xD800 <= ord(letter) <= 0xDFFF for letter in text)


def _readable(order: Mapping[str, str], path: str) -> bool:
    for name, text in order.items():
        if name in (*QUANTITIES, "quoteOrderQty", "amount") and not NUMBER.match(text):
            return False
        if name == "leverage" and not WHOLE.match(text):
            return False
        if name in ("reduceOnly", "closePosition") and text not in ("true", "false"):
            return False
        if name == "type" and path.endswith("api/v1/positionMargin") and text not in ("1", "2"):
            return False
    return True


def _fits(limits: Limits, order: Mapping[str, str], row: Row, request: Sign) -> bool:
    if limits.symbols is not None and order.get("symbol") not in limits.symbols:
        return False
    if "leverage" in order and limits.leverage is not None and int(order["leverage"]) > limits.leverage:
        return False
    if row.purpose == "settings" or (limits.quantity is None and limits.quote is None):
        return True
    symbol, sized = order.get("symbol", ""), False
    units = [(name, limits.quantity) for name in QUANTITIES]
    for name, table in (*units, ("quoteOrderQty", limits.quote)):
        if name in order:
            sized = True
            cap = (table or {}).get(symbol)
            if cap is None and symbol.upper() == symbol and not _hides(symbol):
                cap = (table or {}).get("*")
            if cap is None or Fraction(order[name]) > Fraction(cap):
                return False
    return sized or order.get("closePosition") == "true"


def _hides(symbol: str) -> bool:
    """Whether it has controls, marks of format or blanks: the Unicode categories C and Z."""
    return any(unicodedata.category(letter)[0] in "CZ" for letter in symbol)


def _exit(order: Mapping[str, str]) -> bool:
    if order.get("positionSide", "BOTH") != "BOTH":
        return False
    return order.get("reduceOnly") == "true" or (order.get("closePosition") == "true" and "quantity" not in order)
