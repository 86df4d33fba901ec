"""The ways in under the exchange's own host names: which Host values hold, and which endpoints a host means."""

from dataclasses import dataclass

from counterseal.core.binance.catalogue import Catalogue, Endpoint
from counterseal.core.binance.hosts import BotHost


@dataclass(frozen=True, slots=True)
class Way:
    """What a connection is bound to once its host is known, by CONNECT or by the TLS server name.

    `host_values` are the values of the Host header that agree with it, lower case. `families` are the catalogue
    families whose REST paths the host serves; a host of streams has none.
    """

    host: str
    host_values: frozenset[str]
    families: tuple[str, ...]

    def endpoint(self, catalogue: Catalogue, method: str, path: str) -> Endpoint | None:
        """Give the endpoint of exactly this path on this host; the path carries no host of its own here."""
        for family in self.families:
            found = catalogue.get(family, method, path)
            if found is not None:
                return found
        return None


def make_way(host: str, known: BotHost) -> Way:
    """Make the way of one host. The same object may serve all of its connections."""
    values = {host, *(f"{host}:{port}" for port in known.ports)}
    return Way(host, frozenset(values), known.families)
