"""`counterseal reload`: have the running gateway take up counterseal.toml."""

import argparse
from contextlib import suppress
from typing import TYPE_CHECKING

from counterseal.adapters import control_socket
from counterseal.adapters.control_socket import ControlError
from counterseal.cli.shared import CONFIRM_S, OK, USAGE, add_home, home_of, read_config, say

if TYPE_CHECKING:
    from counterseal.cli.shared import Subparsers


def add_parser(subparsers: "Subparsers") -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "reload",
        help="take up a changed counterseal.toml",
        description="With a fault in the file nothing changes. A change of [venue] or [listen] needs a restart. Alert "
        "channels are made anew; one that needs what the guard's sandbox was closed to is named.",
    )
    add_home(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Reload; 2 when the file has faults, each of them printed. Raises HomeError and ControlError."""
    home = home_of(args)
    if read_config(home) is None:
        with suppress(ControlError):
            # It refuses for itself, and has on record that the policy of this moment is not the one in the file.
            control_socket.call(home.control_socket, "reload_config", CONFIRM_S)
        say("nothing was changed; the running gateway keeps the configuration that it has")
        return USAGE
    found = control_socket.call(home.control_socket, "reload_config", CONFIRM_S)
    say("the running gateway has taken up the configuration")
    for note in (found.get("guard") or {}).get("notes", ()):
        say(str(note))
    return OK
