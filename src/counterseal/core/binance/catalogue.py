"""The catalogue: every endpoint of the exchange, keyed by (host family, method, path) and by nothing else."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from counterseal.core.binance.schema import Kind, kind_of, tolerances_of, typed
from counterseal.core.binance.values import CHECKS, Check
from counterseal.core.binance.weights import WeightRule, parse_rule

HOSTS = {
    "spot": "api.binance.com",
    "usdm": "fapi.binance.com",
    "coinm": "dapi.binance.com",
    "options": "eapi.binance.com",
    "papi": "papi.binance.com",
    "www": "www.binance.com",
}
# A path without a host name in front belongs to the family of its first element; `/futures/data` stands on two
# hosts and is USD-M unless the bot names the other host.
PREFIXES = {
    "api": "spot",
    "sapi": "spot",
    "fapi": "usdm",
    "futures": "usdm",
    "dapi": "coinm",
    "eapi": "options",
    "papi": "papi",
    "bapi": "www",
}
ALIAS_HOSTS = {
    **{host: family for family, host in HOSTS.items()},
    **{f"api{n}.binance.com": "spot" for n in ("1", "2", "3", "4", "-gcp")},
}
MUTATING = frozenset({"POST", "PUT", "DELETE"})


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter of an endpoint: its wire name, whether the exchange demands it, what it may hold."""

    name: str
    required: bool
    kind: Kind
    check: Check


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What we know and decide about one endpoint.

    `purpose` is our own classification; `refusal` names the class of a refused one. `typed` tells whether every
    value is judged by its kind; a mutating endpoint without types is never signed. `mutating`: a repetition could
    change something. `name` is stable text for logs and journal. `product` is what policy names: the family, with /sapi
    apart from spot. `shapes` is kept by `core.shape`.
    """

    family: str
    method: str
    path: str
    purpose: str
    refusal: str | None
    security: str
    signed: bool
    weight: WeightRule
    weight_scope: str
    orders: Mapping[str, int]
    free_on_success: bool
    params: Mapping[str, Param]
    lists: frozenset[str]
    aliases: Mapping[str, str]
    dropped: frozenset[str]
    typed: bool
    required: tuple[str, ...]
    name: str
    mutating: bool
    product: str
    shapes: dict[tuple[str, ...], Any] = field(default_factory=dict, compare=False, repr=False)


class Catalogue:
    """Exact look-up of endpoints; nothing is normalised."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self._by_key = {(e.family, e.method, e.path): e for e in endpoints}

    def __len__(self) -> int:
        return len(self._by_key)

    def __iter__(self) -> Iterator[Endpoint]:
        return iter(self._by_key.values())

    def get(self, family: str, method: str, path: str) -> Endpoint | None:
        """Give the endpoint of exactly this key."""
        return self._by_key.get((family, method, path))


def locate(path: str) -> tuple[str, str] | None:
    """Split a bot's path into (family, exchange path).

    The first element may be one of the exchange's host names. None when neither a host nor a prefix is known.
    """
    first, _, rest = path[1:].partition("/")
    if first in ALIAS_HOSTS:
        return ALIAS_HOSTS[first], f"/{rest}"
    family = PREFIXES.get(first)
    return (family, path) if family else None


def build(rows: Iterable[Mapping[str, Any]]) -> Catalogue:
    """Build the catalogue from the shipped rows.

    Raises KeyError or ValueError when a row is not of the shipped form.
    """
    return Catalogue(_endpoint(row) for row in rows)


def _endpoint(row: Mapping[str, Any]) -> Endpoint:
    key = (row["family"], row["method"], row["path"])
    is_typed = typed(*key)
    tolerated = tolerances_of(*key)
    return Endpoint(
        family=row["family"],
        method=row["method"],
        path=row["path"],
        purpose=row["purpose"],
        refusal=row.get("refusal"),
        security=row["security"],
        signed=row["signed"],
        weight=parse_rule(row["weight"]),
        weight_scope=row.get("scope", "IP"),
        orders=row.get("orders", {}),
        free_on_success=row.get("free_on_success", False),
        params={p.name: p for p in (_param(text, row["path"], is_typed) for text in row["params"])},
        lists=tolerated.lists,
        aliases=tolerated.aliases,
        dropped=tolerated.dropped,
        typed=is_typed,
        required=tuple(text for text in row["params"] if not text.endswith("?")),
        name=" ".join(key),
        mutating=row["method"] in MUTATING and row["purpose"] in ("trade", "settings"),
        product="sapi" if row["path"].startswith("/sapi/") else row["family"],
    )


def _param(text: str, path: str, is_typed: bool) -> Param:
    name = text.removesuffix("?")
    kind = kind_of(name, path) if is_typed else Kind.TEXT
    return Param(name, not text.endswith("?"), kind, CHECKS[kind])
