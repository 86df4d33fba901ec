"""The signer's own table: what it may sign at all. Nothing outside it is signed, whoever asks."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.core.binance.catalogue import MUTATING, Endpoint

SIGNED_PURPOSES = frozenset({"account", "trade", "settings"})
# The signer sets these itself; a request may not bring them.
OWN_PARAMETERS = frozenset({"timestamp", "recvWindow", "signature"})

Place = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Entry:
    """What the pairs of one endpoint may be named, and which of the names may repeat."""

    allowed: frozenset[str]
    lists: frozenset[str]


Table = Mapping[Place, Entry]


def load() -> Table:
    """Build the table from the shipped catalogue."""
    return table(load_catalogue())


def table(endpoints: Iterable[Endpoint]) -> Table:
    """Keep the endpoints that may be signed, keyed by (family, method, path)."""
    return {
        (e.family, e.method, e.path): Entry(frozenset(e.params) - OWN_PARAMETERS, e.lists)
        for e in endpoints
        if is_signable(e)
    }


def is_signable(endpoint: Endpoint) -> bool:
    """Tell whether it may be signed: of our three purposes, and typed where it could change something."""
    mutating = endpoint.method in MUTATING and endpoint.purpose != "account"
    return endpoint.signed and endpoint.purpose in SIGNED_PURPOSES and (endpoint.typed or not mutating)
