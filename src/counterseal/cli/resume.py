"""`counterseal resume`: give back what was halted, by a named operator; the fleet by two."""

import argparse
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from counterseal.adapters import control_socket
from counterseal.cli import ladder_shared
from counterseal.cli.shared import CONFIRM_S, FAILED, OK, add_home, home_of, say
from counterseal.core.ladder import AGREE_MS, FLEET

if TYPE_CHECKING:
    from counterseal.cli.shared import Subparsers

# Where one person decides alone, there is a pause to read what it means.
PAUSE_S = 3.0


def add_parser(subparsers: "Subparsers") -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "resume",
        help="give back what was halted",
        description="Where guard.operators names two or more, the fleet is resumed when two of them have asked. "
        "Exit status: 0 when the scope is active again, 1 when not.",
    )
    ladder_shared.add_scope(parser)
    ladder_shared.add_confirm(parser)
    add_home(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Resume. Raises UsageError, HomeError and ControlError."""
    home, chosen = home_of(args), ladder_shared.scope(args)
    told = ladder_shared.told(args, chosen)
    status = control_socket.call(home.control_socket, "guard_status", CONFIRM_S)
    if chosen == FLEET and len(status["operators"]) < 2 and not _confirmed_alone(args, status):
        return FAILED
    done = control_socket.call(home.control_socket, "resume", CONFIRM_S, told)
    if not done["is_done"]:
        say(
            f"noted; {chosen} stays as it is until another operator says the same within {AGREE_MS // 60_000} minutes: "
            f"counterseal resume {chosen} --operator OTHER"
        )
        return FAILED
    say(f"{chosen} is active again by the word of {args.operator}")
    for trip in done["trips"]:
        say(f"still {ladder_shared.line(trip)}")
    return OK


def _confirmed_alone(args: argparse.Namespace, status: Mapping[str, Any]) -> bool:
    for trip in status["ladder"]:
        say(ladder_shared.line(trip))
    if args.confirm is None:
        time.sleep(PAUSE_S)  # noqa: TID251 - a person is waiting
    return ladder_shared.is_confirmed(args.confirm, FLEET, "let all bots trade again")
