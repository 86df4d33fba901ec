"""Addresses of this host that connections leave from."""

import socket
from collections.abc import Iterable


def family_of(address: str) -> socket.AddressFamily:
    """Give the family of an IP address."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def is_of_this_host(address: str) -> bool:
    """Tell whether a connection can be bound to an IP address here and now. Asks the kernel only, reaches nobody."""
    with socket.socket(family_of(address), socket.SOCK_STREAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def not_of_this_host(addresses: Iterable[str]) -> tuple[str, ...]:
    """Give those of some addresses that nothing can leave from."""
    return tuple(address for address in addresses if not is_of_this_host(address))
