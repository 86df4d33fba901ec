"""`counterseal up`: serve until told to stop."""

import argparse
from typing import TYPE_CHECKING

from counterseal.cli.shared import USAGE, add_home, home_of, read_config
from counterseal.supervisor import main as supervisor

if TYPE_CHECKING:
    from counterseal.cli.shared import Subparsers


def add_parser(subparsers: "Subparsers") -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "up",
        help="start signer and gateway and keep them running",
        description="Serve until SIGTERM or Ctrl-C: they drain for at most 10 s, a second one ends at once.",
    )
    add_home(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve; 2 when the configuration has faults. Raises HomeError."""
    home = home_of(args)
    config = read_config(home)
    return USAGE if config is None else supervisor.up(home, config.listen.address)
