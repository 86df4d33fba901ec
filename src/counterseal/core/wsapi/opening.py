"""From the address that a bot connects to, to the WebSocket API that it means."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from counterseal.core.http1 import Bad

# First and second element of the path, and the market.
FAMILIES: Mapping[tuple[str, str], str] = {
    ("ws-api", "v3"): "spot",
    ("ws-fapi", "v1"): "usdm",
    ("ws-dapi", "v1"): "coinm",
}
ROOTS = frozenset(root for root, _ in FAMILIES)


class ApiOpening(NamedTuple):
    """A connection to a market's WebSocket API.

    `unit` is "MICROSECOND" or "" for milliseconds. `states_limits`: answers tell what the limits are and how much of
    them is used, unless a request says otherwise.
    """

    family: str
    unit: str = ""
    states_limits: bool = True


def locate(root: str | None, parts: Sequence[str], asked: Sequence[tuple[str, str]]) -> ApiOpening | Bad:
    """Find what a path and its parameters ask for.

    `root` is the only first element that the host serves, None for any. Gives Bad with a reason code when refused.
    """
    family = FAMILIES.get((parts[0], parts[1])) if len(parts) == 2 else None
    if family is None or root not in (None, parts[0]):
        return Bad("stream_path_unknown")
    unit, states_limits = "", True
    for name, value in asked:
        if name == "responseFormat" and value.lower() == "json":
            continue
        if name in ("responseFormat", "sbeSchemaId", "sbeSchemaVersion"):
            return Bad("websocket_not_available")
        if name == "returnRateLimits" and value.lower() in ("true", "false"):
            states_limits = value.lower() == "true"
        elif name == "timeUnit" and value.upper() == "MICROSECOND" and family == "spot":
            unit = "MICROSECOND"
        elif name != "timeUnit" or value.upper() != "MILLISECOND":
            return Bad("stream_path_unknown")
    return ApiOpening(family, unit, states_limits)
