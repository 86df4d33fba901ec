"""`counterseal flatten`: halt, cancel, and close what is held."""

import argparse
from typing import TYPE_CHECKING

from counterseal.adapters import control_socket
from counterseal.cli import ladder_shared
from counterseal.cli.shared import CONFIRM_S, FAILED, add_home, home_of

if TYPE_CHECKING:
    from counterseal.cli.shared import Subparsers


def add_parser(subparsers: "Subparsers") -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "flatten",
        help="halt, cancel all orders, close all positions",
        description="Futures positions are closed with orders that can only reduce, in slices; of a bot that shares "
        "its account its own part of them. The scope must be typed once more. Exit status: 0 when all of it is proven, "
        "1 when not.",
    )
    ladder_shared.add_scope(parser)
    parser.add_argument("--cause", metavar="TEXT", help="why; goes into the journal")
    ladder_shared.add_confirm(parser)
    add_home(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Flatten. Raises UsageError, HomeError and ControlError."""
    home, chosen = home_of(args), ladder_shared.scope(args)
    told = ladder_shared.told(args, chosen) | {"cause": args.cause or ""}
    if not ladder_shared.is_confirmed(args.confirm, chosen, "cancel its orders and close its positions"):
        return FAILED
    done = control_socket.call(home.control_socket, "flatten", CONFIRM_S, told)
    return ladder_shared.watch(home.control_socket, done)
