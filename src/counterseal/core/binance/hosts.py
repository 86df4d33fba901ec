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
    `streams` is the family whose market streams it serves, the path's first element ("ws-api") for the host of a
    WebSocket API, "" for none.
    """

    families: tuple[str, ...]
    ports: frozenset[int]
    streams: str = ""


_REST_PORTS, _STREAM_PORTS = frozenset({443}), frozenset({443, 9443})
# The web site is an exchange host too, and people log in there: no certificate of ours may ever name it.
_PEOPLE = frozenset({"www"})
# By environment, the hosts of streams and WebSocket APIs with the family of their market streams or the root of their
# API, "" for none. A family's first one is where the gateway itself listens.
_STREAMS: Mapping[str, Mapping[str, str]] = {
    "production": {
        "stream.binance.com": "spot",
        "ws-api.binance.com": "ws-api",
        "data-stream.binance.vision": "spot",
        "margin-stream.binance.com": "",
        "fstream.binance.com": "usdm",
        "ws-fapi.binance.com": "ws-fapi",
        "dstream.binance.com": "coinm",
        "ws-dapi.binance.com": "ws-dapi",
    },
    "testnet": {
        "stream.testnet.binance.vision": "spot",
        "ws-api.testnet.binance.vision": "ws-api",
        "fstream.binancefuture.com": "usdm",
        "dstream.binancefuture.com": "coinm",
    },
    "demo": {
        "demo-stream.binance.com": "spot",
        "demo-ws-api.binance.com": "ws-api",
        "demo-fstream.binance.com": "usdm",
        "demo-dstream.binance.com": "coinm",
    },
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
    streams = {host: BotHost((), _STREAM_PORTS, family) for host, family in _STREAMS[environment].items()}
    return {**rest, **streams}


def _user_hosts(environment: str) -> dict[str, str]:
    """Give the host of each family's user data: spot has it on its WebSocket API."""
    api = next(host for host, served in _STREAMS[environment].items() if served == "ws-api")
    return {**_stream_hosts(environment), "spot": api}


def _stream_hosts(environment: str) -> dict[str, str]:
    """Give the host of each family's market streams."""
    found = {served: host for host, served in reversed(list(_STREAMS[environment].items()))}
    return {family: found[family] for family in ("spot", "usdm", "coinm")}


_PRODUCTION = _bot_hosts("production")
# A bot that means one environment must never trade in another: each has its own names, paper the real ones.
BOT_HOSTS: Mapping[str, Mapping[str, BotHost]] = {
    "production": _PRODUCTION,
    "paper": _PRODUCTION,
    "testnet": _bot_hosts("testnet"),
    "demo": _bot_hosts("demo"),
}
# Where the market streams of each family are, by environment.
STREAM_HOSTS: Mapping[str, Mapping[str, str]] = {
    environment: _stream_hosts("production" if environment == "paper" else environment) for environment in BOT_HOSTS
}
# Where the user data of each family is, by environment.
USER_HOSTS: Mapping[str, Mapping[str, str]] = {
    environment: _user_hosts("production" if environment == "paper" else environment) for environment in BOT_HOSTS
}
# Where the WebSocket API of USD-M is, by environment, as far as it is known.
SOCKET_HOSTS: Mapping[str, str] = {"production": "ws-fapi.binance.com", "paper": "ws-fapi.binance.com"}
# What certificates of the private CA may name, and nothing else: every host above, of every environment.
CERTIFIED_HOSTS: tuple[str, ...] = tuple(sorted({host for hosts in BOT_HOSTS.values() for host in hosts}))
