"""Where the exchange is, for a process that is about to shut itself in: host and port, as far as the settings tell."""

from ipaddress import ip_address

from counterseal.core.config.model import Venue

HTTPS_PORT = 443


def exchange_of(venue: Venue) -> tuple[str, int]:
    """Host and port of every connection to the exchange; an empty host for the exchange's own names."""
    if venue.address is None:
        return "", HTTPS_PORT
    host, _, port = venue.address.rpartition(":")
    return host.strip("[]"), int(port)


def is_address(host: str) -> bool:
    """Tell whether a host is an address, so that no name has to be looked up."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
