"""Addresses as the settings write them: networks, host and port, names of hosts."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from counterseal.core.config.model import Network

# Where a paper exchange can live. Its address is free text, so it must not be able to name the real exchange.
PRIVATE_SUFFIXES = (".internal", ".local", ".localhost", ".test")

_HOST_PORT = re.compile(r"(\[[0-9a-fA-F:.]+\]|[0-9a-z.-]+):(0|[1-9][0-9]{0,4})")
_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_BROADCAST = IPv4Address("255.255.255.255")
_NETWORK = re.compile(r"[0-9a-fA-F:.]+(?:/[0-9]{1,3})?")


def parse_network(text: str) -> Network | None:
    """An address, or a network in CIDR form without host bits; None otherwise."""
    if not _NETWORK.fullmatch(text):
        return None
    try:
        return ip_network(text)
    except ValueError:
        return None


def parse_host(text: str) -> str | None:
    """A host name in lower case, or an IPv4 address; None otherwise."""
    return text if _HOST.fullmatch(text) else None


def parse_listen_address(text: str) -> str | None:
    """An IP address and a port, "127.0.0.1:8180" or "[::1]:8180"; port 0 takes any free one. No names."""
    parts = _split(text)
    ip = _ip(parts[0]) if parts else None
    if parts is None or ip is None:
        return None
    return f"[{ip}]:{parts[1]}" if ip.version == 6 else f"{ip}:{parts[1]}"


def parse_host_value(text: str) -> str | None:
    """A value of the Host header in lower case: a host, or a host and a port from 1 to 65535."""
    parts = _split(text)
    if parts is None:
        return parse_host(text)
    return text if parts[1] and (_ip(parts[0]) or parse_host(parts[0])) else None


def parse_paper_address(text: str) -> str | None:
    """Host and port of a paper exchange: an address or a name that only a private network can have."""
    parts = _split(text)
    if parts is None or not parts[1]:
        return None
    ip = _ip(parts[0])
    return text if (ip.is_private if ip else _is_private_name(parts[0])) else None


def parse_egress(text: str) -> str | None:
    """An IP address that a connection can come from, in its one spelling; no name, no network, no port."""
    ip = _ip(f"[{text}]" if ":" in text else text) if _NETWORK.fullmatch(text) else None
    if ip is None or ip.is_unspecified or ip.is_multicast or ip == _BROADCAST:
        return None
    # An IPv4 address in the clothes of IPv6 would be a second name of the first.
    return str(ip) if ip.version == 4 or ip.ipv4_mapped is None else None


def version_of(host: str) -> int | None:
    """Give 4 or 6 for the address at the head of a "host:port", or for one alone; None for a name."""
    parts = _split(host)
    ip = _ip(parts[0]) if parts else _ip(f"[{host}]" if ":" in host else host)
    return None if ip is None else ip.version


def is_loopback(address: str) -> bool:
    """Tell whether a "host:port" that `parse_listen_address` gave is reachable from this machine only."""
    parts = _split(address)
    ip = _ip(parts[0]) if parts else None
    return ip is not None and ip.is_loopback


def _is_private_name(host: str) -> bool:
    # Resolvers take a last label like 134744072 or 0x08080808 for an IPv4 address in an unusual spelling.
    if parse_host(host) is None or not host.rsplit(".", 1)[-1][0].isalpha():
        return False
    return "." not in host or host.endswith(PRIVATE_SUFFIXES)


def _split(text: str) -> tuple[str, int] | None:
    match = _HOST_PORT.fullmatch(text)
    if match is None or int(match[2]) > 65_535:
        return None
    return match[1], int(match[2])


def _ip(host: str) -> IPv4Address | IPv6Address | None:
    if host.startswith("[") != (":" in host):
        return None
    try:
        return ip_address(host.strip("[]"))
    except ValueError:
        return None
