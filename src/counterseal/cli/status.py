"""`counterseal status`: what runs and how it is."""

import argparse
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from counterseal.adapters import control_socket
from counterseal.adapters.sandbox.report import in_words
from counterseal.cli import caps
from counterseal.cli.shared import CONFIRM_S, FAILED, OK, add_home, home_of, show_ms

if TYPE_CHECKING:
    from counterseal.cli.shared import Subparsers


def add_parser(subparsers: "Subparsers") -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "status", help="show what runs", description="Exit status: 0 when everything serves, 1 when not."
    )
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    add_home(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Show the status. Raises HomeError and ControlError."""
    home = home_of(args)
    status = control_socket.call(home.control_socket, "status", CONFIRM_S)
    if args.json:
        print(json.dumps(status | {"signer_caps": caps.as_json(home)}, indent=1))
    else:
        print("\n".join((show(status), *caps.lines(home))))
    serving = all(child["ready"] for child in status["children"].values())
    return OK if serving and "error" not in status["gateway"] else FAILED


def show(status: Mapping[str, Any]) -> str:
    """Write a status for people, one fact a line."""
    supervisor = status["supervisor"]
    lines = [f"listening on {supervisor['listen']} since {show_ms(supervisor['started_ms'])}"]
    lines.append(f"supervisor: process {supervisor['pid']}")
    lines += [_child(name, child) for name, child in status["children"].items()]
    lines += _memory(status["children"].get("signer", {}))
    lines += [f"{name} sandbox: {in_words(holder.get('sandbox'))}" for name, holder in _processes(status)]
    lines += [f"gateway {name}: {_compact(value)}" for name, value in status["gateway"].items() if name != "sandbox"]
    return "\n".join(lines)


def _processes(status: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """What each process says of itself; a gateway that gave no answer says nothing."""
    signer = status["children"].get("signer", {})
    return [("supervisor", status["supervisor"]), ("signer", signer), ("gateway", status["gateway"])]


def _memory(signer: Mapping[str, Any]) -> list[str]:
    """Where the signer's keys lie, and what it warned of, as it said when it began to serve."""
    level = [f"signer secret memory: {signer['secret_memory']}"] if "secret_memory" in signer else []
    return level + [f"signer warning: {warning}" for warning in signer.get("warnings", ())]


def _child(name: str, child: Mapping[str, Any]) -> str:
    if child["pid"] is None:
        return f"{name}: not running, {child['restarts']} restarts"
    state = "serving" if child["ready"] else "starting"
    return f"{name}: {state}, process {child['pid']}, up {child['uptime_s']} s, {child['restarts']} restarts"


def _compact(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
