"""`counterseal limits`: how much of the exchange's limits is used."""

import argparse
import json
from typing import TYPE_CHECKING

from counterseal.adapters import control_socket
from counterseal.cli.shared import CONFIRM_S, OK, add_home, home_of

if TYPE_CHECKING:
    from counterseal.cli.shared import Subparsers


def add_parser(subparsers: "Subparsers") -> None:
    """Add the verb."""
    parser = subparsers.add_parser("limits", help="show the use of the exchange's limits, as JSON")
    add_home(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Show the limits. Raises HomeError and ControlError."""
    limits = control_socket.call(home_of(args).control_socket, "limits", CONFIRM_S)
    print(json.dumps(limits, indent=1))
    return OK
