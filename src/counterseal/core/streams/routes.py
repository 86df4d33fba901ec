"""From the address that a bot connects to, to the streams that it means.

A bot may use the exchange's own host names (by CONNECT or TLS), put such a name as the first element of the path, or
use neither: then `/public` and `/market` mean USD-M and everything else means spot.
"""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote

from counterseal.core.http1 import Bad
from counterseal.core.streams.names import find, is_nothing
from counterseal.core.userdata.mint import is_listen_key
from counterseal.core.wsapi import opening as api
from counterseal.core.wsapi.opening import ApiOpening

MOST_STREAMS = 1_024
_PRIVATE = "private"
_USDM_ROUTES = frozenset({"public", "market", _PRIVATE})
# What is not carried: portfolio margin.
_LATER = frozenset({"pm", "pm-classic", "ws-papi"})
_UNITS = {"MILLISECOND": "", "MICROSECOND": "MICROSECOND"}


class Opening(NamedTuple):
    """What a handshake asks for.

    `names` are streams of the family, without what means nothing. `unit` is "MICROSECOND" or "" for milliseconds.
    `keys` are what look like listen keys, `events` the kinds that are wanted of theirs, none for all. No market stream
    is served where `is_private`. `is_bound` tells that the address names the family, so that keys must be of it.
    """

    family: str
    is_combined: bool
    names: tuple[str, ...]
    unit: str = ""
    keys: tuple[str, ...] = ()
    events: frozenset[str] = frozenset()
    is_private: bool = False
    is_bound: bool = False


def locate(hosts: Mapping[str, str], host: str | None, path: str, query: bytes) -> Opening | ApiOpening | Bad:
    """Find what a path and query ask for.

    `hosts` are the environment's stream hosts with their families ("" for a host that is not carried). `host` is the
    one that the connection is bound to, None by the plain base URL. Gives Bad with a reason code when refused.
    """
    try:
        parts = [unquote(part, errors="strict") for part in path.split("/") if part]
        asked = _pairs(query)
    except UnicodeDecodeError:
        return Bad("stream_path_unknown")
    if host is None and parts and "." in parts[0]:
        host, parts = parts[0].lower(), parts[1:]
    family = None if host is None else hosts.get(host, "")
    if family in api.ROOTS or (family is None and parts and parts[0] in api.ROOTS):
        return api.locate(family, parts, asked)
    if family == "" or (parts and parts[0] in _LATER):
        return Bad("websocket_not_available")
    place = Opening(family or "spot", is_combined=False, names=(), is_bound=family is not None)
    if parts and parts[0] in _USDM_ROUTES and family in (None, "usdm"):
        # Which of the two a stream is served on is known by its name: both serve all here, as the old paths did.
        place = place._replace(family="usdm", is_private=parts[0] == _PRIVATE)
        parts = parts[1:]
    if not parts or parts[0] not in ("ws", "stream"):
        return Bad("stream_path_unknown")
    return _opening(place._replace(is_combined=parts[0] == "stream"), parts[1:], asked)


def _pairs(query: bytes) -> list[tuple[str, str]]:
    """Decode a query; a plus is itself here (kline_1d@+08:00), not a blank."""
    pairs = [pair.partition("=") for pair in query.decode("ascii").split("&") if pair]
    return [(name, unquote(value, errors="strict")) for name, _, value in pairs]


def _opening(place: Opening, names: list[str], asked: list[tuple[str, str]]) -> Opening | Bad:
    unit, events = "", frozenset[str]()
    for name, value in asked:
        if name in ("streams", "listenKey"):
            names = names + value.split("/")
        elif name in ("responseFormat", "sbeSchemaId", "sbeSchemaVersion"):
            return Bad("websocket_not_available")
        elif name == "events":
            events = events.union(value.split("/")) - {""}
        elif name == "timeUnit" and place.family == "spot" and value.upper() in _UNITS:
            unit = _UNITS[value.upper()]
        else:
            return Bad("stream_path_unknown")
    kept = dict.fromkeys(name for name in names if not is_nothing(name))
    if len(kept) > MOST_STREAMS:
        return Bad("too_many_streams")
    keys = tuple(name for name in kept if is_listen_key(name))
    streams = tuple(name for name in kept if name not in keys)
    if not all(find("" if place.is_private else place.family, name) for name in streams):
        return Bad("stream_unknown")
    return place._replace(names=streams, unit=unit, keys=keys, events=events)
