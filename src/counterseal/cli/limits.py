"""`counterseal limits`: how full the exchange's limits are, and who fills them."""

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from counterseal.adapters import control_socket
from counterseal.cli.shared import CONFIRM_S, OK, add_home, home_of, table

if TYPE_CHECKING:
    from counterseal.cli.shared import Subparsers

_POOLS = ("limit", "of", "ours", "others", "in flight", "left", "of most", "turns in")
_EXPOSURE = ("exposure of", "name", "US dollars", "limit", "used")
_BOTS = ("bot", "requests", "weight", "shared", "waited", "refused", "most on")
# How many endpoints stand in a bot's row.
_MOST = 3


def add_parser(subparsers: "Subparsers") -> None:
    """Add the verb."""
    parser = subparsers.add_parser("limits", help="show how full the exchange's limits are, and who fills them")
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    add_home(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Show the limits. Raises HomeError and ControlError."""
    limits = control_socket.call(home_of(args).control_socket, "limits", CONFIRM_S)
    print(json.dumps(limits, indent=1) if args.json else show(limits))
    return OK


def show(limits: Mapping[str, Any]) -> str:
    """Write the limits for people: what is closed first, then pools, then bots."""
    parts = [
        "\n".join(_closed(limits)),
        _table(_POOLS, map(_pool, limits["pools"])),
        _table(_BOTS, (_bot(name, counted, limits["spent"].get(name, [])) for name, counted in limits["bots"].items())),
        _table(_EXPOSURE, map(_sum, limits.get("exposure", ()))),
        f"and {limits['left_off']} bots that spent less" if limits["left_off"] else "",
    ]
    return "\n\n".join(part for part in parts if part) or "nothing was asked of the exchange yet"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, *rows]
    return table(lines) if len(lines) > 1 else ""


def _closed(limits: Mapping[str, Any]) -> Iterable[str]:
    for wall in limits["closed"]:
        place = wall["place"] or "this host"
        if wall["banned_for_ms"]:
            yield f"BANNED     {place}: {_seconds(wall['banned_for_ms'])} to go, nothing is sent"
        for product, left_ms in wall["closed_for_ms"].items():
            yield f"STOPPED    {product} of {place}: {_seconds(left_ms)} to go after a 429"
    for breaker in limits["breakers"]:
        yield f"BREAKER    {breaker['host']}, {breaker['lane'].lower()}: {breaker['phase']}"
    for slowed in limits["slowed"]:
        yield f"SLOWED     {slowed['bot']}, {slowed['lane'].lower()}: {slowed['refusals']} refusals in a row"


def _pool(pool: Mapping[str, Any]) -> tuple[str, ...]:
    used = pool["ours"] + pool["others"] + pool["in_flight"]
    most = next(iter(pool["bots"].items()), None)
    name = " ".join(part for part in (pool["pool"], pool["endpoint"], pool["whose"]) if part)
    return (
        name,
        str(pool["limit"]),
        str(pool["ours"]),
        str(pool["others"]),
        str(pool["in_flight"]),
        str(max(0, max(pool["ceilings"].values()) - used)),
        f"{most[0]} {most[1]}" if most else "-",
        _seconds(pool["turns_in_ms"]),
    )


def _sum(row: Mapping[str, Any]) -> tuple[str, ...]:
    return row["of"], row["name"], row["dollars"], row["limit"], f"{row['part']:.0%}"


def _bot(name: str, counted: Mapping[str, Any], spent: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    most = ", ".join(f"{row['endpoint']} {row['weight']}" for row in spent[:_MOST] if row["weight"])
    return (
        name,
        str(counted["requests"]),
        str(counted["weight"]),
        str(counted["shared"]),
        str(counted["waited"]),
        str(sum(counted["denied"].values())),
        most or "-",
    )


def _seconds(ms: int) -> str:
    return f"{-(-ms // 1000)} s"
