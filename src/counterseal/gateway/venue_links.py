"""Where the exchange is reached and how, as the configuration says: REST, market streams, user data, WebSocket API."""

import secrets
from collections.abc import Mapping
from pathlib import Path

from counterseal.adapters.stream_link import Dial, dialler
from counterseal.adapters.tls import client_context
from counterseal.adapters.upstream import Target
from counterseal.core.binance.hosts import ENVIRONMENT_HOSTS, SOCKET_HOSTS, USER_HOSTS
from counterseal.core.config.model import Config
from counterseal.core.streams.allowance import Allowance
from counterseal.gateway.exits.lines import SocketLinks
from counterseal.gateway.streams.upstream import ATTEMPTS, ATTEMPTS_WINDOW_MS
from counterseal.gateway.userdata.feeds import Links


class StartError(Exception):
    """The gateway cannot start; the text is one sentence with the way out."""


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


def dial_to(config: Config, hosts: Mapping[str, str]) -> Dial:
    """Give what connects to these hosts, from the first of our addresses. Raises StartError."""
    return dialler(targets(config, hosts), next(iter(config.venue.egress), ""))


# Market streams and user data may have 100 each of the exchange's 300.
EXIT_ATTEMPTS = 50


def user_links(config: Config) -> Links:
    """Give what reaches user data. Raises StartError.

    Its attempts to connect are its own: neither market streams nor accounts that are all cut off take them from others.
    """
    hosts = USER_HOSTS[config.venue.environment]
    return Links(hosts, dial_to(config, hosts), Allowance(ATTEMPTS, ATTEMPTS_WINDOW_MS), secrets.randbelow)


def socket_links(config: Config) -> SocketLinks | None:
    """Give what reaches the WebSocket API of USD-M from each address; None where its host is not known.

    Its attempts are its own, too: whatever happens to streams, an exit may try this way.
    """
    host = SOCKET_HOSTS.get(config.venue.environment, "")
    where = targets(config, {"usdm": host})
    return (
        SocketLinks(host, lambda egress: dialler(where, egress), Allowance(EXIT_ATTEMPTS, ATTEMPTS_WINDOW_MS))
        if host
        else None
    )
