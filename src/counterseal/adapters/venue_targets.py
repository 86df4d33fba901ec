"""Where the exchange is connected to, as the configuration says; gateway and guard have connections of their own."""

from collections.abc import Mapping
from pathlib import Path

from counterseal.adapters.tls import client_context
from counterseal.adapters.upstream import Target
from counterseal.core.binance.hosts import ENVIRONMENT_HOSTS
from counterseal.core.config.model import Config


class StartError(Exception):
    """The process cannot start; the text is one sentence with the way out."""


def targets(config: Config, hosts: Mapping[str, str] | None = None) -> dict[str, Target]:
    """Give where to connect by family, for the REST hosts unless others are named. Raises StartError."""
    hosts = hosts or ENVIRONMENT_HOSTS[config.venue.environment]
    ca_file = Path(config.venue.ca_file) if config.venue.ca_file else None
    try:
        client_context(ca_file)
    except OSError as fault:  # ssl.SSLError is one
        raise StartError(
            f"venue.ca_file cannot be used ({fault.strerror or 'no certificate in it'}); start the paper exchange,"
            " which makes it, or name the right file"
        ) from None
    address, _, port = (config.venue.address or "").rpartition(":")
    return {
        family: Target(
            host=address.strip("[]") or name,
            port=int(port) if port else 443,
            name=name,
            context=client_context(ca_file, tls12=name in config.venue.unsafe_tls12),
        )
        for family, name in hosts.items()
    }
