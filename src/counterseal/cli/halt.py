"""`counterseal halt`: nothing that raises risk leaves any more, for one bot or for all."""

import argparse
from typing import TYPE_CHECKING

from counterseal.adapters import control_socket
from counterseal.cli import ladder_shared
from counterseal.cli.shared import CONFIRM_S, FAILED, add_home, home_of
from counterseal.core.ladder import FLEET

if TYPE_CHECKING:
    from counterseal.cli.shared import Subparsers


def add_parser(subparsers: "Subparsers") -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "halt",
        help="let nothing leave that raises risk",
        description="What lowers risk goes on: cancels, reduce-only orders, reads. It holds over every restart, until "
        "`counterseal resume`. Halting an account or the fleet cancels all open orders too. "
        "Exit status: 0 when all of it is proven, 1 when not.",
    )
    ladder_shared.add_scope(parser)
    parser.add_argument("--cause", metavar="TEXT", help="why; goes into the journal")
    parser.add_argument("--cancel", action="store_true", help="cancel the open orders of a bot, strategy or symbol too")
    ladder_shared.add_confirm(parser)
    add_home(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Halt. Raises UsageError, HomeError and ControlError."""
    home, chosen = home_of(args), ladder_shared.scope(args)
    told = ladder_shared.told(args, chosen)
    if chosen == FLEET and not ladder_shared.is_confirmed(args.confirm, chosen, "halt all bots and cancel all orders"):
        return FAILED
    told |= {"cause": args.cause or ""} | ({"cancel": "yes"} if args.cancel else {})
    done = control_socket.call(home.control_socket, "halt", CONFIRM_S, told)
    return ladder_shared.watch(home.control_socket, done)
