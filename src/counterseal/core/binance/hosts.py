"""The exchange's hosts per environment. Base addresses are an enumeration: nothing joins a URL from configuration."""

from collections.abc import Mapping
from dataclasses import dataclass

from counterseal.core.binance.catalogue import ALIAS_HOSTS, HOSTS

ENVIRONMENT_HOSTS: Mapping[str, Mapping[str, str]] = {
    "production": HOSTS,
    # One TLS port answers for all of them; the certificate names them all.
    "paper": HOSTS,
    "testnet": {
        "spot": "testnet.binance.vision",
        "usdm": "testnet.binancefuture.com",
        "coinm": "testnet.binancefuture.com",
    },
    "demo": {
        "spot": "demo-api.binance.com",
        "usdm": "demo-fapi.binance.com",
        "coinm": "demo-dapi.binance.com",
    },
}


@dataclass(frozen=True, slots=True)
class BotHost:
    """A host name that an SDK connects to by itself.

    `families` are those whose REST paths it serves, none for streams and WebSocket APIs. `ports` are its TLS ports.
    """

    families: tuple[str, ...]
    ports: frozenset[int]


_REST_PORTS, _STREAM_PORTS = frozenset({443}), frozenset({443, 9443})
# The web site is an exchange host too, and people log in there: no certificate of ours may ever name it.
_PEOPLE = frozenset({"www"})
_STREAMS: Mapping[str, tuple[str, ...]] = {
    "production": (
        "stream.binance.com",
        "ws-api.binance.com",
        "data-stream.binance.vision",
        "margin-stream.binance.com",
        "fstream.binance.com",
        "ws-fapi.binance.com",
        "dstream.binance.com",
        "ws-dapi.binance.com",
    ),
    "testnet": (
        "stream.testnet.binance.vision",
        "ws-api.testnet.binance.vision",
        "fstream.binancefuture.com",
        "dstream.binancefuture.com",
    ),
    "demo": (
        "demo-stream.binance.com",
        "demo-ws-api.binance.com",
        "demo-fstream.binance.com",
        "demo-dstream.binance.com",
    ),
}
_OTHER_REST: Mapping[str, Mapping[str, str]] = {
    "production": {**ALIAS_HOSTS, "data-api.binance.vision": "spot"},
    "testnet": {"api1.testnet.binance.vision": "spot"},
    "demo": {},
}


def _bot_hosts(environment: str) -> dict[str, BotHost]:
    families: dict[str, tuple[str, ...]] = {}
    pairs = [(host, family) for family, host in ENVIRONMENT_HOSTS[environment].items()]
    for host, family in (*pairs, *_OTHER_REST[environment].items()):
        if family not in (*_PEOPLE, *families.get(host, ())):
            families[host] = (*families.get(host, ()), family)
    rest = {host: BotHost(found, _REST_PORTS) for host, found in families.items()}
    return {**rest, **{host: BotHost((), _STREAM_PORTS) for host in _STREAMS[environment]}}


_PRODUCTION = _bot_hosts("production")
# A bot that means one environment must never trade in another: each has its own names, paper the real ones.
BOT_HOSTS: Mapping[str, Mapping[str, BotHost]] = {
    "production": _PRODUCTION,
    "paper": _PRODUCTION,
    "testnet": _bot_hosts("testnet"),
    "demo": _bot_hosts("demo"),
}
# What certificates of the private CA may name, and nothing else: every host above, of every environment.
CERTIFIED_HOSTS: tuple[str, ...] = tuple(sorted({host for hosts in BOT_HOSTS.values() for host in hosts}))
